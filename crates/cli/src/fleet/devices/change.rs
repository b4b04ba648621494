//! What operators say of devices: labels, names, holds, windows, and whether apps are asked.

use std::collections::BTreeMap;

use clap::Args;
use thimble_hub_api::client::DeviceQuery;
use thimble_hub_api::device::{Because, Device, DeviceChange, DeviceState, Hold, Window, Windows};

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::super::fields::DEVICE;
use super::super::session::Session;
use super::super::words::{moment, second};
use super::window::days;

// Which devices a command is about.
#[derive(Args)]
pub(super) struct Which {
    /// All active devices with such labels.
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "devices")]
    pub(super) selector: Option<String>,

    /// Names or ids.
    #[arg(value_name = "DEVICE", required_unless_present = "selector")]
    pub(super) devices: Vec<String>,
}

#[derive(Args)]
pub(super) struct LabelArguments {
    #[command(flatten)]
    shape: Shape,

    /// All active devices with such labels, instead of one.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,

    /// The device's name or id, unless there is a selector; then NAME=VALUE to set a label, NAME- to remove one.
    #[arg(value_name = "DEVICE|LABEL", required = true)]
    words: Vec<String>,
}

#[derive(Args)]
pub(super) struct RenameArguments {
    #[command(flatten)]
    shape: Shape,

    /// Its name or id.
    #[arg(value_name = "DEVICE")]
    device: String,

    /// Its new name.
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Args)]
pub(super) struct HoldArguments {
    /// Why: whoever wonders reads it.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Until when: a time from now on (4h), or a moment in RFC 3339; without this, until it is taken back.
    #[arg(long = "for", visible_alias = "until", value_name = "TIME")]
    until: Option<String>,

    #[command(flatten)]
    shape: Shape,

    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
pub(super) struct ReleaseArguments {
    #[command(flatten)]
    shape: Shape,

    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
pub(super) struct OverrideArguments {
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    shape: Shape,

    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
pub(super) struct WindowArguments {
    /// Days on which it begins: mon-fri, or sat,sun.
    #[arg(long, value_name = "DAYS", default_value = "mon-sun")]
    days: String,

    /// When it begins, in the device's local time: HH:MM.
    #[arg(long, value_name = "HH:MM", required_unless_present = "always")]
    begin: Option<String>,

    /// Minutes that it lasts.
    #[arg(long, value_name = "COUNT", default_value = "60")]
    minutes: u16,

    /// Minutes by which the local time is ahead of UTC.
    #[arg(
        long,
        value_name = "MINUTES",
        default_value = "0",
        allow_hyphen_values = true
    )]
    utc_offset: i16,

    /// Add it to the windows that there are, instead of in their place.
    #[arg(long)]
    add: bool,

    /// Let changes begin at any time: no windows.
    #[arg(long, conflicts_with_all = ["begin", "add"])]
    always: bool,

    #[command(flatten)]
    shape: Shape,

