//! What a rollout does with each device, and why.

use std::collections::BTreeSet;

use crate::record::{Listed, Page};
use crate::sql::{Arg, Column, Row, Statement};
use crate::{DeviceId, Error, Match, Read, Rollout, RolloutId, Scope, Write};

/// A device of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutDevice {
    /// Which rollout.
    pub rollout: RolloutId,
    /// Which device.
    pub device: DeviceId,
    /// Its wave, from 0; none: it is in no wave.
    pub wave: Option<u32>,
    /// Where it is: a word of the planner's.
    pub status: String,
    /// Why it is there, in words.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The version of the desired state that it was given for this.
    pub state_version: Option<u64>,
    /// The last change that the rollout made of it, and what came of it, as the executor writes it.
    pub attempt: Option<String>,
    /// When that was written.
    pub updated_ms: i64,
}

const COLUMNS: &[&str] = &[
    "device",
    "rollout",
    "wave",
    "status",
    "reason",
    "attempts",
    "state_version",
    "attempt",
    "updated_ms",
];

impl RolloutDevice {
    fn args(&self) -> Vec<Arg> {
        vec![
            self.device.arg(),
            self.rollout.arg(),
            self.wave.arg(),
            self.status.arg(),
            self.reason.arg(),
            self.attempts.arg(),
            self.state_version.arg(),
            self.attempt.arg(),
            self.updated_ms.arg(),
        ]
    }

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            device: row.column(0)?,
            rollout: row.column(1)?,
            wave: row.column(2)?,
            status: row.column(3)?,
            reason: row.column(4)?,
            attempts: row.column(5)?,
            state_version: row.column(6)?,
            attempt: row.column(7)?,
            updated_ms: row.column(8)?,
        })
    }
}

fn select(columns: &str, scope: &Scope, rollout: RolloutId) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement
        .push(columns)
        .push(" FROM rollout_devices WHERE rollout = ")
        .bind(&rollout)
        .push(" AND ");
    scope.condition(&mut statement, "tenant");
    statement
}

impl Read {
    /// Reads a part of a rollout's devices, in the order of their ids; those with this status, if one is given.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn rollout_devices(
        &mut self,
        scope: &Scope,
        rollout: RolloutId,
        status: Option<&str>,
        page: &Page,
    ) -> Result<Listed<RolloutDevice>, Error> {
        let mut statement = select(&COLUMNS.join(", "), scope, rollout);
        if let Some(status) = status {
            statement.push(" AND status = ").bind(&status.to_owned());
        }
        page.append(&mut statement, "device");
        let rows = self.connection().rows(statement).await?;
        let items = rows
            .iter()
            .map(RolloutDevice::read)
            .collect::<Result<_, Error>>()?;
        Ok(Listed::cut(items, page, |device: &RolloutDevice| {
            device.device.to_string()
        }))
    }

    /// Reads all of a rollout's devices, in the order of their ids.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn all_rollout_devices(
        &mut self,
        scope: &Scope,
        rollout: RolloutId,
    ) -> Result<Vec<RolloutDevice>, Error> {
        let mut statement = select(&COLUMNS.join(", "), scope, rollout);
        statement.push(" ORDER BY device");
        self.connection()
            .rows(statement)
            .await?
            .iter()
            .map(RolloutDevice::read)
            .collect()
    }

    /// Counts a rollout's devices by status.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn count_rollout_devices(
        &mut self,
        scope: &Scope,
        rollout: RolloutId,
    ) -> Result<Vec<(String, u64)>, Error> {
        let mut statement = select("status, COUNT(*)", scope, rollout);
        statement.push(" GROUP BY status ORDER BY status");
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.column(0)?, row.column(1)?)))
            .collect()
    }

    /// Reads the rollouts that are to be looked at by now.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn due_rollouts(
        &mut self,
        scope: &Scope,
        now_ms: i64,
    ) -> Result<Vec<Rollout>, Error> {
        self.all(scope, &[Match::at_most("next_ms", &now_ms)]).await
    }
}

impl Write {
    /// The changes that rollouts made of a device are in this version of its state, and in none before it.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn raise_state_versions(
        &mut self,
        scope: &Scope,
        device: DeviceId,
        version: u64,
    ) -> Result<(), Error> {
        let mut statement = Statement::new("UPDATE rollout_devices SET state_version = ");
        statement
            .bind(&version)
            .push(" WHERE state_version IS NOT NULL AND device = ")
            .bind(&device)
            .push(" AND ");
        scope.condition(&mut statement, "tenant");
        self.connection().run(statement).await?;
        Ok(())
    }

    /// Writes what a rollout does with devices, where it says something else than before; how many rows were written. Others
    /// than the scope's devices are left out.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if a rollout is not in the scope, and the database's.
    pub async fn put_rollout_devices(
        &mut self,
        scope: &Scope,
        devices: &[RolloutDevice],
    ) -> Result<u64, Error> {
        let rollouts: BTreeSet<RolloutId> = devices.iter().map(|device| device.rollout).collect();
        for rollout in rollouts {
            self.require(scope, "rollout", "rollouts", rollout.arg())
                .await?;
        }
        let rows = devices.iter().map(RolloutDevice::args).collect();
        let update = " ON CONFLICT (rollout, device) DO UPDATE SET wave = excluded.wave, status = excluded.status, \
             reason = excluded.reason, attempts = excluded.attempts, state_version = excluded.state_version, attempt = excluded.attempt, \
             updated_ms = excluded.updated_ms \
             WHERE rollout_devices.status <> excluded.status OR rollout_devices.reason <> excluded.reason \
             OR rollout_devices.attempts <> excluded.attempts \
             OR COALESCE(rollout_devices.wave, -1) <> COALESCE(excluded.wave, -1) \
             OR COALESCE(rollout_devices.state_version, -1) <> COALESCE(excluded.state_version, -1) \
             OR COALESCE(rollout_devices.attempt, '') <> COALESCE(excluded.attempt, '')";
        self.of_devices(scope, "rollout_devices", COLUMNS, rows, update)
            .await
    }
}
