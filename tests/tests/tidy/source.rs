//! The files of the repository, and Rust source split into code, comments and text without compiling it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// What is never ours: build output and the version control's own files (as in `.gitignore`).
const FOREIGN: [&str; 3] = ["target", ".git", "node_modules"];

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the repository").to_owned()
}

/// Every file, with `/` between the folders, in order.
pub fn files() -> Vec<String> {
    let (root, mut found, mut folders) = (root(), Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() && !FOREIGN.iter().any(|foreign| entry.file_name() == *foreign) {
                folders.push(path);
            } else if kind.is_file() {
                let components = path.strip_prefix(&root).unwrap().components();
                found.push(components.map(|c| c.as_os_str().to_str().expect("a name in UTF-8")).collect::<Vec<_>>().join("/"));
            }
        }
    }
    found.sort();
    found
}

/// Every Rust file of the workspace; `bench` is a workspace of its own.
pub fn rust() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let ours = |path: &String| path.ends_with(".rs") && !path.starts_with("bench/");
        let mut sources: Vec<_> = files().into_iter().filter(ours).map(Source::read).collect();
        let of_tests: BTreeSet<String> = sources.iter().flat_map(|source| source.test_files.clone()).collect();
        for source in &mut sources {
            source.test |=
                of_tests.iter().any(|file| source.path == *file || source.path.starts_with(&format!("{}/", file.trim_end_matches(".rs"))));
        }
        sources
    });
    &SOURCES
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Code,
    Comment,
    Text,
}

/// One Rust file.
pub struct Source {
    /// Where it is, from the top of the repository.
    pub path: String,
    /// All of it.
    pub text: String,
    /// Is all of it test code?
    pub test: bool,
    classes: Vec<Class>,
    test_parts: Vec<Range<usize>>,
    test_files: Vec<String>,
}

impl Source {
    fn read(path: String) -> Self {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        Self::new(path, text)
    }

    fn new(path: String, text: String) -> Self {
        let classes = classify(text.as_bytes());
        let test = path.split('/').any(|part| part == "tests" || part == "tests.rs");
        let mut source = Self { path, text, test, classes, test_parts: Vec::new(), test_files: Vec::new() };
        source.find_tests();
        source
    }

    /// Code alone, comments and the inside of strings blanked; the lines stay where they are.
    pub fn code(&self) -> String {
        self.only(Class::Code, &[])
    }

    /// Code that is built into the programs: without test modules.
    pub fn shipped(&self) -> String {
        if self.test { String::new() } else { self.only(Class::Code, &self.test_parts) }
    }

    /// The comments alone.
    pub fn comments(&self) -> String {
        self.only(Class::Comment, &[])
    }

    /// The string literals of shipped code: where the inside begins, and the inside.
    pub fn literals(&self) -> Vec<(usize, &str)> {
        if self.test {
            return Vec::new();
        }
        let (mut found, mut at) = (Vec::new(), 0);
        for part in self.classes.chunk_by(|a, b| a == b) {
            if part[0] == Class::Text && !self.test_parts.iter().any(|range| range.contains(&at)) {
                found.push((at, &self.text[at..at + part.len()]));
            }
            at += part.len();
        }
        found
    }

    /// A place in the file as an editor shows it.
    pub fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, self.text.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count() + 1)
    }

    /// Where the body of the first function, type or block that a mark begins is.
    pub fn body_after(&self, mark: &str) -> Option<Range<usize>> {
        let code = self.code();
        let start = code.find(mark)?;
        let open = start + code[start..].find('{')?;
        Some(open..closing(&code, open))
    }

    fn only(&self, class: Class, without: &[Range<usize>]) -> String {
        let mut bytes = self.text.clone().into_bytes();
        for (at, byte) in bytes.iter_mut().enumerate() {
            if *byte != b'\n' && (self.classes[at] != class || without.iter().any(|range| range.contains(&at))) {
                *byte = b' ';
            }
        }
        String::from_utf8(bytes).expect("whole characters are blanked")
    }

    /// Finds what is built for tests only: `#[cfg(test)]` and `#[cfg(any(test, …))]` items.
    fn find_tests(&mut self) {
        let code = self.code();
        let starts = ["#[cfg(test)]", "#[cfg(any(test,"].into_iter().flat_map(|mark| code.match_indices(mark).map(|(at, _)| at));
        for start in starts {
            let body = code[start..].find(['{', ';']).map_or(code.len(), |length| start + length);
            let end = if code[body..].starts_with('{') { closing(&code, body) } else { body };
            if let Some((_, module)) = code[start..body].rsplit_once("mod ").filter(|_| code[body..].starts_with(';')) {
                self.test_files.push(format!("{}/{}.rs", module_folder(&self.path), module.trim()));
            }
            self.test_parts.push(start..end + 1);
        }
    }
}

