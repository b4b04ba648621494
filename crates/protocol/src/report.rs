//! What a device tells the hub, and what the hub answers.

mod said;

use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::Digest;

use crate::capabilities::Capabilities;
use crate::ids::{DeploymentId, StateVersion, UnixSeconds};

pub use said::{Change, Goal, Said};

/// What is new on a device. Sent when something changed or was asked for; nothing happens if it is sent twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rises with every report of this device, over restarts, so that an old one cannot undo a newer one.
    pub sequence: u64,
    /// The greatest version that the device took, whatever came of it (Margo, adopted manifest version).
    pub adopted: StateVersion,
    /// The version that runs and was committed.
    pub committed: StateVersion,
    /// The device's clock, if it believes it.
    pub now: Option<UnixSeconds>,
    /// Seconds since the device started.
    pub up_s: u32,
    /// How each deployment is: all of them, or none if nothing changed.
    pub deployments: Option<Vec<DeploymentStatus>>,
    /// What the device is, when that changed.
    pub capabilities: Option<Capabilities>,
    /// What it uses.
    pub usage: Option<Usage>,
    /// Whatever is wrong with the device itself, for people: a state that was refused, a clock that went back.
    pub notes: Vec<Note>,
    /// Log lines that were asked for.
    pub logs: Option<LogAnswer>,
}

/// How a deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentStatus {
    /// Which.
    pub deployment: DeploymentId,
    /// The manifest that this is about.
    pub manifest: Digest,
    /// The manifest that runs meanwhile, if it is another one.
    pub running: Option<Digest>,
    /// In which of Margo's six states.
    pub state: DeploymentState,
    /// Where it is within the state.
    pub phase: Phase,
    /// What is wrong, what is waited for: for people.
    pub reason: Option<Reason>,
    /// The containers: name, and how they are.
    pub containers: Vec<ContainerStatus>,
}

/// Margo's six states (deployment status, `state`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeploymentState {
    /// Received and not begun.
    #[default]
    Pending,
    /// It is being brought into force.
    Installing,
    /// In force.
    Installed,
    /// It could not be brought into force.
    Failed,
    /// It is being removed.
    Removing,
    /// Removed.
    Removed,
}

/// Where a deployment is, more exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Nothing is being done.
    #[default]
    Idle,
    /// Blobs are fetched.
    Fetching,
    /// Blobs and signatures are checked, and whether it fits.
    Verifying,
    /// The running app is asked.
    Asking,
    /// The running app said no; it is asked again later.
    Vetoed,
    /// Waits for a window, a hold, or `delay_apply_s`.
    Waiting,
    /// Containers are replaced.
    Switching,
    /// New containers are watched.
    Probation,
    /// What was before is put back.
    RollingBack,
    /// What was before runs again, and this digest is refused until it changes.
    RolledBack,
    /// One that only a later version knows.
    Other,
}

/// Why, in a word for programs and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it is.
    pub code: ReasonCode,
    /// What people read: what happened and with which numbers.
    pub text: String,
}

/// Why a deployment is not as declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ReasonCode {
    /// A blob cannot be had.
    Unavailable,
    /// A blob is not what its digest says.
    WrongDigest,
    /// A signature is missing or wrong.
    Untrusted,
    /// It does not fit: memory, storage, containers.
    DoesNotFit,
    /// The device cannot do what is asked: a grant, an import.
    Unsupported,
    /// The manifest contradicts itself.
    Invalid,
    /// The running app said no.
    Vetoed,
    /// Outside of every window.
    OutsideWindow,
    /// Held.
    Held,
    /// A container could not be started.
    StartFailed,
    /// A container crashed on probation.
    Crashed,
    /// A container was not in health when probation ended.
    Unhealthy,
    /// The hub was not reached while on probation.
    HubNotReached,
    /// The digest was tried here and failed.
    FailedBefore,
    /// A deployment that this one depends on is not installed.
    Dependency,
    /// A secret is missing or cannot be opened.
    Secret,
    /// One that only a later version knows; the text says it.
    Other,
}

/// How a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    /// Its name within the app.
    pub name: String,
    /// In a word: `running`, `exited`, `failed`, ….
    pub state: String,
    /// In a word: `none`, `starting`, `healthy`, `degraded`, `unhealthy`.
    pub health: String,
    /// How often it was started again by itself.
    pub restarts: u32,
    /// How its last run ended, for people.
    pub last_end: Option<String>,
}

/// What a device uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory that containers have.
    pub ram_bytes: u64,
    /// Storage that images and files take.
    pub storage_bytes: u64,
}

/// Something about the device that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When, by the device's clock, if it believes it.
    pub at: Option<UnixSeconds>,
    /// A word for programs: `state-refused`, `clock-went-back`, `escalated`, `restarted`, ….
    pub code: String,
    /// What people read.
    pub text: String,
}

/// Log lines, as an answer to a [`LogRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAnswer {
    /// Which request.
    pub request: u64,
    /// The lines, oldest first, `TIME STREAM TEXT`.
    pub lines: Vec<String>,
    /// Why there are none.
    pub error: Option<String>,
}

/// What the hub answers to a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportReply {
    /// The greatest sequence that the hub has.
    pub sequence: u64,
    /// What the device is asked for beside its state.
    pub requests: Vec<LogRequest>,
    /// The device's certificate ends soon, or is to be replaced: enrol again with the present one.
    pub renew_certificate: bool,
    /// The hub does not know this device's capabilities or deployments: send everything.
    pub send_all: bool,
}

/// Log lines are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRequest {
    /// Which request.
    pub request: u64,
    /// The container, `APP.NAME`.
    pub container: String,
    /// Lines at most.
    pub lines: u32,
}
