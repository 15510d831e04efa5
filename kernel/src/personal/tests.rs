#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;

const SUBJECT: Uuid = Uuid::from_u128(0xa1);
const GONE: Uuid = Uuid::from_u128(0xdead);

/// Turns the bytes around: a cipher for those who cannot read.
struct Backwards;

impl Sealer for Backwards {
    fn seal(&self, subject: Uuid, class: KeyClass, json: &[u8]) -> Result<Option<Sealed>, SealError> {
        let turned: String = std::str::from_utf8(json).unwrap().chars().rev().collect();
        let sealed = Sealed { subject, class, associated: "id".into(), bytes: turned.into() };
        Ok((subject != GONE).then_some(sealed))
    }
}

impl Opener for Backwards {
    fn open(&self, sealed: &Sealed) -> Result<Option<Vec<u8>>, SealError> {
        Ok(Some(sealed.bytes.chars().rev().collect::<String>().into_bytes()))
    }
}

/// A sealer whose work never succeeds.
struct Broken;

impl Sealer for Broken {
    fn seal(&self, _: Uuid, _: KeyClass, _: &[u8]) -> Result<Option<Sealed>, SealError> {
        Err(SealError::KeyMissing)
    }
}

fn sealed(value: &Personal<String>) -> String {
    sealing(Arc::new(Backwards), || serde_json::to_string(value)).unwrap()
}

#[test]
fn an_open_value_is_sealed_within_a_scope_and_refused_outside() {
    let open = Personal::profile(SUBJECT, "Ada".to_owned());
    assert!(serde_json::to_string(&open).unwrap_err().to_string().contains("outside of a sealer's scope"));
    let stored = sealed(&open);
    assert_eq!(stored, r#"{"of":"00000000-0000-0000-0000-0000000000a1","key":"profile","ad":"id","sealed":"\"adA\""}"#);
    assert!(serde_json::to_string(&open).is_err(), "the scope is over");
}

#[test]
fn a_sealed_value_stays_as_it_is_and_opens_again() {
    let stored = sealed(&Personal::retained(SUBJECT, "반납이 늦었습니다".to_owned()));
    let read: Personal<String> = serde_json::from_str(&stored).unwrap();
    assert_eq!((read.value(), read.sealed().map(|s| s.class)), (None, Some(KeyClass::Retained)));
    assert_eq!(serde_json::to_string(&read).unwrap(), stored, "outside of any scope, byte for byte");
    assert_eq!(sealing(Arc::new(Broken), || serde_json::to_string(&read)).unwrap(), stored);
    assert_eq!(read.open(&Backwards).unwrap(), Opened::Value("반납이 늦었습니다".to_owned()));
    let number: Personal<u8> = serde_json::from_str(&stored).unwrap();
    assert_eq!(number.open(&Backwards), Err(SealError::Form));
}

#[test]
fn what_is_sealed_for_a_destroyed_key_is_erased() {
    let stored = sealed(&Personal::profile(GONE, "Ada".to_owned()));
    assert_eq!(stored, r#"{"erased":true}"#);
    let read: Personal<String> = serde_json::from_str(&stored).unwrap();
    assert_eq!((read.open(&Backwards).unwrap(), serde_json::to_string(&read).unwrap()), (Opened::Erased, stored));
}

#[test]
fn nothing_open_and_nothing_half_is_read() {
    for text in [
        r#"{"open":{"subject":"00000000-0000-0000-0000-0000000000a1","class":"profile","value":"Ada"}}"#,
        r#"{"of":"00000000-0000-0000-0000-0000000000a1","key":"profile","sealed":"x"}"#,
        r#"{"of":"00000000-0000-0000-0000-0000000000a1","key":"profile","ad":"id","sealed":"x","erased":true}"#,
        r#"{"erased":false}"#,
        r"{}",
        r#""Ada""#,
    ] {
        assert!(serde_json::from_str::<Personal<String>>(text).is_err(), "{text}");
    }
}

#[test]
fn scopes_are_nested_and_survive_a_panic() {
    let open = Personal::profile(SUBJECT, "Ada".to_owned());
    let inner = sealing(Arc::new(Backwards), || {
        let panicked = std::panic::catch_unwind(|| sealing(Arc::new(Broken), || panic!("within")));
        assert!(panicked.is_err());
        assert!(sealing(Arc::new(Broken), || serde_json::to_string(&open)).is_err());
        serde_json::to_string(&open)
    });
    assert!(inner.is_ok() && serde_json::to_string(&open).is_err());
}

#[test]
fn nobody_reads_it_in_a_debug_line() {
    let open = Personal::profile(SUBJECT, "Ada".to_owned());
    let stored: Personal<String> = serde_json::from_str(&sealed(&open)).unwrap();
    let shown = format!("{open:?} {stored:?} {:?}", stored.open(&Backwards).unwrap());
    assert!(!shown.contains("Ada") && !shown.contains("adA"), "{shown}");
}
