//! What happened on the device lately, for whoever asks and whoever listens.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;
use thimble_device_api::{Event, EventKind, Timestamp};
use tokio::sync::watch;

/// Events that are kept.
pub(crate) const EVENTS_MAX: usize = 1024;
/// Bytes that they take together at most, far more than they usually do.
const BYTES_MAX: usize = 1 << 20;

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

/// Each event as JSON, the oldest first, in one piece of memory: as thousands of small ones, of which some go while others
/// stay, they would leave holes.
#[derive(Default)]
struct Kept {
    text: VecDeque<u8>,
    /// The length of each.
    lengths: VecDeque<usize>,
    /// The number of the last one.
    last: u64,
}

impl Kept {
    fn push(&mut self, event: &Event) {
        // It cannot fail, and would be an event that is lost.
        let text = serde_json::to_vec(event).unwrap_or_default();
        while self.lengths.len() >= EVENTS_MAX || self.text.len() + text.len() > BYTES_MAX {
            let Some(length) = self.lengths.pop_front() else {
                break;
            };
            self.text.drain(..length);
        }
        self.lengths.push_back(text.len());
        self.text.extend(text);
        self.last = event.sequence;
    }

    /// Copies those after this number: their text, and the length of each.
    fn after(&self, number: u64) -> (Vec<u8>, Vec<usize>) {
        let wanted = usize::try_from(self.last.saturating_sub(number)).unwrap_or(usize::MAX);
        let skipped = self.lengths.len().saturating_sub(wanted);
        let lengths: Vec<usize> = self.lengths.range(skipped..).copied().collect();
        let begin = self.text.len() - lengths.iter().sum::<usize>();
        (self.text.range(begin..).copied().collect(), lengths)
    }
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
            let number = kept.last + 1;
            kept.push(&Event {
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
        let (text, lengths) = self.kept.lock().after(number);
        let mut left = text.as_slice();
        let mut events = Vec::with_capacity(lengths.len());
        for length in lengths {
            let Some((event, others)) = left.split_at_checked(length) else {
                break;
            };
            events.extend(serde_json::from_slice::<Event>(event));
            left = others;
        }
        events
    }

    /// The number of the last event, and a way to wait for the next.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(events: &Events, name: &str) {
        let subject = Subject {
            container: Some(name.to_owned()),
            ..Subject::default()
        };
        events.tell(EventKind::End, subject, [("exit_code", "1".to_owned())]);
    }

    #[test]
    fn the_latest_are_kept_as_they_were_told() {
        let events = Events::new();
        assert_eq!(events.after(0), []);
        for number in 1..=3000 {
            tell(&events, &format!("c{number}"));
            let latest = events.after(number - 1);
            assert_eq!(latest.len(), 1);
            assert_eq!(latest[0].sequence, number);
            assert_eq!(latest[0].container, Some(format!("c{number}")));
            assert_eq!(latest[0].attributes["exit_code"], "1");
        }
        let kept = events.after(0);
        assert_eq!(kept.len(), EVENTS_MAX);
        assert!(kept.is_sorted_by_key(|event| event.sequence));
        assert_eq!(kept[0].sequence, 3001 - EVENTS_MAX as u64);
        assert_eq!(events.after(2990).len(), 10);
        assert_eq!(events.after(3000), []);
        assert_eq!(events.after(u64::MAX), []);
    }

    #[test]
    fn large_ones_leave_less_room_for_others() {
        let events = Events::new();
        let large = "x".repeat(100_000);
        for _ in 0..30 {
            tell(&events, &large);
        }
        let kept = events.after(0);
        assert_eq!(kept.len(), 10);
        assert_eq!(kept[9].sequence, 30);
        // One that has no room at all is there alone.
        tell(&events, &"x".repeat(2 * BYTES_MAX));
        assert_eq!(events.after(0).len(), 1);
    }
}
