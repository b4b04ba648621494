//! What is done with containers that are there: `start`, `stop`, `kill`, `pause`, `unpause`, `restart`, `wait`, `rm`.

use serde::Serialize;
use serde_json::json;
use thimble_device_api::client::Milestone;
use thimble_device_api::{Client, ClientError, Container, ExitRecord};

use crate::arguments::{
    NamesArguments, RemoveArguments, Shape, StopArguments, WaitArguments, WaitCondition,
};
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::{CONTAINER, ENDED, Output, REMOVED, write};
use crate::values;

use super::each;

type Ordered = Result<Container, ClientError>;

pub(super) fn start(arguments: &NamesArguments) -> Result<(), Failure> {
    order(&arguments.named.containers, &arguments.shape, Client::start)
}

pub(super) fn kill(arguments: &NamesArguments) -> Result<(), Failure> {
    order(&arguments.named.containers, &arguments.shape, Client::kill)
}

pub(super) fn pause(arguments: &NamesArguments) -> Result<(), Failure> {
    order(&arguments.named.containers, &arguments.shape, Client::pause)
}

pub(super) fn unpause(arguments: &NamesArguments) -> Result<(), Failure> {
    order(
        &arguments.named.containers,
        &arguments.shape,
        Client::unpause,
    )
}

pub(super) fn stop(arguments: &StopArguments) -> Result<(), Failure> {
    let grace = grace(arguments)?;
    order(
        &arguments.named.containers,
        &arguments.shape,
        |client, name| client.stop(name, grace),
    )
}

pub(super) fn restart(arguments: &StopArguments) -> Result<(), Failure> {
    let grace = grace(arguments)?;
    order(
        &arguments.named.containers,
        &arguments.shape,
        |client, name| client.restart(name, grace),
    )
}

fn grace(arguments: &StopArguments) -> Result<Option<u64>, Failure> {
    arguments
        .time
        .as_deref()
        .map(|text| {
            values::time(text)
                .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
                .map_err(|reason| Failure::option("--time", text, reason))
        })
        .transpose()
}

/// Gives an order to each, and tells the names of those that have followed it.
pub(super) fn order(
    names: &[String],
    shape: &Shape,
    order: impl Fn(&Client, &str) -> Ordered + Sync,
) -> Result<(), Failure> {
    let output = Output::new(shape, CONTAINER)?;
    told(names, &output, order, |name, _| {
        format!("{}\n", printable(name))
    })
}

/// Does something with each, and tells it: as text one by one, as JSON all together.
fn told<T: Serialize + Send>(
    names: &[String],
    output: &Output<'_>,
    work: impl Fn(&Client, &str) -> Result<T, ClientError> + Sync,
    text: impl Fn(&str, &T) -> String,
) -> Result<(), Failure> {
    let mut done = Vec::new();
    let result = each(names, work, |name, value| {
        if output.is_text() {
            write(&text(name, &value))
        } else {
            done.push(value);
            Ok(())
        }
    });
    if !output.is_text() {
        output.list(&done, String::new)?;
    }
    result
}

/// An end, and of which container.
#[derive(Serialize)]
struct Ended {
    name: String,
    #[serde(flatten)]
    record: ExitRecord,
}

/// Waits for each and tells the exit codes, in the order of the names.
pub(super) fn wait(arguments: &WaitArguments) -> Result<(), Failure> {
    let names = &arguments.named.containers;
    let milestone = match arguments.condition {
        WaitCondition::Ended => {
            let output = Output::new(&arguments.shape, ENDED)?;
            return told(
                names,
                &output,
                |client, name| {
                    Ok(Ended {
                        name: name.to_owned(),
                        record: client.wait_ended(name)?,
                    })
                },
                |_, ended| format!("{}\n", ended.record.exit_code),
            );
        }
        WaitCondition::Running => Milestone::Running,
        WaitCondition::Healthy => Milestone::Healthy,
    };
    let output = Output::new(&arguments.shape, CONTAINER)?;
    told(
        names,
        &output,
        |client, name| client.wait_for(name, milestone),
        |name, _| format!("{}\n", printable(name)),
    )
}

/// Removes each.
pub(super) fn remove(arguments: &RemoveArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, REMOVED)?;
    told(
        &arguments.named.containers,
        &output,
        |client, name| {
            client.remove(name, arguments.force, arguments.volumes)?;
            Ok(json!({"name": name}))
        },
        |name, _| format!("{}\n", printable(name)),
    )
}
