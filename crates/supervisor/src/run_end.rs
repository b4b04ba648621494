//! Ends of runs, as they are told and kept.

#[cfg(test)]
mod tests;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use minicbor::{Decoder, Encoder};
use thimble_runtime::record::{End, ExitRecord};
use thimble_serial::RunEnd;

use crate::batch::Batch;
use crate::denied::Outcome;
use crate::keys;
use crate::parts::SharedRecords;
use crate::records;
use crate::saved::{Damaged, expect, text};

/// Ends of a container that are kept.
pub(crate) const ENDS_MAX: u8 = 4;
/// The version of the format.
const VERSION: u8 = 1;
/// Elements of the record.
const ELEMENTS: u64 = 11;
/// Bytes of a reason that are kept.
const REASON_BYTES_MAX: usize = 160;
/// Bytes of output that are kept.
const OUTPUT_BYTES_MAX: usize = 128;
/// The exit code of what could not be started, as docker has it.
const CANNOT_START: i32 = 126;
/// The exit code of what ended because the device did.
const INTERRUPTED: i32 = 137;

/// The end of a run, and its number among those of its container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NumberedEnd {
    pub(crate) number: u32,
    /// It did what it should.
    pub(crate) is_success: bool,
    pub(crate) end: RunEnd,
}

/// The end of a run that the runtime tells.
#[inline(never)]
pub(crate) fn of_run(record: &ExitRecord, unhealthy: Option<&str>) -> (RunEnd, bool) {
    const NANOS_PER_MILLI: u64 = 1_000_000;
    let (reason, is_success) = match (&record.end, unhealthy) {
        (End::Exited(code), _) => ("exited".to_string(), *code == 0),
        (End::Trapped(trap), _) => {
            let place = trap
                .backtrace
                .first()
                .and_then(|frame| frame.name.as_deref());
            let place = place.map_or_else(String::new, |name| alloc::format!(" in {name}"));
            (alloc::format!("trapped: {trap}{place}"), false)
        }
        (End::Killed, Some(why)) => (alloc::format!("unhealthy: {why}"), false),
        (End::Stopped, _) => ("stopped".to_string(), true),
        (End::TimedOut, _) => ("timed out".to_string(), false),
        _ => ("killed".to_string(), false),
    };
    let mut exit_code = record.end.exit_code();
    if exit_code == 0 && !is_success {
        exit_code = INTERRUPTED;
    }
    let end = RunEnd {
        reason: beginning(&reason, REASON_BYTES_MAX).into(),
        exit_code,
        started_unix_ms: record.started_nanos / NANOS_PER_MILLI,
        ended_unix_ms: record.ended_nanos / NANOS_PER_MILLI,
        cpu_us: u64::try_from(record.cpu.as_micros()).unwrap_or(u64::MAX),
        memory_bytes_max: u32::try_from(record.memory_bytes_max).unwrap_or(u32::MAX),
        memory_refused: record.memory_refused,
        last_output: ending(&record.last_output, OUTPUT_BYTES_MAX).into(),
    };
    (end, is_success)
}

/// The end of a run that never began.
pub(crate) fn cannot_start(why: &str, unix_ms: u64) -> RunEnd {
    without_run(alloc::format!("cannot start: {why}"), CANNOT_START, unix_ms)
}

/// The end of a run that was cut off together with the device.
pub(crate) fn interrupted(why: &str, unix_ms: u64) -> RunEnd {
    without_run(why.to_string(), INTERRUPTED, unix_ms)
}

#[inline(never)]
fn without_run(reason: String, exit_code: i32, unix_ms: u64) -> RunEnd {
    RunEnd {
        reason: beginning(&reason, REASON_BYTES_MAX).into(),
        exit_code,
        started_unix_ms: unix_ms,
        ended_unix_ms: unix_ms,
        cpu_us: 0,
        memory_bytes_max: 0,
        memory_refused: false,
        last_output: String::new(),
    }
}

/// At most so many bytes of a text, from its beginning.
pub(crate) fn beginning(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// At most so many bytes of a text, from its end.
fn ending(text: &str, bytes_max: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes_max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

impl NumberedEnd {
    /// Keeps it, in the place of the one that is oldest then.
    pub(crate) fn put(&self, name: &str, batch: &mut Batch) {
        let place = u8::try_from(self.number % u32::from(ENDS_MAX)).unwrap_or(0);
        batch.put(keys::end(name, place), self.encode());
    }

    /// Its bytes.
    #[inline(never)]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        let written = self.write(&mut encoder);
        debug_assert!(written.is_ok(), "memory takes everything");
        encoder.into_writer()
    }

    fn write(
        &self,
        encoder: &mut Encoder<Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
        let end = &self.end;
        encoder.array(ELEMENTS)?.u8(VERSION)?.u32(self.number)?;
        encoder.bool(self.is_success)?.str(&end.reason)?;
        encoder.i32(end.exit_code)?.u64(end.started_unix_ms)?;
        encoder.u64(end.ended_unix_ms)?.u64(end.cpu_us)?;
        encoder
            .u32(end.memory_bytes_max)?
            .bool(end.memory_refused)?;
        encoder.str(&end.last_output)?;
        Ok(())
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Damaged`].
    #[inline(never)]
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut decoder = Decoder::new(bytes);
        expect(&mut decoder, ELEMENTS)?;
        if decoder.u8()? != VERSION {
            return Err(Damaged);
        }
        let number = decoder.u32()?;
        let is_success = decoder.bool()?;
        let end = RunEnd {
            reason: text(beginning(decoder.str()?, REASON_BYTES_MAX))?,
            exit_code: decoder.i32()?,
            started_unix_ms: decoder.u64()?,
            ended_unix_ms: decoder.u64()?,
            cpu_us: decoder.u64()?,
            memory_bytes_max: decoder.u32()?,
            memory_refused: decoder.bool()?,
            last_output: text(beginning(decoder.str()?, OUTPUT_BYTES_MAX))?,
        };
        if decoder.position() != bytes.len() {
            return Err(Damaged);
        }
        Ok(Self {
            number,
            is_success,
            end,
        })
    }
}

/// A container's ends, the newest first. Those that cannot be read are left out.
///
/// # Errors
/// Storage failed.
#[inline(never)]
pub(crate) fn all(records: &SharedRecords, name: &str) -> Outcome<Vec<NumberedEnd>> {
    let mut ends = Vec::new();
    for place in 0..ENDS_MAX {
        let value = records::get(records, &keys::end(name, place))?;
        let Some(end) = value.and_then(|value| NumberedEnd::decode(&value).ok()) else {
            continue;
        };
        let place = ends.partition_point(|other: &NumberedEnd| other.number > end.number);
        ends.insert(place, end);
    }
    Ok(ends)
}

/// Removes a container's ends.
pub(crate) fn delete_all(name: &str, batch: &mut Batch) {
    for place in 0..ENDS_MAX {
        batch.delete(keys::end(name, place));
    }
}
