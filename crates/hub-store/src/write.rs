//! One transaction: changes, the entries that tell of them, and the wake-ups that follow.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::sql::{Column, Statement};
use crate::store::Shared;
use crate::wakes::CHANNEL;
use crate::{Audit, Error, Lease, NewState, Read, Scope, TenantId, Topic};

/// A transaction. Dropped without [`Write::commit`], nothing of it happened.
///
/// Order of locks at the end, which all transactions keep: leases, the clock of changes, states of devices, heads of audit
/// chains in the order of tenants. What comes before is in the order of the caller; two that are in each other's way fail
/// with [`Error::Retry`].
pub struct Write {
    read: Read,
    shared: Arc<Shared>,
    /// Whether something was changed for which another entry speaks.
    has_part: bool,
    pub(crate) entries: Vec<(TenantId, Audit)>,
    pub(crate) states: Vec<(Scope, NewState)>,
    wakes: Vec<(Topic, Option<TenantId>, Option<String>)>,
    fences: Vec<Lease>,
}

impl fmt::Debug for Write {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Write")
    }
}

impl Deref for Write {
    type Target = Read;

    fn deref(&self) -> &Read {
        &self.read
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Read {
        &mut self.read
    }
}

impl Write {
    pub(crate) const fn new(read: Read, shared: Arc<Shared>) -> Self {
        Self {
            read,
            shared,
            has_part: false,
            entries: Vec::new(),
            states: Vec::new(),
            wakes: Vec::new(),
            fences: Vec::new(),
        }
    }

    /// Writes an entry into a tenant's audit log when the transaction is committed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the tenant is not in the scope.
    pub async fn audit(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        audit: &Audit,
    ) -> Result<(), Error> {
        self.require(scope, "tenant", "tenants", tenant.arg())
            .await?;
        self.tell(tenant, audit);
        Ok(())
    }

    /// Tells all nodes, once the transaction is committed, that something changed.
    pub fn wake(&mut self, topic: Topic, tenant: Option<TenantId>, subject: Option<String>) {
        let wake = (topic, tenant, subject);
        if !self.wakes.contains(&wake) {
            self.wakes.push(wake);
        }
    }

    /// Makes the transaction fail with [`Error::Fenced`] unless the lease is still its owner's when it is committed.
    pub fn fence(&mut self, lease: &Lease) {
        self.fences.push(lease.clone());
    }

    /// Makes all of it true at once.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`], [`Error::Unaudited`], [`Error::Conflict`] if a device's state already has that version or a later one,
    /// [`Error::Retry`], and what the database says. Then nothing of it happened; only if the connection broke while the
    /// database was keeping it, that is not known.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.has_part && self.entries.is_empty() {
            return Err(Error::Unaudited);
        }
        for lease in std::mem::take(&mut self.fences) {
            self.check_fence(&lease).await?;
        }
        let is_told = !self.states.is_empty() || !self.wakes.is_empty();
        if is_told {
            self.tell_others().await?;
        }
        self.keep_entries().await?;
        let Self { read, shared, .. } = self;
        read.commit().await?;
        if is_told {
            shared.bell.ring();
        }
        Ok(())
    }

    /// Remembers what is to be written into the audit log.
    pub(crate) fn tell(&mut self, tenant: TenantId, audit: &Audit) {
        if audit.is_part() {
            self.has_part = true;
        } else {
            self.entries.push((tenant, audit.clone()));
        }
    }

    /// Gives the changes a number. Who has it keeps others from getting one until the end of the transaction: numbers
    /// become visible in their order, and nobody who read up to one misses a smaller one.
    async fn tell_others(&mut self) -> Result<(), Error> {
        let statement =
            Statement::new("UPDATE change_clock SET sequence = sequence + 1 RETURNING sequence");
        let row = self.connection().row(statement).await?;
        let sequence: u64 = row
            .ok_or(Error::NotFound {
                what: "clock of changes",
            })?
            .column(0)?;
        self.keep_states(sequence).await?;
        let rows = std::mem::take(&mut self.wakes)
            .into_iter()
            .map(|(topic, tenant, subject)| {
                vec![sequence.arg(), topic.arg(), tenant.arg(), subject.arg()]
            })
            .collect();
        self.bulk(
            "changes",
            &["sequence", "topic", "tenant", "subject"],
            rows,
            "",
        )
        .await?;
        if self.connection().is_postgres() {
            let mut statement = Statement::new("SELECT pg_notify('");
            statement
                .push(CHANNEL)
                .push("', ")
                .bind(&sequence.to_string())
                .push(")");
            self.connection().row(statement).await?;
        }
        Ok(())
    }
}
