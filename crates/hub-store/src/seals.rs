//! Secrets as they were sealed for devices: sealing again would give other bytes, and with them another state.

use std::collections::BTreeSet;

use crate::sql::{Column, Statement};
use crate::{DeviceId, Error, Read, Scope, SecretId, Write};

/// Devices of one question at most.
const DEVICES_MAX: usize = 1000;

/// A secret that was sealed for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// For which device.
    pub device: DeviceId,
    /// Which secret.
    pub secret: SecretId,
    /// The number of its value.
    pub number: u64,
    /// The fingerprint of the key that it was sealed for.
    pub fingerprint: String,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

impl Read {
    /// Reads what was sealed for these devices, of which there are 1000 at most.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn seals(
        &mut self,
        scope: &Scope,
        devices: &[DeviceId],
    ) -> Result<Vec<Sealed>, Error> {
        crate::record::limit("devices of a question", devices.len(), DEVICES_MAX)?;
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = Statement::new(
            "SELECT device, secret, number, fingerprint, sealed FROM seals WHERE device IN (",
        )
        .rare();
        statement
            .bind_all(devices.iter().map(Column::arg))
            .push(") AND ");
        scope.condition(&mut statement, "tenant");
        statement.push(" ORDER BY device, secret");
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(Sealed {
                    device: row.column(0)?,
                    secret: row.column(1)?,
                    number: row.column(2)?,
                    fingerprint: row.column(3)?,
                    sealed: row.column(4)?,
                })
            })
            .collect()
    }
}

impl Write {
    /// Keeps what was sealed for devices of the scope, in place of older values.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if a secret is not in the scope; the database's.
    pub async fn put_seals(&mut self, scope: &Scope, seals: &[Sealed]) -> Result<(), Error> {
        let secrets: BTreeSet<SecretId> = seals.iter().map(|sealed| sealed.secret).collect();
        for secret in secrets {
            self.require(scope, "secret", "secrets", secret.arg())
                .await?;
        }
        let rows = seals
            .iter()
            .map(|one| {
                vec![
                    one.device.arg(),
                    one.secret.arg(),
                    one.number.arg(),
                    one.fingerprint.arg(),
                    one.sealed.arg(),
                ]
            })
            .collect();
        let columns = ["device", "secret", "number", "fingerprint", "sealed"];
        let update = " ON CONFLICT (device, secret) DO UPDATE SET number = excluded.number, \
             fingerprint = excluded.fingerprint, sealed = excluded.sealed";
        self.of_devices(scope, "seals", &columns, rows, update)
            .await
            .map(drop)
    }
}
