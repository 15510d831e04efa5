//! The cheap check of a document before anything expensive walks it.
//!
//! First a scan of its bytes (before the parser recurses), then one memoised pass over the parsed document: every fragment
//! is summed once, however often it is spread. The library's own checks expand fragments each time, which takes
//! exponential time on fragments of fragments; they only see documents whose expansion is known to be small.

use std::collections::HashMap;

use async_graphql::parser::types::{Directive, ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Positioned};
use async_graphql_value::Value;

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
}

impl Limits {
    /// Scans the text, before it is parsed.
    ///
    /// # Errors
    /// [`TooMuch::Of`] bytes, tokens or brackets.
    pub fn check_text(&self, document: &str) -> Result<(), TooMuch> {
        within("bytes", document.len() as u64, self.body_bytes as u64)?;
        let (mut tokens, mut open) = (0_usize, 0_usize);
        for token in Tokens(document.as_bytes()) {
            tokens += 1;
            match token {
                b'{' | b'[' | b'(' => open += 1,
                b'}' | b']' | b')' => open = open.saturating_sub(1),
                _ => {}
            }
            within("tokens", tokens as u64, self.tokens as u64)?;
            within("nested brackets", open as u64, self.brackets as u64)?;
        }
        Ok(())
    }

    /// Sums up the parsed document. `request_bytes` bounds the size of its variables.
    ///
    /// # Errors
    /// [`TooMuch`], naming the first limit that is passed.
    pub fn check_document(&self, document: &ExecutableDocument, request_bytes: usize) -> Result<(), TooMuch> {
        within("fragments", document.fragments.len() as u64, self.fragments as u64)?;
        let mut pass = Pass { document, limits: self, fragments: HashMap::new() };
        for (_, operation) in document.operations.iter() {
            let operation = &operation.node;
            let mut sum = pass.selection_set(&operation.selection_set.node, 0)?;
            sum.directives = sum.directives.saturating_add(operation.directives.len() as u64);
            within("root fields", sum.top_fields, self.root_fields)?;
            self.check_sum(&sum, request_bytes)?;
        }
        // A fragment that no operation spreads is validated all the same.
        for name in document.fragments.keys() {
            let sum = pass.fragment(name, 0)?;
            self.check_sum(&sum, request_bytes)?;
        }
        Ok(())
    }

    fn check_sum(&self, sum: &Sum, request_bytes: usize) -> Result<(), TooMuch> {
        within("levels", sum.depth as u64, self.depth as u64)?;
        within("selections", sum.selections, self.selections)?;
        within("aliases", sum.aliases, self.aliases)?;
        within("directives", sum.directives, self.directives)?;
        within("bytes of variables", sum.variable_uses.saturating_mul(request_bytes as u64), self.variable_bytes)
    }
}

const fn within(what: &'static str, count: u64, limit: u64) -> Result<(), TooMuch> {
    if count > limit { Err(TooMuch::Of { what, limit }) } else { Ok(()) }
}

/// The first byte of every lexical token: comments, commas and space skipped, a string one token.
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
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            self.skip_while(|b| b.is_ascii_whitespace() || b == b',');
            if self.0.first() != Some(&b'#') {
                break;
            }
            self.skip_while(|b| b != b'\n' && b != b'\r');
        }
        let first = *self.0.first()?;
        match first {
            b'"' => self.skip_string(),
            b if is_word(b) => self.skip_while(is_word),
            b'.' => self.skip_while(|b| b == b'.'),
            _ => self.skip(1),
        }
        Some(first)
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte >= 0x80
}

/// What a selection set comes to with its fragments written out. Sums saturate: past the limit the exact number is no matter.
#[derive(Clone, Copy, Default)]
struct Sum {
    depth: usize,
    selections: u64,
    top_fields: u64,
    aliases: u64,
    directives: u64,
    variable_uses: u64,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.depth = self.depth.max(other.depth);
        self.selections = self.selections.saturating_add(other.selections);
        self.top_fields = self.top_fields.saturating_add(other.top_fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.variable_uses = self.variable_uses.saturating_add(other.variable_uses);
    }
}

enum Visit {
    Open,
    Done(Sum),
}

struct Pass<'d> {
    document: &'d ExecutableDocument,
    limits: &'d Limits,
    fragments: HashMap<&'d Name, Visit>,
}

impl<'d> Pass<'d> {
    /// `nesting` counts fields, spreads and inline fragments around it, and bounds our own recursion.
    fn selection_set(&mut self, set: &'d SelectionSet, nesting: usize) -> Result<Sum, TooMuch> {
        within("nested selections", nesting as u64, 3 * self.limits.depth as u64)?;
        let mut sum = Sum::default();
        for item in &set.items {
            let mut one = match &item.node {
                Selection::Field(field) => self.field(&field.node, nesting)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, nesting)?,
                Selection::InlineFragment(inline) => self.selection_set(&inline.node.selection_set.node, nesting + 1)?,
            };
            one.selections = one.selections.saturating_add(1);
            one.directives = one.directives.saturating_add(item.node.directives().len() as u64);
            one.variable_uses = one.variable_uses.saturating_add(in_directives(item.node.directives()));
            sum.add(&one);
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'d Field, nesting: usize) -> Result<Sum, TooMuch> {
        let inner = self.selection_set(&field.selection_set.node, nesting + 1)?;
        let uses = field.arguments.iter().map(|(_, value)| variable_uses(&value.node)).fold(0, u64::saturating_add);
        Ok(Sum {
            depth: inner.depth + 1,
            top_fields: 1,
            aliases: inner.aliases.saturating_add(u64::from(field.alias.is_some())),
            variable_uses: inner.variable_uses.saturating_add(uses),
            ..inner
        })
    }

