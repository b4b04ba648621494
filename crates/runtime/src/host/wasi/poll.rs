//! Waiting for several things at once.

use alloc::vec::Vec;
use core::task::{self, Poll};
use core::time::Duration;

use thimble_abi::Errno;
use thimble_abi::wasi::poll::{
    ABSTIME, CLOCK, EVENT_BYTES, FD_READ, FD_WRITE, HANGUP, SUBSCRIPTION_BYTES,
};
use thimble_abi::wasi::{clock, filetype, rights};

use super::layout::check;
use super::{Attempt, Stop};
use crate::host::descriptors::Kind;
use crate::host::{Arguments, Context};
use crate::memory;
use crate::port::{FileReply, FileRequest, Interest, Readiness};
use crate::time::Instant;

/// Subscriptions in one call.
const SUBSCRIPTIONS_MAX: u32 = 4096;

/// One subscription, as far as it can be understood.
struct Subscription {
    userdata: u64,
    kind: u8,
    what: Result<What, Errno>,
}

enum What {
    /// A clock shows this time, on the monotonic clock.
    Until(Instant),
    /// A descriptor is ready.
    Descriptor(u32, Interest),
}

/// What happened to a subscription: an error, or how ready it is.
type Event = Result<Readiness, Errno>;

#[inline(never)]
pub(super) fn poll_oneoff(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (subscriptions_at, events_at) = (arguments.u32(0), arguments.u32(1));
    let (count, count_at) = (arguments.u32(2), arguments.u32(3));
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Err(Errno::Invalid.into());
    }
    let subscriptions = memory::bytes(
        memory,
        subscriptions_at,
        count.saturating_mul(SUBSCRIPTION_BYTES),
    )?;
    check(memory, events_at, count.saturating_mul(EVENT_BYTES))?;
    check(memory, count_at, 4)?;
    let began = context.began();
    let now = context.ports.clock.now();
    let mut earliest: Option<Instant> = None;
    let mut events = Vec::new();
    for bytes in
        subscriptions.chunks_exact(usize::try_from(SUBSCRIPTION_BYTES).map_err(|_| Errno::Fault)?)
    {
        let subscription = read(context, bytes, began, now)?;
        let event = match subscription.what {
            Err(errno) => Some(Err(errno)),
            Ok(What::Until(until)) if until <= now => Some(Ok(Readiness {
                bytes: 0,
                hangup: false,
            })),
            Ok(What::Until(until)) => {
                earliest = Some(earliest.map_or(until, |earliest| earliest.min(until)));
                None
            }
            Ok(What::Descriptor(number, interest)) => ready(context, number, interest),
        };
        if let Some(event) = event {
            write(&mut events, subscription.userdata, subscription.kind, event);
        }
    }
    if events.is_empty() {
        if let Some(earliest) = earliest {
            context.wait_until(earliest);
        }
        return Err(Stop::Blocked);
    }
    memory::write(memory, events_at, &events)?;
    let happened = u32::try_from(events.len()).unwrap_or(0) / EVENT_BYTES;
    memory::write_u32(memory, count_at, happened)?;
    Ok(())
}

/// Reads a subscription: userdata u64, type u8, and from byte 16 on, for a clock, id u32, timeout u64,
/// precision u64 and flags u16, each at its alignment; else the descriptor u32.
fn read(
    context: &Context<'_>,
    bytes: &[u8],
    began: Instant,
    now: Instant,
) -> Result<Subscription, Errno> {
    let kind = bytes.get(8).copied().ok_or(Errno::Fault)?;
    let what = match kind {
        CLOCK => {
            let (id, timeout) = (memory::read_u32(bytes, 16)?, memory::read_u64(bytes, 24)?);
            let flags = memory::bytes(bytes, 40, 2)?
                .try_into()
                .map_err(|_| Errno::Fault)?;
            let absolute = match u16::from_le_bytes(flags) {
                0 => Ok(false),
                ABSTIME => Ok(true),
                _ => Err(Errno::Invalid),
            };
            absolute
                .and_then(|absolute| until(context, id, timeout, absolute, began, now))
                .map(What::Until)
        }
        FD_READ => Ok(What::Descriptor(
            memory::read_u32(bytes, 16)?,
            Interest::Read,
        )),
        FD_WRITE => Ok(What::Descriptor(
            memory::read_u32(bytes, 16)?,
            Interest::Write,
        )),
        _ => return Err(Errno::Invalid),
    };
    Ok(Subscription {
        userdata: memory::read_u64(bytes, 0)?,
        kind,
        what,
    })
}

/// The point on the monotonic clock at which a clock shows the time subscribed to.
fn until(
    context: &Context<'_>,
    id: u32,
    timeout: u64,
    absolute: bool,
    began: Instant,
    now: Instant,
) -> Result<Instant, Errno> {
    match (id, absolute) {
        (clock::REALTIME | clock::MONOTONIC, false) => Ok(began + Duration::from_nanos(timeout)),
        (clock::MONOTONIC, true) => Ok(Instant::from_nanos(timeout)),
        (clock::REALTIME, true) => {
            let realtime = context.ports.clock.realtime_nanos();
            Ok(now + Duration::from_nanos(timeout.saturating_sub(realtime)))
        }
        (clock::PROCESS_CPUTIME | clock::THREAD_CPUTIME, _) => Err(Errno::NotSupported),
        _ => Err(Errno::Invalid),
    }
}

/// How ready a descriptor is; none if it is not.
fn ready(context: &mut Context<'_>, number: u32, interest: Interest) -> Option<Event> {
    let mut task = task::Context::from_waker(context.waker);
    let right = rights::POLL_FD_READWRITE
        | match interest {
            Interest::Read => rights::FD_READ,
            Interest::Write => rights::FD_WRITE,
        };
    let descriptor = match context.state.descriptors.with_rights(number, right) {
        Ok(descriptor) => descriptor,
        Err(errno) => return Some(Err(errno)),
    };
    let answer = match &mut descriptor.kind {
        Kind::Stream(stream) => stream.stream.poll_ready(&mut task, interest),
        Kind::Socket(socket) => socket.socket.poll_ready(&mut task, interest),
        Kind::File(file) if file.filetype == filetype::REGULAR_FILE => Poll::Ready(Ok(Readiness {
            bytes: 1,
            hangup: false,
        })),
        Kind::File(file) => file
            .file
            .poll(&mut task, FileRequest::Ready(interest))
            .map(|reply| match reply? {
                FileReply::Ready(readiness) => Ok(readiness),
                _ => Err(Errno::Io),
            }),
        Kind::Directory(_) => Poll::Ready(Err(Errno::BadDescriptor)),
    };
    match answer {
        Poll::Ready(event) => Some(event),
        Poll::Pending => None,
    }
}

/// Adds an event: userdata u64, error u16, type u8, and from byte 16 on nbytes u64 and flags u16.
fn write(events: &mut Vec<u8>, userdata: u64, kind: u8, event: Event) {
    let (errno, readiness) = match event {
        Ok(readiness) => (0, readiness),
        Err(errno) => (
            errno.number(),
            Readiness {
                bytes: 0,
                hangup: false,
            },
        ),
    };
    let flags = if readiness.hangup { HANGUP } else { 0 };
    events.extend_from_slice(&userdata.to_le_bytes());
    events.extend_from_slice(&errno.to_le_bytes());
    events.extend_from_slice(&[kind, 0, 0, 0, 0, 0]);
    events.extend_from_slice(&readiness.bytes.to_le_bytes());
    events.extend_from_slice(&flags.to_le_bytes());
    events.extend_from_slice(&[0; 6]);
}
