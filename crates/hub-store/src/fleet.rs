//! Lists of devices, by what operators ask for.

use std::collections::BTreeMap;

use crate::record::{Listed, PAGE_ROWS_MAX, Page, limit};
use crate::sql::{Column, Row, Statement};
use crate::{
    DeploymentId, Device, DeviceId, DeviceState, DeviceStatus, Error, Label, Read, Record, Scope,
    TenantId, status,
};

/// Tests of labels in one filter at most.
const TESTS_MAX: usize = 32;
/// Values of one test at most.
const VALUES_MAX: usize = 100;

/// Devices of which all of this is true.
#[derive(Clone, Debug, Default)]
pub struct DeviceFilter {
    /// Of this tenant only.
    pub tenant: Option<TenantId>,
    /// What their labels are.
    pub labels: Vec<LabelTest>,
    /// In one of these states; empty: in any.
    pub states: Vec<DeviceState>,
    /// Of this hardware type.
    pub model: Option<String>,
    /// With this in the name, the serial or the fingerprint, whether letters are large or small; in SQLite
    /// that is so for those of ASCII.
    pub text: Option<String>,
    /// Which have committed their desired state, or have not.
    pub is_up_to_date: Option<bool>,
    /// With this health in the last report.
    pub health: Option<String>,
    /// In this phase in the last report.
    pub phase: Option<String>,
    /// Which are held.
    pub is_held: Option<bool>,
    /// Which are to have this deployment.
    pub deployment: Option<DeploymentId>,
    /// Which were last heard of before this time, or never.
    pub not_seen_since_ms: Option<i64>,
}

/// What a label is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelTest {
    /// There is one of this key and value.
    Is(String, String),
    /// There is one of this key with one of these values.
    In(String, Vec<String>),
    /// There is none of this key with one of these values.
    NotIn(String, Vec<String>),
    /// There is one of this key.
    Exists(String),
    /// There is none of this key.
    Absent(String),
}

/// A device of a list, with what is known of it.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// The device.
    pub device: Device,
    /// Its labels, in the order of their keys.
    pub labels: Vec<Label>,
    /// The version of its desired state; none: it never had one.
    pub desired: Option<u64>,
    /// What it last reported.
    pub status: Option<DeviceStatus>,
    /// When it was last heard of.
    pub seen_ms: Option<i64>,
}

const JOINS: &str = " FROM devices \
     LEFT JOIN device_states ON device_states.device = devices.id \
     LEFT JOIN device_status ON device_status.device = devices.id \
     LEFT JOIN last_seen ON last_seen.device = devices.id WHERE ";

impl LabelTest {
    fn append(&self, statement: &mut Statement) -> Result<(), Error> {
        let (is_there, key, values): (bool, &String, &[String]) = match self {
            Self::Is(key, value) => (true, key, std::slice::from_ref(value)),
            Self::In(key, values) => (true, key, values),
            Self::NotIn(key, values) => (false, key, values),
            Self::Exists(key) => return Self::exists(statement, true, key).map(drop),
            Self::Absent(key) => return Self::exists(statement, false, key).map(drop),
        };
        limit("values of a label's test", values.len(), VALUES_MAX)?;
        if values.is_empty() {
            statement.push(if is_there { " AND 1 = 0" } else { "" });
            return Ok(());
        }
        let start = if is_there {
            " AND EXISTS"
        } else {
            " AND NOT EXISTS"
        };
        statement
            .push(start)
            .push(" (SELECT 1 FROM device_labels WHERE device = devices.id AND label = ");
        statement
            .bind(key)
            .push(" AND value IN (")
            .bind_all(values.iter().map(Column::arg))
            .push("))");
        Ok(())
    }

    fn exists<'s>(
        statement: &'s mut Statement,
        is_there: bool,
        key: &String,
    ) -> Result<&'s mut Statement, Error> {
        let start = if is_there {
            " AND EXISTS"
        } else {
            " AND NOT EXISTS"
        };
        statement
            .push(start)
            .push(" (SELECT 1 FROM device_labels WHERE device = devices.id AND label = ");
        Ok(statement.bind(key).push(")"))
    }
}

impl DeviceFilter {
    fn append(&self, statement: &mut Statement) -> Result<(), Error> {
        limit("tests of labels", self.labels.len(), TESTS_MAX)?;
        for test in &self.labels {
            test.append(statement)?;
        }
        if let Some(tenant) = &self.tenant {
            statement.push(" AND devices.tenant = ").bind(tenant);
        }
        if !self.states.is_empty() {
            statement
                .push(" AND devices.state IN (")
                .bind_all(self.states.iter().map(Column::arg))
                .push(")");
        }
        if let Some(model) = &self.model {
            statement.push(" AND devices.model = ").bind(model);
        }
        self.append_text(statement);
        self.append_reported(statement);
        if let Some(is_held) = &self.is_held {
            statement.push(" AND devices.is_held = ").bind(is_held);
        }
        if let Some(deployment) = &self.deployment {
            statement.push(" AND EXISTS (SELECT 1 FROM assignments WHERE device = devices.id AND deployment = ");
            statement.bind(deployment).push(")");
        }
        Ok(())
    }

