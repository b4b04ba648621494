//! Blobs that are about to be deleted, so that nothing begins to need one meanwhile.
//!
//! Whoever deletes blobs says which, and only then reads what is needed. Whoever keeps something that needs blobs says which in
//! the same transaction. A row that one writes and the other reads puts them in an order: either the first reads what the
//! second kept, or the second hears the sentence, and keeps nothing.

use std::collections::BTreeSet;

use crate::sql::{Column, Statement};
use crate::{DeviceId, Error, Lease, Read, Scope, TenantId, Write};

/// Digests of one question at most.
const DIGESTS_AT_ONCE: usize = 500;

impl Write {
    /// Says that these blobs of a tenant are about to be deleted, until then at the latest, and forgets which manifests they
    /// are: they are signed anew if they are needed again. What was said before does not hold any more.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`] when it is committed, if the lease was lost; the database's.
    pub async fn condemn(
        &mut self,
        lease: &Lease,
        tenant: TenantId,
        digests: &BTreeSet<[u8; 32]>,
        until_ms: i64,
    ) -> Result<(), Error> {
        self.fence(lease);
        // First of all: whoever names something holds this row, and may wait for rows that are changed below.
        let next = Statement::new("UPDATE sentences SET number = number + 1 WHERE id = 1");
        self.connection().run(next).await?;
        self.acquit(tenant).await?;
        let rows = digests
            .iter()
            .map(|digest| vec![tenant.arg(), digest.arg(), until_ms.arg()])
            .collect();
        let columns = ["tenant", "digest", "until_ms"];
        self.bulk("condemned", &columns, rows, "").await?;
        let mut statement = Statement::new("DELETE FROM manifests WHERE tenant = ");
        statement
            .bind(&tenant)
            .push(" AND digest IN (SELECT digest FROM condemned WHERE tenant = ")
            .bind(&tenant)
            .push(")");
        self.connection().run(statement).await?;
        Ok(())
    }

    /// Nothing of a tenant is about to be deleted any more.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn acquit(&mut self, tenant: TenantId) -> Result<(), Error> {
        let mut statement = Statement::new("DELETE FROM condemned WHERE tenant = ");
        statement.bind(&tenant);
        self.connection().run(statement).await?;
        Ok(())
    }

    /// Says that something that is kept in this transaction needs these blobs of a tenant. Call it in the transaction that
    /// keeps it.
    ///
    /// # Errors
    ///
    /// [`Error::Condemned`] if one of them is about to be deleted; the database's.
    pub async fn need(
        &mut self,
        tenant: TenantId,
        digests: &BTreeSet<[u8; 32]>,
        now_ms: i64,
    ) -> Result<(), Error> {
        if digests.is_empty() {
            return Ok(());
        }
        // SQLite has one writer anyway.
        if self.connection().is_postgres() {
            let wait = Statement::new("SELECT number FROM sentences WHERE id = 1 FOR SHARE");
            self.connection().row(wait).await?;
        }
        let digests: Vec<_> = digests.iter().map(Column::arg).collect();
        for piece in digests.chunks(DIGESTS_AT_ONCE) {
            let mut statement = Statement::new("SELECT 1 FROM condemned WHERE tenant = ").rare();
            statement
                .bind(&tenant)
                .push(" AND until_ms > ")
                .bind(&now_ms)
                .push(" AND digest IN (")
                .bind_all(piece.iter().cloned())
                .push(") LIMIT 1");
            if self.connection().row(statement).await?.is_some() {
                return Err(Error::Condemned);
            }
        }
        Ok(())
    }
}

impl Read {
    /// Reads desired states of devices that are not retired, in the order of their devices, after this one.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn state_payloads(
        &mut self,
        scope: &Scope,
        after: Option<DeviceId>,
        limit: u32,
    ) -> Result<Vec<(DeviceId, Vec<u8>)>, Error> {
        let mut statement = Statement::new(
            "SELECT device_states.device, payload FROM device_states JOIN devices \
             ON devices.id = device_states.device WHERE devices.state <> 'retired' AND ",
        );
        scope.condition(&mut statement, "device_states.tenant");
        if let Some(after) = after {
            statement.push(" AND device_states.device > ").bind(&after);
        }
        statement
            .push(" ORDER BY device_states.device LIMIT ")
            .bind(&limit.clamp(1, crate::record::PAGE_ROWS_MAX));
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.column(0)?, row.column(1)?)))
            .collect()
    }
}
