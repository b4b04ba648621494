//! What can be done with an open file besides reading and writing it.

use alloc::boxed::Box;
use core::task;

use thimble_abi::Errno;
use thimble_abi::wasi::{FILESTAT_BYTES, filetype, fstflags, rights, whence};

use super::layout::{self, check};
use super::{Attempt, ready};
use crate::host::descriptors::{Descriptor, Kind};
use crate::host::{Arguments, Context};
use crate::memory;
use crate::port::{DirectoryReply, DirectoryRequest, FileReply, FileRequest, Metadata, Times};

/// Offsets that fit the largest file there can be.
const OFFSET_MAX: u64 = i64::MAX.unsigned_abs();

pub(super) fn advise(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    const ADVICE_MAX: u32 = 5;
    let (offset, len, advice) = (arguments.u64(1), arguments.u64(2), arguments.u32(3));
    let descriptor = context.state.descriptors.entry(arguments.u32(0))?;
    descriptor.file()?;
    descriptor.require(rights::FD_ADVISE)?;
    if advice > ADVICE_MAX || offset.checked_add(len).is_none_or(|end| end > OFFSET_MAX) {
        return Err(Errno::Invalid.into());
    }
    // A hint: the device's own read-ahead does well without.
    Ok(())
}

#[inline(never)]
pub(super) fn allocate(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    let (offset, len) = (arguments.u64(1), arguments.u64(2));
    let descriptor = context.state.descriptors.entry(arguments.u32(0))?;
    descriptor.file()?;
    descriptor.require(rights::FD_ALLOCATE)?;
    if len == 0 || offset > OFFSET_MAX || len > OFFSET_MAX {
        return Err(Errno::Invalid.into());
    }
    if offset + len > OFFSET_MAX {
        return Err(Errno::FileTooBig.into());
    }
    request(
        context,
        arguments.u32(0),
        rights::FD_ALLOCATE,
        FileRequest::Allocate { offset, len },
    )?;
    Ok(())
}

pub(super) fn sync(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    attributes: bool,
) -> Attempt {
    let right = if attributes {
        rights::FD_SYNC
    } else {
        rights::FD_DATASYNC
    };
    let mut task = task::Context::from_waker(context.waker);
    let descriptor = context
        .state
        .descriptors
        .with_rights(arguments.u32(0), right)?;
    match &mut descriptor.kind {
        Kind::File(file) => {
            ready(file.file.poll(&mut task, FileRequest::Sync { attributes })).map(|_| ())
        }
        Kind::Directory(directory) => {
            ready(directory.directory.poll(&mut task, DirectoryRequest::Sync)).map(|_| ())
        }
        Kind::Stream(_) | Kind::Socket(_) => Err(Errno::Invalid.into()),
    }
}

#[inline(never)]
pub(super) fn seek(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (offset, whence, position_at) = (arguments.i64(1), arguments.u32(2), arguments.u32(3));
    check(memory, position_at, 8)?;
    let mut task = task::Context::from_waker(context.waker);
    let descriptor = seekable(context, arguments.u32(0))?;
    let tells = whence == whence::CUR && offset == 0;
    if !(tells && descriptor.require(rights::FD_TELL).is_ok()) {
        descriptor.require(rights::FD_SEEK)?;
    }
    let file = descriptor.file()?;
    let base = match whence {
        whence::SET => 0,
        whence::CUR => file.position,
        whence::END => match ready(file.file.poll(&mut task, FileRequest::Metadata))? {
            FileReply::Metadata(metadata) => metadata.size,
            _ => return Err(Errno::Io.into()),
        },
        _ => return Err(Errno::Invalid.into()),
    };
    let position = base
        .checked_add_signed(offset)
        .filter(|position| *position <= OFFSET_MAX)
        .ok_or(Errno::Invalid)?;
    file.position = position;
    memory::write_u64(memory, position_at, position)?;
    Ok(())
}

pub(super) fn tell(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let position_at = arguments.u32(1);
    check(memory, position_at, 8)?;
    let descriptor = seekable(context, arguments.u32(0))?;
    descriptor.require(rights::FD_TELL)?;
    memory::write_u64(memory, position_at, descriptor.file()?.position)?;
    Ok(())
}

