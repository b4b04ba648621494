//! Clocks.

use thimble_abi::Errno;
use thimble_abi::wasi::clock::{MONOTONIC, PROCESS_CPUTIME, REALTIME, THREAD_CPUTIME};

use super::Attempt;
use super::layout::check;
use crate::host::{Arguments, Context};
use crate::memory;
use crate::time::nanos;

pub(super) fn resolution(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (id, resolution_at) = (arguments.u32(0), arguments.u32(1));
    check(memory, resolution_at, 8)?;
    let nanos = match id {
        REALTIME | MONOTONIC | PROCESS_CPUTIME | THREAD_CPUTIME => {
            context.ports.clock.resolution_nanos()
        }
        _ => return Err(Errno::Invalid.into()),
    };
    memory::write_u64(memory, resolution_at, nanos)?;
    Ok(())
}

pub(super) fn time(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (id, time_at) = (arguments.u32(0), arguments.u32(2));
    check(memory, time_at, 8)?;
    let clock = context.ports.clock;
    let nanos = match id {
        REALTIME => clock.realtime_nanos(),
        MONOTONIC => clock.now().nanos(),
        PROCESS_CPUTIME | THREAD_CPUTIME => nanos(context.state.cpu_used(clock.now())),
        _ => return Err(Errno::Invalid.into()),
    };
    memory::write_u64(memory, time_at, nanos)?;
    Ok(())
}
