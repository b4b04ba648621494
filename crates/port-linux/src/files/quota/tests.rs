//! Quotas over real folders: every way to grow, random changes beside a count of the disk, and floods.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::task::{Context, Poll, Waker};

use tempfile::TempDir;
use thimble_abi::Errno;
use thimble_runtime::port::{
    Directory, DirectoryReply, DirectoryRequest, File, FileReply, FileRequest, Metadata, Opened,
    Position,
};

use super::{NAME_BYTES, Quota};
use crate::files::{open_mount, open_mount_limited};
use crate::pool::Pool;
use crate::reactor::Reactor;

mod changes;
mod limits;

/// A folder and its quota.
struct Bench {
    folder: TempDir,
    quota: Quota,
    pool: Pool,
    reactor: Reactor,
}

impl Bench {
    fn new(quota: Quota) -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            quota,
            pool: Pool::default(),
            reactor: Reactor::new().unwrap(),
        }
    }

    fn mount(&self) -> Box<dyn Directory> {
        open_mount_limited(self.folder.path(), &self.pool, &self.reactor, &self.quota).unwrap()
    }

    fn used(&self) -> (u64, u64) {
        (self.quota.used_files(), self.quota.used_bytes())
    }

    /// What the quota says is what the disk says.
    fn check(&self) {
        assert_eq!(self.used(), counted(self.folder.path()));
    }
}

/// Files and bytes below a folder, counted in another way than the quota does.
fn counted(folder: &Path) -> (u64, u64) {
    let mut seen = std::collections::HashSet::new();
    let mut used = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            used = (used.0 + 1, used.1 + NAME_BYTES);
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_file() && seen.insert(metadata.ino()) {
                used.1 += content(metadata.len());
            }
        }
    }
    used
}

/// What a file of this length costs beyond its name.
fn content(size: u64) -> u64 {
    size.next_multiple_of(NAME_BYTES).max(NAME_BYTES) - NAME_BYTES
}

/// Asks until there is an answer.
fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(answer) = poll(&mut context) {
            return answer;
        }
        std::thread::yield_now();
    }
}

/// How to open a file.
#[derive(Clone, Copy, Default)]
struct How {
    create: bool,
    exclusive: bool,
    truncate: bool,
    directory: bool,
}

const CREATE: How = How {
    create: true,
    exclusive: false,
    truncate: false,
    directory: false,
};

fn open(directory: &mut dyn Directory, path: &str, how: How) -> Result<Opened, Errno> {
    let reply = wait(|context| {
        let request = DirectoryRequest::Open {
            path,
            follow: true,
            create: how.create,
            exclusive: how.exclusive,
            truncate: how.truncate,
            directory: how.directory,
            read: true,
            write: !how.directory,
            sync: false,
        };
        directory.poll(context, request)
    })?;
    match reply {
        DirectoryReply::Opened(opened) => Ok(opened),
        _ => panic!("another reply"),
    }
}

fn file(directory: &mut dyn Directory, path: &str, how: How) -> Result<Box<dyn File>, Errno> {
    match open(directory, path, how)? {
        Opened::File(file, _) => Ok(file),
        Opened::Directory(_) => panic!("a directory"),
    }
}

fn folder(directory: &mut dyn Directory, path: &str) -> Result<Box<dyn Directory>, Errno> {
    let how = How {
        directory: true,
        ..How::default()
    };
    match open(directory, path, how)? {
        Opened::Directory(directory) => Ok(directory),
        Opened::File(..) => panic!("a file"),
    }
}

fn write(file: &mut dyn File, position: Position, bytes: &[u8]) -> Result<usize, Errno> {
    let reply = wait(|context| file.poll(context, FileRequest::Write { position, bytes }))?;
    match reply {
        FileReply::Written { count, .. } => Ok(count),
        reply => panic!("{reply:?}"),
    }
}

fn set_size(file: &mut dyn File, size: u64) -> Result<(), Errno> {
    wait(|context| file.poll(context, FileRequest::SetSize(size))).map(drop)
}

fn allocate(file: &mut dyn File, offset: u64, len: u64) -> Result<(), Errno> {
    wait(|context| file.poll(context, FileRequest::Allocate { offset, len })).map(drop)
}

fn metadata(file: &mut dyn File) -> Metadata {
    match wait(|context| file.poll(context, FileRequest::Metadata)).unwrap() {
        FileReply::Metadata(metadata) => metadata,
        reply => panic!("{reply:?}"),
    }
}

fn make_folder(directory: &mut dyn Directory, path: &str) -> Result<(), Errno> {
    wait(|context| directory.poll(context, DirectoryRequest::CreateDirectory { path })).map(drop)
}

fn remove_folder(directory: &mut dyn Directory, path: &str) -> Result<(), Errno> {
    wait(|context| directory.poll(context, DirectoryRequest::RemoveDirectory { path })).map(drop)
}

fn remove(directory: &mut dyn Directory, path: &str) -> Result<(), Errno> {
    wait(|context| directory.poll(context, DirectoryRequest::RemoveFile { path })).map(drop)
}

fn symlink(directory: &mut dyn Directory, target: &str, path: &str) -> Result<(), Errno> {
    wait(|context| directory.poll(context, DirectoryRequest::Symlink { target, path })).map(drop)
}

fn rename(
    directory: &mut dyn Directory,
    from: &str,
    to_directory: Option<&dyn Directory>,
    to: &str,
) -> Result<(), Errno> {
    wait(|context| {
        let request = DirectoryRequest::Rename {
            from,
            to_directory,
            to,
        };
        directory.poll(context, request)
    })
    .map(drop)
}

fn link(
    directory: &mut dyn Directory,
    from: &str,
    to_directory: Option<&dyn Directory>,
    to: &str,
) -> Result<(), Errno> {
    wait(|context| {
        let request = DirectoryRequest::Link {
            from,
            to_directory,
            to,
        };
        directory.poll(context, request)
    })
    .map(drop)
}

/// A mount without a quota.
fn unlimited(bench: &Bench, path: &Path) -> Box<dyn Directory> {
    open_mount(path, &bench.pool, &bench.reactor).unwrap()
}
