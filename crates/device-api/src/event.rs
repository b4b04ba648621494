//! What happens on the device.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Counts from 1 in each life of the daemon; a gap means that events were lost.
    pub sequence: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// The container's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The container's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The app's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// More: `exit_code`, `reason`, `grant`, `limit`, `after_ms`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// What happened.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The daemon is ready.
    DaemonReady,
    /// The daemon is going down.
    DaemonStopping,
    /// The daemon failed before and was started again.
    DaemonRecovered,
    /// A container was made.
    Create,
    /// It was started.
    Start,
    /// It was asked to stop.
    Stop,
    /// It was killed.
    Kill,
    /// It was paused.
    Pause,
    /// It goes on.
    Unpause,
    /// Its run ended.
    End,
    /// It will be started again.
    Restart,
    /// It fails again and again.
    CrashLoop,
    /// It failed too often and is left as it is.
    GiveUp,
    /// Its health changed.
    Health,
    /// It was refused something for want of a grant.
    Refused,
    /// It met a limit.
    Limit,
    /// It was changed.
    Update,
    /// It was removed.
    Remove,
    /// An app was brought to what was declared.
    AppUp,
    /// An app was taken down.
    AppDown,
    /// A bridge to a broker changed its state.
    Bridge,
    /// Something was found damaged and set aside.
    Damaged,
}
