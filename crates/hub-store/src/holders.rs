//! Who holds devices.

use std::collections::HashMap;

use crate::record::limit;
use crate::sql::{Column, Statement};
use crate::{DeviceId, Error, Read, Scope, Write};

/// Devices of one question at most.
const DEVICES_MAX: usize = 1000;

impl Read {
    /// Reads who holds these devices, of which there are 1000 at most.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn holders(
        &mut self,
        scope: &Scope,
        devices: &[DeviceId],
    ) -> Result<HashMap<DeviceId, String>, Error> {
        limit("devices of a question", devices.len(), DEVICES_MAX)?;
        if devices.is_empty() {
            return Ok(HashMap::new());
        }
        let mut statement =
            Statement::new("SELECT device, actor FROM holders WHERE device IN (").rare();
        statement
            .bind_all(devices.iter().map(Column::arg))
            .push(") AND ");
        scope.condition(&mut statement, "tenant");
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.column(0)?, row.column(1)?)))
            .collect()
    }
}

impl Write {
    /// Keeps who holds a device of the scope; nobody, if none is given.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the device is not in the scope; the database's.
    pub async fn put_holder(
        &mut self,
        scope: &Scope,
        device: DeviceId,
        actor: Option<&str>,
    ) -> Result<(), Error> {
        self.require(scope, "device", "devices", device.arg())
            .await?;
        let Some(actor) = actor else {
            let mut statement = Statement::new("DELETE FROM holders WHERE device = ");
            statement.bind(&device);
            self.connection().run(statement).await?;
            return Ok(());
        };
        let row = vec![device.arg(), actor.to_owned().arg()];
        let update = " ON CONFLICT (device) DO UPDATE SET actor = excluded.actor";
        self.of_devices(scope, "holders", &["device", "actor"], vec![row], update)
            .await
            .map(drop)
    }
}
