//! Native code in memory that nobody can change any more.
//!
//! An [`Artifact`] is an anonymous file, sealed against writing and resizing by the kernel. What was
//! checked is therefore what is mapped, whatever happens to the folder or the disk it came from.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use wasmtime::{Engine, Module};

/// An anonymous file that is being filled.
pub(crate) struct Draft {
    file: File,
}

impl Draft {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        Ok(Self {
            file: File::from(memfd_create("thimble-native", flags)?),
        })
    }

    /// For a child to write to.
    pub(crate) fn to_child(&self) -> io::Result<OwnedFd> {
        self.file.as_fd().try_clone_to_owned()
    }

    /// Appends exactly `len` bytes of `source`.
    pub(crate) fn fill(&mut self, source: impl Read, len: u64) -> io::Result<()> {
        let copied = io::copy(&mut source.take(len), &mut self.file)?;
        if copied == len {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Ends the filling.
    pub(crate) fn seal(self) -> io::Result<Artifact> {
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        fcntl_add_seals(&self.file, seals)?;
        let len = self.file.metadata()?.len();
        Artifact::map(self.file, len)
    }
}

/// Bytes that cannot change.
pub(crate) struct Artifact {
    file: File,
    map: Map,
}

impl Artifact {
    fn map(file: File, len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let map = Map::new(&file, len)?;
        Ok(Self { file, map })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.map.bytes()
    }

    /// Maps the code into this process.
    ///
    /// # Errors
    /// Wasmtime's, if the code is for another version, configuration or processor.
    ///
    /// # Safety
    /// The bytes must be what Wasmtime's compiler gave: it cannot be checked here.
    pub(crate) unsafe fn load(&self, engine: &Engine) -> wasmtime::Result<Module> {
        let file = self.file.try_clone()?;
        // SAFETY: the caller vouches for the bytes; the seals keep them as they are for good.
        unsafe { Module::deserialize_open_file(engine, file) }
    }
}

/// A readable mapping of a sealed file.
struct Map {
    start: *const u8,
    len: usize,
}

// SAFETY: the mapping is never written and lives until it is dropped, on whichever thread.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    fn new(file: &File, len: usize) -> io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags, mmap};
        if len == 0 {
            return Ok(Self {
                start: std::ptr::null(),
                len: 0,
            });
        }
        // SAFETY: a new mapping at an address that the kernel chooses touches nothing else.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                file,
                0,
            )
        }?;
        Ok(Self {
            start: start.cast(),
            len,
        })
    }

    fn bytes(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the mapping is `len` bytes long, readable, and the seals forbid changing it.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: the mapping is this value's own, and `bytes` borrows from it.
            let _ = unsafe { rustix::mm::munmap(self.start.cast_mut().cast(), self.len) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn sealed_bytes_cannot_be_written_through_the_child_s_descriptor() {
        let mut draft = Draft::new().unwrap();
        let mut child = File::from(draft.to_child().unwrap());
        draft.fill(&b"native code"[..], 11).unwrap();
        let artifact = draft.seal().unwrap();
        assert!(child.write_all(b"x").is_err());
        assert!(child.set_len(0).is_err());
        assert_eq!(artifact.bytes(), b"native code");
    }

    #[test]
    fn a_short_source_is_noticed() {
        assert!(Draft::new().unwrap().fill(&b"short"[..], 6).is_err());
    }
}
