//! A container as the daemon knows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;
use crate::record::ExitRecord;
use crate::spec::ContainerSpec;
use crate::stats::Stats;

/// A container, with everything that is known of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Container {
    /// Its id: 16 hexadecimal digits, never used twice.
    pub id: String,
    /// Its name; another container may have it after this one was removed.
    pub name: String,
    /// The app it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The image it was made from.
    pub image: ImageIdentity,
    /// Where it is in its life.
    pub state: State,
    /// More about the state, for people: what it waits for, why it cannot start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How it is.
    pub health: HealthStatus,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it will be started again, if it waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_start_at: Option<Timestamp>,
    /// How often it was started again by itself.
    pub restarts: u32,
    /// Failures in a row.
    pub failures: u32,
    /// Whether it fails again and again.
    pub crash_loop: bool,
    /// How its last runs ended, the latest first, 10 at most.
    pub ends: Vec<ExitRecord>,
    /// What it uses.
    pub stats: Stats,
    /// What it was granted in the end.
    pub grants: Vec<String>,
    /// Grants that it wanted and did not have, as far as it has tried.
    pub refused: Vec<String>,
    /// What the image asked for and did not get, for people.
    pub unmet: Vec<String>,
    /// The addresses it listens on.
    pub listening: Vec<String>,
    /// What was declared.
    pub spec: ContainerSpec,
}

/// Which image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageIdentity {
    /// Its name as declared.
    pub reference: String,
    /// The digest of its manifest or index, which is what runs wherever the name points later.
    pub digest: String,
}

/// Where a container is in its life.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has not been started.
    Created,
    /// It is to run, and waits for others that it depends on.
    Waiting,
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It is kept from running.
    Paused,
    /// It was asked to stop.
    Stopping,
    /// It has ended and will be started again.
    Restarting,
    /// It ended by itself with exit code 0, or was stopped.
    Exited,
    /// It ended otherwise.
    Failed,
}

impl State {
    /// The word that users read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Failed => "failed",
        }
    }

    /// Whether there is a run that has not ended.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Running | Self::Paused | Self::Stopping
        )
    }
}

/// How a container is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthStatus {
    /// In a word.
    pub status: Health,
    /// What it said last, or what is wrong.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it last reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reported_at: Option<Timestamp>,
}

/// A container's health in a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It has not said, and need not.
    #[default]
    None,
    /// It has time until it must have reported.
    Starting,
    /// All is well.
    Healthy,
    /// It works, but not as it should.
    Degraded,
    /// It does not do its job, or is silent.
    Unhealthy,
}

impl Health {
    /// The word that users read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The answer to a container that was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Created {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the image asked for and did not get, and how it can be granted.
    pub unmet: Vec<String>,
    /// Anything else that is worth knowing, by topic.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}
