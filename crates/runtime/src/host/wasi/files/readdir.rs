//! Listing directories.

use core::task;

use thimble_abi::Errno;
use thimble_abi::wasi::{DIRENT_BYTES, rights};

use super::super::layout::{self, check};
use super::super::{Attempt, ready};
use super::path::directory;
use crate::host::{Arguments, Context};
use crate::memory;
use crate::port::{DirectoryReply, DirectoryRequest, Entry};

/// Entries asked for at once.
const BATCH_MAX: u32 = 512;

/// Fills the buffer with entries; a buffer that is not full tells the guest that there are no more.
#[inline(never)]
pub(super) fn readdir(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (number, buffer_at, buffer_len) = (arguments.u32(0), arguments.u32(1), arguments.u32(2));
    let (cookie, used_at) = (arguments.u64(3), arguments.u32(4));
    check(memory, buffer_at, buffer_len)?;
    check(memory, used_at, 4)?;
    directory(context, number, rights::FD_READDIR, false)?;
    loop {
        let used = context.state.wasi.transferred;
        let room = memory::bytes_mut(
            memory,
            buffer_at.saturating_add(used),
            buffer_len.saturating_sub(used),
        )?;
        if room.is_empty() {
            break;
        }
        let from = context.state.wasi.cookie.unwrap_or(cookie);
        let count = (buffer_len.saturating_sub(used) / (DIRENT_BYTES + 8) + 1).min(BATCH_MAX);
        let entries = entries(context, number, from, count)?;
        let Some(last) = entries.last() else { break };
        context.state.wasi.cookie = Some(last.next);
        let written = fill(room, &entries);
        context.state.wasi.transferred =
            used.saturating_add(u32::try_from(written).unwrap_or(u32::MAX));
    }
    memory::write_u32(memory, used_at, context.state.wasi.transferred)?;
    Ok(())
}

fn entries(
    context: &mut Context<'_>,
    number: u32,
    cookie: u64,
    count: u32,
) -> Attempt<alloc::vec::Vec<Entry>> {
    let mut task = task::Context::from_waker(context.waker);
    let directory = context.state.descriptors.entry(number)?.directory()?;
    let request = DirectoryRequest::Entries { cookie, count };
    match ready(directory.directory.poll(&mut task, request))? {
        DirectoryReply::Entries(entries) => Ok(entries),
        _ => Err(Errno::Io.into()),
    }
}

/// Writes entries until the room is used up, the last one as far as it fits; the bytes written.
fn fill(room: &mut [u8], entries: &[Entry]) -> usize {
    let mut used = 0;
    for entry in entries {
        for part in [layout::dirent(entry).as_slice(), entry.name.as_bytes()] {
            let left = room.get_mut(used..).unwrap_or_default();
            let count = part.len().min(left.len());
            for (to, from) in left.iter_mut().zip(part) {
                *to = *from;
            }
            used += count;
        }
    }
    used
}
