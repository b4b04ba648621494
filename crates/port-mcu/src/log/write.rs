//! Writes groups of changes.

use crate::flash::span;
use crate::records::{Change, RecordsError};

use super::Log;
use super::frame::{Frame, Header, KEY_BYTES_MAX, Kind, Writer, frame_bytes};
use super::index;

/// What changes come to.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// Changes that have something to do.
    frames: usize,
    /// Bytes that their frames take.
    bytes: u32,
    /// Bytes of live records that come.
    bytes_added: u32,
    /// Bytes of live records that go.
    bytes_removed: u32,
    /// Records that come.
    records_added: u32,
    /// Records that go.
    records_removed: u32,
}

/// What became of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is on flash.
    Written,
    /// It is not, and its block takes no more.
    Refused,
}

impl Log {
    /// Carries out all changes, or none. A block that does not take what is written is left, and the next one is tried.
    pub(super) fn write_group(&mut self, changes: &[Change<'_>]) -> Result<(), RecordsError> {
        let plan = self.plan(changes)?;
        if plan.frames == 0 {
            return Ok(());
        }
        self.admit(&plan)?;
        self.index.reserve(plan.frames)?;
        if self.try_group(changes, &plan)? == Outcome::Written {
            return Ok(());
        }
        match self.try_group(changes, &plan)? {
            Outcome::Written => Ok(()),
            Outcome::Refused => Err(RecordsError::Device),
        }
    }

    fn try_group(&mut self, changes: &[Change<'_>], plan: &Plan) -> Result<Outcome, RecordsError> {
        match self.make_room(plan.bytes) {
            Ok(()) => {}
            Err(RecordsError::Device) => return self.leave_head().map(|()| Outcome::Refused),
            Err(error) => return Err(error),
        }
        let Some(head) = self.head else {
            return Err(RecordsError::Device);
        };
        let begin = self.layout.block_at(head.block) + head.next;
        let end = begin + plan.bytes;
        let written = self.write_frames(changes, plan.frames, begin, head.sequence);
        if written.is_ok() && self.holds(begin, end, head.sequence) {
            self.set_next(head.next + plan.bytes);
            let absorbed = self.absorb(begin, end);
            // It stands on flash; if memory could not follow, it will when flash can be read again.
            self.stale = absorbed.is_err();
            return Ok(Outcome::Written);
        }
        self.leave_head()?;
        // Whether it counts all the same is for flash to say.
        if self.holds(begin, end, head.sequence) {
            return Ok(Outcome::Written);
        }
        Ok(Outcome::Refused)
    }

    /// Writes no more into a block that does not take it, and reads everything anew.
    fn leave_head(&mut self) -> Result<(), RecordsError> {
        self.spoiled = self.head.map(|head| head.sequence);
        self.stale = true;
        self.recover()?;
        Ok(())
    }

    /// What the changes come to, each of them following those before it.
    fn plan(&self, changes: &[Change<'_>]) -> Result<Plan, RecordsError> {
        let mut plan = Plan::default();
        for (place, change) in changes.iter().enumerate() {
            let earlier = changes.get(..place).unwrap_or_default();
            let before = self.bytes_before(key_of(change), earlier)?;
            let bytes = self.bytes_of(change)?;
            if let Some(before) = before {
                plan.bytes_removed += before;
                plan.records_removed += 1;
            }
            match change {
                Change::Put { .. } => {
                    plan.bytes_added += bytes;
                    plan.records_added += 1;
                }
                Change::Delete { .. } if before.is_none() => continue,
                Change::Delete { .. } => {}
            }
            plan.frames += 1;
            plan.bytes = plan.bytes.saturating_add(bytes);
        }
        Ok(plan)
    }

    /// Bytes that a key's live frame has when these changes have been made.
    fn bytes_before(
        &self,
        key: &[u8],
        earlier: &[Change<'_>],
    ) -> Result<Option<u32>, RecordsError> {
        match earlier.iter().rfind(|change| key_of(change) == key) {
            Some(Change::Delete { .. }) => Ok(None),
            Some(change) => Ok(Some(self.bytes_of(change)?)),
            None => match self.find(key)? {
                Some(at) => Ok(Some(self.frame_bytes_at(at)?)),
                None => Ok(None),
            },
        }
    }

    /// Bytes of a change's frame.
    fn bytes_of(&self, change: &Change<'_>) -> Result<u32, RecordsError> {
        let key = key_of(change);
        let bytes = span(key.len()).saturating_add(span(value_of(change).len()));
        let bytes_max = self.layout.record_bytes_max();
        if bytes > bytes_max {
            return Err(RecordsError::TooLarge { bytes, bytes_max });
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(RecordsError::TooLarge {
                bytes: span(key.len()),
                bytes_max: span(KEY_BYTES_MAX),
            });
        }
        Ok(frame_bytes(bytes, self.layout.unit))
    }

    /// Whether there is room for the changes: for less than there was, always.
    fn admit(&self, plan: &Plan) -> Result<(), RecordsError> {
        let bytes_max = self.layout.payload_bytes();
        if plan.bytes > bytes_max {
            return Err(RecordsError::TooLarge {
                bytes: plan.bytes,
                bytes_max,
            });
        }
        let records = span(self.index.offsets.len());
        let records_after = (records + plan.records_added).saturating_sub(plan.records_removed);
        if records_after > self.records_max && records_after > records {
            return Err(RecordsError::TooMany {
                records_max: self.records_max,
            });
        }
        let capacity = self.layout.capacity_bytes();
        let after = (self.live_bytes + plan.bytes_added).saturating_sub(plan.bytes_removed);
        if after > capacity && after > self.live_bytes {
            return Err(RecordsError::Full {
                needed_bytes: after - self.live_bytes,
                free_bytes: capacity.saturating_sub(self.live_bytes),
            });
        }
        Ok(())
    }

    fn write_frames(
        &self,
        changes: &[Change<'_>],
        frames: usize,
        begin: u32,
        sequence: u32,
    ) -> Result<(), RecordsError> {
        let mut at = begin;
        let mut left = frames;
        for (place, change) in changes.iter().enumerate() {
            let earlier = changes.get(..place).unwrap_or_default();
            let key = key_of(change);
            let kind = match change {
                Change::Put { .. } => Kind::Put,
                Change::Delete { .. } if self.bytes_before(key, earlier)?.is_none() => continue,
                Change::Delete { .. } => Kind::Delete,
            };
            left = left.saturating_sub(1);
            at += self.write_frame(at, sequence, kind, left == 0, [key, value_of(change)])?;
        }
        Ok(())
    }

    /// Writes a frame; how many bytes it takes.
    pub(super) fn write_frame(
        &self,
        at: u32,
        sequence: u32,
        kind: Kind,
        last: bool,
        [key, value]: [&[u8]; 2],
    ) -> Result<u32, RecordsError> {
        let too_large = RecordsError::TooLarge {
            bytes: span(key.len()).saturating_add(span(value.len())),
            bytes_max: self.layout.record_bytes_max(),
        };
        let header = Header {
            kind,
            last,
            key_bytes: u8::try_from(key.len()).map_err(|_| too_large)?,
            value_bytes: u16::try_from(value.len()).map_err(|_| too_large)?,
        };
        let mut sum = header.begin_sum(sequence);
        sum.update(key);
        sum.update(value);
        let mut writer = Writer::new(&self.region, at, self.layout.unit);
        writer.push(&header.encode(sequence, sum.finalize()))?;
        writer.push(key)?;
        writer.push(value)?;
        writer.finish()?;
        Ok(header.frame_bytes(self.layout.unit))
    }

    /// Whether whole frames stand between two offsets, the last of them the last of its group.
    pub(super) fn holds(&self, begin: u32, end: u32, sequence: u32) -> bool {
        let mut at = begin;
        let mut ended = false;
        while at < end {
            let Ok(Some(frame)) = Frame::read(&self.region, at, sequence) else {
                return false;
            };
            if !matches!(frame.verify(&self.region, sequence, &mut |_| {}), Ok(true)) {
                return false;
            }
            ended = frame.header.last;
            at += frame.header.frame_bytes(self.layout.unit);
        }
        ended && at == end
    }

    /// Bytes of a frame that was found whole.
    pub(super) fn frame_bytes_at(&self, at: u32) -> Result<u32, RecordsError> {
        let (key_bytes, value_bytes) = index::lengths(&self.region, at)?;
        Ok(frame_bytes(
            span(key_bytes) + span(value_bytes),
            self.layout.unit,
        ))
    }

    /// Puts the next frame there.
    pub(super) fn set_next(&mut self, next: u32) {
        if let Some(head) = &mut self.head {
            head.next = next;
        }
    }
}

fn key_of<'a>(change: &Change<'a>) -> &'a [u8] {
    match *change {
        Change::Put { key, .. } | Change::Delete { key } => key,
    }
}

fn value_of<'a>(change: &Change<'a>) -> &'a [u8] {
    match *change {
        Change::Put { value, .. } => value,
        Change::Delete { .. } => &[],
    }
}
