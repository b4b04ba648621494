//! Files and directories of a container's mounts.
//!
//! A [`Directory`] is a capability: paths given to it are relative, and never lead out of its mount, not
//! through `..`, not through symbolic links, not through races. One request per object is under way at a
//! time: a request that was pending is repeated with the same arguments until it is done.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use core::task::{Context, Poll};

use thimble_abi::Errno;

use super::streams::{Interest, Readiness};

/// A directory inside a mount.
pub trait Directory: Send {
    /// Carries out a request, or as much of it as is possible without waiting.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        request: DirectoryRequest<'_>,
    ) -> Poll<Result<DirectoryReply, Errno>>;

    /// This object as its port knows it, for requests that name two directories.
    fn as_any(&self) -> &dyn Any;
}

/// An open file.
pub trait File: Send {
    /// Carries out a request, or as much of it as is possible without waiting.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        request: FileRequest<'_>,
    ) -> Poll<Result<FileReply, Errno>>;
}

/// What can be asked of a directory. Paths are relative to it.
#[non_exhaustive]
pub enum DirectoryRequest<'a> {
    /// Open a file or directory; answered by [`DirectoryReply::Opened`].
    Open {
        /// What to open.
        path: &'a str,
        /// Follow a symbolic link in the last part of the path.
        follow: bool,
        /// Make it if it does not exist.
        create: bool,
        /// Fail if it exists.
        exclusive: bool,
        /// Cut it to no bytes.
        truncate: bool,
        /// Fail unless it is a directory.
        directory: bool,
        /// Open for reading.
        read: bool,
        /// Open for writing.
        write: bool,
        /// Every write goes to storage before it is done.
        sync: bool,
    },
    /// Attributes of a path, or of this directory if `path` is empty; answered by [`DirectoryReply::Metadata`].
    Metadata {
        /// What to look at.
        path: &'a str,
        /// Follow a symbolic link in the last part of the path.
        follow: bool,
    },
    /// Set times; `path` empty means this directory.
    SetTimes {
        /// What to change.
        path: &'a str,
        /// Follow a symbolic link in the last part of the path.
        follow: bool,
        /// The new times.
        times: Times,
    },
    /// Make a directory.
    CreateDirectory {
        /// Its path.
        path: &'a str,
    },
    /// Remove an empty directory.
    RemoveDirectory {
        /// Its path.
        path: &'a str,
    },
    /// Remove a file.
    RemoveFile {
        /// Its path.
        path: &'a str,
    },
    /// Rename into this or another directory of the same port.
    Rename {
        /// The path now.
        from: &'a str,
        /// The directory it goes to, `None` for this one.
        to_directory: Option<&'a dyn Directory>,
        /// The path then.
        to: &'a str,
    },
    /// Make a hard link in this or another directory of the same port.
    Link {
        /// The existing file.
        from: &'a str,
        /// The directory of the new name, `None` for this one.
        to_directory: Option<&'a dyn Directory>,
        /// The new name.
        to: &'a str,
    },
    /// Make a symbolic link.
    Symlink {
        /// What it says.
        target: &'a str,
        /// Where it is.
        path: &'a str,
    },
    /// What a symbolic link says; answered by [`DirectoryReply::Target`].
    ReadLink {
        /// Where it is.
        path: &'a str,
    },
    /// Entries from a cookie on, `.` and `..` among them, at most `count` (at least 1); answered by
    /// [`DirectoryReply::Entries`].
    Entries {
        /// 0 for the first, or an entry's [`Entry::next`].
        cookie: u64,
        /// Entries wanted at most.
        count: u32,
    },
    /// Bring the directory's changes to storage.
    Sync,
}

/// The answer to a [`DirectoryRequest`].
#[non_exhaustive]
pub enum DirectoryReply {
    /// Done, nothing to tell.
    Done,
    /// The opened object.
    Opened(Opened),
    /// The attributes.
    Metadata(Metadata),
    /// A symbolic link's target.
    Target(String),
    /// Entries, as many as were at hand; none means that there are no more.
    Entries(Vec<Entry>),
}

/// What was opened.
pub enum Opened {
    /// A file, and what it is.
    File(Box<dyn File>, Metadata),
    /// A directory.
    Directory(Box<dyn Directory>),
}

/// What can be asked of a file.
#[non_exhaustive]
pub enum FileRequest<'a> {
    /// Read some bytes at an offset; answered by [`FileReply::Count`], 0 at the end.
    Read {
        /// Offset of the first byte.
        offset: u64,
        /// Where they go.
        buffer: &'a mut [u8],
    },
    /// Write some bytes; answered by [`FileReply::Written`].
    Write {
        /// Where.
        position: Position,
        /// What.
        bytes: &'a [u8],
    },
    /// Attributes; answered by [`FileReply::Metadata`].
    Metadata,
    /// Set the length in bytes.
    SetSize(u64),
    /// Make sure of storage behind a range, growing the file if needed.
    Allocate {
        /// First byte.
        offset: u64,
        /// Number of bytes.
        len: u64,
    },
    /// Set times.
    SetTimes(Times),
    /// Bring data, and attributes too if `attributes`, to storage.
    Sync {
        /// Whether attributes matter.
        attributes: bool,
    },
    /// Wait until a read or write would not wait; answered by [`FileReply::Ready`]. Only asked of what is
    /// not a regular file: a named pipe or a device.
    Ready(Interest),
}

/// Where to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// At this offset.
    At(u64),
    /// At the end, whatever it is at that moment.
    End,
}

/// The answer to a [`FileRequest`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FileReply {
    /// Done, nothing to tell.
    Done,
    /// Bytes read.
    Count(usize),
    /// Bytes written, and the offset after the last of them.
    Written {
        /// Bytes written.
        count: usize,
        /// Offset after them.
        end: u64,
    },
    /// The attributes.
    Metadata(Metadata),
    /// It can be read or written.
    Ready(Readiness),
}

/// Attributes of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The device it lies on, 0 where that is not told.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// WASI's file type number.
    pub filetype: u8,
    /// Hard links.
    pub links: u64,
    /// Length in bytes.
    pub size: u64,
    /// Last access, ns since 1970.
    pub accessed_nanos: u64,
    /// Last change of the contents, ns since 1970.
    pub modified_nanos: u64,
    /// Last change of the attributes, ns since 1970.
    pub changed_nanos: u64,
}

/// Times to set; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Last access, ns since 1970.
    pub accessed_nanos: Option<u64>,
    /// Last change of the contents, ns since 1970.
    pub modified_nanos: Option<u64>,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its number on the device.
    pub inode: u64,
    /// WASI's file type number.
    pub filetype: u8,
    /// The cookie of the entry after it; stays good while the directory is changed.
    pub next: u64,
}
