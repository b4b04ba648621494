//! What devices report: their status, written only when it changed, and when they were last seen, in a table of its own.

use std::collections::BTreeSet;

use crate::bulk::{OF_DEVICES, in_order, pieces};
use crate::record::{PAGE_ROWS_MAX, limit};
use crate::sql::{Arg, Column, Row, Statement};
use crate::{DeviceId, Error, Read, Scope, TenantId, Write};

/// Rows of one batch at most.
const BATCH_MAX: usize = 100_000;
pub(crate) const COLUMNS: &[&str] = &[
    "device",
    "sequence",
    "at_ms",
    "adopted",
    "committed",
    "phase",
    "health",
    "report",
];

/// What a device reported, and what of it is filtered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// Which device.
    pub device: DeviceId,
    /// The number of the report: what is not greater than the kept one is left out.
    pub sequence: u64,
    /// When it was received.
    pub at_ms: i64,
    /// The version of the desired state that it works on or has.
    pub adopted: u64,
    /// The version of the desired state that it committed.
    pub committed: u64,
    /// Where it is: `idle`, `fetching`, ….
    pub phase: String,
    /// How it is: `ok`, `degraded`, `failed`, ….
    pub health: String,
    /// All that it said, encoded.
    pub report: Vec<u8>,
}

/// When a device was last heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// Which device.
    pub device: DeviceId,
    /// When.
    pub at_ms: i64,
}

impl DeviceStatus {
    fn args(&self) -> Vec<Arg> {
        vec![
            self.device.arg(),
            self.sequence.arg(),
            self.at_ms.arg(),
            self.adopted.arg(),
            self.committed.arg(),
            self.phase.arg(),
            self.health.arg(),
            self.report.arg(),
        ]
    }

    pub(crate) fn read(row: &Row, first: usize) -> Result<Self, Error> {
        Ok(Self {
            device: row.column(first)?,
            sequence: row.column(first + 1)?,
            at_ms: row.column(first + 2)?,
            adopted: row.column(first + 3)?,
            committed: row.column(first + 4)?,
            phase: row.column(first + 5)?,
            health: row.column(first + 6)?,
            report: row.column(first + 7)?,
        })
    }
}

impl Read {
    /// Reads what a device last reported; none: nothing yet.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn status(
        &mut self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Option<DeviceStatus>, Error> {
        let mut statement = Statement::new("SELECT ");
        statement
            .push(&COLUMNS.join(", "))
            .push(" FROM device_status WHERE device = ")
            .bind(&device)
            .push(" AND ");
        scope.condition(&mut statement, "tenant");
        let row = self.connection().row(statement).await?;
        row.map(|row| DeviceStatus::read(&row, 0)).transpose()
    }

    /// Reads what devices reported, in the order of their ids, after this one.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn statuses(
        &mut self,
        scope: &Scope,
        after: Option<DeviceId>,
        limit: u32,
    ) -> Result<Vec<DeviceStatus>, Error> {
        let mut statement = Statement::new("SELECT ");
        statement
            .push(&COLUMNS.join(", "))
            .push(" FROM device_status WHERE ");
        scope.condition(&mut statement, "tenant");
        if let Some(after) = after {
            statement.push(" AND device > ").bind(&after);
        }
        statement
            .push(" ORDER BY device LIMIT ")
            .bind(&limit.clamp(1, PAGE_ROWS_MAX));
        let rows = self.connection().rows(statement).await?;
        rows.iter().map(|row| DeviceStatus::read(row, 0)).collect()
    }

    /// Reads when a device was last heard of.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn last_seen(
        &mut self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Option<i64>, Error> {
        let mut statement = Statement::new("SELECT at_ms FROM last_seen WHERE device = ");
        statement.bind(&device).push(" AND ");
        scope.condition(&mut statement, "tenant");
        let row = self.connection().row(statement).await?;
        row.map(|row| row.column(0)).transpose()
    }

    /// Reads when devices were last heard of, all that were heard of at this time or later.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn seen_since(
        &mut self,
        scope: &Scope,
        since_ms: i64,
    ) -> Result<Vec<LastSeen>, Error> {
        let mut statement = Statement::new("SELECT device, at_ms FROM last_seen WHERE at_ms >= ");
        statement.bind(&since_ms).push(" AND ");
        scope.condition(&mut statement, "tenant");
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(LastSeen {
                    device: row.column(0)?,
                    at_ms: row.column(1)?,
                })
            })
            .collect()
    }
}

