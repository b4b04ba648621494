//! What guests do with paths and directories, and what they do with descriptors only if these are files.

mod open;
mod path;
mod readdir;

use thimble_abi::calls::WasiCall;

use super::{Attempt, file, transfer};
use crate::host::{Arguments, Context};

#[inline(never)]
pub(super) fn call(
    context: &mut Context<'_>,
    call: WasiCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    match call {
        WasiCall::FdPread => transfer::pread(context, arguments, memory),
        WasiCall::FdPwrite => transfer::pwrite(context, arguments, memory),
        WasiCall::FdAdvise => file::advise(context, arguments),
        WasiCall::FdAllocate => file::allocate(context, arguments),
        WasiCall::FdDatasync => file::sync(context, arguments, false),
        WasiCall::FdSync => file::sync(context, arguments, true),
        WasiCall::FdTell => file::tell(context, arguments, memory),
        WasiCall::FdFilestatSetSize => file::filestat_set_size(context, arguments),
        WasiCall::FdFilestatSetTimes => file::filestat_set_times(context, arguments),
        WasiCall::FdReaddir => readdir::readdir(context, arguments, memory),
        WasiCall::PathOpen => open::open(context, arguments, memory),
        call => path::call(context, call, arguments, memory),
    }
}
