//! A read model's version stands for its columns, keys and fold: whoever changes them raises it, and the new one is built beside
//! the old. The list holds what each version was, and is only added to.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::none;
use crate::source::{Source, root, rust};

const LIST: &str = "tests/golden/projectors.sha256";

/// Set it to have new versions written into the list.
const ADD: &str = "DAYBOOK_GOLDEN_ADD";

/// Set it to `NAME` to sign the same version of a model anew, when its rows are the same as before.
const SAME: &str = "DAYBOOK_PROJECTOR_SAME";

/// What a definition says: the source without comments, tests and layout.
fn definition(text: &str) -> String {
    let upto = text.find("#[cfg(test)]").unwrap_or(text.len());
    let code = text[..upto].lines().map(str::trim).filter(|line| !line.starts_with("//"));
    code.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn value_after<'s>(code: &'s str, mark: &str) -> Option<&'s str> {
    let rest = code.split_once(mark)?.1;
    rest.split_once(';').map(|(value, _)| value.trim().trim_matches('"'))
}

/// Every model by name and version, with the digest of its file and of the folder beside it.
fn found() -> BTreeMap<String, String> {
    let models: Vec<&Source> = rust().iter().filter(|source| source.path.starts_with("projections/src/models/")).collect();
    let mut found = BTreeMap::new();
    for source in &models {
        let code = definition(&source.text);
        let Some((_, model)) = code.split_once("impl ReadModel for ") else { continue };
        let (Some(name), Some(version)) = (value_after(model, "const NAME: &'static str ="), value_after(model, "const VERSION: u32 ="))
        else {
            panic!("{}: NAME and VERSION are not plain constants", source.path);
        };
        let folder = format!("{}/", source.path.trim_end_matches(".rs"));
        let beside = models.iter().filter(|other| other.path.starts_with(&folder) && !other.path.ends_with("/tests.rs"));
        let mut digest = Sha256::new();
        digest.update(&code);
        beside.for_each(|other| digest.update(definition(&other.text)));
        found.insert(format!("{name} v{version}"), digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
    }
    found
}

fn parse(list: &str) -> BTreeMap<String, String> {
    list.lines().filter_map(|line| line.split_once("  ")).map(|(digest, model)| (model.to_owned(), digest.to_owned())).collect()
}

#[test]
fn a_changed_projector_has_a_new_version() {
    let (path, found) = (root().join(LIST), found());
    assert!(found.len() > 10, "the models are not where they were");
    let mut list = parse(&std::fs::read_to_string(&path).unwrap_or_default());
    let same = std::env::var(SAME).ok();
    for (model, digest) in &found {
        if same.as_ref().is_some_and(|same| model.starts_with(&format!("{same} v"))) {
            list.insert(model.clone(), digest.clone());
        } else if std::env::var_os(ADD).is_some() {
            list.entry(model.clone()).or_insert_with(|| digest.clone());
        }
    }
    if same.is_some() || std::env::var_os(ADD).is_some() {
        std::fs::write(&path, list.iter().map(|(model, digest)| format!("{digest}  {model}\n")).collect::<String>()).unwrap();
    }
    let changed =
        found.iter().filter(|(model, digest)| list.get(*model).is_some_and(|listed| listed != *digest)).map(|(model, _)| model.clone());
    none(
        &changed.collect::<Vec<_>>(),
        "Rows of this version are stored as it was. Raise its VERSION, so that the new one is built beside the old; or, if every row \
         comes out the same, sign it anew: DAYBOOK_PROJECTOR_SAME=NAME cargo test -p daybook-tests --test tidy projector",
    );
    let new: Vec<_> = found.keys().filter(|model| !list.contains_key(*model)).cloned().collect();
    none(&new, "A new version: DAYBOOK_GOLDEN_ADD=1 cargo test -p daybook-tests --test tidy");
}

#[test]
fn the_digest_is_of_what_a_model_does() {
    let one = "//! Says.\nconst VERSION: u32 = 1;\n/// Adds.\nfn add() { 1 + 1 }\n#[cfg(test)]\nmod tests {}\n";
    let same = "const VERSION: u32 = 1;\n\n// Really adds.\nfn add() {\n    1 + 1\n}\n";
    let other = "const VERSION: u32 = 1;\nfn add() { 1 + 2 }\n";
    assert_eq!(definition(one), definition(same));
    assert_ne!(definition(one), definition(other));
    assert_eq!(value_after(&definition(one), "const VERSION: u32 ="), Some("1"));
}
