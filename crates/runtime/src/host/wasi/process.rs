//! Arguments, environment, randomness, and the end of the guest.

use alloc::format;
use alloc::string::String;

use thimble_abi::Errno;

use super::layout::check;
use super::{Attempt, Stop};
use crate::engine::{CallOutcome, Trap, TrapKind};
use crate::host::{Arguments, Context};
use crate::memory;
use crate::time::Instant;

#[inline(never)]
pub(super) fn args_get(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let args = context.state.config.args.iter().map(String::as_str);
    write_strings(args, arguments, memory)
}

pub(super) fn args_sizes_get(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let args = context.state.config.args.iter().map(String::as_str);
    write_sizes(args, arguments, memory)
}

#[inline(never)]
pub(super) fn environ_get(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    write_strings(variables(context), arguments, memory)
}

pub(super) fn environ_sizes_get(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    write_sizes(variables(context), arguments, memory)
}

/// The environment as guests see it.
fn variables(context: &Context<'_>) -> impl Iterator<Item = String> + Clone {
    let variables = context.state.config.env.iter();
    variables.map(|(name, value)| format!("{name}={value}"))
}

/// Ends the guest as the signal would, unless it is none.
pub(super) fn raise(signal: u32) -> Attempt {
    const NAMES: [&str; 31] = [
        "none", "hup", "int", "quit", "ill", "trap", "abrt", "bus", "fpe", "kill", "usr1", "segv",
        "usr2", "pipe", "alrm", "term", "chld", "cont", "stop", "tstp", "ttin", "ttou", "urg",
        "xcpu", "xfsz", "vtalrm", "prof", "winch", "poll", "pwr", "sys",
    ];
    // What a process that does not handle them goes on after.
    const HARMLESS: [&str; 5] = ["none", "chld", "cont", "urg", "winch"];
    let name = usize::try_from(signal)
        .ok()
        .and_then(|signal| NAMES.get(signal))
        .ok_or(Errno::Invalid)?;
    if HARMLESS.contains(name) {
        return Ok(());
    }
    Err(Stop::Ended(CallOutcome::Trap(Trap::with_detail(
        TrapKind::Signal,
        *name,
    ))))
}

/// Gives others one turn.
pub(super) fn sched_yield(context: &mut Context<'_>) -> Attempt {
    if core::mem::replace(&mut context.state.wasi.yielded, true) {
        return Ok(());
    }
    context.wait_until(Instant::from_nanos(0));
    context.waker.wake_by_ref();
    Err(Stop::Blocked)
}

#[inline(never)]
pub(super) fn random_get(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let buffer = memory::bytes_mut(memory, arguments.u32(0), arguments.u32(1))?;
    // The kernel's source may stop short of large requests.
    const CHUNK_BYTES: usize = 64 << 10;
    for chunk in buffer.chunks_mut(CHUNK_BYTES) {
        context.ports.random.fill(chunk)?;
    }
    Ok(())
}

fn write_sizes(
    strings: impl Iterator<Item = impl AsRef<str>>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (count_at, size_at) = (arguments.u32(0), arguments.u32(1));
    check(memory, count_at, 4)?;
    check(memory, size_at, 4)?;
    let (mut count, mut bytes) = (0_usize, 0_usize);
    for string in strings {
        count += 1;
        bytes += string.as_ref().len() + 1;
    }
    memory::write_u32(
        memory,
        count_at,
        u32::try_from(count).map_err(|_| Errno::Overflow)?,
    )?;
    memory::write_u32(
        memory,
        size_at,
        u32::try_from(bytes).map_err(|_| Errno::Overflow)?,
    )?;
    Ok(())
}

fn write_strings(
    strings: impl Iterator<Item = impl AsRef<str>> + Clone,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (list, buffer) = (arguments.u32(0), arguments.u32(1));
    let (mut list_bytes, mut buffer_bytes) = (0_u32, 0_u32);
    for string in strings.clone() {
        let bytes = u32::try_from(string.as_ref().len()).map_err(|_| Errno::Overflow)?;
        list_bytes = list_bytes.checked_add(4).ok_or(Errno::Overflow)?;
        buffer_bytes = buffer_bytes
            .checked_add(bytes)
            .and_then(|sum| sum.checked_add(1))
            .ok_or(Errno::Overflow)?;
    }
    check(memory, list, list_bytes)?;
    check(memory, buffer, buffer_bytes)?;
    let (mut entry, mut offset) = (list, buffer);
    for string in strings {
        let string = string.as_ref().as_bytes();
        memory::write_u32(memory, entry, offset)?;
        memory::write(memory, offset, string)?;
        let end = offset + u32::try_from(string.len()).map_err(|_| Errno::Overflow)?;
        memory::write(memory, end, &[0])?;
        entry = entry.saturating_add(4);
        offset = end.saturating_add(1);
    }
    Ok(())
}
