//! Containers' files and values, as the supervisor asks for them.

use alloc::boxed::Box;

use thimble_abi::Errno;
use thimble_port_mcu::files::{self, Quota, VolumeError};
use thimble_port_mcu::store::RecordStore;
use thimble_runtime::port::Directory;
use thimble_supervisor::Volumes;

/// Files and directories of a container at most.
const FILES_MAX: u64 = 64;

/// Files and values of all containers.
pub(crate) struct Kept {
    pub(crate) files: files::Volumes,
    pub(crate) values: RecordStore,
}

fn errno(error: VolumeError) -> Errno {
    match error {
        VolumeError::Name { .. } => Errno::NameTooLong,
        VolumeError::InUse | VolumeError::Busy => Errno::Busy,
        VolumeError::Storage(errno) => errno,
        _ => Errno::Io,
    }
}

impl Volumes for Kept {
    fn open(
        &mut self,
        container: &str,
        path: &str,
        quota_bytes: u64,
    ) -> Result<Box<dyn Directory>, Errno> {
        let quota = Quota {
            bytes_max: quota_bytes,
            files_max: FILES_MAX,
        };
        self.files.open(container, path, quota).map_err(errno)
    }

    fn remove_all(&mut self, container: &str) -> Result<(), Errno> {
        self.files.remove(container).map_err(errno)?;
        self.values.remove(container)
    }

    fn used_bytes(&mut self, container: &str) -> u64 {
        self.files.usage(container).map_or(0, |usage| usage.bytes)
    }
}