#[inline(never)]
pub(super) fn filestat_get(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let stat_at = arguments.u32(1);
    check(memory, stat_at, FILESTAT_BYTES)?;
    let mut task = task::Context::from_waker(context.waker);
    let descriptor = context
        .state
        .descriptors
        .with_rights(arguments.u32(0), rights::FD_FILESTAT_GET)?;
    let filetype = descriptor.filetype();
    let metadata = match &mut descriptor.kind {
        Kind::File(file) => match ready(file.file.poll(&mut task, FileRequest::Metadata))? {
            FileReply::Metadata(metadata) => metadata,
            _ => return Err(Errno::Io.into()),
        },
        Kind::Directory(directory) => {
            let request = DirectoryRequest::Metadata {
                path: "",
                follow: false,
            };
            match ready(directory.directory.poll(&mut task, request))? {
                DirectoryReply::Metadata(metadata) => metadata,
                _ => return Err(Errno::Io.into()),
            }
        }
        Kind::Stream(_) | Kind::Socket(_) => Metadata {
            device: 0,
            inode: 0,
            filetype,
            links: 1,
            size: 0,
            accessed_nanos: 0,
            modified_nanos: 0,
            changed_nanos: 0,
        },
    };
    memory::write(memory, stat_at, &layout::filestat(&metadata))?;
    Ok(())
}

pub(super) fn filestat_set_size(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    let size = arguments.u64(1);
    if size > OFFSET_MAX {
        return Err(Errno::Invalid.into());
    }
    request(
        context,
        arguments.u32(0),
        rights::FD_FILESTAT_SET_SIZE,
        FileRequest::SetSize(size),
    )?;
    Ok(())
}

#[inline(never)]
pub(super) fn filestat_set_times(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    let times = times(
        context,
        arguments.u64(1),
        arguments.u64(2),
        arguments.u32(3),
    )?;
    let mut task = task::Context::from_waker(context.waker);
    let descriptor = context.state.descriptors.entry(arguments.u32(0))?;
    if let Kind::Directory(directory) = &descriptor.kind
        && directory.read_only
    {
        return Err(Errno::ReadOnly.into());
    }
    descriptor.require(rights::FD_FILESTAT_SET_TIMES)?;
    match &mut descriptor.kind {
        Kind::File(file) => {
            ready(file.file.poll(&mut task, FileRequest::SetTimes(times))).map(|_| ())
        }
        Kind::Directory(directory) => {
            let request = DirectoryRequest::SetTimes {
                path: "",
                follow: false,
                times,
            };
            ready(directory.directory.poll(&mut task, request)).map(|_| ())
        }
        Kind::Stream(_) | Kind::Socket(_) => Err(Errno::BadDescriptor.into()),
    }
}

/// The times that `fstflags` ask for; the same whenever the call is repeated.
///
/// # Errors
/// [`Errno::Invalid`] when flags contradict each other or mean nothing.
pub(super) fn times(
    context: &mut Context<'_>,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<Times, Errno> {
    let one = |given: u32, now: u32, nanos: u64, now_nanos: u64| match (
        flags & given != 0,
        flags & now != 0,
    ) {
        (true, true) => Err(Errno::Invalid),
        (true, false) => Ok(Some(nanos)),
        (false, true) => Ok(Some(now_nanos)),
        (false, false) => Ok(None),
    };
    if flags & !fstflags::ALL != 0 {
        return Err(Errno::Invalid);
    }
    if let Some(times) = &context.state.wasi.times {
        return Ok(**times);
    }
    let now_nanos = context.ports.clock.realtime_nanos();
    let times = Times {
        accessed_nanos: one(fstflags::ATIM, fstflags::ATIM_NOW, accessed, now_nanos)?,
        modified_nanos: one(fstflags::MTIM, fstflags::MTIM_NOW, modified, now_nanos)?,
    };
    context.state.wasi.times = Some(Box::new(times));
    Ok(times)
}

/// Asks a file, if the descriptor is one and has the right.
fn request(
    context: &mut Context<'_>,
    number: u32,
    right: u64,
    request: FileRequest<'_>,
) -> Attempt<FileReply> {
    let mut task = task::Context::from_waker(context.waker);
    let descriptor = context.state.descriptors.entry(number)?;
    descriptor.file()?;
    descriptor.require(right)?;
    ready(descriptor.file()?.file.poll(&mut task, request))
}

/// The descriptor of something that has a position.
fn seekable<'a>(context: &'a mut Context<'_>, number: u32) -> Result<&'a mut Descriptor, Errno> {
    let descriptor = context.state.descriptors.entry(number)?;
    match &descriptor.kind {
        Kind::File(file)
            if file.filetype == filetype::REGULAR_FILE
                || file.filetype == filetype::BLOCK_DEVICE =>
        {
            Ok(descriptor)
        }
        Kind::File(_) | Kind::Stream(_) | Kind::Socket(_) => Err(Errno::InvalidSeek),
        Kind::Directory(_) => Err(Errno::BadDescriptor),
    }
}
