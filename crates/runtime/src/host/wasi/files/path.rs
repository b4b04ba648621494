//! What is done by path, apart from opening.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::task;

use thimble_abi::Errno;
use thimble_abi::calls::WasiCall;
use thimble_abi::wasi::{FILESTAT_BYTES, lookup, rights};

use super::super::layout::{self, check};
use super::super::{Attempt, file, ready};
use crate::host::descriptors::OpenDirectory;
use crate::host::{Arguments, Context};
use crate::memory;
use crate::port::{Directory, DirectoryReply, DirectoryRequest};

/// Bytes of a path, as Linux has it (`PATH_MAX`).
const PATH_BYTES_MAX: u32 = 4096;

#[inline(never)]
pub(super) fn call(
    context: &mut Context<'_>,
    call: WasiCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    match call {
        WasiCall::PathCreateDirectory => {
            let path = &path(memory, arguments.u32(1), arguments.u32(2))?;
            let request = DirectoryRequest::CreateDirectory { path };
            change(
                context,
                arguments.u32(0),
                rights::PATH_CREATE_DIRECTORY,
                request,
            )
        }
        WasiCall::PathRemoveDirectory => {
            let path = &path(memory, arguments.u32(1), arguments.u32(2))?;
            let request = DirectoryRequest::RemoveDirectory { path };
            change(
                context,
                arguments.u32(0),
                rights::PATH_REMOVE_DIRECTORY,
                request,
            )
        }
        WasiCall::PathUnlinkFile => {
            let path = &path(memory, arguments.u32(1), arguments.u32(2))?;
            let request = DirectoryRequest::RemoveFile { path };
            change(context, arguments.u32(0), rights::PATH_UNLINK_FILE, request)
        }
        WasiCall::PathSymlink => symlink(context, arguments, memory),
        WasiCall::PathReadlink => readlink(context, arguments, memory),
        WasiCall::PathFilestatGet => filestat_get(context, arguments, memory),
        WasiCall::PathFilestatSetTimes => filestat_set_times(context, arguments, memory),
        WasiCall::PathRename => rename(context, arguments, memory),
        WasiCall::PathLink => link(context, arguments, memory),
        _ => Err(Errno::NotSupportedCall.into()),
    }
}

#[inline(never)]
fn symlink(context: &mut Context<'_>, arguments: Arguments<'_>, memory: &mut [u8]) -> Attempt {
    let target = &path(memory, arguments.u32(0), arguments.u32(1))?;
    let path = &path(memory, arguments.u32(3), arguments.u32(4))?;
    change(
        context,
        arguments.u32(2),
        rights::PATH_SYMLINK,
        DirectoryRequest::Symlink { target, path },
    )
}

#[inline(never)]
fn readlink(context: &mut Context<'_>, arguments: Arguments<'_>, memory: &mut [u8]) -> Attempt {
    let (buffer_at, buffer_len, used_at) = (arguments.u32(3), arguments.u32(4), arguments.u32(5));
    check(memory, buffer_at, buffer_len)?;
    check(memory, used_at, 4)?;
    let path = &path(memory, arguments.u32(1), arguments.u32(2))?;
    let request = DirectoryRequest::ReadLink { path };
    let DirectoryReply::Target(target) =
        ask(context, arguments.u32(0), rights::PATH_READLINK, request)?
    else {
        return Err(Errno::Io.into());
    };
    let used = target
        .len()
        .min(usize::try_from(buffer_len).unwrap_or(usize::MAX));
    memory::write(
        memory,
        buffer_at,
        target.as_bytes().get(..used).unwrap_or_default(),
    )?;
    memory::write_u32(
        memory,
        used_at,
        u32::try_from(used).map_err(|_| Errno::Overflow)?,
    )?;
    Ok(())
}

#[inline(never)]
fn filestat_get(context: &mut Context<'_>, arguments: Arguments<'_>, memory: &mut [u8]) -> Attempt {
    let stat_at = arguments.u32(4);
    check(memory, stat_at, FILESTAT_BYTES)?;
    let path = &path(memory, arguments.u32(2), arguments.u32(3))?;
    let request = DirectoryRequest::Metadata {
        path,
        follow: follows(arguments.u32(1), lookup::ALL)?,
    };
    match ask(
        context,
        arguments.u32(0),
        rights::PATH_FILESTAT_GET,
        request,
    )? {
        DirectoryReply::Metadata(metadata) => {
            memory::write(memory, stat_at, &layout::filestat(&metadata))?
        }
        _ => return Err(Errno::Io.into()),
    }
    Ok(())
}

#[inline(never)]
fn filestat_set_times(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let path = &path(memory, arguments.u32(2), arguments.u32(3))?;
    let follow = follows(arguments.u32(1), lookup::ALL)?;
    let times = file::times(
        context,
        arguments.u64(4),
        arguments.u64(5),
        arguments.u32(6),
    )?;
    let request = DirectoryRequest::SetTimes {
        path,
        follow,
        times,
    };
    change(
        context,
        arguments.u32(0),
        rights::PATH_FILESTAT_SET_TIMES,
        request,
    )
}

