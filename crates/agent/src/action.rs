//! What the agent asks its driver to do.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::manifest::Blob;
use thimble_protocol::state::{Escalation, SealedSecret};
use thimble_protocol::{DeploymentId, Manifest, Report};

/// Joins an answer to what it answers. The agent passes over answers to tickets that it gave up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u32);

/// What is to be done, each after those before it. Doing one twice is the same as doing it once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Keep these bytes instead of the ones before, durably, before any later action is begun. If that fails, do none of the
    /// later actions and restore the agent from what was kept last.
    Save(Vec<u8>),
    /// What garbage collection must leave: manifests, and every blob that they name. Replaces the last such list. Anything
    /// else of the fleet's may go when storage is short.
    Keep(Vec<Digest>),
    /// Hand in a manifest's envelope from the device's own storage. Answer: [`Event::Loaded`](crate::Event::Loaded).
    Load {
        /// To answer with.
        ticket: Ticket,
        /// Which.
        digest: Digest,
    },
    /// Have a blob on the device: at once if it is there already, else from where the last attempt ended. Its digest is
    /// checked. Answer: [`Event::Done`](crate::Event::Done) or [`Event::Failed`](crate::Event::Failed).
    Fetch {
        /// To answer with.
        ticket: Ticket,
        /// Which, and its size.
        blob: Blob,
    },
    /// Say what is free, and which of these blobs are here. Answer: [`Event::Measured`](crate::Event::Measured).
    Measure {
        /// To answer with.
        ticket: Ticket,
        /// Blobs of the containers that may come.
        blobs: Vec<Blob>,
    },
    /// Check that the images, all of whose blobs are here, are trusted and can run here with what the manifest grants them.
    /// Nothing is installed. Answer: [`Event::Done`](crate::Event::Done) or [`Event::Failed`](crate::Event::Failed).
    Verify {
        /// To answer with.
        ticket: Ticket,
        /// The manifest, of which the signature was checked.
        manifest: Box<Manifest>,
    },
    /// Ask the running app whether it may be replaced or removed now. Answer: [`Event::Answered`](crate::Event::Answered).
    Ask {
        /// To answer with.
        ticket: Ticket,
        /// Which.
        deployment: DeploymentId,
        /// Its name.
        app: String,
        /// Milliseconds that it has.
        within_ms: u32,
    },
    /// The question is withdrawn: nothing is changed now. Not answered.
    StopAsking {
        /// The question's.
        ticket: Ticket,
    },
    /// Stop every container of a deployment, whichever version it is, dependents first, and leave them made. Answer:
    /// [`Event::Done`](crate::Event::Done), also if nothing ran, or [`Event::Failed`](crate::Event::Failed).
    Stop {
        /// To answer with.
        ticket: Ticket,
        /// Which.
        deployment: DeploymentId,
        /// Its name.
        app: String,
    },
    /// Make the deployment's containers exactly as this manifest says, and start them in the order of their dependencies.
    /// Containers that are so already stay as they are; those that the manifest does not name are removed. Counts of
    /// restarts begin at 0 in containers that it starts. Answer: [`Event::Done`](crate::Event::Done) once all were
    /// started, or [`Event::Failed`](crate::Event::Failed).
    Apply {
        /// To answer with.
        ticket: Ticket,
        /// What is to run.
        manifest: Box<Manifest>,
        /// Its digest.
        digest: Digest,
        /// Values for its `secret_env`.
        secrets: Vec<SealedSecret>,
    },
    /// Stop and remove every container of a deployment. Answer: [`Event::Done`](crate::Event::Done), also if there was none,
    /// or [`Event::Failed`](crate::Event::Failed).
    Remove {
        /// To answer with.
        ticket: Ticket,
        /// Which.
        deployment: DeploymentId,
        /// Its name.
        app: String,
    },
    /// Say now how the containers of a deployment are. Answer: [`Event::AppStatus`](crate::Event::AppStatus).
    Observe {
        /// Which.
        deployment: DeploymentId,
        /// Its name.
        app: String,
    },
    /// Send a report. Answer: [`Event::ReportSent`](crate::Event::ReportSent) or
    /// [`Event::ReportFailed`](crate::Event::ReportFailed). The driver adds what only it knows: usage, log lines, how long
    /// the device is up.
    Report {
        /// What to send.
        report: Box<Report>,
        /// The hub lost sight of what the device is: add the capabilities.
        wants_capabilities: bool,
    },
    /// The hub did not answer for so long that this is to be done. Never [`Escalation::RollBack`], which is the agent's.
    Escalate(Escalation),
    /// Where else the state may be asked for, instead of the last such list.
    RecoveryUrls(Vec<String>),
    /// The entity tag changed by which the session asks for states: see [`Agent::tag`](crate::Agent::tag).
    TagChanged,
}
