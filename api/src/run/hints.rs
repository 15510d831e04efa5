//! The fix that goes with a start that fails: what to look at, by what stands in the way.

use std::error::Error;

use eventlog::{LogError, Obstacle};
use projections::hot::BadUrl;

/// What to do about a book that cannot be opened.
pub(super) fn of(error: &(dyn Error + 'static)) -> &'static str {
    let mut cause = Some(error);
    while let Some(now) = cause {
        if now.is::<BadUrl>() {
            return "REDIS_URL is redis://HOST:6379, or rediss:// over TLS; without it, what is hot is kept in process";
        }
        if let Some(log) = now.downcast_ref::<LogError>() {
            return of_obstacle(log.obstacle());
        }
        cause = now.source();
    }
    "check DATABASE_URL, REDIS_URL and the data folder; `daybook doctor` looks at each"
}

const fn of_obstacle(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Unreachable => "check host and port in DATABASE_URL, and that the database is up",
        Obstacle::NoDatabase => "make the database first (`createdb NAME`), or check its name at the end of DATABASE_URL",
        Obstacle::NotLetIn => "check user and password in DATABASE_URL, and that the server lets them in from here (pg_hba.conf)",
        Obstacle::NoRight => "the role lacks a right: run `daybook migrate up` with DAYBOOK_OWNER_DATABASE_URL set, which grants them",
        Obstacle::Schema => "run `daybook migrate status`, then `daybook migrate up` (on PostgreSQL with DAYBOOK_OWNER_DATABASE_URL set)",
        Obstacle::Folder => "sqlite://FOLDER and the data folder must be folders that this user may make and write to",
        Obstacle::Keys => "check DAYBOOK_KEYS_DIR: a folder that this user may write to, with the keys that belong to this database",
        Obstacle::Other => "check DATABASE_URL; `daybook doctor` looks at everything that a server needs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fix_is_of_the_cause() {
        let newer = LogError::Newer { found: 9, known: 1 };
        assert!(of(&newer).contains("daybook migrate"));
        let folder = LogError::Folder(std::sync::Arc::new(std::io::Error::from(std::io::ErrorKind::PermissionDenied)));
        assert!(of(&folder).contains("sqlite://FOLDER"));
        assert!(of(&std::fmt::Error).contains("daybook doctor"));
    }
}
