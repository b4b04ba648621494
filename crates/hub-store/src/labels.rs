//! Labels of devices: those that operators give, and those that devices set themselves.

use crate::record::{PAGE_ROWS_MAX, limit};
use crate::sql::{Column, Statement};
use crate::{Audit, DeviceId, Error, Read, Scope, TenantId, Write};

/// Labels of one device and one origin at most.
const LABELS_MAX: usize = 256;

/// A label of a device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// Its key; a device's own begin with `device/`.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Whether the device set it itself.
    pub is_own: bool,
}

impl Read {
    /// Reads a device's labels, in the order of their keys.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn labels(&mut self, scope: &Scope, device: DeviceId) -> Result<Vec<Label>, Error> {
        Ok(self
            .labels_where(scope, Some(&[device]))
            .await?
            .into_iter()
            .map(|(_, label)| label)
            .collect())
    }

    /// Reads the labels of these devices, of which there are 1000 at most, in the order of devices and keys.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn labels_of(
        &mut self,
        scope: &Scope,
        devices: &[DeviceId],
    ) -> Result<Vec<(DeviceId, Label)>, Error> {
        limit(
            "devices of a question",
            devices.len(),
            PAGE_ROWS_MAX as usize,
        )?;
        self.labels_where(scope, Some(devices)).await
    }

    /// Reads the labels of all devices, in the order of devices and keys.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn all_labels(&mut self, scope: &Scope) -> Result<Vec<(DeviceId, Label)>, Error> {
        self.labels_where(scope, None).await
    }

    pub(crate) async fn labels_where(
        &mut self,
        scope: &Scope,
        devices: Option<&[DeviceId]>,
    ) -> Result<Vec<(DeviceId, Label)>, Error> {
        let mut statement =
            Statement::new("SELECT device, label, value, is_own FROM device_labels WHERE ");
        scope.condition(&mut statement, "tenant");
        if let Some(devices) = devices {
            if devices.is_empty() {
                return Ok(Vec::new());
            }
            statement
                .push(" AND device IN (")
                .bind_all(devices.iter().map(Column::arg))
                .push(")");
        }
        statement.push(" ORDER BY device, label");
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| {
                let label = Label {
                    key: row.column(1)?,
                    value: row.column(2)?,
                    is_own: row.column(3)?,
                };
                Ok((row.column(0)?, label))
            })
            .collect()
    }
}

impl Write {
    /// Makes these the labels that operators gave a device; its own stay.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the device is not in the scope; [`Error::Limit`]; [`Error::Exists`] if a key is there twice.
    pub async fn set_labels(
        &mut self,
        scope: &Scope,
        device: DeviceId,
        labels: &[(String, String)],
        audit: &Audit,
    ) -> Result<(), Error> {
        let tenant = self.replace_labels(scope, device, labels, false).await?;
        self.tell(tenant, audit);
        Ok(())
    }

    /// Makes these the labels that a device set itself; the operators' stay.
    ///
    /// # Errors
    ///
    /// As [`Write::set_labels`].
    pub async fn set_own_labels(
        &mut self,
        scope: &Scope,
        device: DeviceId,
        labels: &[(String, String)],
    ) -> Result<(), Error> {
        self.replace_labels(scope, device, labels, true)
            .await
            .map(drop)
    }

    /// Gives devices labels beside those that they have, as operators: for many devices at once. Those of other devices
    /// than the scope's are left out.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn add_labels(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        labels: &[(DeviceId, String, String)],
        audit: &Audit,
    ) -> Result<u64, Error> {
        let rows = labels
            .iter()
            .map(|(device, key, value)| vec![device.arg(), key.arg(), value.arg(), false.arg()])
            .collect();
        let update = " ON CONFLICT (device, label) DO UPDATE SET value = excluded.value \
             WHERE device_labels.is_own = 0";
        let columns = ["device", "label", "value", "is_own"];
        let touched = self
            .of_devices(scope, "device_labels", &columns, rows, update)
            .await?;
        self.audit(scope, tenant, audit).await?;
        // The devices may be of tenants below.
        self.wake_planner(scope.only());
        Ok(touched)
    }

    async fn replace_labels(
        &mut self,
        scope: &Scope,
        device: DeviceId,
        labels: &[(String, String)],
        is_own: bool,
    ) -> Result<TenantId, Error> {
        limit("labels of a device", labels.len(), LABELS_MAX)?;
        let tenant = self.tenant_of(scope, device).await?;
        let mut statement = Statement::new("DELETE FROM device_labels WHERE device = ");
        statement.bind(&device).push(" AND is_own = ").bind(&is_own);
        self.connection().run(statement).await?;
        let rows = labels
            .iter()
            .map(|(key, value)| {
                vec![
                    tenant.arg(),
                    device.arg(),
                    key.arg(),
                    value.arg(),
                    is_own.arg(),
                ]
            })
            .collect();
        let columns = ["tenant", "device", "label", "value", "is_own"];
        self.bulk("device_labels", &columns, rows, "").await?;
        self.wake_planner(Some(tenant));
        Ok(tenant)
    }
}

impl Read {
    /// Whose a device is.
    pub(crate) async fn tenant_of(
        &mut self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<TenantId, Error> {
        let mut statement = Statement::new("SELECT tenant FROM devices WHERE id = ");
        statement.bind(&device).push(" AND ");
        scope.condition(&mut statement, "tenant");
        let row = self.connection().row(statement).await?;
        row.ok_or(Error::NotFound { what: "device" })?.column(0)
    }
}
