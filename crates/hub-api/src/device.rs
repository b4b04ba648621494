//! Devices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Timestamp, is_default};

/// Whether a device is one of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceState {
    /// Somebody has to approve it.
    Pending,
    /// It is.
    Active,
    /// It is not trusted any more.
    Revoked,
    /// It was taken out of service.
    Retired,
}

impl DeviceState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Revoked, Self::Retired];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Retired => "retired",
        }
    }
}

/// A device, as the hub knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is one of the fleet.
    pub state: DeviceState,
    /// Its hardware type.
    pub model: String,
    /// Its serial number.
    pub serial: String,
    /// What people compare before they approve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Its labels; `device/NAME` are those that it sets itself.
    pub labels: BTreeMap<String, String>,
    /// What it said that it is and offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub capabilities: Option<serde_json::Value>,
    /// Whether and how long nothing may change on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// When changes may begin; none means always.
    pub windows: Vec<Window>,
    /// The version that it is to have.
    pub desired_version: u64,
    /// The greatest version that it took.
    pub adopted_version: u64,
    /// The version that runs and was committed.
    pub committed_version: u64,
    /// What it reported about its deployments and itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub status: Option<serde_json::Value>,
    /// When it was last heard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<Timestamp>,
    /// When it came to the fleet.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Which change of it this is; the `ETag`.
    pub revision: u64,
}

/// Nothing changes on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Until when; absent means until it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    /// Every day, Monday first.
    pub const ALL: [Self; 7] = [
        Self::Mon,
        Self::Tue,
        Self::Wed,
        Self::Thu,
        Self::Fri,
        Self::Sat,
        Self::Sun,
    ];
}

/// A span of time that comes back every week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days on which it begins.
    pub days: Vec<Weekday>,
    /// When it begins, in the device's local time: `HH:MM`.
    pub begin: String,
    /// Minutes that it lasts, 1 to 1440.
    pub minutes: u16,
    /// Minutes by which the local time is ahead of UTC, -840 to 840.
    #[serde(default, skip_serializing_if = "is_default")]
    pub utc_offset_minutes: i16,
}

/// The windows of a device, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// When changes may begin; none means always.
    pub windows: Vec<Window>,
}

/// What is to be different about a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceChange {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels to set; those with `null` are removed; others stay. `device/…` belongs to the device.
    #[serde(default, skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, Option<String>>,
}

/// Why something is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Because {
    /// Why, for the audit trail.
    pub reason: String,
}

/// Asks a device for log lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogRequest {
    /// The container, `APP.NAME`.
    pub container: String,
    /// Lines at most, 1 to 1000.
    pub lines: u32,
}

/// Log lines that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogAnswer {
    /// The request's id.
    pub id: String,
    /// The container.
    pub container: String,
    /// What the device sent, each line `TIME STREAM TEXT` and a line feed, oldest first; absent until it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why there is none, or not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    /// When it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
}
