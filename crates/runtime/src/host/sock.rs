//! Sockets: the socket extension of `wasi_snapshot_preview1`, and the calls for sockets of the standard.
//!
//! Making a socket needs no grant and reaches nobody. Binding, listening, connecting, sending to an
//! address and looking a name up are checked against the grants, each with the address that the device
//! would really use. Every pointer is checked before anything happens. A call that waits is repeated; what
//! it has done by then is kept in [`State`], so that nothing is done twice.

mod access;
mod address;
mod names;
mod open;
mod option;
mod resolve;
mod service;
mod socket;
mod transfer;

use alloc::boxed::Box;
use core::time::Duration;

use thimble_abi::Errno;
use thimble_abi::calls::{SockCall, WasiCall};

use crate::engine::CallOutcome;
use crate::port::Lookup;

use super::wasi::{Attempt, Stop};
use super::{Arguments, Context};

use access::Binding;
pub(super) use socket::OpenSocket;
pub(super) use transfer::{read, write};

/// What this module keeps between calls.
#[derive(Default)]
pub(super) struct State {
    /// Names that were looked up, and what they gave.
    names: names::Names,
    /// The look-up under way.
    lookup: Option<Box<dyn Lookup>>,
    /// Bytes that the send or receive under way has transferred.
    transferred: usize,
}

/// Carries out a call of the socket extension.
#[inline(never)]
pub(super) fn call(
    context: &mut Context<'_>,
    call: SockCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> CallOutcome {
    let attempt = match call {
        SockCall::Open => open::open(context, arguments, memory),
        SockCall::Bind => open::bind(context, arguments, memory),
        SockCall::Listen => open::listen(context, arguments),
        SockCall::AcceptUnflagged => {
            open::accept(context, arguments.u32(0), 0, arguments.u32(1), memory)
        }
        SockCall::Connect => open::connect(context, arguments, memory),
        SockCall::Close => open::close(context, arguments),
        SockCall::SendTo => transfer::send_to(context, arguments, memory),
        SockCall::RecvFrom => transfer::receive_from(context, arguments, memory),
        SockCall::AddrLocal => open::local_address(context, arguments, memory),
        SockCall::AddrRemote => open::remote_address(context, arguments, memory),
        SockCall::AddrResolve => resolve::resolve(context, arguments, memory),
        option => option::call(context, option, arguments, memory),
    };
    if !matches!(attempt, Err(Stop::Blocked)) {
        context.state.sock.lookup = None;
    }
    match attempt {
        Ok(()) => CallOutcome::Done(0),
        Err(Stop::Failed(errno)) => CallOutcome::Done(u64::from(errno.number())),
        Err(Stop::Blocked) => CallOutcome::Blocked,
        Err(Stop::Ended(outcome)) => outcome,
    }
}

/// Carries out one of the calls for sockets that are standard.
pub(super) fn standard(
    context: &mut Context<'_>,
    call: WasiCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    match call {
        WasiCall::SockAccept => open::accept(
            context,
            arguments.u32(0),
            arguments.u32(1),
            arguments.u32(2),
            memory,
        ),
        WasiCall::SockRecv => transfer::receive(context, arguments, memory),
        WasiCall::SockSend => transfer::send(context, arguments, memory),
        WasiCall::SockShutdown => open::shutdown(context, arguments),
        _ => Err(Stop::Failed(Errno::NotSupportedCall)),
    }
}

/// Goes on waiting, unless the socket's timeout is over: then the call fails with `expired`.
fn wait(context: &mut Context<'_>, timeout: Option<Duration>, expired: Errno) -> Stop {
    let Some(timeout) = timeout else {
        return Stop::Blocked;
    };
    let until = context.began() + timeout;
    if context.ports.clock.now() >= until {
        return Stop::Failed(expired);
    }
    context.wait_until(until);
    Stop::Blocked
}
