//! What is done to containers and images that are there.

use serde_json::json;
use thimble_port_serial::{Client, SerialError};
use thimble_serial::Request;
use thimble_serial::shell::time_ms;

use crate::arguments::{
    FactoryResetArguments, NamesArguments, SerialRemoveArguments, SerialRmiArguments, Shape,
    StopArguments,
};
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::{Output, REMOVED};

use super::fields::NAMED;
use super::ours;

pub(super) fn start(client: &mut Client, arguments: &NamesArguments) -> Result<(), Failure> {
    named(client, arguments, |name| Request::Start { name })
}

pub(super) fn kill(client: &mut Client, arguments: &NamesArguments) -> Result<(), Failure> {
    named(client, arguments, |name| Request::Kill { name })
}

pub(super) fn pause(client: &mut Client, arguments: &NamesArguments) -> Result<(), Failure> {
    named(client, arguments, |name| Request::Pause { name })
}

pub(super) fn unpause(client: &mut Client, arguments: &NamesArguments) -> Result<(), Failure> {
    named(client, arguments, |name| Request::Unpause { name })
}

pub(super) fn restart(client: &mut Client, arguments: &NamesArguments) -> Result<(), Failure> {
    named(client, arguments, |name| Request::Restart { name })
}

pub(super) fn stop(client: &mut Client, arguments: &StopArguments) -> Result<(), Failure> {
    let grace_ms = arguments
        .time
        .as_deref()
        .map(|text| time_ms(text).map_err(|must| Failure::option("--time", text, must)))
        .transpose()?;
    let output = Output::new(&arguments.shape, NAMED)?;
    each(client, &arguments.named.containers, &output, |name| {
        Request::Stop { name, grace_ms }
    })
}

pub(super) fn remove(
    client: &mut Client,
    arguments: &SerialRemoveArguments,
) -> Result<(), Failure> {
    let output = Output::new(&arguments.names.shape, REMOVED)?;
    let force = arguments.force;
    each(client, &arguments.names.named.containers, &output, |name| {
        Request::Remove { name, force }
    })
}

pub(super) fn remove_images(
    client: &mut Client,
    arguments: &SerialRmiArguments,
) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, REMOVED)?;
    each(client, &arguments.images, &output, |image| {
        Request::RemoveImage { image }
    })
}

pub(super) fn reboot(client: &mut Client) -> Result<(), Failure> {
    client.done(&Request::Reboot).map_err(ours)
}

pub(super) fn factory_reset(
    client: impl FnOnce() -> Result<Client, Failure>,
    arguments: &FactoryResetArguments,
) -> Result<(), Failure> {
    if !arguments.yes {
        let reason =
            "give this if every container, every image and all data of the device shall be removed";
        return Err(Failure::option("--yes", "", reason));
    }
    client()?.done(&Request::FactoryReset).map_err(ours)
}

fn named(
    client: &mut Client,
    arguments: &NamesArguments,
    request: impl Fn(String) -> Request,
) -> Result<(), Failure> {
    let shape: &Shape = &arguments.shape;
    let output = Output::new(shape, NAMED)?;
    each(client, &arguments.named.containers, &output, request)
}

/// Asks for each; one that is refused does not keep the others from being done.
fn each(
    client: &mut Client,
    names: &[String],
    output: &Output<'_>,
    request: impl Fn(String) -> Request,
) -> Result<(), Failure> {
    let mut last: Option<Failure> = None;
    for name in names {
        match client.done(&request(name.clone())) {
            Ok(()) => output.one(&json!({"name": name}), || format!("{}\n", printable(name)))?,
            Err(error @ SerialError::Refused(_)) => {
                if let Some(earlier) = last.replace(Failure::serial(name, error)) {
                    eprintln!("thimble: {earlier}");
                }
            }
            Err(error) => return Err(ours(error)),
        }
    }
    last.map_or(Ok(()), Err)
}
