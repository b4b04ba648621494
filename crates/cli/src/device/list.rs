//! `thimble ps`.

use thimble_device_api::{Container, Health, State, Timestamp};

use crate::arguments::PsArguments;
use crate::failure::Failure;
use crate::images::table::table;
use crate::observer::printable;
use crate::output::{CONTAINER, Output};

use super::moments::{ago, between, now, span};
use super::{client, ours};

/// Digits of an id that are shown.
const ID_DIGITS: usize = 12;

/// Lists containers.
pub(super) fn ps(arguments: &PsArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, CONTAINER)?;
    let filters = arguments
        .filter
        .iter()
        .map(|text| Filter::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    // Who asks for a state wants it whether it is live or not.
    let all = arguments.all || filters.iter().any(|filter| filter.key == Key::State);
    let mut containers = client()?.containers(all, None).map_err(ours)?;
    containers.retain(|container| Filter::all_match(&filters, container));
    if arguments.quiet && output.is_text() {
        let ids: String = containers
            .iter()
            .map(|container| format!("{}\n", container.id))
            .collect();
        return crate::output::write(&ids);
    }
    output.list(&containers, || rows(&containers, now()))
}

fn rows(containers: &[Container], now: Timestamp) -> String {
    let head = [
        "CONTAINER ID",
        "IMAGE",
        "CREATED",
        "STATUS",
        "LISTENING",
        "NAME",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(containers.iter().map(|container| {
        vec![
            container.id.chars().take(ID_DIGITS).collect(),
            image(container),
            ago(container.created_at, now),
            printable(&status(container, now)),
            printable(&container.listening.join(", ")),
            printable(&container.name),
        ]
    }));
    table(&rows)
}

/// An image by its name; by the beginning of its digest if it has none.
fn image(container: &Container) -> String {
    let reference = &container.image.reference;
    match reference.strip_prefix("sha256:") {
        Some(digits) => digits.chars().take(ID_DIGITS).collect(),
        None => printable(reference),
    }
}

/// Where a container is in its life, as docker says it.
pub(super) fn status(container: &Container, now: Timestamp) -> String {
    let end = container.ends.first();
    let code = end.map_or(0, |end| end.exit_code);
    let ended = end.map_or(String::new(), |end| ago(end.ended_at, now));
    let up = container
        .started_at
        .map(|started| span(between(started, now)))
        .filter(|span| !span.is_empty())
        .unwrap_or_else(|| "less than a second".into());
    let text = match container.state {
        State::Created => "Created".into(),
        State::Waiting => reason("Waiting", container),
        State::Starting => "Starting".into(),
        State::Running => format!("Up {up}"),
        State::Paused => format!("Up {up} (paused)"),
        State::Stopping => format!("Stopping, up {up}"),
        State::Restarting => match container.next_start_at {
            Some(next) => {
                let left = span(between(now, next));
                let left = if left.is_empty() {
                    "a moment".into()
                } else {
                    left
                };
                format!("Restarting ({code}) in {left}")
            }
            None => format!("Restarting ({code})"),
        },
        State::Exited => format!("Exited ({code}) {ended}"),
        State::Failed => match end {
            Some(end) => format!("Failed ({code}, {}) {ended}", end.reason.name()),
            None => reason("Failed", container),
        },
    };
    let health = match (container.state.is_live(), container.health.status) {
        (false, _) | (_, Health::None) => String::new(),
        (true, health) => format!(" ({})", health.name()),
    };
    let looping = if container.crash_loop {
        ", crash loop"
    } else {
        ""
    };
    format!("{text}{health}{looping}")
}

fn reason(word: &str, container: &Container) -> String {
    match &container.reason {
        Some(reason) => format!("{word}: {reason}"),
        None => word.to_owned(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    App,
    Health,
    Id,
    Image,
    Label,
    Name,
    State,
}

const KEYS: [(&str, Key); 8] = [
    ("app", Key::App),
    ("health", Key::Health),
    ("id", Key::Id),
    ("image", Key::Image),
    ("label", Key::Label),
    ("name", Key::Name),
    ("state", Key::State),
    // As docker calls it.
    ("status", Key::State),
];

/// What must be true of a container.
struct Filter {
    key: Key,
    value: String,
}

impl Filter {
    fn parse(text: &str) -> Result<Self, Failure> {
        let found = text.split_once('=').and_then(|(name, value)| {
            let (_, key) = KEYS.iter().find(|(known, _)| *known == name)?;
            Some(Self {
                key: *key,
                value: value.to_owned(),
            })
        });
        found.ok_or_else(|| {
            Failure::option(
                "--filter",
                text,
                "must be KEY=VALUE with app, health, id, image, label, name or state",
            )
        })
    }

    /// Whether for every key that is asked for one of its values is right.
    fn all_match(filters: &[Self], container: &Container) -> bool {
        filters.iter().all(|filter| {
            let same_key = filters.iter().filter(|other| other.key == filter.key);
            // Every label must be there; of anything else there is only one.
            if filter.key == Key::Label {
                filter.matches(container)
            } else {
                same_key.into_iter().any(|other| other.matches(container))
            }
        })
    }

    fn matches(&self, container: &Container) -> bool {
        let value = self.value.as_str();
        match self.key {
            Key::App => container.app.as_deref() == Some(value),
            Key::Health => container.health.status.name() == value,
            Key::Id => container.id.starts_with(value),
            Key::Image => {
                container.image.reference == value || container.image.digest.starts_with(value)
            }
            Key::Label => match value.split_once('=') {
                Some((name, value)) => {
                    container.spec.labels.get(name).map(String::as_str) == Some(value)
                }
                None => container.spec.labels.contains_key(value),
            },
            Key::Name => container.name.contains(value),
            Key::State => container.state.name() == value,
        }
    }
}
