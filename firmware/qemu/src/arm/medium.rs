//! What the flash is made of: an image in PSRAM, with a file of the host behind it.
//!
//! Every change goes to the file at once: whenever QEMU is killed, the file has what was written.

use core::ffi::CStr;
use core::slice;

use firmware_parts::{StartedBy, Words};

use super::map;
use crate::semihosting::{HostFile, Mode, Refused};

/// Bytes of a path, with the zero at its end.
const PATH_BYTES: usize = 256;

/// The image and its file.
pub(crate) struct Medium {
    image: &'static mut [u8],
    file: Option<HostFile>,
}

impl Medium {
    /// The medium that the words describe, with this many bytes or as many as there can be.
    ///
    /// # Panics
    /// If the file cannot be read or written: the device would forget what it was told to keep.
    pub(crate) fn begin(words: Words, bytes: u32, started_by: StartedBy) -> Self {
        let bytes = bytes.min(map::PSRAM_BYTES) as usize;
        // SAFETY: nobody else uses this memory, and this happens once.
        let image = unsafe { slice::from_raw_parts_mut(map::PSRAM as *mut u8, bytes) };
        let file = match words.value("flash") {
            Some(path) => match attach(path, image) {
                Ok(file) => Some(file),
                Err(Refused) => panic!("cannot use the file {path} as flash"),
            },
            None => {
                // Memory outlives resets, as flash does.
                if started_by == StartedBy::PowerOn {
                    image.fill(0xff);
                }
                None
            }
        };
        Self { image, file }
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> usize {
        self.image.as_ptr() as usize
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.image
    }

    /// Makes the bytes at an offset these, whatever they were.
    pub(crate) fn put(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Refused> {
        let place = offset
            .checked_add(bytes.len())
            .and_then(|end| self.image.get_mut(offset..end))
            .ok_or(Refused)?;
        if let Some(file) = &self.file {
            file.seek(offset)?;
            file.write(bytes)?;
        }
        place.copy_from_slice(bytes);
        Ok(())
    }
}

/// Reads the image from its file. What the file does not have yet is erased.
fn attach(path: &str, image: &mut [u8]) -> Result<HostFile, Refused> {
    let mut buffer = [0; PATH_BYTES];
    buffer
        .get_mut(..path.len())
        .ok_or(Refused)?
        .copy_from_slice(path.as_bytes());
    let path = CStr::from_bytes_until_nul(&buffer).map_err(|_| Refused)?;
    let file =
        HostFile::open(path, Mode::UPDATE).or_else(|Refused| HostFile::open(path, Mode::CREATE))?;
    let length = file.length()?.min(image.len());
    let (known, missing) = image.split_at_mut_checked(length).ok_or(Refused)?;
    if !known.is_empty() {
        file.read(known)?;
    }
    missing.fill(0xff);
    if !missing.is_empty() {
        file.seek(length)?;
        file.write(missing)?;
    }
    Ok(file)
}
