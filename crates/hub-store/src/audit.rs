//! The audit log: who changed what, and why. Each entry of a tenant holds the hash of the one before it.
//!
//! A changed, missing or moved entry is found by [`Read::verify_chain`]. Who can write the database can write a whole new
//! chain; against that, keep the hash of its head elsewhere now and then.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::record::PAGE_ROWS_MAX;
use crate::sql::{Arg, Column, Row, Statement};
use crate::{Error, Read, Scope, TenantId, Write};

const COLUMNS: &[&str] = &[
    "tenant", "sequence", "at_ms", "actor", "action", "subject", "reason", "detail", "previous",
    "hash",
];

/// What is to be written about a change.
#[derive(Clone, Debug)]
pub struct Audit(Option<Told>);

#[derive(Clone, Debug)]
struct Told {
    at_ms: i64,
    actor: String,
    action: String,
    subject: String,
    reason: Option<String>,
    detail: Value,
}

impl Audit {
    /// Who did it, unless it is a part of something that is written elsewhere.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.0.as_ref().map(|told| told.actor.as_str())
    }

    /// Somebody did something to something: `user:ada`, `device.revoke`, the device's id.
    #[must_use]
    pub fn new(
        at_ms: i64,
        actor: impl Into<String>,
        action: impl Into<String>,
        subject: impl Into<String>,
    ) -> Self {
        Self(Some(Told {
            at_ms,
            actor: actor.into(),
            action: action.into(),
            subject: subject.into(),
            reason: None,
            detail: Value::Null,
        }))
    }

    /// A change that another entry of the same transaction tells of. A transaction of such changes alone fails.
    #[must_use]
    pub const fn part() -> Self {
        Self(None)
    }

    /// Adds why.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        if let Some(told) = &mut self.0 {
            told.reason = Some(reason.into());
        }
        self
    }

    /// Adds the rest. Never put a secret here: the log is kept forever.
    #[must_use]
    pub fn with(mut self, detail: Value) -> Self {
        if let Some(told) = &mut self.0 {
            told.detail = detail;
        }
        self
    }

    pub(crate) const fn is_part(&self) -> bool {
        self.0.is_none()
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose log.
    pub tenant: TenantId,
    /// Its number in that log, from 1 without gaps.
    pub sequence: u64,
    /// When.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Why.
    pub reason: Option<String>,
    /// The rest, JSON.
    pub detail: String,
    /// The hash of the entry before it; of the first, 32 zeros.
    pub previous: Vec<u8>,
    /// The SHA-256 of `previous` and of everything else as a JSON array in the order of these fields.
    pub hash: Vec<u8>,
}

impl Entry {
    /// What its hash must be.
    #[must_use]
    pub fn computed_hash(&self) -> Vec<u8> {
        let content = serde_json::json!([
            self.tenant.to_string(),
            self.sequence,
            self.at_ms,
            self.actor,
            self.action,
            self.subject,
            self.reason,
            self.detail,
        ]);
        let mut hash = Sha256::new();
        hash.update(&self.previous);
        hash.update(content.to_string().as_bytes());
        hash.finalize().to_vec()
    }

    fn args(&self) -> Vec<Arg> {
        vec![
            self.tenant.arg(),
            self.sequence.arg(),
            self.at_ms.arg(),
            self.actor.arg(),
            self.action.arg(),
            self.subject.arg(),
            self.reason.arg(),
            self.detail.arg(),
            self.previous.arg(),
            self.hash.arg(),
        ]
    }

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            tenant: row.column(0)?,
            sequence: row.column(1)?,
            at_ms: row.column(2)?,
            actor: row.column(3)?,
            action: row.column(4)?,
            subject: row.column(5)?,
            reason: row.column(6)?,
            detail: row.column(7)?,
            previous: row.column(8)?,
            hash: row.column(9)?,
        })
    }
}

/// A whole chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// The hash of the last.
    pub head: Vec<u8>,
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainBreak {
    /// An entry is missing.
    Missing {
        /// Its number.
        sequence: u64,
    },
    /// An entry is not the one that was written.
    Changed {
        /// Its number.
        sequence: u64,
    },
}

