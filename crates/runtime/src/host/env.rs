//! Module `env`: Ocre's API. Results are 0 or more, or a negated Linux error number.

mod gpio;
mod heap;
mod messaging;
mod sensors;
#[cfg(test)]
mod tests;
mod timers;

use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;

use thimble_abi::calls::EnvCall;
use thimble_abi::{Errno, env as abi};

use crate::engine::{CallOutcome, Trap, TrapKind};
use crate::memory;
use crate::module::{Interface, Names};
use crate::port::{Level, SensorReading};
use crate::seldom::{Seldom, Unused};
use crate::time::Instant;

use super::events::Source;
use super::{Arguments, Context};
use heap::Heap;
use timers::Timers;

/// Bytes of the names of pins, sensors and functions.
const NAME_BYTES_MAX: u32 = 256;

/// What this module keeps between calls.
#[derive(Default)]
pub(super) struct State {
    timers: Timers,
    /// Where messages are put; none if the guest does not receive Ocre's.
    heap: Option<Heap>,
    /// Messages received so far: their ids.
    received: u32,
    /// The functions that a guest may name as dispatchers.
    functions: Names,
    /// The sensors it may read, once it has asked.
    sensors: Option<Vec<SensorReading>>,
}

impl Unused for State {
    const UNUSED: &'static Self = &Self {
        timers: Timers::new(),
        heap: None,
        received: 0,
        functions: Names::new(),
        sensors: None,
    };
}

impl State {
    pub(super) fn new(interface: &Interface) -> Seldom<Self> {
        if interface.app_heap.is_none() && interface.dispatchers == Names::new() {
            return Seldom::default();
        }
        Seldom::used(Self {
            heap: interface.app_heap.clone().map(Heap::new),
            functions: interface.dispatchers.clone(),
            ..Self::default()
        })
    }
}