/// Where the modules declared in a file are.
fn module_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').expect("a source file is in a folder");
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        other => format!("{folder}/{}", other.trim_end_matches(".rs")),
    }
}

fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len() - 1
}

/// The class of every byte. Quotes are code, what they enclose is text.
fn classify(text: &[u8]) -> Vec<Class> {
    let mut classes = vec![Class::Code; text.len()];
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let (skip, length, class) = if rest.starts_with(b"//") {
            (0, until(rest, b"\n"), Class::Comment)
        } else if rest.starts_with(b"/*") {
            (0, block_comment(rest), Class::Comment)
        } else if let Some(hashes) = raw_string(text, at) {
            let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            (hashes + 2, until(&rest[hashes + 2..], &end), Class::Text)
        } else if rest[0] == b'"' {
            (1, quoted(&rest[1..], b'"'), Class::Text)
        } else if rest[0] == b'\'' && (rest.get(1) == Some(&b'\\') || character(rest)) {
            (1, quoted(&rest[1..], b'\''), Class::Text)
        } else {
            at += 1;
            continue;
        };
        classes[at + skip..at + skip + length].fill(class);
        at += skip + length + usize::from(class == Class::Text);
    }
    classes
}

fn until(text: &[u8], end: &[u8]) -> usize {
    text.windows(end.len()).position(|window| window == end).unwrap_or(text.len())
}

fn block_comment(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += 1;
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The number of hashes when a raw string begins here.
fn raw_string(text: &[u8], at: usize) -> Option<usize> {
    let word_before = at > 0 && (text[at - 1].is_ascii_alphanumeric() && text[at - 1] != b'b' || text[at - 1] == b'_');
    if text[at] != b'r' || word_before {
        return None;
    }
    let hashes = text[at + 1..].iter().take_while(|&&b| b == b'#').count();
    (text.get(at + 1 + hashes) == Some(&b'"')).then_some(hashes)
}

fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < text.len() && text[at] != quote {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

/// A character rather than a lifetime: a quote follows the one character.
fn character(text: &[u8]) -> bool {
    let length = match text.get(1) {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    text.get(1 + length) == Some(&b'\'')
}

#[test]
fn source_is_split() {
    let text = "fn a<'x>(s: &'x str) { let c = '\"'; \"no .unwrap()\\\"\" /* /* f64 */ */; r#\"f64\"# } // dbg!\n\
                #[cfg(test)]\nmod tests { fn t() { x.unwrap(); } }\n#[cfg(any(test, feature = \"testing\"))]\npub mod testing;\nfn b() {}\n";
    let source = Source::new("kernel/src/lib.rs".to_owned(), text.to_owned());
    let shipped = source.shipped();
    assert!(!shipped.contains("unwrap") && !shipped.contains("f64") && !shipped.contains("dbg"), "{shipped}");
    assert!(shipped.contains("fn a<'x>(s: &'x str)") && shipped.contains("fn b() {}"), "{shipped}");
    assert!(source.code().contains("x.unwrap()") && source.comments().contains("// dbg!"));
    assert_eq!(source.literals().into_iter().map(|(_, inside)| inside).collect::<Vec<_>>(), ["\"", "no .unwrap()\\\"", "f64"]);
    assert_eq!((source.test_files, shipped.lines().count()), (vec!["kernel/src/testing.rs".to_owned()], text.lines().count()));
}
