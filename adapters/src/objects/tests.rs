#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;

const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 1, 2, 3];

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("daybook-objects-{}", Uuid::new_v4())))
    }

    fn store(&self) -> FolderStore {
        FolderStore::open(&self.0, 16).unwrap()
    }

    fn files(&self) -> Vec<String> {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

#[tokio::test]
async fn what_was_put_is_got_by_another_store_on_the_folder() {
    let scratch = Scratch::new();
    scratch.store().put(name("upload-1"), ContentType::Jpeg, JPEG.to_vec()).await.unwrap();
    let store = scratch.store();
    assert!(store.exists(name("upload-1")).await.unwrap() && !store.exists(name("upload-2")).await.unwrap());
    assert_eq!(store.get(name("upload-1")).await.unwrap(), Object { content_type: ContentType::Jpeg, bytes: JPEG.to_vec() });
    assert!(matches!(store.get(name("upload-2")).await, Err(ObjectError::NotFound)));
    assert_eq!(scratch.files(), ["upload-1.jpg"]);
}

#[tokio::test]
async fn what_is_stored_never_changes() {
    let scratch = Scratch::new();
    let store = scratch.store();
    for _ in 0..2 {
        store.put(name("a"), ContentType::Jpeg, JPEG.to_vec()).await.unwrap();
    }
    assert!(matches!(store.put(name("a"), ContentType::Jpeg, vec![1]).await, Err(ObjectError::Taken)));
    assert!(matches!(store.put(name("a"), ContentType::Png, JPEG.to_vec()).await, Err(ObjectError::Taken)));
    assert_eq!(store.get(name("a")).await.unwrap().bytes, JPEG);
}

#[tokio::test]
async fn size_is_limited() {
    let scratch = Scratch::new();
    let store = scratch.store();
    store.put(name("a"), ContentType::Pdf, vec![0; 16]).await.unwrap();
    assert!(matches!(store.put(name("b"), ContentType::Pdf, vec![0; 17]).await, Err(ObjectError::TooLarge { max_bytes: 16 })));
    assert_eq!(scratch.files(), ["a.pdf"]);
}

#[tokio::test]
async fn one_of_two_uploads_under_one_name_wins() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let puts: Vec<_> = (0..8u8)
        .map(|n| {
            tokio::spawn({
                let store = store.clone();
                async move { store.put(name("a"), ContentType::ALL[usize::from(n % 4)], vec![n]).await.is_ok() }
            })
        })
        .collect();
    let mut wins = 0;
    for put in puts {
        wins += u32::from(put.await.unwrap());
    }
    assert_eq!((wins, scratch.files().len()), (1, 1));
}

#[test]
fn a_name_is_an_id_and_no_path() {
    let long = "a".repeat(MAX_NAME_BYTES + 1);
    for wrong in
        ["", ".", "..", "../a", "a/b", "a\\b", "/etc/passwd", "a.jpg", "A", "a b", "a\0", "-a", "a-", "사진", "%2e%2e", long.as_str()]
    {
        assert!(wrong.parse::<ObjectName>().is_err(), "{wrong}");
    }
    assert_eq!(name("upload-0193-ab").as_str(), "upload-0193-ab");
}

#[test]
fn types_are_known_by_name_and_by_their_first_bytes() {
    for (mime, bytes) in [
        ("image/jpeg", JPEG),
        ("image/png", b"\x89PNG\r\n\x1a\n...".as_slice()),
        ("image/webp", b"RIFF\0\0\0\0WEBPVP8 ".as_slice()),
        ("application/pdf", b"%PDF-1.7".as_slice()),
    ] {
        let known = mime.parse::<ContentType>().unwrap();
        assert!(known.matches(bytes) && !known.matches(b"<script>") && !known.matches(b""), "{mime}");
        assert_eq!(ContentType::ALL.iter().filter(|other| other.matches(bytes)).count(), 1);
    }
    assert!("text/html".parse::<ContentType>().is_err() && "image/svg+xml".parse::<ContentType>().is_err());
}
