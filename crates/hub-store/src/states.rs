//! Desired states of devices: each device has one, with a version that only rises.

use crate::bulk::{OF_DEVICES, in_order, pieces};
use crate::record::limit;
use crate::sql::{Arg, Column, Row, Statement};
use crate::{Audit, DeviceId, Error, Read, Scope, TenantId, Write};

/// States of one transaction at most: they wait in memory for its end.
const STATES_MAX: usize = 200_000;
/// Rows of a part of all.
const PART_ROWS: u64 = 10_000;
/// Devices of one question at most.
const DEVICES_MAX: usize = 1000;

/// A state to publish.
#[derive(Clone, Debug)]
pub struct NewState {
    /// Whose.
    pub device: DeviceId,
    /// Greater than the one it has.
    pub version: u64,
    /// The SHA-256 of the payload.
    pub digest: [u8; 32],
    /// What is signed when the device fetches it.
    pub payload: Vec<u8>,
    /// When.
    pub at_ms: i64,
}

/// A state as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// Whose, and which.
    pub version: DeviceVersion,
    /// What is signed when the device fetches it.
    pub payload: Vec<u8>,
    /// When it was published.
    pub at_ms: i64,
}

/// Which state a device is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceVersion {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its version.
    pub version: u64,
    /// The SHA-256 of its payload.
    pub digest: [u8; 32],
}

impl Column for [u8; 32] {
    fn arg(&self) -> Arg {
        Arg::Bytes(Some(self.to_vec()))
    }

    fn read(row: &Row, index: usize) -> Result<Self, Error> {
        Self::read_option(row, index)?.ok_or_else(|| row.corrupt(index, &"null"))
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>, Error> {
        row.bytes_option(index)?
            .map(|bytes| {
                Self::try_from(bytes.as_slice()).map_err(|error| row.corrupt(index, &error))
            })
            .transpose()
    }

    fn none() -> Arg {
        Arg::Bytes(None)
    }
}

fn read_version(row: &Row) -> Result<DeviceVersion, Error> {
    Ok(DeviceVersion {
        device: row.column(0)?,
        tenant: row.column(1)?,
        version: row.column(2)?,
        digest: row.column(3)?,
    })
}

fn select(columns: &str, scope: &Scope) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement.push(columns).push(" FROM device_states WHERE ");
    scope.condition(&mut statement, "tenant");
    statement
}

impl Read {
    /// Reads a device's desired state; none: it never had one.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn state(
        &mut self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Option<StoredState>, Error> {
        let mut statement = select("device, tenant, version, digest, payload, at_ms", scope);
        statement.push(" AND device = ").bind(&device);
        let Some(row) = self.connection().row(statement).await? else {
            return Ok(None);
        };
        Ok(Some(StoredState {
            version: read_version(&row)?,
            payload: row.column(4)?,
            at_ms: row.column(5)?,
        }))
    }

    /// Reads the desired states of these devices, of which there are 1000 at most; devices without one are left out.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn states_of(
        &mut self,
        scope: &Scope,
        devices: &[DeviceId],
    ) -> Result<Vec<StoredState>, Error> {
        limit("devices of a question", devices.len(), DEVICES_MAX)?;
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = select("device, tenant, version, digest, payload, at_ms", scope).rare();
        statement
            .push(" AND device IN (")
            .bind_all(devices.iter().map(Column::arg))
            .push(")");
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(StoredState {
                    version: read_version(row)?,
                    payload: row.column(4)?,
                    at_ms: row.column(5)?,
                })
            })
            .collect()
    }

    /// Reads which states all devices are to have.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn device_versions(&mut self, scope: &Scope) -> Result<Vec<DeviceVersion>, Error> {
        let statement = select("device, tenant, version, digest", scope);
        self.versions(statement).await
    }

    /// Reads which states devices are to have, the next 10,000 in the order of ids after this one; fewer are the last.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn device_versions_after(
        &mut self,
        scope: &Scope,
        after: Option<DeviceId>,
    ) -> Result<Vec<DeviceVersion>, Error> {
        let mut statement = select("device, tenant, version, digest", scope);
        if let Some(after) = after {
            statement.push(" AND device > ").bind(&after);
        }
        statement.push(" ORDER BY device LIMIT ").bind(&PART_ROWS);
        self.versions(statement).await
    }

    /// Reads which states these devices are to have, of which there are 1000 at most; devices without one are left out.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn device_versions_of(
        &mut self,
        scope: &Scope,
        devices: &[DeviceId],
    ) -> Result<Vec<DeviceVersion>, Error> {
        limit("devices of a question", devices.len(), DEVICES_MAX)?;
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = select("device, tenant, version, digest", scope).rare();
        statement
            .push(" AND device IN (")
            .bind_all(devices.iter().map(Column::arg))
            .push(")");
        self.versions(statement).await
    }

    async fn versions(&mut self, statement: Statement) -> Result<Vec<DeviceVersion>, Error> {
        let rows = self.connection().rows(statement).await?;
        rows.iter().map(read_version).collect()
    }

    pub(crate) async fn device_versions_since(
        &mut self,
        scope: &Scope,
        sequence: u64,
    ) -> Result<Vec<DeviceVersion>, Error> {
        let mut statement = select("device, tenant, version, digest", scope);
        statement.push(" AND change_sequence > ").bind(&sequence);
        self.versions(statement).await
    }
}