    #[command(flatten)]
    which: Which,
}

impl Which {
    pub(super) fn names(&self, session: &Session) -> Result<Vec<String>, Failure> {
        let Some(selector) = &self.selector else {
            return Ok(self.devices.clone());
        };
        selected(session, selector)
    }
}

/// The ids of the active devices that a selector picks; it must pick some.
fn selected(session: &Session, selector: &str) -> Result<Vec<String>, Failure> {
    let query = DeviceQuery {
        selector: Some(selector.to_owned()),
        state: Some(DeviceState::Active),
        ..DeviceQuery::default()
    };
    let found = super::devices(session, &query)?;
    if found.is_empty() {
        return Err(Failure::option(
            "--selector",
            selector,
            "picks no active device; `thimble fleet devices` shows the labels",
        ));
    }
    Ok(found.into_iter().map(|device| device.id).collect())
}

/// Does something with each device. One that fails does not keep the others from being done.
pub(super) fn each(
    shape: &Shape,
    names: &[String],
    done: &str,
    mut work: impl FnMut(&str) -> Result<Option<Device>, Failure>,
) -> Result<(), Failure> {
    let output = Output::new(shape, DEVICE)?;
    let mut last: Option<Failure> = None;
    for name in names {
        let result = match work(name) {
            Ok(Some(device)) => {
                output.item(&device, || format!("{}: {done}\n", printable(&device.name)))
            }
            Ok(None) => output.item(&serde_json::json!({ "name": name }), || {
                format!("{}: {done}\n", printable(name))
            }),
            Err(failure) => Err(failure),
        };
        let Err(failure) = result else {
            continue;
        };
        if failure.is_final() {
            return Err(failure);
        }
        if let Some(earlier) = last.replace(failure) {
            eprintln!("thimble: {earlier}");
        }
    }
    last.map_or(Ok(()), Err)
}

/// Sets and removes labels.
pub(super) fn label(arguments: &LabelArguments, session: &Session) -> Result<(), Failure> {
    let (names, texts) = match &arguments.selector {
        Some(selector) => (selected(session, selector)?, arguments.words.as_slice()),
        None => match arguments.words.split_first() {
            Some((device, texts)) => (vec![device.clone()], texts),
            None => (Vec::new(), [].as_slice()),
        },
    };
    if texts.is_empty() {
        return Err(Failure::option(
            "label",
            "",
            "say what to set (NAME=VALUE) or to remove (NAME-), after the device",
        ));
    }
    let labels = texts
        .iter()
        .map(|text| understand_label(text))
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    let change = DeviceChange { name: None, labels };
    each(&arguments.shape, &names, "labelled", |name| {
        let changed = session.client.change_device(name, &change, None);
        session.about(name, changed).map(Some)
    })
}

fn understand_label(text: &str) -> Result<(String, Option<String>), Failure> {
    if let Some((name, value)) = text.split_once('=') {
        return Ok((name.to_owned(), Some(value.to_owned())));
    }
    match text.strip_suffix('-') {
        Some(name) if !name.is_empty() => Ok((name.to_owned(), None)),
        _ => Err(Failure::option(
            "label",
            text,
            "must be NAME=VALUE to set a label, or NAME- to remove one",
        )),
    }
}

/// Gives a device another name.
pub(super) fn rename(arguments: &RenameArguments, session: &Session) -> Result<(), Failure> {
    let change = DeviceChange {
        name: Some(arguments.name.clone()),
        labels: BTreeMap::new(),
    };
    let names = [arguments.device.clone()];
    each(&arguments.shape, &names, "renamed", |name| {
        let changed = session.client.change_device(name, &change, None);
        session.about(name, changed).map(Some)
    })
}

/// Lets nothing change on devices.
pub(super) fn hold(arguments: &HoldArguments, session: &Session) -> Result<(), Failure> {
    let until = arguments
        .until
        .as_deref()
        .map(|text| moment("--for", text))
        .transpose()?;
    let hold = Hold {
        until,
        reason: arguments.reason.clone(),
    };
    let names = arguments.which.names(session)?;
    each(&arguments.shape, &names, "held", |name| {
        session
            .about(name, session.client.hold(name, &hold))
            .map(Some)
    })
}

/// Takes holds back.
pub(super) fn release(arguments: &ReleaseArguments, session: &Session) -> Result<(), Failure> {
    let names = arguments.which.names(session)?;
    each(&arguments.shape, &names, "released", |name| {
        session.about(name, session.client.release(name)).map(Some)
    })
}

/// Lets changes go on although running apps say no.
pub(super) fn override_veto(
    arguments: &OverrideArguments,
    session: &Session,
) -> Result<(), Failure> {
    let because = Because {
        reason: arguments.reason.clone(),
    };
    let names = arguments.which.names(session)?;
    let done = "changes go on, whatever its apps say";
    each(&arguments.shape, &names, done, |name| {
        session
            .about(name, session.client.override_veto(name, &because))
            .map(Some)
    })
}

/// Lets running apps say no again.
pub(super) fn respect_veto(arguments: &ReleaseArguments, session: &Session) -> Result<(), Failure> {
    let names = arguments.which.names(session)?;
    each(&arguments.shape, &names, "its apps are asked", |name| {
        session
            .about(name, session.client.respect_veto(name))
            .map(Some)
    })
}

/// Says when changes may begin on devices.
pub(super) fn window(arguments: &WindowArguments, session: &Session) -> Result<(), Failure> {
    let window = match &arguments.begin {
        Some(begin) => Some(Window {
            days: days(&arguments.days)?,
            begin: begin.clone(),
            minutes: arguments.minutes,
            utc_offset_minutes: arguments.utc_offset,
        }),
        None => None,
    };
    let names = arguments.which.names(session)?;
    let done = if arguments.always {
        "changes may begin at any time"
    } else {
        "its windows are set"
    };
    each(&arguments.shape, &names, done, |name| {
        let mut windows = if arguments.add {
            let device = session.about(name, session.client.device(name))?;
            device.value.windows
        } else {
            Vec::new()
        };
        windows.extend(window.clone());
        let windows = Windows { windows };
        session
            .about(name, session.client.set_windows(name, &windows))
            .map(Some)
    })
}

/// A hold in a line.
pub(super) fn hold_words(hold: &Hold) -> String {
    match hold.until {
        Some(until) => format!("until {}: {}", second(until), hold.reason),
        None => format!("until it is released: {}", hold.reason),
    }
}

#[cfg(test)]
mod tests {
    //! Labels as they are typed.

    use super::*;

    #[test]
    fn labels_are_understood() {
        let set = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        assert_eq!(understand_label("line=1").unwrap(), set("line", "1"));
        assert_eq!(understand_label("a=b=c").unwrap(), set("a", "b=c"));
        assert_eq!(
            understand_label("canary-").unwrap(),
            ("canary".to_owned(), None)
        );
        for text in ["canary", "-", ""] {
            understand_label(text).unwrap_err();
        }
    }
}
