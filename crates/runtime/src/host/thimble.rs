//! Module `thimble`: our own interface, version 1. Results are 0 or more, or a negated WASI error number.

mod board;
mod event;
mod store;
mod timers;

use thimble_abi::calls::ThimbleCall;
use thimble_abi::{Errno, event as abi};

use crate::engine::CallOutcome;
use crate::memory;
use crate::record::{Health, Trace};
use crate::seldom::Seldom;

use super::messages;
use super::{Arguments, Context};

/// The version of this module.
const VERSION: i32 = 1;

/// What this module keeps between calls.
#[derive(Default)]
pub(super) struct State {
    timers: timers::Timers,
    handles: Seldom<board::Handles>,
}

/// What a call gives when it does not fail.
enum Answer {
    Value(i32),
    Blocked,
}

#[inline(never)]
pub(super) fn call(
    context: &mut Context<'_>,
    call: ThimbleCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> CallOutcome {
    use ThimbleCall as T;
    let result = match call {
        T::AbiVersion => Ok(Answer::Value(VERSION)),
        T::EventWait => event::wait(context, arguments, memory),
        T::TimerCreate => timers::create(context, arguments).map(Answer::Value),
        T::TimerCancel => timers::cancel(context, arguments).map(Answer::Value),
        T::BusPublish => publish(context, arguments, memory).map(Answer::Value),
        T::BusSubscribe => subscribe(context, arguments, memory).map(Answer::Value),
        T::BusUnsubscribe => {
            messages::unsubscribe(context, arguments.u32(0)).map(|()| Answer::Value(0))
        }
        T::KvGet => store::get(context, arguments, memory),
        T::KvSet => store::set(context, arguments, memory),
        T::KvDelete => store::delete(context, arguments, memory),
        T::HealthReport => health_report(context, arguments, memory).map(Answer::Value),
        T::Log => log(context, arguments, memory).map(Answer::Value),
        T::GpioOpen => board::open_pin(context, arguments, memory).map(Answer::Value),
        T::GpioSet => board::set(context, arguments).map(Answer::Value),
        T::GpioGet => board::get(context, arguments).map(Answer::Value),
        T::GpioWatch => board::watch(context, arguments).map(Answer::Value),
        T::SensorOpen => board::open_sensor(context, arguments, memory).map(Answer::Value),
        T::SensorRead => board::read_sensor(context, arguments, memory).map(Answer::Value),
        T::UpdateVeto => context
            .want_update_question(arguments.u32(0))
            .map(|()| Answer::Value(0)),
        T::UpdateAnswer => update_answer(context, arguments, memory).map(Answer::Value),
        _ => Err(Errno::NotSupportedCall),
    };
    let number = match result {
        Ok(Answer::Value(value)) => value,
        Ok(Answer::Blocked) => return CallOutcome::Blocked,
        Err(errno) => i32::from(errno.number()).saturating_neg(),
    };
    CallOutcome::Done(u64::from(number.cast_unsigned()))
}

/// Reads a text given by offset and length.
fn text(memory: &[u8], offset: u32, len: u32) -> Result<&str, Errno> {
    core::str::from_utf8(memory::bytes(memory, offset, len)?).map_err(|_| Errno::IllegalSequence)
}

/// Reads a text for people, of bounded length.
fn short_text(memory: &[u8], offset: u32, len: u32) -> Result<&str, Errno> {
    let text = text(memory, offset, len)?;
    if len > abi::TEXT_BYTES_MAX {
        Err(Errno::MessageTooLong)
    } else {
        Ok(text)
    }
}

/// A count as a result.
fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[inline(never)]
fn publish(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<i32, Errno> {
    let topic = text(memory, arguments.u32(0), arguments.u32(1))?;
    let content_type = text(memory, arguments.u32(2), arguments.u32(3))?;
    let payload = memory::bytes(memory, arguments.u32(4), arguments.u32(5))?;
    let flags = arguments.u32(6);
    let too_long = arguments.u32(3) > abi::CONTENT_TYPE_BYTES_MAX;
    if flags & !abi::PUBLISH_RETAIN != 0 || too_long || content_type.contains('\0') {
        return Err(Errno::Invalid);
    }
    let published = messages::publish(context, topic, content_type, payload, flags != 0)?;
    if published.refused > 0 {
        Err(Errno::Again)
    } else {
        Ok(number(published.delivered))
    }
}

fn subscribe(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<i32, Errno> {
    let filter = text(memory, arguments.u32(0), arguments.u32(1))?;
    messages::subscribe_filter(context, filter).map(number)
}

#[inline(never)]
fn health_report(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<i32, Errno> {
    let message = short_text(memory, arguments.u32(1), arguments.u32(2))?;
    let status = match arguments.u32(0) {
        0 => Health::Healthy,
        1 => Health::Degraded,
        2 => Health::Failing,
        _ => return Err(Errno::Invalid),
    };
    context
        .ports
        .observer
        .trace(context.state.id, Trace::Health { status, message });
    Ok(0)
}

#[inline(never)]
fn update_answer(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<i32, Errno> {
    let reason = short_text(memory, arguments.u32(2), arguments.u32(3))?;
    context.answer_update(arguments.u32(0), arguments.u32(1), reason)?;
    Ok(0)
}

#[inline(never)]
fn log(context: &mut Context<'_>, arguments: Arguments<'_>, memory: &[u8]) -> Result<i32, Errno> {
    const LEVEL_MAX: u8 = 4;
    let message = short_text(memory, arguments.u32(1), arguments.u32(2))?;
    let level = u8::try_from(arguments.u32(0))
        .ok()
        .filter(|level| *level <= LEVEL_MAX)
        .ok_or(Errno::Invalid)?;
    context
        .ports
        .observer
        .trace(context.state.id, Trace::Log { level, message });
    Ok(0)
}
