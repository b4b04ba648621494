//! Module `sock`.

use thimble_abi::calls::SockCall;

use crate::engine::{CallOutcome, Trap, TrapKind};

use super::{Arguments, Context};

/// What this module keeps between calls.
#[derive(Default)]
pub(super) struct State {}

pub(super) fn call(_context: &mut Context<'_>, call: SockCall, _arguments: Arguments<'_>, _memory: &mut [u8]) -> CallOutcome {
    let _ = call;
    CallOutcome::Trap(Trap::new(TrapKind::Engine))
}
