//! Waiting for events, and their records.

use core::task::Waker;
use core::time::Duration;

use thimble_abi::{Errno, event as abi};

use crate::memory;
use crate::port::Level;
use crate::time::Instant;

use super::super::events::Source;
use super::super::{Arguments, Context};
use super::{Answer, number};

/// Where a record goes: checked before anything is taken.
struct Target<'a> {
    memory: &'a mut [u8],
    offset: u32,
    capacity: u32,
}

pub(super) fn wait(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Result<Answer, Errno> {
    let (timeout_ms, offset, capacity) = (arguments.i64(0), arguments.u32(1), arguments.u32(2));
    memory::bytes(memory, offset, capacity)?;
    let mut target = Target {
        memory,
        offset,
        capacity,
    };
    let now = context.ports.clock.now();
    if let Some(grace) = context.state.stop_requested {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        target.header(abi::STOP_BYTES, abi::STOP, 0, now)?;
        target.u64(abi::HEADER_BYTES, grace_ms)?;
        context.state.stop_requested = None;
        return Ok(Answer::Value(number(abi::STOP_BYTES)));
    }
    if let Some((question, left_ms)) = context.untold_question(now) {
        target.header(abi::UPDATE_BYTES, abi::UPDATE, question, now)?;
        target.u64(abi::HEADER_BYTES, left_ms)?;
        context.question_told();
        return Ok(Answer::Value(number(abi::UPDATE_BYTES)));
    }
    let polls = timeout_ms == 0;
    let waker = if polls { Waker::noop() } else { context.waker };
    let next_edge = context.look_ahead(now, waker);
    let due = context.state.thimble.timers.due(now);
    let first_due = due.and_then(|_| context.state.thimble.timers.next());
    match context.oldest(first_due) {
        Some(Source::Timer) => timer(context, &mut target, now),
        Some(Source::Message) => message(context, &mut target),
        Some(Source::Edge) => edge(context, &mut target),
        None if polls => Ok(Answer::Value(0)),
        None => Ok(sleep(context, now, timeout_ms, next_edge)),
    }
}

/// Waits on, unless the time is over.
fn sleep(
    context: &mut Context<'_>,
    now: Instant,
    timeout_ms: i64,
    next_edge: Option<Instant>,
) -> Answer {
    if let Ok(timeout_ms) = u64::try_from(timeout_ms) {
        let end = context.began() + Duration::from_millis(timeout_ms);
        if now >= end {
            return Answer::Value(0);
        }
        context.wait_until(end);
    }
    for next in [context.state.thimble.timers.next(), next_edge]
        .into_iter()
        .flatten()
    {
        context.wait_until(next);
    }
    Answer::Blocked
}

fn timer(
    context: &mut Context<'_>,
    target: &mut Target<'_>,
    now: Instant,
) -> Result<Answer, Errno> {
    let timers = &mut context.state.thimble.timers;
    let Some(firing) = timers.due(now) else {
        return Err(Errno::Again);
    };
    target.header(abi::TIMER_BYTES, abi::TIMER, firing.id, firing.at)?;
    target.u64(abi::HEADER_BYTES, firing.missed)?;
    timers.received(firing);
    Ok(Answer::Value(number(abi::TIMER_BYTES)))
}

fn message(context: &mut Context<'_>, target: &mut Target<'_>) -> Result<Answer, Errno> {
    let held = &mut context.state.events.message;
    let Some(delivery) = held else {
        return Err(Errno::Again);
    };
    let message = &delivery.message;
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| Errno::Overflow);
    let total = abi::MESSAGE_HEADER_BYTES
        .checked_add(len(message.joined())?)
        .ok_or(Errno::Overflow)?;
    target.header(total, abi::MESSAGE, delivery.subscription, message.at())?;
    let lens = [
        len(message.topic())?,
        len(message.content_type())?,
        len(message.payload())?,
    ];
    target.u32s(abi::HEADER_BYTES, lens)?;
    target.write(abi::MESSAGE_HEADER_BYTES, message.joined())?;
    *held = None;
    Ok(Answer::Value(number(total)))
}

fn edge(context: &mut Context<'_>, target: &mut Target<'_>) -> Result<Answer, Errno> {
    let held = &mut context.state.events.edge;
    let Some(edge) = held.as_deref().copied() else {
        return Err(Errno::Again);
    };
    let handle = context.state.thimble.handles.pin_at(edge.port, edge.pin);
    target.header(abi::GPIO_BYTES, abi::GPIO, handle, edge.at)?;
    target.u32s(
        abi::HEADER_BYTES,
        [edge.port, edge.pin, u32::from(edge.level == Level::High)],
    )?;
    *held = None;
    Ok(Answer::Value(number(abi::GPIO_BYTES)))
}

impl Target<'_> {
    /// Writes a record's header if a record of `size` bytes fits; else only the size, if that does.
    fn header(&mut self, size: u32, kind: u32, id: u32, at: Instant) -> Result<(), Errno> {
        const SIZE_BYTES: u32 = 4;
        if size > self.capacity {
            if self.capacity >= SIZE_BYTES {
                self.write(0, &size.to_le_bytes())?;
            }
            return Err(Errno::Overflow);
        }
        self.write(0, &kind.to_le_bytes())?;
        self.write(4, &id.to_le_bytes())?;
        self.u64(8, at.nanos())
    }

    fn u64(&mut self, place: u32, value: u64) -> Result<(), Errno> {
        self.write(place, &value.to_le_bytes())
    }

    fn u32s(&mut self, place: u32, [a, b, c]: [u32; 3]) -> Result<(), Errno> {
        self.write(place, &a.to_le_bytes())?;
        self.write(place.saturating_add(4), &b.to_le_bytes())?;
        self.write(place.saturating_add(8), &c.to_le_bytes())
    }

    fn write(&mut self, place: u32, bytes: &[u8]) -> Result<(), Errno> {
        memory::write(
            self.memory,
            self.offset.checked_add(place).ok_or(Errno::Fault)?,
            bytes,
        )
    }
}