impl Write {
    /// Keeps what devices of the scope reported: of each device, if the report is newer and says something else. How many rows
    /// were written. Others than the scope's devices are left out.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn put_statuses(
        &mut self,
        scope: &Scope,
        statuses: &[DeviceStatus],
    ) -> Result<u64, Error> {
        limit("reports of a batch", statuses.len(), BATCH_MAX)?;
        let rows = statuses.iter().map(DeviceStatus::args).collect();
        let update = " ON CONFLICT (device) DO UPDATE SET sequence = excluded.sequence, at_ms = excluded.at_ms, \
             adopted = excluded.adopted, committed = excluded.committed, phase = excluded.phase, \
             health = excluded.health, report = excluded.report \
             WHERE device_status.sequence < excluded.sequence AND (device_status.report <> excluded.report \
             OR device_status.adopted <> excluded.adopted OR device_status.committed <> excluded.committed \
             OR device_status.phase <> excluded.phase OR device_status.health <> excluded.health)";
        let written = self
            .of_devices(scope, "device_status", COLUMNS, rows, update)
            .await?;
        if written > 0 {
            self.wake_planner(scope.only());
        }
        Ok(written)
    }

    /// Notes when devices of the scope were heard of; the later time stays. How many rows were written. One device may be in
    /// a batch only once.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn put_last_seen(&mut self, scope: &Scope, seen: &[LastSeen]) -> Result<u64, Error> {
        limit("devices of a batch", seen.len(), BATCH_MAX)?;
        let rows = seen
            .iter()
            .map(|seen| vec![seen.device.arg(), seen.at_ms.arg()])
            .collect();
        let update = " ON CONFLICT (device) DO UPDATE SET at_ms = excluded.at_ms \
             WHERE last_seen.at_ms < excluded.at_ms";
        self.of_devices(scope, "last_seen", &["device", "at_ms"], rows, update)
            .await
    }

    /// The tenants of those devices of a batch that were never heard of, or not for so long before.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn silent(
        &mut self,
        scope: &Scope,
        seen: &[LastSeen],
        silence_ms: i64,
    ) -> Result<BTreeSet<TenantId>, Error> {
        limit("devices of a batch", seen.len(), BATCH_MAX)?;
        let is_postgres = self.connection().is_postgres();
        let rows = seen
            .iter()
            .map(|seen| vec![seen.device.arg(), seen.at_ms.arg()])
            .collect();
        let mut tenants = BTreeSet::new();
        for piece in pieces(is_postgres, 2, rows) {
            let mut statement = Statement::new("SELECT DISTINCT devices.tenant FROM ");
            statement
                .relation(is_postgres, &["device", "at_ms"], piece)
                .push(
                    " CROSS JOIN devices LEFT JOIN last_seen ON last_seen.device = devices.id \
                     WHERE devices.id = x.device \
                     AND (last_seen.at_ms IS NULL OR x.at_ms - last_seen.at_ms >= ",
                )
                .bind(&silence_ms)
                .push(") AND ");
            scope.condition(&mut statement, "devices.tenant");
            for row in self.connection().rows(statement).await? {
                tenants.insert(row.column(0)?);
            }
        }
        Ok(tenants)
    }

    /// Inserts rows that belong to devices, whose tenant they get; those of other devices than the scope's are left out.
    /// The first column is the device.
    pub(crate) async fn of_devices(
        &mut self,
        scope: &Scope,
        table: &str,
        columns: &[&str],
        mut rows: Vec<Vec<Arg>>,
        update: &str,
    ) -> Result<u64, Error> {
        let is_postgres = self.connection().is_postgres();
        let mut touched = 0;
        in_order(&mut rows);
        for piece in pieces(is_postgres, columns.len(), rows) {
            let statement = insert_of_devices(is_postgres, scope, table, columns, piece, update);
            touched += self.connection().run(statement).await?;
        }
        Ok(touched)
    }
}

/// Inserts a piece of rows that belong to devices, with the devices' tenants.
pub(crate) fn insert_of_devices(
    is_postgres: bool,
    scope: &Scope,
    table: &str,
    columns: &[&str],
    piece: Vec<Vec<Arg>>,
    update: &str,
) -> Statement {
    let second = columns.get(1).copied().unwrap_or("device");
    let mut statement = Statement::new("INSERT INTO ");
    statement
        .push(table)
        .push(" (tenant, ")
        .push(&columns.join(", "))
        .push(") SELECT devices.tenant");
    for column in columns {
        statement.push(", x.").push(column);
    }
    statement
        .push(" FROM ")
        .relation(is_postgres, columns, piece);
    statement.push(OF_DEVICES);
    scope.condition(&mut statement, "devices.tenant");
    if is_postgres {
        // A join may change the order.
        statement.push(" ORDER BY x.device, x.").push(second);
    }
    statement.push(update);
    statement
}
