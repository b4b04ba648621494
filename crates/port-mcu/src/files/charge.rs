//! What files cost their container.
//!
//! Every name costs a file and [`NAME_BYTES`], and content costs whole chunks with what records need beside them, holes
//! included. A file that was removed while it is open costs what it did until it is closed.

use thimble_abi::Errno;

use super::layout::CHUNK_BYTES;

/// What a name costs: the records of the longest name and of its inode, keys and headers included, take no more.
pub const NAME_BYTES: u64 = 512;

/// What a chunk costs beside its bytes: its key, and what the log puts around a record.
const CHUNK_COST_BYTES: u64 = CHUNK_BYTES as u64 + 96;

/// What the files of a container may take together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes, what the file system needs for itself included.
    pub bytes_max: u64,
    /// Files, directories and links.
    pub files_max: u64,
}

/// What files take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes, what the file system needs for itself included.
    pub bytes: u64,
    /// Files, directories and links.
    pub files: u64,
}

impl Usage {
    /// A name, without content.
    pub(super) const NAME: Self = Self {
        files: 1,
        bytes: NAME_BYTES,
    };

    /// A file of this length with one name.
    pub(super) fn file(size: u32) -> Self {
        Self {
            files: 1,
            bytes: NAME_BYTES.saturating_add(content_bytes(size.into())),
        }
    }

    /// That a file of one length gets another one.
    pub(super) fn growth(before: u64, after: u64) -> Self {
        Self {
            files: 0,
            bytes: content_bytes(after).saturating_sub(content_bytes(before)),
        }
    }

    pub(super) const fn add(&mut self, other: Self) {
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    pub(super) const fn remove(&mut self, other: Self) {
        self.files = self.files.saturating_sub(other.files);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    /// # Errors
    /// [`Errno::NoSpace`] if there is no room for more. What takes none always has it.
    pub(super) const fn room(self, quota: Quota, more: Self) -> Result<(), Errno> {
        let no_bytes = more.bytes > 0 && self.bytes.saturating_add(more.bytes) > quota.bytes_max;
        let no_files = more.files > 0 && self.files.saturating_add(more.files) > quota.files_max;
        if no_bytes || no_files {
            return Err(Errno::NoSpace);
        }
        Ok(())
    }
}

/// What content of this length costs.
pub(super) const fn content_bytes(size: u64) -> u64 {
    size.div_ceil(CHUNK_BYTES as u64)
        .saturating_mul(CHUNK_COST_BYTES)
}
