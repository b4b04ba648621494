//! What guests do with paths and directories.

mod open;
mod path;
mod readdir;

use thimble_abi::calls::WasiCall;

use super::Attempt;
use crate::host::{Arguments, Context};

pub(super) fn call(
    context: &mut Context<'_>,
    call: WasiCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    match call {
        WasiCall::FdReaddir => readdir::readdir(context, arguments, memory),
        WasiCall::PathOpen => open::open(context, arguments, memory),
        call => path::call(context, call, arguments, memory),
    }
}
