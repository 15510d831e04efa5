//! The examples of `docs/examples.md`: for people, for GraphiQL's tabs and for the tests, which run every one of them.

use serde::Serialize;

/// The document.
pub const EXAMPLES: &str = include_str!("../../../docs/examples.md");

/// One example.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Example {
    /// What it does.
    pub title: String,
    /// The demo user who asks; nobody when it is empty.
    pub user: String,
    /// What to keep of its answer: a name, and the path into `data`, with dots.
    pub keep: Vec<(String, String)>,
    /// The document.
    pub query: String,
    /// Its variables, with names in double braces for what is filled in.
    pub variables: String,
}

/// Reads the examples of a text: a heading each, a sentence `As NAME.`, perhaps `Keep NAME = PATH; …`, a block of `graphql`, and
/// perhaps one of `json`.
#[must_use]
pub fn parse(text: &str) -> Vec<Example> {
    let sections = text.split("\n## ").skip(1).map(section);
    sections.filter(|example| !example.query.is_empty()).collect()
}

fn section(text: &str) -> Example {
    let title = text.lines().next().unwrap_or_default().to_owned();
    let who = text.lines().find_map(|line| line.strip_prefix("As ")).unwrap_or_default();
    let user = who.split('.').next().unwrap_or_default().to_owned();
    let keep = who.split_once("Keep ").map_or("", |(_, rest)| rest);
    let keep = keep.split(';').filter_map(|pair| pair.split_once('=')).map(|(name, path)| (name.trim().to_owned(), path.trim().to_owned()));
    Example { title, user, keep: keep.collect(), query: block(text, "graphql"), variables: block(text, "json") }
}

fn block(text: &str, language: &str) -> String {
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap_or_default();
    rest.split("```").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_has_a_title_a_person_a_query_and_variables() {
        let text = "# All\n\n## Do it\n\nAs host. Keep a = b.0.c; d = e\n\nWords.\n\n```graphql\n{ a }\n```\n\n```json\n{}\n```\n\n## Only words\n";
        let keep = vec![("a".to_owned(), "b.0.c".to_owned()), ("d".to_owned(), "e".to_owned())];
        let example = Example { title: "Do it".into(), user: "host".into(), keep, query: "{ a }\n".into(), variables: "{}\n".into() };
        assert_eq!(parse(text), [example]);
    }

    #[test]
    fn every_example_is_read_whole() {
        let headings = EXAMPLES.lines().filter(|line| line.starts_with("## ")).count();
        let examples = parse(EXAMPLES);
        assert_eq!(examples.len(), headings);
        assert!(examples.iter().all(|example| !example.user.is_empty() && example.query.contains('{')), "{examples:?}");
    }
}
