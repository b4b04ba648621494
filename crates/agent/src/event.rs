//! What the driver tells the agent.

use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::DeploymentId;
use thimble_protocol::report::{ContainerStatus, ReasonCode};

use crate::action::Ticket;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Time has passed: send it when [`Agent::deadline`](crate::Agent::deadline) is reached.
    Tick,
    /// The hub sent a state. Counts as [`HubAnswered`](Self::HubAnswered).
    StateReceived {
        /// The envelope.
        envelope: &'a [u8],
        /// Seconds that the hub asks to wait before anything changes.
        delay_apply_s: u32,
    },
    /// A state came on a bundle, and its blobs are in the device's storage already. The hub is not asked for while what came
    /// so is on probation.
    BundleImported {
        /// The envelope.
        envelope: &'a [u8],
    },
    /// The hub answered anything over its authenticated connection: 304, a blob.
    HubAnswered,
    /// An exchange with the hub failed.
    HubFailed,
    /// Answers [`Load`](crate::Action::Load).
    Loaded {
        /// The question's.
        ticket: Ticket,
        /// The envelope; absent if it is not here.
        envelope: Option<&'a [u8]>,
    },
    /// Answers [`Measure`](crate::Action::Measure).
    Measured {
        /// The question's.
        ticket: Ticket,
        /// What is free.
        capacity: &'a Capacity,
    },
    /// What a ticket stands for was done.
    Done {
        /// Its ticket.
        ticket: Ticket,
    },
    /// What a ticket stands for could not be done.
    Failed {
        /// Its ticket.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// Answers [`Ask`](crate::Action::Ask).
    Answered {
        /// The question's.
        ticket: Ticket,
        /// What the app said.
        consent: Consent,
    },
    /// How the containers of a deployment are: whenever that changed, and after [`Observe`](crate::Action::Observe).
    AppStatus {
        /// Which.
        deployment: DeploymentId,
        /// All of its containers.
        containers: &'a [ContainerStatus],
    },
    /// Whoever stands at the device holds it, or takes the hold back. It outlives restarts.
    LocalHold {
        /// Whether it is held.
        is_held: bool,
    },
    /// The hub has the report with this sequence, and has answered by that.
    ReportSent {
        /// Which.
        sequence: u64,
        /// The hub asks for everything.
        send_all: bool,
    },
    /// The report could not be sent. It is made anew when the hub answers again.
    ReportFailed,
    /// The hub asks for a report now.
    ReportWanted,
    /// Something about the device that people should know, for the next report.
    Noted {
        /// A word for programs: `clock-went-back`, `restarted`, ….
        code: String,
        /// What people read.
        text: String,
    },
}

/// What is free on the device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Memory for containers that nobody has.
    pub ram_bytes: u64,
    /// Storage that is free, garbage counted as free.
    pub storage_bytes: u64,
    /// Containers that may still be made.
    pub containers: u32,
    /// Memory of a container whose manifest sets no limit.
    pub ram_default_bytes: u64,
    /// What each deployment that runs would free if it were removed.
    pub freed: Vec<Freed>,
    /// Those of the blobs asked for that are not here.
    pub missing: Vec<Digest>,
    /// Grants that can be given here, as in the device's capabilities; absent if [`Verify`](crate::Action::Verify) checks
    /// that.
    pub grants: Option<Vec<String>>,
}

/// What a deployment would free if it were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Which.
    pub deployment: DeploymentId,
    /// Memory of its containers.
    pub ram_bytes: u64,
    /// Its containers.
    pub containers: u32,
}

/// What an app said when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// It may be replaced.
    Yes,
    /// It may not, and why.
    No(String),
    /// It said nothing until the deadline: the change goes on.
    Silent,
    /// It never said that it wants to be asked, or it does not run: the change goes on.
    NotAsked,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub code: ReasonCode,
    /// For people: what happened, and with which numbers.
    pub text: String,
    /// Whether it may go well later without any change of what was asked: the network, a busy device.
    pub is_passing: bool,
}