    fn fragment(&mut self, name: &'d Name, nesting: usize) -> Result<Sum, TooMuch> {
        // Validation names the unknown ones.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Sum::default()) };
        match self.fragments.get(name) {
            Some(Visit::Open) => return Err(TooMuch::Cycle(name.to_string())),
            Some(Visit::Done(sum)) => return Ok(*sum),
            None => {}
        }
        self.fragments.insert(name, Visit::Open);
        let mut sum = self.selection_set(&fragment.node.selection_set.node, nesting + 1)?;
        sum.directives = sum.directives.saturating_add(fragment.node.directives.len() as u64);
        self.fragments.insert(name, Visit::Done(sum));
        Ok(sum)
    }
}

fn in_directives(directives: &[Positioned<Directive>]) -> u64 {
    let arguments = directives.iter().flat_map(|d| &d.node.arguments);
    arguments.map(|(_, value)| variable_uses(&value.node)).fold(0, u64::saturating_add)
}

/// How often a value names a variable; its nesting is bounded by the brackets of the text.
fn variable_uses(value: &Value) -> u64 {
    match value {
        Value::Variable(_) => 1,
        Value::List(items) => items.iter().map(variable_uses).fold(0, u64::saturating_add),
        Value::Object(fields) => fields.values().map(variable_uses).fold(0, u64::saturating_add),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str) -> Result<(), TooMuch> {
        let limits = Limits::default();
        limits.check_text(document)?;
        match async_graphql::parser::parse_query(document) {
            Ok(parsed) => limits.check_document(&parsed, document.len()),
            Err(_) => Ok(()),
        }
    }

    fn refused_for(document: &str) -> &'static str {
        match check(document) {
            Err(TooMuch::Of { what, .. }) => what,
            Err(TooMuch::Cycle(_)) => "cycle",
            Ok(()) => "nothing",
        }
    }

    #[test]
    fn ordinary_documents_pass() {
        assert_eq!(refused_for("{ a(x: \"}}}{{{ # \\\" \") { b ...F } } fragment F on T { c }"), "nothing");
        assert_eq!(refused_for("query Q($v: Int) { a: b(v: [$v, $v]) @include(if: true) { c } } # }}}"), "nothing");
    }

    #[test]
    fn fragments_of_fragments_are_summed_not_expanded() {
        let mut document = String::from("{ ...F0 }");
        for i in 0..60 {
            let next = i + 1;
            document.push_str(&format!(" fragment F{i} on T {{ ...F{next} ...F{next} }}"));
        }
        document.push_str(" fragment F60 on T { a }");
        let started = std::time::Instant::now();
        assert_ne!(refused_for(&document), "nothing");
        assert!(started.elapsed().as_millis() < 500);
    }

    #[test]
    fn each_limit_is_named() {
        assert_eq!(refused_for(&format!("{{ a{} }}", " b".repeat(6_000))), "tokens");
        assert_eq!(refused_for(&"{a".repeat(100)), "nested brackets");
        assert_eq!(refused_for(&format!("{}b{}", "{a".repeat(30), "}".repeat(30))), "levels");
        assert_eq!(refused_for(&format!("{{ r {{ {} }} }}", "x: a ".repeat(501))), "aliases");
        assert_eq!(refused_for(&format!("{{ {} }}", "a ".repeat(300))), "root fields");
        assert_eq!(refused_for(&format!("{{ a {} }}", "@d ".repeat(101))), "directives");
        assert_eq!(refused_for("{ ...A } fragment A on T { ...B } fragment B on T { a ...A }"), "cycle");
        assert_eq!(refused_for("{ a } fragment A on T { ...A }"), "cycle");
        let fragments: String = (0..101).map(|i| format!(" fragment F{i} on T {{ a }}")).collect();
        assert_eq!(refused_for(&format!("{{ a }}{fragments}")), "fragments");
        let spread = format!("{{ {} }} fragment F on T {{ {} }}", "...F ".repeat(200), "a { b } ".repeat(20));
        assert_eq!(refused_for(&spread), "root fields");
        let nested = format!("{{ r {{ {} }} }} fragment F on T {{ {} }}", "...F ".repeat(200), "a { b } ".repeat(20));
        assert_eq!(refused_for(&nested), "selections");
    }

    #[test]
    fn a_large_variable_used_often_is_refused() {
        let document = format!("query Q($v: String) {{ a(x: [{}]) }}", "$v ".repeat(100));
        let limits = Limits::default();
        let parsed = async_graphql::parser::parse_query(&document).map_err(|e| e.to_string());
        let outcome = parsed.map(|parsed| limits.check_document(&parsed, 200_000));
        assert_eq!(outcome, Ok(Err(TooMuch::Of { what: "bytes of variables", limit: limits.variable_bytes })));
    }
}