#[inline(never)]
pub(super) fn call(
    context: &mut Context<'_>,
    call: EnvCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> CallOutcome {
    let result = match call {
        EnvCall::Sleep => return sleep(context, arguments.u32(0)),
        EnvCall::Uname => uname(context, arguments.u32(0), memory),
        EnvCall::GetEvent => get_event(context, arguments, memory),
        EnvCall::RegisterDispatcher => register_dispatcher(context, arguments, memory),
        EnvCall::PublishMessage => messaging::publish(context, arguments, memory),
        EnvCall::SubscribeMessage => messaging::subscribe(context, arguments, memory),
        EnvCall::FreeMessage => messaging::free(context, arguments),
        EnvCall::MessagingInit => Ok(0),
        EnvCall::TimerCreate
        | EnvCall::TimerStart
        | EnvCall::TimerStop
        | EnvCall::TimerDelete
        | EnvCall::TimerRemaining => timers::call(context, call, arguments),
        _ => {
            return match gpio::call(context, call, arguments, memory) {
                Some(result) => done(result),
                None => sensors::call(context, call, arguments, memory).unwrap_or_else(|| {
                    CallOutcome::Trap(Trap::with_detail(TrapKind::Engine, "unknown call of env"))
                }),
            };
        }
    };
    done(result)
}

/// A result as Ocre's guests read it.
fn done(result: Result<i32, Errno>) -> CallOutcome {
    let number = result.unwrap_or_else(|errno| errno.ocre_number().saturating_neg());
    CallOutcome::Done(u64::from(number.cast_unsigned()))
}

/// Reads a text of at most `max` bytes.
fn text(memory: &[u8], offset: u32, max: u32) -> Result<&str, Errno> {
    let bytes = memory::c_string(memory, offset, max)?;
    core::str::from_utf8(bytes).map_err(|_| Errno::Invalid)
}

/// Reads a level: 0 or 1.
fn level(state: u32) -> Result<Level, Errno> {
    match state {
        0 => Ok(Level::Low),
        1 => Ok(Level::High),
        _ => Err(Errno::Invalid),
    }
}

fn uname(context: &Context<'_>, offset: u32, memory: &mut [u8]) -> Result<i32, Errno> {
    let size = abi::UNAME_FIELD_BYTES.saturating_mul(abi::UNAME_FIELDS);
    let fields = [
        "Thimble",
        &context.state.config.name,
        env!("CARGO_PKG_VERSION"),
        "Ocre API 0.7",
        "wasm32",
        "",
    ];
    let buffer = memory::bytes_mut(memory, offset, size)?;
    buffer.fill(0);
    let field_bytes = usize::try_from(abi::UNAME_FIELD_BYTES).unwrap_or(0);
    for (slot, field) in buffer.chunks_exact_mut(field_bytes).zip(fields) {
        // The last byte stays NUL; a character is never cut.
        let kept = field
            .get(..field.floor_char_boundary(field_bytes.saturating_sub(1)))
            .unwrap_or_default();
        slot.iter_mut()
            .zip(kept.bytes().filter(|byte| *byte != 0))
            .for_each(|(to, from)| *to = from);
    }
    Ok(0)
}

fn sleep(context: &mut Context<'_>, milliseconds: u32) -> CallOutcome {
    let end = context.began() + Duration::from_millis(milliseconds.into());
    if context.ports.clock.now() >= end {
        return CallOutcome::Done(0);
    }
    context.wait_until(end);
    CallOutcome::Blocked
}

fn register_dispatcher(
    context: &Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<i32, Errno> {
    let name = text(memory, arguments.u32(1), NAME_BYTES_MAX).map_err(|_| Errno::Invalid)?;
    if arguments.u32(0) >= abi::RESOURCE_COUNT || !context.state.env.functions.contains(name) {
        return Err(Errno::Invalid);
    }
    // Guests poll: nothing is called from outside, so there is nothing to remember.
    Ok(0)
}

fn get_event(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Result<i32, Errno> {
    let outputs: [u32; 6] = core::array::from_fn(|position| arguments.u32(position));
    for output in outputs {
        memory::range(memory.len(), output, 4)?;
    }
    let now = context.ports.clock.now();
    let event = next_event(context, now, memory)?;
    for (output, value) in outputs.into_iter().zip(event) {
        memory::write_u32(memory, output, value)?;
    }
    Ok(0)
}

/// Takes the next event as the six numbers that a guest reads.
fn next_event(
    context: &mut Context<'_>,
    now: Instant,
    memory: &mut [u8],
) -> Result<[u32; 6], Errno> {
    let mut held_back = None;
    loop {
        // Ocre's guests poll, so there is nobody to wake.
        context.look_ahead(now, Waker::noop());
        // A message that finds no room waits; what else happened does not wait behind it.
        let withheld = if held_back.is_some() {
            context.state.events.message.take()
        } else {
            None
        };
        let source = context.oldest(context.state.env.timers.due(now));
        if withheld.is_some() {
            context.state.events.message = withheld;
        }
        match source {
            None => return Err(held_back.unwrap_or(Errno::NoMessage)),
            Some(Source::Timer) => {
                if let Some(id) = context.state.env.timers.take(now) {
                    return Ok([abi::RESOURCE_TIMER, id, 0, 0, 0, 0]);
                }
            }
            Some(Source::Edge) => {
                if let Some(edge) = context.state.events.edge.take() {
                    return Ok([
                        abi::RESOURCE_GPIO,
                        edge.pin,
                        edge.port,
                        u32::from(edge.level == Level::High),
                        0,
                        0,
                    ]);
                }
            }
            Some(Source::Message) => match messaging::deliver(context, memory)? {
                messaging::Delivered::Event(event) => return Ok(event),
                messaging::Delivered::NoRoom => held_back = Some(Errno::NoMemory),
                messaging::Delivered::NeverFits => context.limit_reached("app_heap"),
            },
        }
    }
}
