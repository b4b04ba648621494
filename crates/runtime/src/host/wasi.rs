//! Module `wasi_snapshot_preview1`, as the specification has it.
//!
//! Every pointer and length is checked before anything happens, so that a bad one (`fault`) has no
//! effect; then flags, the descriptor and its rights; then the call is carried out. A call that waits is
//! repeated: what it has done by then is kept in [`State`], so that nothing is done twice.

mod clock;
mod fdstat;
#[cfg_attr(
    not(feature = "files"),
    allow(dead_code, reason = "what only files need")
)]
mod file;
#[cfg(feature = "files")]
mod files;
#[cfg(not(feature = "files"))]
#[path = "wasi/no_files.rs"]
mod files;
mod layout;
mod poll;
mod process;
#[cfg_attr(
    not(feature = "files"),
    allow(dead_code, reason = "what only files need")
)]
pub(super) mod transfer;

use alloc::boxed::Box;
use core::task::Poll;

use thimble_abi::Errno;
use thimble_abi::calls::WasiCall;

use crate::engine::CallOutcome;
use crate::port::Times;

use super::{Arguments, Context, sock};

/// What this module keeps while a call waits.
#[derive(Default)]
pub(super) struct State {
    /// Bytes that the read or write under way has transferred.
    transferred: u32,
    /// Where the listing under way goes on.
    #[cfg_attr(
        not(feature = "files"),
        expect(dead_code, reason = "only listings use it")
    )]
    cookie: Option<u64>,
    /// The times that the call under way sets, as they were when it began.
    times: Option<Box<Times>>,
    /// Whether the yield under way has given others their turn.
    yielded: bool,
}

/// Why a call did not complete with success.
pub(super) enum Stop {
    /// It failed.
    Failed(Errno),
    /// It waits.
    Blocked,
    /// It ended the guest.
    Ended(CallOutcome),
}

/// The outcome of one attempt at a call.
pub(super) type Attempt<T = ()> = Result<T, Stop>;

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

/// What an object answered, or that the call waits for it.
pub(super) fn ready<T>(answer: Poll<Result<T, Errno>>) -> Attempt<T> {
    match answer {
        Poll::Ready(answer) => Ok(answer?),
        Poll::Pending => Err(Stop::Blocked),
    }
}

#[inline(never)]
pub(super) fn call(
    context: &mut Context<'_>,
    call: WasiCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> CallOutcome {
    let attempt = attempt(context, call, arguments, memory);
    if !matches!(attempt, Err(Stop::Blocked)) {
        context.state.wasi = State::default();
    }
    match attempt {
        Ok(()) => CallOutcome::Done(0),
        Err(Stop::Failed(errno)) => CallOutcome::Done(u64::from(errno.number())),
        Err(Stop::Blocked) => CallOutcome::Blocked,
        Err(Stop::Ended(outcome)) => outcome,
    }
}

#[inline(never)]
fn attempt(
    context: &mut Context<'_>,
    call: WasiCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    match call {
        WasiCall::ArgsGet => process::args_get(context, arguments, memory),
        WasiCall::ArgsSizesGet => process::args_sizes_get(context, arguments, memory),
        WasiCall::EnvironGet => process::environ_get(context, arguments, memory),
        WasiCall::EnvironSizesGet => process::environ_sizes_get(context, arguments, memory),
        WasiCall::ProcExit => Err(Stop::Ended(CallOutcome::Exit(arguments.i32(0)))),
        WasiCall::ProcRaise => process::raise(arguments.u32(0)),
        WasiCall::SchedYield => process::sched_yield(context),
        WasiCall::RandomGet => process::random_get(context, arguments, memory),
        WasiCall::ClockResGet => clock::resolution(context, arguments, memory),
        WasiCall::ClockTimeGet => clock::time(context, arguments, memory),
        WasiCall::PollOneoff => poll::poll_oneoff(context, arguments, memory),
        WasiCall::SockAccept | WasiCall::SockRecv | WasiCall::SockSend | WasiCall::SockShutdown => {
            sock::standard(context, call, arguments, memory)
        }
        call => descriptor(context, call, arguments, memory),
    }
}

#[inline(never)]
fn descriptor(
    context: &mut Context<'_>,
    call: WasiCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    match call {
        WasiCall::FdClose => fdstat::close(context, arguments),
        WasiCall::FdRenumber => fdstat::renumber(context, arguments),
        WasiCall::FdFdstatGet => fdstat::get(context, arguments, memory),
        WasiCall::FdFdstatSetFlags => fdstat::set_flags(context, arguments),
        WasiCall::FdFdstatSetRights => fdstat::set_rights(context, arguments),
        WasiCall::FdPrestatGet => fdstat::prestat_get(context, arguments, memory),
        WasiCall::FdPrestatDirName => fdstat::prestat_dir_name(context, arguments, memory),
        WasiCall::FdRead => transfer::read(context, arguments, memory),
        WasiCall::FdWrite => transfer::write(context, arguments, memory),
        WasiCall::FdSeek => file::seek(context, arguments, memory),
        WasiCall::FdFilestatGet => file::filestat_get(context, arguments, memory),
        call => files::call(context, call, arguments, memory),
    }
}
