//! `thimble bus`.

use std::io::Read as _;

use thimble_device_api::{BODY_BYTES_MAX, BusStatus, Publish};

use crate::arguments::{BusStatusArguments, PublishArguments, SubscribeArguments};
use crate::failure::Failure;
use crate::images::table::table;
use crate::observer::{mebibytes, printable};
use crate::output::{BUS, MESSAGE, Output, PUBLISHED};

use super::show::Rows;
use super::{client, ours};

/// Publishes a message.
pub(super) fn publish(arguments: &PublishArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, PUBLISHED)?;
    let payload = match arguments.payload.as_str() {
        "-" => payload_of_input()?,
        text => text.to_owned(),
    };
    let message = Publish {
        topic: arguments.topic.clone(),
        payload,
        content_type: arguments.content_type.clone(),
        retain: arguments.retain,
    };
    let published = client()?
        .publish(&message)
        .map_err(|error| Failure::daemon(&arguments.topic, error))?;
    output.one(&published, || {
        let refused = match published.refused {
            0 => String::new(),
            refused => format!(", refused by {refused}"),
        };
        let plural = if published.delivered == 1 { "" } else { "s" };
        format!(
            "delivered to {} container{plural}{refused}\n",
            published.delivered
        )
    })
}

fn payload_of_input() -> Result<String, Failure> {
    let max = BODY_BYTES_MAX;
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::device("reading standard input", error))?;
    if bytes.len() > max {
        return Err(Failure::option(
            "PAYLOAD",
            "-",
            format_args!("standard input has more than {} KiB", max >> 10),
        ));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::option("PAYLOAD", "-", "standard input is not UTF-8 text"))
}

/// Shows messages as they come.
pub(super) fn subscribe(arguments: &SubscribeArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, MESSAGE)?;
    if arguments.count == Some(0) {
        return Ok(());
    }
    let failed = |error| Failure::daemon(&arguments.filter, error);
    let mut count = 0;
    let mut lost = 0;
    for message in client()?.subscribe(&arguments.filter).map_err(failed)? {
        let message = message.map_err(failed)?;
        if message.lost > lost && !output.is_json() {
            eprintln!("thimble: {} messages were lost", message.lost - lost);
            lost = message.lost;
        }
        output.item(&message, || {
            format!(
                "{} {}\n",
                printable(&message.topic),
                printable(&message.payload)
            )
        })?;
        count += 1;
        if arguments.count == Some(count) {
            break;
        }
    }
    Ok(())
}

/// Shows what the bus keeps, and its bridges.
pub(super) fn status(arguments: &BusStatusArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, BUS)?;
    let status = client()?.bus().map_err(ours)?;
    output.one(&status, || text(&status))
}

fn text(status: &BusStatus) -> String {
    let mut rows = Rows::default();
    rows.add(
        "retained",
        format!(
            "{} messages, {}",
            status.retained_messages,
            mebibytes(status.retained_bytes)
        ),
    );
    let mut text = rows.text();
    if !status.bridges.is_empty() {
        let head = [
            "BRIDGE",
            "STATE",
            "SENT",
            "RECEIVED",
            "DROPPED",
            "LAST ERROR",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(status.bridges.iter().map(|bridge| {
            vec![
                printable(&bridge.name),
                if bridge.connected {
                    "connected"
                } else {
                    "away"
                }
                .to_owned(),
                bridge.sent.to_string(),
                bridge.received.to_string(),
                bridge.dropped.to_string(),
                printable(bridge.last_error.as_deref().unwrap_or("-")),
            ]
        }));
        text.push_str(&table(&rows));
    }
    text
}