impl Read {
    /// Reads entries of a tenant's log: those after this number, or before it if the newest come first. `about` keeps those
    /// with this actor, action or subject.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn audit_entries(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        about: Option<&str>,
        page: &AuditPage,
    ) -> Result<Vec<Entry>, Error> {
        let mut statement = Statement::new("SELECT ");
        statement
            .push(&COLUMNS.join(", "))
            .push(" FROM audit WHERE tenant = ")
            .bind(&tenant)
            .push(" AND ");
        scope.condition(&mut statement, "tenant");
        if let Some(about) = about.map(str::to_owned) {
            statement
                .push(" AND (actor = ")
                .bind(&about)
                .push(" OR action = ")
                .bind(&about);
            statement.push(" OR subject = ").bind(&about).push(")");
        }
        let (test, order) = if page.is_backwards {
            (" < ", " DESC")
        } else {
            (" > ", "")
        };
        if let Some(after) = page.after {
            statement.push(" AND sequence").push(test).bind(&after);
        }
        statement
            .push(" ORDER BY sequence")
            .push(order)
            .push(" LIMIT ");
        statement.bind(&page.limit.clamp(1, PAGE_ROWS_MAX));
        self.connection()
            .rows(statement)
            .await?
            .iter()
            .map(Entry::read)
            .collect()
    }

    /// Goes through a tenant's whole log.
    ///
    /// # Errors
    ///
    /// The database's; [`Error::NotFound`] if the tenant is not in the scope.
    pub async fn verify_chain(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
    ) -> Result<Result<Verified, ChainBreak>, Error> {
        self.require(scope, "tenant", "tenants", tenant.arg())
            .await?;
        // Before the entries: what is appended meanwhile is checked too, but not wanted.
        let (last, head) = self.chain_head(tenant, "").await?;
        let mut seen = Verified {
            entries: 0,
            head: vec![0; 32],
        };
        let mut page = AuditPage {
            after: None,
            limit: PAGE_ROWS_MAX,
            is_backwards: false,
        };
        loop {
            let entries = self.audit_entries(scope, tenant, None, &page).await?;
            for entry in &entries {
                let sequence = seen.entries + 1;
                if entry.sequence != sequence {
                    return Ok(Err(ChainBreak::Missing { sequence }));
                }
                if entry.previous != seen.head || entry.hash != entry.computed_hash() {
                    return Ok(Err(ChainBreak::Changed { sequence }));
                }
                if sequence == last && entry.hash != head {
                    return Ok(Err(ChainBreak::Changed { sequence }));
                }
                seen = Verified {
                    entries: sequence,
                    head: entry.hash.clone(),
                };
            }
            let Some(entry) = entries.last() else { break };
            page.after = Some(entry.sequence);
        }
        if seen.entries < last {
            return Ok(Err(ChainBreak::Missing {
                sequence: seen.entries + 1,
            }));
        }
        Ok(Ok(seen))
    }

    /// The number and hash of a tenant's last entry.
    async fn chain_head(&mut self, tenant: TenantId, lock: &str) -> Result<(u64, Vec<u8>), Error> {
        let mut statement =
            Statement::new("SELECT sequence, hash FROM audit_heads WHERE tenant = ");
        statement.bind(&tenant).push(lock);
        match self.connection().row(statement).await? {
            Some(row) => Ok((row.column(0)?, row.column(1)?)),
            None => Ok((0, vec![0; 32])),
        }
    }
}

/// Which part of a log is wanted.
#[derive(Clone, Copy, Debug)]
pub struct AuditPage {
    /// After this number, or before it if the newest come first; none: from the end where it begins.
    pub after: Option<u64>,
    /// Entries at most, 1 to 1000.
    pub limit: u32,
    /// The newest first.
    pub is_backwards: bool,
}

impl Write {
    /// Appends what is to be written to the logs.
    pub(crate) async fn keep_entries(&mut self) -> Result<(), Error> {
        let mut logs: BTreeMap<TenantId, Vec<Told>> = BTreeMap::new();
        for (tenant, Audit(told)) in std::mem::take(&mut self.entries) {
            logs.entry(tenant).or_default().extend(told);
        }
        let lock = if self.connection().is_postgres() {
            " FOR UPDATE"
        } else {
            ""
        };
        for (tenant, log) in logs {
            let head = vec![vec![tenant.arg(), 0_u64.arg(), vec![0_u8; 32].arg()]];
            let columns = ["tenant", "sequence", "hash"];
            self.bulk(
                "audit_heads",
                &columns,
                head,
                "ON CONFLICT (tenant) DO NOTHING",
            )
            .await?;
            let (mut sequence, mut hash) = self.chain_head(tenant, lock).await?;
            let mut rows = Vec::with_capacity(log.len());
            for told in log {
                sequence += 1;
                let mut entry = Entry {
                    tenant,
                    sequence,
                    at_ms: told.at_ms,
                    actor: told.actor,
                    action: told.action,
                    subject: told.subject,
                    reason: told.reason,
                    detail: told.detail.to_string(),
                    previous: hash,
                    hash: Vec::new(),
                };
                entry.hash = entry.computed_hash();
                hash = entry.hash.clone();
                rows.push(entry.args());
            }
            self.bulk("audit", COLUMNS, rows, "").await?;
            let mut statement = Statement::new("UPDATE audit_heads SET sequence = ");
            statement
                .bind(&sequence)
                .push(", hash = ")
                .bind(&hash)
                .push(" WHERE tenant = ")
                .bind(&tenant);
            self.connection().run(statement).await?;
        }
        Ok(())
    }
}
