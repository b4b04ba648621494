//! How files lie in records. Nothing else knows.
//!
//! ```text
//! key    prefix::FILE, length of container's name, name, then                        numbers big-endian
//!        'd', inode (u32), chunk (u32)             bytes of a file; what is missing is zeros
//!        'e', directory (u32), hash (u32), slot    a name: inode (u32), file type, name
//!        'i', inode (u32)                          an inode: 40 bytes                numbers little-endian
//!        'x'                                       all of it is being removed
//! ```
//!
//! Directory 0 holds the volumes' names. Chunks at and above an inode's `chunks` do not exist; where more exist than
//! its size has, they are waiting to be removed.

use thimble_abi::wasi::filetype;

use crate::shared::Key;

/// Bytes of a chunk. With half of this a file is twice the records, each of which costs memory and a header; with twice
/// as much, a small append writes a kilobyte, and a quarter of a 4 KiB block cannot hold a record.
pub(super) const CHUNK_BYTES: u32 = 512;

/// Bytes of a name at most, as file systems have it (`NAME_MAX`).
pub(super) const NAME_BYTES_MAX: usize = 255;

/// The directory of the volumes.
pub(super) const VOLUMES: u32 = 0;

const INODE_BYTES: usize = 40;
const VERSION: u8 = 1;

/// Bytes of a name's record before the name.
pub(super) const ENTRY_HEAD_BYTES: usize = 5;

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Symlink,
}

impl Kind {
    pub(super) const fn filetype(self) -> u8 {
        match self {
            Self::File => filetype::REGULAR_FILE,
            Self::Directory => filetype::DIRECTORY,
            Self::Symlink => filetype::SYMBOLIC_LINK,
        }
    }

    const fn from_filetype(number: u8) -> Option<Self> {
        match number {
            filetype::REGULAR_FILE => Some(Self::File),
            filetype::DIRECTORY => Some(Self::Directory),
            filetype::SYMBOLIC_LINK => Some(Self::Symlink),
            _ => None,
        }
    }
}

/// A file, a directory or a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    pub(super) kind: Kind,
    /// Names that it has.
    pub(super) links: u16,
    /// A directory's parent; 0 for others and for the root of a volume.
    pub(super) parent: u32,
    /// Bytes of content.
    pub(super) size: u32,
    /// Chunks at and above this do not exist.
    pub(super) chunks: u32,
    pub(super) accessed_nanos: u64,
    pub(super) modified_nanos: u64,
    pub(super) changed_nanos: u64,
}

impl Inode {
    pub(super) const fn new(kind: Kind, parent: u32, now_nanos: u64) -> Self {
        Self {
            kind,
            links: 1,
            parent,
            size: 0,
            chunks: 0,
            accessed_nanos: now_nanos,
            modified_nanos: now_nanos,
            changed_nanos: now_nanos,
        }
    }

    /// Chunks that its size has.
    pub(super) const fn chunks_of_size(&self) -> u32 {
        self.size.div_ceil(CHUNK_BYTES)
    }

    pub(super) fn encode(&self) -> [u8; INODE_BYTES] {
        let links = self.links.to_le_bytes();
        let numbers = [self.parent, self.size, self.chunks].map(u32::to_le_bytes);
        let times =
            [self.accessed_nanos, self.modified_nanos, self.changed_nanos].map(u64::to_le_bytes);
        let head = [VERSION, self.kind.filetype()];
        let fields = head
            .iter()
            .chain(&links)
            .chain(numbers.as_flattened())
            .chain(times.as_flattened());
        let mut bytes = [0; INODE_BYTES];
        for (to, from) in bytes.iter_mut().zip(fields) {
            *to = *from;
        }
        bytes
    }

    /// `None` if these are no inode's bytes.
    pub(super) fn decode(bytes: &[u8; INODE_BYTES]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let [version, kind] = reader.take()?;
        let inode = Self {
            kind: Kind::from_filetype(kind)?,
            links: u16::from_le_bytes(reader.take()?),
            parent: reader.u32()?,
            size: reader.u32()?,
            chunks: reader.u32()?,
            accessed_nanos: reader.u64()?,
            modified_nanos: reader.u64()?,
            changed_nanos: reader.u64()?,
        };
        (version == VERSION).then_some(inode)
    }

    /// Room for an inode's bytes, and how many these are.
    pub(super) const fn buffer() -> ([u8; INODE_BYTES], usize) {
        ([0; INODE_BYTES], INODE_BYTES)
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

/// The place of a name in its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) hash: u32,
    pub(super) number: u8,
}

impl Slot {
    /// The slot at a position, in the order of keys.
    pub(super) fn at(position: u64) -> Option<Self> {
        Some(Self {
            hash: u32::try_from(position >> 8).ok()?,
            number: u8::try_from(position & 0xff).ok()?,
        })
    }

    pub(super) fn position(self) -> u64 {
        u64::from(self.hash) << 8 | u64::from(self.number)
    }

    /// The slot of a key without its directory.
    pub(super) fn parse(rest: &[u8]) -> Option<Self> {
        let [h0, h1, h2, h3, number] = rest.try_into().ok()?;
        Some(Self {
            hash: u32::from_be_bytes([h0, h1, h2, h3]),
            number,
        })
    }
}

/// A name's record, decoded: its inode, its kind and the name.
pub(super) fn parse_entry(bytes: &[u8]) -> Option<(u32, Kind, &str)> {
    let (inode, rest) = bytes.split_first_chunk()?;
    let (kind, name) = rest.split_first()?;
    let name = core::str::from_utf8(name).ok()?;
    let inode = u32::from_le_bytes(*inode);
    (inode != 0).then_some((inode, Kind::from_filetype(*kind)?, name))
}

/// The part of a name's record before the name.
pub(super) fn entry_head(inode: u32, kind: Kind) -> [u8; ENTRY_HEAD_BYTES] {
    let [i0, i1, i2, i3] = inode.to_le_bytes();
    [i0, i1, i2, i3, kind.filetype()]
}

/// The keys of a container's files.
#[derive(Clone, Copy)]
pub(super) struct Keys(pub(super) Key);

impl Keys {
    pub(super) fn removing(&self) -> Key {
        self.0.then(b"x")
    }

    pub(super) fn inodes(&self) -> Key {
        self.0.then(b"i")
    }

    pub(super) fn inode(&self, number: u32) -> Key {
        self.inodes().then(&number.to_be_bytes())
    }

    pub(super) fn all_entries(&self) -> Key {
        self.0.then(b"e")
    }

    pub(super) fn entries(&self, directory: u32) -> Key {
        self.all_entries().then(&directory.to_be_bytes())
    }

    pub(super) fn bucket(&self, directory: u32, hash: u32) -> Key {
        self.entries(directory).then(&hash.to_be_bytes())
    }

    pub(super) fn entry(&self, directory: u32, slot: Slot) -> Key {
        self.bucket(directory, slot.hash).then(&[slot.number])
    }

    pub(super) fn all_chunks(&self) -> Key {
        self.0.then(b"d")
    }

    pub(super) fn chunks(&self, inode: u32) -> Key {
        self.all_chunks().then(&inode.to_be_bytes())
    }

    pub(super) fn chunk(&self, inode: u32, number: u32) -> Key {
        self.chunks(inode).then(&number.to_be_bytes())
    }
}
