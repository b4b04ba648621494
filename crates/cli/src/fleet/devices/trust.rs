//! Whether devices belong to the fleet: they are approved, rejected, revoked and retired.

use clap::Args;

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::observer::printable;

use super::super::prompt;
use super::super::session::Session;
use super::super::words::count;
use super::change::{Which, each};

#[derive(Args)]
pub(in crate::fleet) struct AboutDevices {
    #[command(flatten)]
    shape: Shape,

    /// Names or ids; `thimble fleet enrol pending` shows them with what is to be compared.
    #[arg(value_name = "DEVICE", required = true)]
    devices: Vec<String>,
}

#[derive(Args)]
pub(in crate::fleet) struct ReasonedArguments {
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    shape: Shape,

    #[command(flatten)]
    which: Which,
}

/// Lets pending devices into the fleet.
pub(in crate::fleet) fn approve(
    arguments: &AboutDevices,
    session: &Session,
) -> Result<(), Failure> {
    each(&arguments.shape, &arguments.devices, "approved", |name| {
        session
            .about(name, session.client.approve_device(name))
            .map(Some)
    })
}

/// Does not let pending devices into the fleet.
pub(in crate::fleet) fn reject(
    arguments: &ReasonedArguments,
    session: &Session,
) -> Result<(), Failure> {
    if let Some(selector) = &arguments.which.selector {
        return Err(Failure::option(
            "--selector",
            selector,
            "devices are rejected by name: `thimble fleet enrol pending` lists them",
        ));
    }
    let reason = &arguments.reason;
    each(
        &arguments.shape,
        &arguments.which.devices,
        "rejected",
        |name| {
            session
                .about(name, session.client.reject_device(name, reason))
                .map(|()| None)
        },
    )
}

/// Trusts devices no more.
pub(super) fn revoke(arguments: &ReasonedArguments, session: &Session) -> Result<(), Failure> {
    let names = agreed(arguments, session, "Trust no more")?;
    let reason = &arguments.reason;
    each(&arguments.shape, &names, "revoked", |name| {
        session
            .about(name, session.client.revoke_device(name, reason))
            .map(Some)
    })
}

/// Takes devices out of service.
pub(super) fn retire(arguments: &ReasonedArguments, session: &Session) -> Result<(), Failure> {
    let names = agreed(arguments, session, "Take out of service")?;
    let reason = &arguments.reason;
    each(&arguments.shape, &names, "retired", |name| {
        session
            .about(name, session.client.retire_device(name, reason))
            .map(Some)
    })
}

/// The devices, if whoever asks stands by it: it is hard to take back.
fn agreed(
    arguments: &ReasonedArguments,
    session: &Session,
    what: &str,
) -> Result<Vec<String>, Failure> {
    let names = arguments.which.names(session)?;
    let subject = match names.as_slice() {
        [name] => printable(name),
        names => count(names.len() as u64, "device"),
    };
    if !arguments.yes && !prompt::confirm(&format!("{what}: {subject}?"))? {
        return Err(Failure::device("asking", "nothing was done"));
    }
    Ok(names)
}
