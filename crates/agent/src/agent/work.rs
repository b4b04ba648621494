//! What the agent is at.

use alloc::boxed::Box;
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::manifest::Blob;
use thimble_protocol::{DeploymentId, Manifest};

use crate::action::Ticket;
use crate::kept::Version;

/// What the agent is at.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Nothing is to be done now.
    Idle,
    /// Changes are made ready. Nothing is stopped.
    Preparing(Box<Preparing>),
    /// Changes are carried out, watched, or taken back.
    Executing(Box<Executing>),
}

/// An open ticket.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) ticket: Ticket,
    pub(super) doing: Doing,
    /// When the answer is no longer waited for.
    pub(super) until_ms: Option<u64>,
}

/// What a ticket stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Load {
        deployment: DeploymentId,
        digest: Digest,
    },
    Fetch {
        deployment: DeploymentId,
    },
    Measure,
    Verify {
        deployment: DeploymentId,
    },
    Ask {
        deployment: DeploymentId,
    },
    Stop {
        deployment: DeploymentId,
    },
    Remove {
        deployment: DeploymentId,
    },
    Apply {
        deployment: DeploymentId,
    },
}

/// A round of changes that is made ready.
#[derive(Clone, Debug)]
pub(super) struct Preparing {
    pub(super) step: Step,
    /// Those before come first, once they are sorted; removals are last, and are carried out first.
    pub(super) changes: Vec<Change>,
    /// Blobs to have, the next one last, and what for.
    pub(super) blobs: Vec<(DeploymentId, Blob)>,
    /// Nothing is done before.
    pub(super) wake_ms: Option<u64>,
    /// Passing failures in a row.
    pub(super) failures: u32,
    /// There is no room for some of the changes taken back alone.
    pub(super) is_tight: bool,
}

/// Where preparations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    Sort,
    Measure,
    Fetch,
    Verify,
    Wait,
    Ask,
    /// Once more: what is free may have changed meanwhile.
    MeasureAgain,
    Begin,
}

/// A change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) deployment: DeploymentId,
    /// What is to run; absent, the deployment is removed.
    pub(super) target: Option<Target>,
    pub(super) is_agreed: bool,
}

/// What is to run.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) blob: Blob,
    pub(super) was_fetched: bool,
    /// Once it was opened.
    pub(super) opened: Option<(Box<Manifest>, Version)>,
    pub(super) is_verified: bool,
}

/// A round that is carried out.
#[derive(Clone, Debug)]
pub(super) struct Executing {
    /// Those before come first.
    pub(super) parts: Vec<Part>,
    pub(super) is_sorted: bool,
    pub(super) wake_ms: Option<u64>,
}

/// A deployment on trial.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) deployment: DeploymentId,
    pub(super) step: PartStep,
    /// The manifest of what is tried, once it was opened.
    pub(super) manifest: Option<Box<Manifest>>,
    /// The manifest that is put back, once it was opened.
    pub(super) former: Option<Box<Manifest>>,
    pub(super) was_fetched: bool,
    /// Failures in a row of the present step.
    pub(super) failures: u32,
    /// When it was applied.
    pub(super) since_ms: u64,
    /// How often the hub had answered by then.
    pub(super) answers: u64,
    /// Restarts that do not count as crashes; the first status says it, if absent.
    pub(super) restarts: Option<u32>,
    pub(super) observation: Observation,
}

/// Where a deployment on trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartStep {
    Load,
    Stop,
    Apply,
    Probation,
    /// What was tried is stopped.
    StopTried,
    PutBack,
    Over,
}

/// Whether the containers were looked at once the time of probation was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observation {
    NotAsked,
    Asked,
    Fresh,
}