impl Write {
    /// Publishes states, at most 200,000 in one transaction. They are written when it is committed, which fails with
    /// [`Error::Conflict`] if one of the devices has that version or a later one, and with [`Error::NotFound`] if one is not in
    /// the scope. All nodes are woken.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`].
    pub fn publish_states(
        &mut self,
        scope: &Scope,
        states: Vec<NewState>,
        audit: &Audit,
    ) -> Result<(), Error> {
        limit(
            "states of a transaction",
            self.states.len() + states.len(),
            STATES_MAX,
        )?;
        if audit.is_part() {
            self.tell(TenantId::HUB, audit);
        } else {
            let tenant = scope.tenant().unwrap_or(TenantId::HUB);
            self.tell(tenant, audit);
        }
        self.states
            .extend(states.into_iter().map(|state| (scope.clone(), state)));
        Ok(())
    }

    /// Writes the states that were published, under this number of change.
    pub(crate) async fn keep_states(&mut self, sequence: u64) -> Result<(), Error> {
        let mut states = std::mem::take(&mut self.states).into_iter().peekable();
        while let Some((scope, first)) = states.next() {
            let mut rows = vec![row(first)];
            while let Some((_, state)) = states.next_if(|(other, _)| *other == scope) {
                rows.push(row(state));
            }
            self.upsert_states(&scope, rows, sequence).await?;
        }
        Ok(())
    }

    async fn upsert_states(
        &mut self,
        scope: &Scope,
        mut rows: Vec<Vec<Arg>>,
        sequence: u64,
    ) -> Result<(), Error> {
        const COLUMNS: &[&str] = &["device", "version", "digest", "payload", "at_ms"];
        let is_postgres = self.connection().is_postgres();
        in_order(&mut rows);
        for piece in pieces(is_postgres, COLUMNS.len(), rows) {
            let wanted = piece.len() as u64;
            let devices: Vec<Arg> = piece
                .iter()
                .filter_map(|row| row.first().cloned())
                .collect();
            let mut statement = Statement::new(
                "INSERT INTO device_states (device, tenant, version, digest, payload, at_ms, change_sequence) \
                 SELECT x.device, devices.tenant, x.version, x.digest, x.payload, x.at_ms, ",
            );
            // PostgreSQL would take a bare parameter for text.
            statement
                .push("CAST(")
                .bind(&sequence)
                .push(" AS BIGINT) FROM ");
            statement.relation(is_postgres, COLUMNS, piece);
            statement.push(OF_DEVICES);
            scope.condition(&mut statement, "devices.tenant");
            statement.push(
                " ON CONFLICT (device) DO UPDATE SET version = excluded.version, digest = excluded.digest, \
                 payload = excluded.payload, at_ms = excluded.at_ms, change_sequence = excluded.change_sequence \
                 WHERE device_states.version < excluded.version",
            );
            if self.connection().run(statement).await? != wanted {
                self.require_devices(scope, devices).await?;
                return Err(Error::Conflict {
                    what: "desired state",
                });
            }
        }
        Ok(())
    }

    /// Finds out that all of these devices are in the scope.
    pub(crate) async fn require_devices(
        &mut self,
        scope: &Scope,
        mut devices: Vec<Arg>,
    ) -> Result<(), Error> {
        let is_postgres = self.connection().is_postgres();
        devices.sort_by(|one, other| match (one, other) {
            (Arg::Text(one), Arg::Text(other)) => one.cmp(other),
            _ => std::cmp::Ordering::Equal,
        });
        devices.dedup_by(
            |one, other| matches!((one, other), (Arg::Text(one), Arg::Text(other)) if one == other),
        );
        let rows = devices.into_iter().map(|device| vec![device]).collect();
        for piece in pieces(is_postgres, 1, rows) {
            let wanted = piece.len() as u64;
            let mut statement = Statement::new("SELECT COUNT(*) FROM ");
            statement.relation(is_postgres, &["device"], piece);
            statement.push(OF_DEVICES);
            scope.condition(&mut statement, "devices.tenant");
            if self.number(statement).await? != wanted {
                return Err(Error::NotFound { what: "device" });
            }
        }
        Ok(())
    }
}

fn row(state: NewState) -> Vec<Arg> {
    vec![
        state.device.arg(),
        state.version.arg(),
        state.digest.arg(),
        Arg::Bytes(Some(state.payload)),
        state.at_ms.arg(),
    ]
}
