//! Files over records in memory: beside a real folder, with power cuts, at their limits, damaged, and attacked.

mod attacks;
mod cuts;
mod damage;
mod limits;
mod linux;
mod operations;
mod volumes;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::task::{Context, Poll, Waker};

use thimble_abi::Errno;
use thimble_abi::wasi::filetype;
use thimble_runtime::port::{
    Directory, DirectoryReply, DirectoryRequest, Entry, File, FileReply, FileRequest, Metadata,
    Opened, Position,
};

use super::charge::content_bytes;
use super::layout::{Inode, Keys, Slot, VOLUMES, parse_entry};
use super::{NAME_BYTES, Quota, RECORD_BYTES_MIN, Usage, VolumeError, Volumes};
use crate::records::prefix;
use crate::shared::Key;
use crate::testing::{Memory, Random};

const MUCH: Quota = Quota {
    bytes_max: 1 << 30,
    files_max: 1 << 20,
};

fn volumes(memory: &Memory) -> Volumes {
    Volumes::new(memory.shared(), Arc::new(|| 1_700_000_000_000_000_000))
}

fn ready<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}

fn ask(
    directory: &mut dyn Directory,
    request: DirectoryRequest<'_>,
) -> Result<DirectoryReply, Errno> {
    ready(directory.poll(&mut Context::from_waker(Waker::noop()), request))
}

fn ask_file(file: &mut dyn File, request: FileRequest<'_>) -> Result<FileReply, Errno> {
    ready(file.poll(&mut Context::from_waker(Waker::noop()), request))
}

/// How to open a file.
#[derive(Clone, Copy, Default)]
struct How {
    create: bool,
    exclusive: bool,
    truncate: bool,
    directory: bool,
    no_follow: bool,
}

const CREATE: How = How {
    create: true,
    exclusive: false,
    truncate: false,
    directory: false,
    no_follow: false,
};

fn open(directory: &mut dyn Directory, path: &str, how: How) -> Result<Opened, Errno> {
    let request = DirectoryRequest::Open {
        path,
        follow: !how.no_follow,
        create: how.create,
        exclusive: how.exclusive,
        truncate: how.truncate,
        directory: how.directory,
        read: true,
        write: !how.directory,
        sync: false,
    };
    match ask(directory, request)? {
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

/// Writes once: how many bytes.
fn write(file: &mut dyn File, position: Position, bytes: &[u8]) -> Result<usize, Errno> {
    match ask_file(file, FileRequest::Write { position, bytes })? {
        FileReply::Written { count, .. } => Ok(count),
        reply => panic!("{reply:?}"),
    }
}

/// Writes all.
fn write_all(file: &mut dyn File, mut offset: u64, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let count = write(file, Position::At(offset), bytes)?;
        assert!(count > 0);
        bytes = &bytes[count..];
        offset += u64::try_from(count).unwrap();
    }
    Ok(())
}

fn read(file: &mut dyn File, offset: u64, length: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0xee; length];
    let buffer = bytes.as_mut_slice();
    match ask_file(file, FileRequest::Read { offset, buffer })? {
        FileReply::Count(count) => bytes.truncate(count),
        reply => panic!("{reply:?}"),
    }
    Ok(bytes)
}

fn set_size(file: &mut dyn File, size: u64) -> Result<(), Errno> {
    ask_file(file, FileRequest::SetSize(size)).map(drop)
}

fn allocate(file: &mut dyn File, offset: u64, len: u64) -> Result<(), Errno> {
    ask_file(file, FileRequest::Allocate { offset, len }).map(drop)
}

fn metadata(file: &mut dyn File) -> Result<Metadata, Errno> {
    match ask_file(file, FileRequest::Metadata)? {
        FileReply::Metadata(metadata) => Ok(metadata),
        reply => panic!("{reply:?}"),
    }
}

fn make_folder(directory: &mut dyn Directory, path: &str) -> Result<(), Errno> {
    ask(directory, DirectoryRequest::CreateDirectory { path }).map(drop)
}

fn remove_folder(directory: &mut dyn Directory, path: &str) -> Result<(), Errno> {
    ask(directory, DirectoryRequest::RemoveDirectory { path }).map(drop)
}

fn remove(directory: &mut dyn Directory, path: &str) -> Result<(), Errno> {
    ask(directory, DirectoryRequest::RemoveFile { path }).map(drop)
}

fn symlink(directory: &mut dyn Directory, target: &str, path: &str) -> Result<(), Errno> {
    ask(directory, DirectoryRequest::Symlink { target, path }).map(drop)
}

fn rename(
    directory: &mut dyn Directory,
    from: &str,
    to_directory: Option<&dyn Directory>,
    to: &str,
) -> Result<(), Errno> {
    let request = DirectoryRequest::Rename {
        from,
        to_directory,
        to,
    };
    ask(directory, request).map(drop)
}

