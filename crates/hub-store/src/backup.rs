//! Copies of the database.
//!
//! SQLite is copied while the hub works. PostgreSQL has `pg_dump` and `pg_basebackup`; a copy of it is restored into an empty
//! database before any node starts. After a restore devices may have later states than the hub: they say so, and the hub
//! goes beyond.

use std::path::Path;

use sqlx::AssertSqlSafe;

use crate::store::Pools;
use crate::{Error, Store};

impl Store {
    /// Writes a copy of one moment to a new file, while everything else goes on. The copy is a database that
    /// [`Store::open`] opens.
    ///
    /// # Errors
    ///
    /// [`Error::OnlySqlite`]; [`Error::Exists`] if the file is there already; what the database says.
    pub async fn backup(&self, path: &Path) -> Result<(), Error> {
        let Pools::Sqlite { readers, .. } = &self.shared().pools else {
            return Err(Error::OnlySqlite {
                instead: "use pg_dump --format=custom, and pg_restore",
            });
        };
        let name = path.to_str().ok_or_else(|| Error::Address {
            reason: "the name of the copy is not UTF-8".to_owned(),
        })?;
        if path.exists() {
            return Err(Error::Exists {
                rule: format!("the file {name}"),
            });
        }
        let mut connection = readers.acquire().await?;
        sqlx::query("PRAGMA query_only = OFF")
            .execute(&mut *connection)
            .await?;
        let copied = sqlx::query("VACUUM INTO ?")
            .bind(name)
            .execute(&mut *connection)
            .await;
        sqlx::query("PRAGMA query_only = ON")
            .execute(&mut *connection)
            .await?;
        copied?;
        let file = path.to_owned();
        let synced = tokio::task::spawn_blocking(move || sync(&file)).await;
        match synced {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::Database(sqlx::Error::Io(error))),
            Err(_) => Err(Error::Busy),
        }
    }

    /// Goes through a SQLite database and finds out that it is whole; of PostgreSQL, `pg_amcheck` does that.
    ///
    /// # Errors
    ///
    /// [`Error::OnlySqlite`]; [`Error::Corrupt`] with what is wrong; what the database says.
    pub async fn check_integrity(&self) -> Result<(), Error> {
        let Pools::Sqlite { readers, .. } = &self.shared().pools else {
            return Err(Error::OnlySqlite {
                instead: "use pg_amcheck",
            });
        };
        let mut connection = readers.acquire().await?;
        let found: String =
            sqlx::query_scalar(AssertSqlSafe("PRAGMA integrity_check(1)".to_owned()))
                .fetch_one(&mut *connection)
                .await?;
        if found != "ok" {
            return Err(Error::Corrupt {
                column: "the file".to_owned(),
                reason: found,
            });
        }
        let lost = sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(&mut *connection)
            .await?;
        if !lost.is_empty() {
            return Err(Error::Corrupt {
                column: "references".to_owned(),
                reason: format!("{} rows name rows that are not there", lost.len()),
            });
        }
        Ok(())
    }
}

/// Makes the copy outlive a power cut, and its name with it.
fn sync(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
