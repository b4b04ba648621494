//! Opening files and directories.

use alloc::boxed::Box;
use core::task;

use thimble_abi::Errno;
use thimble_abi::wasi::{lookup, oflags, rights};

use super::super::layout::check;
use super::super::{Attempt, ready};
use super::path::{directory, follows, path};
use crate::host::descriptors::{Descriptor, FdFlags, Kind, OpenDirectory, OpenFile};
use crate::host::{Arguments, Context};
use crate::memory;
use crate::port::{DirectoryReply, DirectoryRequest, Opened};

/// How to open.
struct How {
    follow: bool,
    oflags: u32,
    rights: u64,
    inheriting: u64,
    flags: FdFlags,
}

#[inline(never)]
pub(super) fn open(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (number, opened_at) = (arguments.u32(0), arguments.u32(8));
    check(memory, opened_at, 4)?;
    let path = path(memory, arguments.u32(2), arguments.u32(3))?;
    let mut how = how(arguments)?;
    let right = rights::PATH_OPEN
        | if how.has(oflags::CREAT) {
            rights::PATH_CREATE_FILE
        } else {
            0
        }
        | if how.has(oflags::TRUNC) {
            rights::PATH_FILESTAT_SET_SIZE
        } else {
            0
        };
    let parent = directory(context, number, 0, false)?;
    if parent.read_only {
        let changes = how.has(oflags::TRUNC) || how.has(oflags::CREAT | oflags::EXCL);
        if changes || how.rights & rights::FD_WRITE != 0 {
            return Err(Errno::ReadOnly.into());
        }
    }
    let (mount, read_only) = (parent.mount, parent.read_only);
    let descriptor = context.state.descriptors.entry(number)?;
    descriptor.require(if read_only { rights::PATH_OPEN } else { right })?;
    // What cannot be inherited is left out: many guests ask for everything.
    how.rights &= descriptor.inheriting;
    how.inheriting &= descriptor.inheriting;
    if let Err(full) = context.state.descriptors.room(false) {
        context.limit_reached(full.limit());
        return Err(Errno::TooManyOpenFiles.into());
    }
    let opened = request(context, number, &path, &how, read_only)?;
    let number = context
        .state
        .descriptors
        .insert(described(opened, &how, mount, read_only));
    memory::write_u32(
        memory,
        opened_at,
        number.map_err(|_| Errno::TooManyOpenFiles)?,
    )?;
    Ok(())
}

impl How {
    const fn has(&self, oflags: u32) -> bool {
        self.oflags & oflags == oflags
    }
}

fn how(arguments: Arguments<'_>) -> Result<How, Errno> {
    let oflags = arguments.u32(4);
    if oflags & !oflags::ALL != 0 || oflags & oflags::CREAT != 0 && oflags & oflags::DIRECTORY != 0
    {
        return Err(Errno::Invalid);
    }
    Ok(How {
        follow: follows(arguments.u32(1), lookup::ALL)?,
        oflags,
        rights: arguments.u64(5),
        inheriting: arguments.u64(6),
        flags: FdFlags::parse(arguments.u32(7))?,
    })
}

fn request(
    context: &mut Context<'_>,
    number: u32,
    path: &str,
    how: &How,
    read_only: bool,
) -> Attempt<Opened> {
    let mut task = task::Context::from_waker(context.waker);
    let write = how.rights & rights::FD_WRITE != 0;
    let request = DirectoryRequest::Open {
        path,
        follow: how.follow,
        create: how.has(oflags::CREAT) && !read_only,
        exclusive: how.has(oflags::EXCL),
        truncate: how.has(oflags::TRUNC),
        directory: how.has(oflags::DIRECTORY),
        // A descriptor that may do neither is still opened for something: its attributes.
        read: how.rights & (rights::FD_READ | rights::FD_READDIR) != 0 || !write,
        write,
        sync: how.flags.is_synchronous(),
    };
    let directory = context.state.descriptors.entry(number)?.directory()?;
    let answer = directory.directory.poll(&mut task, request);
    match ready(answer.map_err(|errno| match errno {
        Errno::NoEntry if read_only && how.has(oflags::CREAT) => Errno::ReadOnly,
        errno => errno,
    }))? {
        DirectoryReply::Opened(opened) => Ok(opened),
        _ => Err(Errno::Io.into()),
    }
}

fn described(opened: Opened, how: &How, mount: u32, read_only: bool) -> Descriptor {
    let (kind, possible) = match opened {
        Opened::File(file, metadata) => (
            Kind::File(Box::new(OpenFile {
                file,
                position: 0,
                filetype: metadata.filetype,
            })),
            rights::FILE,
        ),
        Opened::Directory(directory) => (
            Kind::Directory(Box::new(OpenDirectory {
                directory,
                mount,
                preopen: None,
                read_only,
            })),
            rights::DIRECTORY,
        ),
    };
    let allowed = if read_only {
        !rights::CHANGING
    } else {
        rights::ALL
    };
    Descriptor {
        rights: how.rights & possible & allowed,
        inheriting: how.inheriting,
        flags: how.flags,
        kind,
    }
}
