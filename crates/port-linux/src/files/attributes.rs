//! Attributes and times, between the kernel and the runtime.

use rustix::fs::{FileType, Stat, Timespec, Timestamps};
use thimble_abi::wasi::filetype;
use thimble_runtime::port::{Metadata, Times};

const NANOS: u64 = 1_000_000_000;

/// What the kernel tells of a file.
#[allow(
    clippy::useless_conversion,
    reason = "the fields' types differ between processors"
)]
pub(super) fn metadata(stat: &Stat) -> Metadata {
    Metadata {
        device: stat.st_dev,
        inode: stat.st_ino,
        filetype: filetype(FileType::from_raw_mode(stat.st_mode)),
        links: u64::from(stat.st_nlink),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        accessed_nanos: nanos(stat.st_atime, u64::from(stat.st_atime_nsec)),
        modified_nanos: nanos(stat.st_mtime, u64::from(stat.st_mtime_nsec)),
        changed_nanos: nanos(stat.st_ctime, u64::from(stat.st_ctime_nsec)),
    }
}

/// WASI's number for a file type.
pub(super) const fn filetype(file_type: FileType) -> u8 {
    match file_type {
        FileType::RegularFile => filetype::REGULAR_FILE,
        FileType::Directory => filetype::DIRECTORY,
        FileType::Symlink => filetype::SYMBOLIC_LINK,
        FileType::CharacterDevice => filetype::CHARACTER_DEVICE,
        FileType::BlockDevice => filetype::BLOCK_DEVICE,
        FileType::Socket => filetype::SOCKET_STREAM,
        FileType::Fifo | FileType::Unknown => filetype::UNKNOWN,
    }
}

/// The times to set, as the kernel takes them.
pub(super) fn timestamps(times: Times) -> Timestamps {
    Timestamps {
        last_access: timespec(times.accessed_nanos),
        last_modification: timespec(times.modified_nanos),
    }
}

fn timespec(nanos: Option<u64>) -> Timespec {
    match nanos {
        None => Timespec {
            tv_sec: 0,
            tv_nsec: rustix::fs::UTIME_OMIT,
        },
        Some(nanos) => Timespec {
            tv_sec: i64::try_from(nanos / NANOS).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(nanos % NANOS).unwrap_or(0),
        },
    }
}

/// Times before 1970 read as 1970.
fn nanos(seconds: i64, nanos: u64) -> u64 {
    u64::try_from(seconds).map_or(0, |seconds| {
        seconds.saturating_mul(NANOS).saturating_add(nanos)
    })
}
