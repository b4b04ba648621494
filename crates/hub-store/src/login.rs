//! Sign-ins under way: what must be remembered between sending somebody to a provider and their coming back.

use crate::sql::{Column, Statement};
use crate::{Error, Write};

/// A sign-in under way. It belongs to no tenant: nobody knows yet who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// What the browser brings back, hashed. Unique.
    pub name: String,
    /// What must be remembered.
    pub content: String,
    /// When it ends.
    pub expires_ms: i64,
}

impl Write {
    /// Remembers a sign-in.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] if there is one of that name.
    pub async fn put_login(&mut self, login: &Login) -> Result<(), Error> {
        let row = vec![
            login.name.arg(),
            login.content.arg(),
            login.expires_ms.arg(),
        ];
        self.bulk("logins", &["name", "content", "expires_ms"], vec![row], "")
            .await
            .map(drop)
    }

    /// Takes a sign-in, which nobody can then take again; none: there is none, or it ended.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn take_login(&mut self, name: &str, now_ms: i64) -> Result<Option<Login>, Error> {
        let mut statement = Statement::new("DELETE FROM logins WHERE name = ");
        statement
            .bind(&name.to_owned())
            .push(" RETURNING name, content, expires_ms");
        let Some(row) = self.connection().row(statement).await? else {
            return Ok(None);
        };
        let login = Login {
            name: row.column(0)?,
            content: row.column(1)?,
            expires_ms: row.column(2)?,
        };
        Ok((login.expires_ms > now_ms).then_some(login))
    }

    /// Forgets sign-ins that ended; how many there were.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn prune_logins(&mut self, now_ms: i64) -> Result<u64, Error> {
        let mut statement = Statement::new("DELETE FROM logins WHERE expires_ms <= ");
        statement.bind(&now_ms);
        self.connection().run(statement).await
    }
}
