//! Devices as plans of rollouts need them: all of a tenant's at once, and no more of each than that.

use crate::bulk::pieces;
use crate::sql::{Column, Row, Statement};
use crate::{Audit, DeviceId, DeviceState, Error, Read, Scope, TenantId, Write};

/// Rows of one question.
const ROWS: u64 = 10_000;

/// An active device, as far as plans need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedDevice {
    /// Its id.
    pub id: DeviceId,
    /// What it is called.
    pub name: String,
    /// The hardware type.
    pub model: String,
    /// What it can do, as it said it.
    pub capabilities: Option<Vec<u8>>,
    /// Nothing is changed until the hold is taken back.
    pub is_held: bool,
    /// Nothing is changed before this time.
    pub hold_until_ms: Option<i64>,
    /// Why it is held.
    pub hold_reason: Option<String>,
    /// Who holds it, if that is known.
    pub holder: Option<String>,
    /// When it may be changed, as JSON.
    pub windows: String,
    /// How often in a row it failed.
    pub failures: u32,
    /// The version of its desired state; none: it never had one.
    pub desired: Option<u64>,
    /// When it was last heard of.
    pub seen_ms: Option<i64>,
    /// The summary of its last report says that it is not well, or at something.
    pub is_suspect: bool,
    /// What it last reported, if it was asked for.
    pub report: Option<Vec<u8>>,
}

/// Whose reports are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reports {
    /// Those of devices that are not well, or at something.
    OfSuspects,
    /// All.
    OfAll,
}

impl Read {
    /// Reads a tenant's active devices, in the order of their ids.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn planned_devices(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        reports: Reports,
    ) -> Result<Vec<PlannedDevice>, Error> {
        let mut devices: Vec<PlannedDevice> = Vec::new();
        loop {
            let after = devices.last().map(|device| device.id);
            let statement = select(scope, tenant, reports, after);
            let rows = self.connection().rows(statement).await?;
            for row in &rows {
                devices.push(read(row)?);
            }
            if (rows.len() as u64) < ROWS {
                return Ok(devices);
            }
        }
    }
}

impl Write {
    /// Counts one more failure of some devices of a tenant, and forgets those of others. Devices of other tenants stay as they
    /// are. It is a part of the change that another entry tells of.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn count_failures(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        failed: &[DeviceId],
        succeeded: &[DeviceId],
    ) -> Result<(), Error> {
        let is_postgres = self.connection().is_postgres();
        for (devices, count) in [(failed, "failures + 1"), (succeeded, "0")] {
            let rows = devices.iter().map(|device| vec![device.arg()]).collect();
            for piece in pieces(is_postgres, 1, rows) {
                let mut statement = Statement::new("UPDATE devices SET edition = edition + 1, ");
                statement
                    .push("failures = ")
                    .push(count)
                    .push(" WHERE id IN (SELECT device FROM ")
                    .relation(is_postgres, &["device"], piece)
                    .push(") AND tenant = ")
                    .bind(&tenant)
                    .push(" AND ");
                scope.condition(&mut statement, "tenant");
                self.connection().run(statement).await?;
            }
        }
        if !failed.is_empty() || !succeeded.is_empty() {
            self.tell(tenant, &Audit::part());
            self.wake_planner(Some(tenant));
        }
        Ok(())
    }
}

fn select(scope: &Scope, tenant: TenantId, reports: Reports, after: Option<DeviceId>) -> Statement {
    const SUSPECT: &str = "device_status.health <> 'ok' OR device_status.phase <> 'idle'";
    let mut statement = Statement::new(
        "SELECT devices.id, devices.name, devices.model, devices.capabilities, devices.is_held, \
         devices.hold_until_ms, devices.hold_reason, holders.actor, devices.windows, devices.failures, \
         device_states.version, last_seen.at_ms, CAST(CASE WHEN ",
    );
    statement
        .push(SUSPECT)
        .push(" THEN 1 ELSE 0 END AS BIGINT), ");
    match reports {
        Reports::OfAll => statement.push("device_status.report"),
        Reports::OfSuspects => statement
            .push("CASE WHEN ")
            .push(SUSPECT)
            .push(" THEN device_status.report END"),
    };
    statement.push(
        " FROM devices LEFT JOIN device_status ON device_status.device = devices.id \
         LEFT JOIN last_seen ON last_seen.device = devices.id \
         LEFT JOIN device_states ON device_states.device = devices.id \
         LEFT JOIN holders ON holders.device = devices.id WHERE devices.tenant = ",
    );
    statement
        .bind(&tenant)
        .push(" AND devices.state = ")
        .bind(&DeviceState::Active)
        .push(" AND ");
    scope.condition(&mut statement, "devices.tenant");
    if let Some(after) = after {
        statement.push(" AND devices.id > ").bind(&after);
    }
    statement.push(" ORDER BY devices.id LIMIT ").bind(&ROWS);
    statement
}

fn read(row: &Row) -> Result<PlannedDevice, Error> {
    Ok(PlannedDevice {
        id: row.column(0)?,
        name: row.column(1)?,
        model: row.column(2)?,
        capabilities: row.column(3)?,
        is_held: row.column(4)?,
        hold_until_ms: row.column(5)?,
        hold_reason: row.column(6)?,
        holder: row.column(7)?,
        windows: row.column(8)?,
        failures: row.column(9)?,
        desired: row.column(10)?,
        seen_ms: row.column(11)?,
        is_suspect: row.column(12)?,
        report: row.column(13)?,
    })
}