fn link(
    directory: &mut dyn Directory,
    from: &str,
    to_directory: Option<&dyn Directory>,
    to: &str,
) -> Result<(), Errno> {
    let request = DirectoryRequest::Link {
        from,
        to_directory,
        to,
    };
    ask(directory, request).map(drop)
}

fn stat(directory: &mut dyn Directory, path: &str, follow: bool) -> Result<Metadata, Errno> {
    match ask(directory, DirectoryRequest::Metadata { path, follow })? {
        DirectoryReply::Metadata(metadata) => Ok(metadata),
        _ => panic!("another reply"),
    }
}

fn read_link(directory: &mut dyn Directory, path: &str) -> Result<String, Errno> {
    match ask(directory, DirectoryRequest::ReadLink { path })? {
        DirectoryReply::Target(target) => Ok(target),
        _ => panic!("another reply"),
    }
}

fn entries(directory: &mut dyn Directory, cookie: u64, count: u32) -> Result<Vec<Entry>, Errno> {
    match ask(directory, DirectoryRequest::Entries { cookie, count })? {
        DirectoryReply::Entries(entries) => Ok(entries),
        _ => panic!("another reply"),
    }
}

/// All entries but `.` and `..`.
fn list(directory: &mut dyn Directory, count: u32) -> Result<Vec<Entry>, Errno> {
    let (mut found, mut cookie) = (Vec::new(), 0);
    loop {
        let batch = entries(directory, cookie, count)?;
        let Some(last) = batch.last() else {
            return Ok(found);
        };
        cookie = last.next;
        let named = batch
            .into_iter()
            .filter(|entry| entry.name != "." && entry.name != "..");
        found.extend(named);
    }
}

/// What there is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Directory,
    Symlink(String),
    /// Links and content.
    File(u64, Vec<u8>),
}

/// A tree: what there is at each path.
type Dump = BTreeMap<String, Node>;

/// All below a directory.
fn dump(directory: &mut dyn Directory) -> Dump {
    let mut all = Dump::new();
    let mut folders = vec![String::new()];
    while let Some(path) = folders.pop() {
        let found = match path.as_str() {
            "" => list(directory, 3).unwrap(),
            path => list(&mut *folder(directory, path).unwrap(), 3).unwrap(),
        };
        for entry in found {
            let path = alloc::format!("{path}{}", entry.name);
            let node = match entry.filetype {
                filetype::DIRECTORY => {
                    folders.push(alloc::format!("{path}/"));
                    Node::Directory
                }
                filetype::SYMBOLIC_LINK => Node::Symlink(read_link(directory, &path).unwrap()),
                _ => {
                    let mut file = file(directory, &path, How::default()).unwrap();
                    let metadata = metadata(&mut *file).unwrap();
                    let length = usize::try_from(metadata.size).unwrap();
                    let content = read(&mut *file, 0, length + 1).unwrap();
                    Node::File(metadata.links, content)
                }
            };
            assert!(all.insert(path, node).is_none(), "a name is there twice");
        }
    }
    all
}

/// What records of a container's files say, put together in another way than the file system does; that no record is
/// left over.
fn checked(memory: &Memory, container: &str) -> Usage {
    let keys = Keys(Key::owner(prefix::FILE, container).unwrap());
    let records = memory.state().records.clone();
    let below = |key: Key| {
        let prefix = key.as_bytes().to_vec();
        let own = records
            .iter()
            .filter(move |(own, _)| own.starts_with(&prefix));
        own.map(move |(own, value)| (own[key.as_bytes().len()..].to_vec(), value.clone()))
            .collect::<Vec<_>>()
    };
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes[..4].try_into().unwrap());
    let mut used = Usage::default();
    let mut names: BTreeMap<u32, u16> = BTreeMap::new();
    for (key, value) in below(keys.all_entries()) {
        let (inode, ..) = parse_entry(&value).unwrap();
        assert!(Slot::parse(&key[4..]).is_some());
        *names.entry(inode).or_default() += 1;
        if number(&key) != VOLUMES {
            used.add(Usage::NAME);
        }
    }
    let mut inodes = BTreeMap::new();
    for (key, value) in below(keys.inodes()) {
        let inode = Inode::decode(value.as_slice().try_into().unwrap()).unwrap();
        assert_eq!(names.get(&number(&key)), Some(&inode.links), "{inode:?}");
        used.bytes += content_bytes(inode.size.into());
        inodes.insert(number(&key), inode);
    }
    let known: BTreeSet<_> = inodes.keys().collect();
    assert_eq!(known, names.keys().collect());
    for (key, value) in below(keys.all_chunks()) {
        let inode = inodes[&number(&key)];
        assert!(value.len() <= 512 && number(&key[4..]) < inode.chunks);
        assert!(inode.chunks <= inode.chunks_of_size());
    }
    used
}
