//! Who may do something alone: leases with numbers that fence off whoever lost one without noticing.

use crate::sql::{Column, Statement};
use crate::{Error, Read, Store, Write};

/// A lease that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is for: `rollout:ID`.
    pub name: String,
    /// Who has it.
    pub owner: String,
    /// Rises whenever the lease goes to somebody: to another owner, or to the same one after it ended.
    pub fence: u64,
    /// When it ends.
    pub until_ms: i64,
}

impl Store {
    /// Takes a lease that nobody has, or prolongs it; none: another owner has it still.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn take_lease(
        &self,
        name: &str,
        owner: &str,
        ttl_ms: u32,
        now_ms: i64,
    ) -> Result<Option<Lease>, Error> {
        let until_ms = now_ms.saturating_add(i64::from(ttl_ms));
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let mut write = self.write().await?;
        let mut statement =
            Statement::new("INSERT INTO leases (name, owner, until_ms, fence) VALUES (");
        statement
            .bind_all([name.arg(), owner.arg(), until_ms.arg()])
            .push(", 1) ");
        statement.push(
            "ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until_ms = excluded.until_ms, \
             fence = CASE WHEN leases.owner = excluded.owner AND leases.until_ms > ",
        );
        statement
            .bind(&now_ms)
            .push(" THEN leases.fence ELSE leases.fence + 1 END ");
        statement
            .push("WHERE leases.owner = excluded.owner OR leases.until_ms <= ")
            .bind(&now_ms);
        statement.push(" RETURNING fence");
        let row = write.connection().row(statement).await?;
        let fence: Option<u64> = row.map(|row| row.column(0)).transpose()?;
        write.commit().await?;
        Ok(fence.map(|fence| Lease {
            name,
            owner,
            fence,
            until_ms,
        }))
    }

    /// Prolongs a lease that never ended. One that did, and is nobody else's, is left free.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`]: it had ended meanwhile; the database's.
    pub async fn prolong_lease(
        &self,
        lease: &Lease,
        ttl_ms: u32,
        now_ms: i64,
    ) -> Result<Lease, Error> {
        let taken = self.take_lease(&lease.name, &lease.owner, ttl_ms, now_ms);
        match taken.await? {
            Some(taken) if taken.fence == lease.fence => return Ok(taken),
            Some(taken) => self.give_lease(&taken).await?,
            None => {}
        }
        Err(Error::Fenced {
            lease: lease.name.clone(),
        })
    }

    /// Gives a lease back before it ends; nothing happens if it was lost.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn give_lease(&self, lease: &Lease) -> Result<(), Error> {
        let mut write = self.write().await?;
        // The row stays, and with it the number.
        let mut statement = Statement::new("UPDATE leases SET until_ms = 0 WHERE name = ");
        statement
            .bind(&lease.name)
            .push(" AND owner = ")
            .bind(&lease.owner);
        statement.push(" AND fence = ").bind(&lease.fence);
        write.connection().run(statement).await?;
        write.commit().await
    }
}

impl Read {
    /// Reads the leases that somebody has and whose names begin with this.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn leases(&mut self, prefix: &str, now_ms: i64) -> Result<Vec<Lease>, Error> {
        let mut statement =
            Statement::new("SELECT name, owner, fence, until_ms FROM leases WHERE until_ms > ");
        statement
            .bind(&now_ms)
            .push(" AND name >= ")
            .bind(&prefix.to_owned())
            .push(" AND name < ")
            .bind(&format!("{prefix}\u{10ffff}"))
            .push(" ORDER BY name");
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(Lease {
                    name: row.column(0)?,
                    owner: row.column(1)?,
                    fence: row.column(2)?,
                    until_ms: row.column(3)?,
                })
            })
            .collect()
    }
}

impl Write {
    /// Keeps the lease from going to somebody else until the end of the transaction.
    pub(crate) async fn check_fence(&mut self, lease: &Lease) -> Result<(), Error> {
        let lock = if self.connection().is_postgres() {
            " FOR SHARE"
        } else {
            ""
        };
        let mut statement = Statement::new("SELECT 1 FROM leases WHERE name = ");
        statement
            .bind(&lease.name)
            .push(" AND owner = ")
            .bind(&lease.owner);
        statement
            .push(" AND fence = ")
            .bind(&lease.fence)
            .push(lock);
        match self.connection().row(statement).await? {
            Some(_) => Ok(()),
            None => Err(Error::Fenced {
                lease: lease.name.clone(),
            }),
        }
    }
}
