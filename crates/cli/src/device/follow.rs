//! `thimble logs` and `thimble events`.

use std::io::{self, IsTerminal as _, Write as _};

use thimble_device_api::client::{EventQuery, LogQuery};
use thimble_device_api::{Event, EventKind, LogLine, LogSource};

use crate::arguments::{EventsArguments, LogsArguments};
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::{EVENT, LINE, Output, write_bytes};

use super::moments::{moment, now};
use super::{client, ours};

/// Shows what a container wrote.
pub(super) fn logs(arguments: &LogsArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, LINE)?;
    let now = now();
    let query = LogQuery {
        follow: arguments.follow,
        since: moment("--since", arguments.period.since.as_deref(), now)?,
        until: moment("--until", arguments.period.until.as_deref(), now)?,
        tail: tail(arguments.tail.as_deref())?,
    };
    let name = &arguments.container;
    let failed = |error| Failure::daemon(name, error);
    for line in client()?.logs(name, &query).map_err(failed)? {
        let line = line.map_err(failed)?;
        if output.is_text() {
            show(&line, arguments.timestamps)?;
        } else {
            output.item(&line, String::new)?;
        }
    }
    Ok(())
}

fn tail(text: Option<&str>) -> Result<Option<u64>, Failure> {
    match text {
        None | Some("all") => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_| Failure::option("--tail", text, "must be a number of lines, or `all`")),
    }
}

/// Writes a line where the container wrote it: as it is into a file, without control characters to a terminal.
pub(super) fn show(line: &LogLine, timestamps: bool) -> Result<(), Failure> {
    let is_terminal = match line.source {
        LogSource::Stdout => io::stdout().is_terminal(),
        LogSource::Stderr => io::stderr().is_terminal(),
    };
    let mut text = String::new();
    if timestamps {
        text.push_str(&line.at.to_string());
        text.push(' ');
    }
    if is_terminal {
        text.push_str(&printable(&line.text));
    } else {
        text.push_str(&line.text);
    }
    if !line.partial {
        text.push('\n');
    }
    match line.source {
        LogSource::Stdout => write_bytes(text.as_bytes()),
        LogSource::Stderr => {
            // Nobody could be told otherwise.
            let _ = io::stderr().lock().write_all(text.as_bytes());
            Ok(())
        }
    }
}

/// What events are asked for.
#[derive(Default)]
struct Wanted {
    containers: Vec<String>,
    apps: Vec<String>,
    kinds: Vec<EventKind>,
}

/// Shows what happens.
pub(super) fn events(arguments: &EventsArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, EVENT)?;
    let wanted = Wanted::parse(&arguments.filter)?;
    let now = now();
    let until = moment("--until", arguments.period.until.as_deref(), now)?;
    let only = |names: &[String]| match names {
        [name] => Some(name.clone()),
        _ => None,
    };
    let query = EventQuery {
        // What is over by now needs no waiting.
        follow: !arguments.no_follow && until.is_none_or(|until| until > now),
        since: moment("--since", arguments.period.since.as_deref(), now)?,
        until,
        container: only(&wanted.containers),
        app: only(&wanted.apps),
        kind: match wanted.kinds.as_slice() {
            [kind] => Some(*kind),
            _ => None,
        },
    };
    for event in client()?.events(&query).map_err(ours)? {
        let event = event.map_err(ours)?;
        if !wanted.has(&event) {
            continue;
        }
        output.item(&event, || text(&event))?;
    }
    Ok(())
}

impl Wanted {
    fn parse(filters: &[String]) -> Result<Self, Failure> {
        let mut wanted = Self::default();
        for text in filters {
            let wrong = |reason: &str| Failure::option("--filter", text, reason);
            match text.split_once('=') {
                Some(("container", name)) => wanted.containers.push(name.to_owned()),
                Some(("app", name)) => wanted.apps.push(name.to_owned()),
                Some(("kind" | "event", name)) => {
                    let kind = serde_json::from_value(name.into())
                        .map_err(|_| wrong("there is no such kind of event"))?;
                    wanted.kinds.push(kind);
                }
                _ => return Err(wrong("must be KEY=VALUE with container, app or kind")),
            }
        }
        Ok(wanted)
    }

    fn has(&self, event: &Event) -> bool {
        let among = |names: &[String], found: &Option<String>| {
            names.is_empty() || found.as_ref().is_some_and(|found| names.contains(found))
        };
        let by_id = event.id.as_ref().is_some_and(|id| {
            self.containers
                .iter()
                .any(|name| id.starts_with(name.as_str()))
        });
        (by_id || among(&self.containers, &event.container))
            && among(&self.apps, &event.app)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
    }
}

fn text(event: &Event) -> String {
    let kind = serde_json::to_value(event.kind)
        .ok()
        .and_then(|kind| kind.as_str().map(str::to_owned))
        .unwrap_or_default();
    let subject = event.container.as_ref().or(event.app.as_ref());
    let mut text = format!("{} {kind}", event.at);
    if let Some(subject) = subject {
        text.push(' ');
        text.push_str(&printable(subject));
    }
    if !event.attributes.is_empty() {
        let attributes: Vec<String> = event
            .attributes
            .iter()
            .map(|(name, value)| format!("{}={}", printable(name), printable(value)))
            .collect();
        text.push_str(&format!(" ({})", attributes.join(", ")));
    }
    text.push('\n');
    text
}
