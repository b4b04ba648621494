//! The module of sockets on a device without a network: every call says that it is not supported.

use alloc::boxed::Box;

use thimble_abi::Errno;
use thimble_abi::calls::{SockCall, WasiCall};

use crate::engine::CallOutcome;
use crate::memory::Buffer;
use crate::port::Socket;

use super::wasi::{Attempt, Stop};
use super::{Arguments, Context};

const REFUSED: Stop = Stop::Failed(Errno::NotSupported);

/// What this module keeps between calls.
#[derive(Default)]
pub(super) struct State {}

/// An open socket, which nobody can make.
pub(super) struct OpenSocket {
    /// The socket.
    pub(super) socket: Box<dyn Socket>,
    /// Whether it listens.
    pub(super) listening: bool,
}

impl OpenSocket {
    /// One that was there from the start.
    pub(super) fn new(socket: Box<dyn Socket>) -> Self {
        Self {
            socket,
            listening: false,
        }
    }
}

/// Carries out a call of the socket extension.
pub(super) fn call(
    _: &mut Context<'_>,
    _: SockCall,
    _: Arguments<'_>,
    _: &mut [u8],
) -> CallOutcome {
    CallOutcome::Done(u64::from(Errno::NotSupported.number()))
}

/// Carries out one of the calls for sockets that are standard.
pub(super) fn standard(
    _: &mut Context<'_>,
    _: WasiCall,
    _: Arguments<'_>,
    _: &mut [u8],
) -> Attempt {
    Err(REFUSED)
}

/// Reads from a socket.
pub(super) fn read(_: &mut Context<'_>, _: u32, _: &[Buffer], _: &mut [u8]) -> Attempt<u32> {
    Err(REFUSED)
}

/// Writes to a socket.
pub(super) fn write(_: &mut Context<'_>, _: u32, _: &[Buffer], _: &[u8]) -> Attempt<u32> {
    Err(REFUSED)
}
