//! The cheap check of a document before anything expensive walks it.
//!
//! First a scan of its bytes (before the parser recurses), then one memoised pass over the parsed document: every fragment
//! is summed once, however often it is spread. The library's own checks expand fragments each time, which takes
//! exponential time on fragments of fragments; they only see documents whose expansion is known to be small.

mod pass;

#[cfg(test)]
mod tests;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Pos, Variables};

use self::pass::Pass;
use super::types::Types;

/// How large a request may be. Zero nowhere: each is a count of what is still accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body or of the query string of a GET.
    pub body_bytes: usize,
    /// Tokens of the document.
    pub tokens: usize,
    /// Brackets of any kind open at once.
    pub brackets: usize,
    /// Fields inside fields.
    pub depth: usize,
    /// Fields and spreads with every fragment written out.
    pub selections: u64,
    /// Fields of the operation's root, written out.
    pub root_fields: u64,
    /// Aliases, written out.
    pub aliases: u64,
    /// Directives, written out.
    pub directives: u64,
    /// Fragment definitions.
    pub fragments: usize,
    /// Bytes that the variables may come to, each counted as often as it is used.
    pub variable_bytes: u64,
    /// Bytes of one name; the schema's longest has far fewer.
    pub name_bytes: usize,
    /// Fields that the schema does not have.
    pub unknown_fields: u64,
    /// Items of one page.
    pub page: u64,
    /// Items of a page when the document does not say.
    pub default_page: u64,
    /// Objects that the schema may describe itself by, its lists taken for long ones.
    pub described: u64,
    /// What one operation may cost, in the points of its price.
    pub price: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            tokens: 5_000,
            brackets: 64,
            depth: 20,
            selections: 5_000,
            root_fields: 250,
            aliases: 500,
            directives: 100,
            fragments: 100,
            variable_bytes: 8 * 1024 * 1024,
            name_bytes: 200,
            unknown_fields: 50,
            page: 100,
            default_page: 25,
            described: 1_000_000,
            price: 20_000,
        }
    }
}

/// Why a document is not executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// More of something than the limit.
    #[error("the document has more than {limit} {what}")]
    Of {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A fragment that contains itself has no end when written out.
    #[error("cannot spread fragment \"{0}\" within itself")]
    Cycle(String),
    /// A subscription follows one thing (the specification's single root field).
    #[error("a subscription has exactly one field at its root")]
    Roots,
    /// A value that is no object, where an object is wanted.
    #[error("expected an object of type \"{of}\"")]
    Misfit {
        /// The input type.
        of: String,
        /// Where the value is.
        at: Pos,
    },
    /// A page of more items than the limit, of fewer than none, or counted from both ends.
    #[error("a page has 0 to {max} items, from one end")]
    Page {
        /// Most items of a page.
        max: u64,
        /// Where it was asked for.
        at: Pos,
    },
}

impl Limits {
    /// Scans the text, before it is parsed.
    ///
    /// # Errors
    /// [`TooMuch::Of`] bytes, tokens or brackets.
    pub fn check_text(&self, document: &str) -> Result<(), TooMuch> {
        within("bytes", document.len() as u64, self.body_bytes as u64)?;
        let (mut tokens, mut open) = (0_usize, 0_usize);
        for (token, bytes) in Tokens(document.as_bytes()) {
            tokens += 1;
            match token {
                b'{' | b'[' | b'(' => open += 1,
                b'}' | b']' | b')' => open = open.saturating_sub(1),
                word if is_word(word) => within("bytes of a name", bytes as u64, self.name_bytes as u64)?,
                _ => {}
            }
            within("tokens", tokens as u64, self.tokens as u64)?;
            within("nested brackets", open as u64, self.brackets as u64)?;
        }
        Ok(())
    }

