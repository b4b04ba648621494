//! Changing files of the host, for flash that is made of one.

use super::{FAILED, HostFile, Mode, Refused, done, request};

const WRITE: usize = 0x05;
const SEEK: usize = 0x0a;
const LENGTH: usize = 0x0c;

impl Mode {
    /// To be read and changed; it must be there.
    pub(crate) const UPDATE: Self = Self(3);
    /// To be read and changed; it is made, or emptied.
    pub(crate) const CREATE: Self = Self(7);
}

impl HostFile {
    /// Bytes that it has.
    pub(crate) fn length(&self) -> Result<usize, Refused> {
        let block = [self.0];
        // SAFETY: the block has the handle.
        let length = unsafe { request(LENGTH, block.as_ptr() as usize) };
        match length {
            FAILED => Err(Refused),
            length => Ok(length),
        }
    }

    /// Goes to an offset.
    pub(crate) fn seek(&self, offset: usize) -> Result<(), Refused> {
        let block = [self.0, offset];
        // SAFETY: the block has the handle and the offset.
        let status = unsafe { request(SEEK, block.as_ptr() as usize) };
        done(status)
    }

    /// Writes where the file is.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Refused> {
        let block = [self.0, bytes.as_ptr() as usize, bytes.len()];
        // SAFETY: the block says where the bytes are and how many.
        let missing = unsafe { request(WRITE, block.as_ptr() as usize) };
        done(missing)
    }
}
