//! What happened on the device lately, for whoever asks and whoever listens.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;
use thimble_device_api::{Event, EventKind, Timestamp};
use tokio::sync::watch;

/// Events that are kept.
pub(crate) const EVENTS_MAX: usize = 1024;

/// Whom an event is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject {
    pub(crate) container: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) app: Option<String>,
}

/// The latest events.
pub(crate) struct Events {
    kept: Mutex<Kept>,
    /// The number of the last one: listeners wait for it to change, and read what they have not seen.
    last: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    last: u64,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            kept: Mutex::default(),
            last: watch::Sender::new(0),
        }
    }

    /// Notes that something happened now.
    pub(crate) fn tell(
        &self,
        kind: EventKind,
        subject: Subject,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        let attributes: BTreeMap<String, String> = attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let number = {
            let mut kept = self.kept.lock();
            kept.last += 1;
            let number = kept.last;
            if kept.events.len() >= EVENTS_MAX {
                kept.events.pop_front();
            }
            kept.events.push_back(Event {
                sequence: number,
                at: Timestamp::now(),
                kind,
                container: subject.container,
                id: subject.id,
                app: subject.app,
                attributes,
            });
            number
        };
        self.last.send_replace(number);
    }

    /// The events after the one of this number that are still kept, the oldest first.
    pub(crate) fn after(&self, number: u64) -> Vec<Event> {
        let kept = self.kept.lock();
        let from = kept
            .events
            .partition_point(|event| event.sequence <= number);
        kept.events.range(from..).cloned().collect()
    }

    /// The number of the last event, and a way to wait for the next.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}
