//! What stands between a program that starts and its store, for whoever sets it up.

use crate::error::LogError;

/// Why a store cannot be used, as far as it says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Nobody answers at the address, or the host is not known.
    Unreachable,
    /// The server is there, the database is not.
    NoDatabase,
    /// The server does not let this user in.
    NotLetIn,
    /// The role is let in and lacks a right.
    NoRight,
    /// The schema is not this program's.
    Schema,
    /// The folder of an embedded store, or its files.
    Folder,
    /// The folder of keys.
    Keys,
    /// Something else.
    Other,
}

impl LogError {
    /// What kind of obstacle this is to a start.
    #[must_use]
    pub fn obstacle(&self) -> Obstacle {
        match self {
            Self::Store(error) | Self::Unknown(error) => of_store(error),
            Self::Migration(_) | Self::Newer { .. } | Self::Outdated { .. } | Self::Altered { .. } => Obstacle::Schema,
            Self::Folder(_) => Obstacle::Folder,
            Self::Keys(_) => Obstacle::Keys,
            Self::Closed
            | Self::Encode { .. }
            | Self::Decode(_)
            | Self::Unreadable(_)
            | Self::Damaged(_)
            | Self::Stream(_)
            | Self::Limit { .. }
            | Self::Session(_)
            | Self::Url(_)
            | Self::Owner(_) => Obstacle::Other,
        }
    }
}

/// sqlx's own enum is open-ended.
fn of_store(error: &sqlx::Error) -> Obstacle {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => Obstacle::Unreachable,
        // Classes of PostgreSQL; SQLite's codes are shorter: 8 read-only, 10 input or output, 14 cannot open.
        sqlx::Error::Database(said) => match said.code().as_deref() {
            Some("3D000") => Obstacle::NoDatabase,
            Some("28000" | "28P01") => Obstacle::NotLetIn,
            Some("42501") => Obstacle::NoRight,
            Some(code) if code.len() < 5 && code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 8 | 10 | 14)) => Obstacle::Folder,
            _ => Obstacle::Other,
        },
        _ => Obstacle::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_server_that_does_not_answer_is_unreachable() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(LogError::Store(Arc::new(sqlx::Error::Io(refused))).obstacle(), Obstacle::Unreachable);
        assert_eq!(LogError::Store(Arc::new(sqlx::Error::RowNotFound)).obstacle(), Obstacle::Other);
        assert_eq!(LogError::Outdated { found: 1, known: 2 }.obstacle(), Obstacle::Schema);
    }
}
