//! Waiting for events, and what they say.

use crate::host;
use crate::{Error, Result};

const TIMER: u32 = 1;
const MESSAGE: u32 = 2;
const GPIO: u32 = 3;
const STOP: u32 = 4;
const UPDATE: u32 = 5;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'buffer> {
    /// A timer fired.
    Timer {
        /// [`crate::Timer::id`].
        id: u32,
        /// When, in nanoseconds on the monotonic clock.
        time_ns: u64,
        /// Firings before this one that the guest was too slow to see.
        missed: u64,
    },
    /// A message arrived.
    Message(Message<'buffer>),
    /// A watched pin changed.
    Pin {
        /// [`crate::Pin::id`].
        id: u32,
        /// When, in nanoseconds on the monotonic clock.
        time_ns: u64,
        /// Its level after the change.
        high: bool,
    },
    /// The container shall stop: finish and leave within the grace.
    Stop {
        /// Milliseconds until it is killed.
        grace_ms: u64,
    },
    /// May the container be replaced now? [`crate::answer_update`] says so; only who asked with
    /// [`crate::veto_updates`] is asked.
    Update {
        /// What the answer names.
        id: u32,
        /// Milliseconds in which an answer counts.
        left_ms: u64,
    },
    /// An event that this version does not know; skip it.
    Unknown {
        /// Its kind.
        kind: u32,
    },
}

/// A message of the bus. It lies in the buffer given to [`wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'buffer> {
    /// [`crate::Subscription::id`].
    pub subscription: u32,
    /// When it was published, in nanoseconds on the monotonic clock.
    pub time_ns: u64,
    /// Its topic.
    pub topic: &'buffer str,
    /// What the payload is, such as `text/plain`.
    pub content_type: &'buffer str,
    /// The payload.
    pub payload: &'buffer [u8],
}

/// Waits for the next event, which is written to `buffer`: 64 bytes do for all but messages. `timeout_ms` `None` waits
/// for ever, 0 only looks. `Ok(None)` when the time is over.
///
/// # Errors
/// [`Error::OVERFLOW`] if the event does not fit; it stays queued.
pub fn wait(timeout_ms: Option<u32>, buffer: &mut [u8]) -> Result<Option<Event<'_>>> {
    let bytes = Error::check(host::event_wait(timeout_ms.map_or(-1, i64::from), buffer))?;
    if bytes == 0 {
        return Ok(None);
    }
    let record = usize::try_from(bytes)
        .ok()
        .and_then(|bytes| buffer.get(..bytes));
    record.and_then(parse).map(Some).ok_or(Error::BAD_MESSAGE)
}

/// Reads a record; `None` if it is cut short or not UTF-8 where it must be.
pub(crate) fn parse(record: &[u8]) -> Option<Event<'_>> {
    let mut reader = Reader { rest: record };
    let kind = reader.u32()?;
    let id = reader.u32()?;
    let time_ns = reader.u64()?;
    Some(match kind {
        TIMER => Event::Timer {
            id,
            time_ns,
            missed: reader.u64()?,
        },
        MESSAGE => {
            let (topic, content_type, payload) = (reader.u32()?, reader.u32()?, reader.u32()?);
            Event::Message(Message {
                subscription: id,
                time_ns,
                topic: core::str::from_utf8(reader.take(topic)?).ok()?,
                content_type: core::str::from_utf8(reader.take(content_type)?).ok()?,
                payload: reader.take(payload)?,
            })
        }
        GPIO => {
            let (_port, _pin, level) = (reader.u32()?, reader.u32()?, reader.u32()?);
            Event::Pin {
                id,
                time_ns,
                high: level != 0,
            }
        }
        STOP => Event::Stop {
            grace_ms: reader.u64()?,
        },
        UPDATE => Event::Update {
            id,
            left_ms: reader.u64()?,
        },
        kind => Event::Unknown { kind },
    })
}

/// Takes little-endian numbers off the front of a record.
struct Reader<'record> {
    rest: &'record [u8],
}

impl<'record> Reader<'record> {
    fn take(&mut self, bytes: u32) -> Option<&'record [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(bytes).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}
