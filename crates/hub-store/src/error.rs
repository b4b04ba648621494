//! What can go wrong with the store, and whose fault it is.

use std::fmt;

/// Why an operation of the store did not happen. Nothing of its transaction is kept.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no such row in the tenants of the scope.
    NotFound {
        /// The kind of row: `device`.
        what: &'static str,
    },
    /// The row was changed by somebody else since it was read: read it again.
    Conflict {
        /// The kind of row.
        what: &'static str,
    },
    /// Another row has this name, or whatever else must be unique.
    Exists {
        /// What the database calls the rule that it broke.
        rule: String,
    },
    /// The row is named by others, or names one that is not there.
    Referenced {
        /// What the database says about it.
        rule: String,
    },
    /// The lease was lost to another owner: stop, and do nothing more in its name.
    Fenced {
        /// The name of the lease.
        lease: String,
    },
    /// It needs a blob that is just being cleared away: try again when that is over.
    Condemned,
    /// No connection to the database became free in time: try again later.
    Busy,
    /// Two transactions were in each other's way: do this one again from the beginning.
    Retry,
    /// A change was made without an entry in the audit log.
    Unaudited,
    /// More was given than one operation takes.
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much was given.
        given: u64,
        /// How much it may be.
        most: u64,
    },
    /// A filter names a column that the kind of row does not have.
    Column {
        /// The kind of row.
        what: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The address of the database is neither `sqlite:PATH` nor `postgres://…`, or a part of it is wrong.
    Address {
        /// What is wrong.
        reason: String,
    },
    /// The database was made by a newer version of the hub: run that one, or restore a backup made before.
    Newer {
        /// The version of the database's tables.
        found: i64,
        /// The greatest version that this program knows.
        known: i64,
    },
    /// A text that no database takes: it holds a zero character.
    Text,
    /// One operation names the same row twice.
    Twice,
    /// A row holds what this program did not write.
    Corrupt {
        /// The column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The operation is one of SQLite; PostgreSQL has its own tools for it.
    OnlySqlite {
        /// What to do instead.
        instead: &'static str,
    },
    /// The database failed.
    Database(sqlx::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { what } => write!(formatter, "there is no such {what}"),
            Self::Conflict { what } => {
                write!(formatter, "the {what} was changed meanwhile: read it again")
            }
            Self::Exists { rule } => write!(formatter, "there is one already ({rule})"),
            Self::Referenced { rule } => {
                write!(
                    formatter,
                    "it is in use, or names what is not there ({rule})"
                )
            }
            Self::Fenced { lease } => write!(formatter, "the lease {lease} has another owner now"),
            Self::Condemned => formatter.write_str(
                "it needs a blob that nothing needed before, and that is just being cleared away: try again in some minutes",
            ),
            Self::Busy => formatter.write_str("the database is busy: try again later"),
            Self::Retry => formatter.write_str("another change was in the way: do it again"),
            Self::Unaudited => formatter.write_str("a change without an audit entry"),
            Self::Limit { what, given, most } => {
                write!(formatter, "{given} {what}, of which {most} are allowed")
            }
            Self::Column { what, column } => {
                write!(formatter, "a {what} cannot be looked up by {column}")
            }
            Self::Address { reason } => write!(
                formatter,
                "the database's address is wrong: {reason}; give sqlite:PATH or postgres://USER@HOST/NAME"
            ),
            Self::Newer { found, known } => write!(
                formatter,
                "the database has version {found} and this hub knows versions up to {known}: \
                 run the newer hub, or restore a backup made before it"
            ),
            Self::Text => formatter.write_str("a text holds a zero character: leave it out"),
            Self::Twice => formatter.write_str("the same row is named twice: name it once"),
            Self::Corrupt { column, reason } => {
                write!(
                    formatter,
                    "the database holds nonsense in {column}: {reason}"
                )
            }
            Self::OnlySqlite { instead } => write!(formatter, "not for PostgreSQL: {instead}"),
            Self::Database(_) => formatter.write_str("the database failed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolTimedOut) {
            return Self::Busy;
        }
        let Some(database) = error.as_database_error() else {
            return Self::Database(error);
        };
        let rule = || {
            let constraint = database.constraint().unwrap_or_default();
            if constraint.is_empty() {
                database.message().to_owned()
            } else {
                constraint.to_owned()
            }
        };
        if database.is_unique_violation() {
            return Self::Exists { rule: rule() };
        }
        if database.is_foreign_key_violation() {
            return Self::Referenced { rule: rule() };
        }
        match database.code().as_deref() {
            // PostgreSQL: what its encoding has no place for.
            Some("22021") => Self::Text,
            Some("21000") => Self::Twice,
            // PostgreSQL: serialization failure, deadlock.
            Some("40001" | "40P01") => Self::Retry,
            // PostgreSQL: lock not available, too many connections. SQLite: busy, locked, busy snapshot.
            Some("55P03" | "53300" | "5" | "6" | "517") => Self::Busy,
            _ => Self::Database(error),
        }
    }
}