    fn append_text(&self, statement: &mut Statement) {
        let Some(text) = &self.text else { return };
        let pattern = pattern(text);
        let columns = [
            "devices.name",
            "COALESCE(devices.serial, '')",
            "devices.fingerprint",
        ];
        for (index, column) in columns.iter().enumerate() {
            statement.push(if index == 0 {
                " AND (LOWER("
            } else {
                " OR LOWER("
            });
            statement
                .push(column)
                .push(") LIKE LOWER(")
                .bind(&pattern)
                .push(") ESCAPE '!'");
        }
        statement.push(")");
    }

    fn append_reported(&self, statement: &mut Statement) {
        for (column, value) in [("health", &self.health), ("phase", &self.phase)] {
            if let Some(value) = value {
                statement
                    .push(" AND device_status.")
                    .push(column)
                    .push(" = ")
                    .bind(value);
            }
        }
        if let Some(is_up_to_date) = self.is_up_to_date {
            statement.push(" AND COALESCE(device_states.version, 0) ");
            statement
                .push(if is_up_to_date { "<=" } else { ">" })
                .push(" COALESCE(device_status.committed, 0)");
        }
        if let Some(since_ms) = &self.not_seen_since_ms {
            statement
                .push(" AND (last_seen.at_ms IS NULL OR last_seen.at_ms < ")
                .bind(since_ms)
                .push(")");
        }
    }
}

/// The pattern of what contains a text.
fn pattern(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

impl Read {
    /// Reads a part of the devices that a filter lets through.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn devices(
        &mut self,
        scope: &Scope,
        filter: &DeviceFilter,
        page: &Page,
    ) -> Result<Listed<DeviceRow>, Error> {
        let mut statement = Statement::new("SELECT ").rare();
        for column in Device::COLUMNS {
            statement.push("devices.").push(column).push(", ");
        }
        statement.push("device_states.version, last_seen.at_ms");
        for column in status::COLUMNS {
            statement.push(", device_status.").push(column);
        }
        statement.push(JOINS);
        scope.condition(&mut statement, "devices.tenant");
        filter.append(&mut statement)?;
        page.append(&mut statement, "devices.id");
        let rows = self.connection().rows(statement).await?;
        let items = rows.iter().map(read_row).collect::<Result<_, Error>>()?;
        let mut listed = Listed::cut(items, page, |row: &DeviceRow| row.device.id.to_string());
        self.add_labels_to(scope, &mut listed.items).await?;
        Ok(listed)
    }

    /// Reads all devices that a filter lets through, in the order of their ids: for plans, not for lists that people read.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn all_devices(
        &mut self,
        scope: &Scope,
        filter: &DeviceFilter,
    ) -> Result<Vec<DeviceRow>, Error> {
        let mut page = Page::first(PAGE_ROWS_MAX);
        let mut found = Vec::new();
        loop {
            let listed = self.devices(scope, filter, &page).await?;
            found.extend(listed.items);
            page.after = listed.next;
            if page.after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Counts the devices that a filter lets through.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn count_devices(
        &mut self,
        scope: &Scope,
        filter: &DeviceFilter,
    ) -> Result<u64, Error> {
        let mut statement = Statement::new("SELECT COUNT(*)").rare();
        statement.push(JOINS);
        scope.condition(&mut statement, "devices.tenant");
        filter.append(&mut statement)?;
        self.number(statement).await
    }

    /// Counts devices by state and health: `("active", "ok", 41)`; the health of those that never reported is empty.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn device_summary(
        &mut self,
        scope: &Scope,
    ) -> Result<Vec<(DeviceState, String, u64)>, Error> {
        let mut statement = Statement::new(
            "SELECT devices.state, COALESCE(device_status.health, ''), COUNT(*) FROM devices \
             LEFT JOIN device_status ON device_status.device = devices.id WHERE ",
        );
        scope.condition(&mut statement, "devices.tenant");
        statement.push(" GROUP BY 1, 2 ORDER BY 1, 2");
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.column(0)?, row.column(1)?, row.column(2)?)))
            .collect()
    }

    async fn add_labels_to(&mut self, scope: &Scope, rows: &mut [DeviceRow]) -> Result<(), Error> {
        let devices: Vec<DeviceId> = rows.iter().map(|row| row.device.id).collect();
        let mut labels: BTreeMap<DeviceId, Vec<Label>> = BTreeMap::new();
        for (device, label) in self.labels_where(scope, Some(&devices)).await? {
            labels.entry(device).or_default().push(label);
        }
        for row in rows {
            row.labels = labels.remove(&row.device.id).unwrap_or_default();
        }
        Ok(())
    }
}

fn read_row(row: &Row) -> Result<DeviceRow, Error> {
    let next = Device::COLUMNS.len();
    let reported: Option<DeviceId> = row.column(next + 2)?;
    Ok(DeviceRow {
        device: Device::read(row, 0)?,
        labels: Vec::new(),
        desired: row.column(next)?,
        seen_ms: row.column(next + 1)?,
        status: reported
            .map(|_| DeviceStatus::read(row, next + 2))
            .transpose()?,
    })
}
