//! How a container's run ended.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// What is known of a run after its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExitRecord {
    /// Why it ended.
    pub reason: EndReason,
    /// The exit code a process would have; never 0 for anything but a success.
    pub exit_code: i32,
    /// The trap, or whatever else there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The guest's frames, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
    /// Processor time it used.
    pub cpu_ns: u64,
    /// The most linear memory it had.
    pub memory_bytes_max: u64,
    /// Whether it was refused memory because of its limit.
    #[serde(default)]
    pub memory_refused: bool,
    /// The end of its output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_output: String,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// By itself.
    Exited,
    /// It did something that is not allowed.
    Trapped,
    /// It was stopped.
    Stopped,
    /// It was killed, by somebody or because its grace was over.
    Killed,
    /// It ran for longer than it was allowed to.
    TimedOut,
    /// It was unhealthy.
    Unhealthy,
    /// The device or the daemon went away while it ran.
    Interrupted,
    /// It could not be started.
    CannotStart,
    /// The daemon failed while it ran this container.
    HostFailure,
}

impl EndReason {
    /// The word that users read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Trapped => "trapped",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
            Self::TimedOut => "timed-out",
            Self::Unhealthy => "unhealthy",
            Self::Interrupted => "interrupted",
            Self::CannotStart => "cannot-start",
            Self::HostFailure => "host-failure",
        }
    }
}
