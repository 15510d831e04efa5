//! Passwords: argon2id, few at a time, the same work whether the user exists or not. What was hashed otherwise (by older parameters, or
//! by bcrypt in another system) still matches, and is hashed anew when its password is shown (K26).

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

/// Memory of one hash in KiB (OWASP's first choice for argon2id).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// What every hash begins with that is made as it is done now.
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";
/// How hashes of bcrypt begin.
const BCRYPT: [&str; 4] = ["$2a$", "$2b$", "$2x$", "$2y$"];
/// bcrypt looks at no more of a password: a longer one never matches, rather than by its beginning.
const BCRYPT_BYTES: usize = 72;
/// Hashes at once: each takes 19 MiB and a core for some 30 ms.
const AT_ONCE: usize = 2;
/// A login that waited this long for its turn is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many others are waiting; retry later.
    #[error("too many passwords are being checked")]
    Busy,
    /// The hasher failed: a stored hash is damaged or memory ran out.
    #[error("hashing failed: {0}")]
    Hash(String),
}

/// What a password was found to be.
#[derive(Clone, PartialEq, Eq)]
pub struct Checked {
    /// Is it the one of the hash?
    pub right: bool,
    /// It is, and this is its hash as it is made now; the one that it was checked against is older.
    pub renewed: Option<String>,
}

/// Is the text a hash that a password can be checked against?
#[must_use]
pub fn is_hash(text: &str) -> bool {
    let bcrypt = BCRYPT.iter().any(|start| text.starts_with(start)) && text.parse::<bcrypt::HashParts>().is_ok();
    bcrypt || (text.starts_with("$argon2") && PasswordHash::new(text).is_ok())
}

/// Hashes and checks passwords. Cheap to clone; clones share the limit.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Checked in place of the hash of a user who does not exist.
    nobody: Arc<str>,
}

impl Passwords {
    /// A hasher of its own.
    ///
    /// # Errors
    /// [`PasswordError::Hash`] when the system gives no randomness or memory.
    pub fn new() -> Result<Self, PasswordError> {
        let nobody = hashed("no user has this password")?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), nobody: nobody.into() })
    }

    /// The hash of a new password with a new salt, in PHC text form.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.in_turn(move || hashed(&password)).await?
    }

    /// Is it the password of this hash? Without a hash (unknown user) the same work is done, and the answer is no.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.to_string());
        let matches = self.in_turn(move || matches(&password, &hash)).await??;
        Ok(matches && known)
    }

    /// Like [`Passwords::verify`], and hashes a right password anew where that is due.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn check(&self, password: String, hash: Option<String>) -> Result<Checked, PasswordError> {
        let outdated = hash.as_ref().is_some_and(|hash| !hash.starts_with(CURRENT));
        let right = self.verify(password.clone(), hash).await?;
        let renewed = if right && outdated { Some(self.hash(password).await?) } else { None };
        Ok(Checked { right, renewed })
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Busy)?;
        // The turn goes with the work: a caller who leaves does not free a core that is still busy.
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        task.await.map_err(|error| PasswordError::Hash(error.to_string()))
    }
}

fn hashed(password: &str) -> Result<String, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| PasswordError::Hash(e.to_string()))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    hasher.hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|e| PasswordError::Hash(e.to_string()))
}

/// The hash says itself how it was made, so that older ones stay good when the cost is raised.
fn matches(password: &str, hash: &str) -> Result<bool, PasswordError> {
    if BCRYPT.iter().any(|start| hash.starts_with(start)) {
        let matches = bcrypt::verify(password, hash).map_err(|error| PasswordError::Hash(error.to_string()))?;
        return Ok(matches && password.len() <= BCRYPT_BYTES);
    }
    let hash = PasswordHash::new(hash).map_err(|e| PasswordError::Hash(e.to_string()))?;
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(PasswordError::Hash(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("비밀번호-1234".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("비밀번호-1234".to_owned()).await.unwrap());
        assert!(passwords.verify("비밀번호-1234".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("비밀번호-1235".to_owned(), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_can_sign_in_as_an_unknown_user() {
        let passwords = Passwords::new().unwrap();
        assert!(!passwords.verify("no user has this password".to_owned(), None).await.unwrap());
    }

    /// "비밀번호-1234" by bcrypt, at its least cost.
    const OLD: &str = "$2b$04$abcdefghijklmnopqrstuuUWcLippSxSVrbKW/ct9eTQdtoLBLaDK";

    #[tokio::test]
    async fn what_was_hashed_otherwise_is_hashed_anew_when_it_is_shown() {
        let passwords = Passwords::new().unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1_024, 1, 1, None).unwrap());
        let weak = weak.hash_password("비밀번호-1234".as_bytes()).unwrap().to_string();
        for old in [OLD.to_owned(), weak] {
            assert!(is_hash(&old), "{old}");
            let wrong = passwords.check("비밀번호-1235".to_owned(), Some(old.clone())).await.unwrap();
            assert!(!wrong.right && wrong.renewed.is_none());
            let right = passwords.check("비밀번호-1234".to_owned(), Some(old)).await.unwrap();
            let new = right.renewed.unwrap();
            assert!(right.right && new.starts_with(CURRENT), "{new}");
            let again = passwords.check("비밀번호-1234".to_owned(), Some(new)).await.unwrap();
            assert!(again.right && again.renewed.is_none(), "once is enough");
        }
        assert!(!is_hash("비밀번호-1234") && !is_hash("$2b$04$short"));
    }

    #[tokio::test]
    async fn bcrypt_never_matches_by_a_beginning() {
        let (passwords, long) = (Passwords::new().unwrap(), "비".repeat(24));
        let hash = bcrypt::hash_with_salt(&long, 4, [7; 16]).unwrap().to_string();
        assert!(passwords.verify(long.clone(), Some(hash.clone())).await.unwrap(), "72 bytes are all of them");
        assert!(!passwords.verify(format!("{long}x"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_damaged_hash_is_an_error_not_a_no() {
        let passwords = Passwords::new().unwrap();
        assert!(passwords.verify("x".to_owned(), Some("$argon2id$damaged".to_owned())).await.is_err());
    }
}