    /// Sums up the parsed document and answers the price of the operation that is to run. `request_bytes` bounds the size of its
    /// variables.
    ///
    /// # Errors
    /// [`TooMuch`], naming the first limit that is passed.
    pub(super) fn check_document(&self, types: &Types, asked: &Asked<'_>, request_bytes: usize) -> Result<u64, TooMuch> {
        let document = asked.document;
        within("fragments", document.fragments.len() as u64, self.fragments as u64)?;
        let mut pass = Pass::new(self, types, asked);
        // The one that runs comes first: its variables say how long the pages are, in fragments too.
        let sum = pass.operation(asked.operation)?;
        self.check_sum(&sum, request_bytes)?;
        if asked.operation.ty == OperationType::Subscription && sum.root_fields != 1 {
            return Err(TooMuch::Roots);
        }
        within("points of cost", sum.total(), self.price)?;
        for (_, other) in document.operations.iter().filter(|(_, other)| !std::ptr::eq(&raw const other.node, asked.operation)) {
            self.check_sum(&pass.operation(&other.node)?, request_bytes)?;
        }
        // A fragment that no operation spreads is validated all the same.
        for name in document.fragments.keys() {
            self.check_sum(&pass.fragment(name, 0)?, request_bytes)?;
        }
        Ok(sum.total())
    }

    fn check_sum(&self, sum: &pass::Sum, request_bytes: usize) -> Result<(), TooMuch> {
        within("root fields", sum.root_fields, self.root_fields)?;
        within("levels", sum.depth as u64, self.depth as u64)?;
        within("selections", sum.selections, self.selections)?;
        within("aliases", sum.aliases, self.aliases)?;
        within("directives", sum.directives, self.directives)?;
        within("objects of introspection", sum.described, self.described)?;
        within("bytes of variables", sum.variable_uses.saturating_mul(request_bytes as u64), self.variable_bytes)
    }
}

/// A document, the operation of it that is to run, and with which values.
pub(super) struct Asked<'d> {
    pub(super) document: &'d ExecutableDocument,
    pub(super) operation: &'d OperationDefinition,
    pub(super) variables: &'d Variables,
}

const fn within(what: &'static str, count: u64, limit: u64) -> Result<(), TooMuch> {
    if count > limit { Err(TooMuch::Of { what, limit }) } else { Ok(()) }
}

/// The first byte and the length of every lexical token: comments, commas and space skipped, a string one token.
struct Tokens<'d>(&'d [u8]);

impl Tokens<'_> {
    fn skip(&mut self, bytes: usize) {
        self.0 = self.0.get(bytes..).unwrap_or_default();
    }

    fn skip_while(&mut self, keep: impl Fn(u8) -> bool) {
        let end = self.0.iter().position(|&b| !keep(b)).unwrap_or(self.0.len());
        self.skip(end);
    }

    fn skip_string(&mut self) {
        let block = self.0.starts_with(b"\"\"\"");
        let quote: &[u8] = if block { b"\"\"\"" } else { b"\"" };
        self.skip(quote.len());
        while !self.0.is_empty() && !self.0.starts_with(quote) {
            let escaped = if block { self.0.starts_with(b"\\\"\"\"") } else { self.0.starts_with(b"\\") };
            self.skip(if escaped { 1 + quote.len() } else { 1 });
        }
        self.skip(quote.len());
    }
}

impl Iterator for Tokens<'_> {
    type Item = (u8, usize);

    fn next(&mut self) -> Option<(u8, usize)> {
        loop {
            self.skip_while(|b| b.is_ascii_whitespace() || b == b',');
            if self.0.first() != Some(&b'#') {
                break;
            }
            self.skip_while(|b| b != b'\n' && b != b'\r');
        }
        let (first, left) = (*self.0.first()?, self.0.len());
        match first {
            b'"' => self.skip_string(),
            b if is_word(b) => self.skip_while(is_word),
            b'.' => self.skip_while(|b| b == b'.'),
            _ => self.skip(1),
        }
        Some((first, left - self.0.len()))
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte >= 0x80
}