#[inline(never)]
fn rename(context: &mut Context<'_>, arguments: Arguments<'_>, memory: &mut [u8]) -> Attempt {
    let from = &path(memory, arguments.u32(1), arguments.u32(2))?;
    let to = &path(memory, arguments.u32(4), arguments.u32(5))?;
    let ends = Ends {
        from: arguments.u32(0),
        to: arguments.u32(3),
    };
    directory(context, ends.from, rights::PATH_RENAME_SOURCE, true)?;
    directory(context, ends.to, rights::PATH_RENAME_TARGET, true)?;
    between(context, &ends, from, to, |from, to_directory, to| {
        DirectoryRequest::Rename {
            from,
            to_directory,
            to,
        }
    })
}

#[inline(never)]
fn link(context: &mut Context<'_>, arguments: Arguments<'_>, memory: &mut [u8]) -> Attempt {
    let from = &path(memory, arguments.u32(2), arguments.u32(3))?;
    let to = &path(memory, arguments.u32(5), arguments.u32(6))?;
    // A link to what a symbolic link points to is refused, as everywhere.
    follows(arguments.u32(1), 0)?;
    let ends = Ends {
        from: arguments.u32(0),
        to: arguments.u32(4),
    };
    directory(context, ends.from, rights::PATH_LINK_SOURCE, true)?;
    directory(context, ends.to, rights::PATH_LINK_TARGET, true)?;
    between(context, &ends, from, to, |from, to_directory, to| {
        DirectoryRequest::Link {
            from,
            to_directory,
            to,
        }
    })
}

/// The descriptors of a call that names two directories.
struct Ends {
    from: u32,
    to: u32,
}

/// Makes a request from what was said and the directory of the second end.
type Request = for<'a> fn(&'a str, Option<&'a dyn Directory>, &'a str) -> DirectoryRequest<'a>;

fn between(
    context: &mut Context<'_>,
    ends: &Ends,
    from_path: &str,
    to_path: &str,
    request: Request,
) -> Attempt {
    let mut task = task::Context::from_waker(context.waker);
    if ends.from == ends.to {
        let directory = context.state.descriptors.entry(ends.from)?.directory()?;
        ready(
            directory
                .directory
                .poll(&mut task, request(from_path, None, to_path)),
        )?;
        return Ok(());
    }
    let (from, to) = context.state.descriptors.pair(ends.from, ends.to)?;
    let (from, to) = (from.directory()?, to.directory()?);
    if from.mount != to.mount {
        return Err(Errno::CrossDevice.into());
    }
    ready(
        from.directory
            .poll(&mut task, request(from_path, Some(&*to.directory), to_path)),
    )?;
    Ok(())
}

#[inline(never)]
fn change(
    context: &mut Context<'_>,
    number: u32,
    right: u64,
    request: DirectoryRequest<'_>,
) -> Attempt {
    directory(context, number, right, true)?;
    ask(context, number, right, request)?;
    Ok(())
}

#[inline(never)]
fn ask(
    context: &mut Context<'_>,
    number: u32,
    right: u64,
    request: DirectoryRequest<'_>,
) -> Attempt<DirectoryReply> {
    let mut task = task::Context::from_waker(context.waker);
    let directory = directory(context, number, right, false)?;
    ready(directory.directory.poll(&mut task, request))
}

/// The directory of a descriptor that has this right, for a container that may use files.
///
/// # Errors
/// [`Errno::ReadOnly`] if something is to be changed in a read-only mount, whatever the rights.
pub(super) fn directory<'a>(
    context: &'a mut Context<'_>,
    number: u32,
    right: u64,
    changes: bool,
) -> Result<&'a mut OpenDirectory, Errno> {
    if !context.state.config.grants.files() {
        context.refuse("fs");
        return Err(Errno::NotCapable);
    }
    let descriptor = context.state.descriptors.entry(number)?;
    if changes && descriptor.directory()?.read_only {
        return Err(Errno::ReadOnly);
    }
    descriptor.directory()?;
    descriptor.require(right)?;
    descriptor.directory()
}

/// A path from the guest's memory.
///
/// # Errors
/// [`Errno::Fault`] outside the memory, [`Errno::NoEntry`] if it is empty, [`Errno::NameTooLong`],
/// [`Errno::IllegalSequence`] if it is not UTF-8, [`Errno::Invalid`] if it has a NUL,
/// [`Errno::NotCapable`] if it is absolute.
pub(super) fn path(memory: &[u8], offset: u32, len: u32) -> Result<String, Errno> {
    let bytes = memory::bytes(memory, offset, len)?;
    if len > PATH_BYTES_MAX {
        return Err(Errno::NameTooLong);
    }
    let path = core::str::from_utf8(bytes).map_err(|_| Errno::IllegalSequence)?;
    if path.is_empty() {
        return Err(Errno::NoEntry);
    }
    if path.contains('\0') {
        return Err(Errno::Invalid);
    }
    if path.starts_with('/') {
        return Err(Errno::NotCapable);
    }
    Ok(path.to_owned())
}

/// Whether look-up flags follow a symbolic link; only `allowed` bits may be set.
///
/// # Errors
/// [`Errno::Invalid`] if others are.
pub(super) fn follows(flags: u32, allowed: u32) -> Result<bool, Errno> {
    if flags & !allowed != 0 {
        Err(Errno::Invalid)
    } else {
        Ok(flags & lookup::SYMLINK_FOLLOW != 0)
    }
}
