//! Requests to QEMU. Source: Arm semihosting specification 2.0, and the RISC-V one, which numbers them alike.

#[cfg(target_arch = "arm")]
mod change;

use core::ffi::CStr;

use crate::processor::request;

const OPEN: usize = 0x01;
const CLOSE: usize = 0x02;
const READ: usize = 0x06;
const TIME: usize = 0x11;
const COMMAND_LINE: usize = 0x15;
const EXIT_EXTENDED: usize = 0x20;
/// `ADP_Stopped_ApplicationExit`
const APPLICATION_EXIT: usize = 0x2_0026;
/// What a request gives that fails.
const FAILED: usize = usize::MAX;

/// How a file is opened; the numbers are those of the specification.
#[derive(Clone, Copy)]
pub(crate) struct Mode(usize);

impl Mode {
    /// To be read.
    pub(crate) const READ: Self = Self(1);
}

/// A file of the host.
pub(crate) struct HostFile(usize);

/// The host refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused;

impl HostFile {
    /// Opens a file.
    pub(crate) fn open(path: &CStr, mode: Mode) -> Result<Self, Refused> {
        let block = [path.as_ptr() as usize, mode.0, path.count_bytes()];
        // SAFETY: the block says where the path is and how long.
        let handle = unsafe { request(OPEN, block.as_ptr() as usize) };
        match handle {
            FAILED => Err(Refused),
            handle => Ok(Self(handle)),
        }
    }

    /// Fills the buffer from where the file is.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Result<(), Refused> {
        let block = [self.0, buffer.as_mut_ptr() as usize, buffer.len()];
        // SAFETY: the block says where the buffer is and how long.
        let missing = unsafe { request(READ, block.as_ptr() as usize) };
        done(missing)
    }
}

impl Drop for HostFile {
    fn drop(&mut self) {
        let block = [self.0];
        // SAFETY: the block has the handle, which nobody uses after this.
        unsafe { request(CLOSE, block.as_ptr() as usize) };
    }
}

fn done(left: usize) -> Result<(), Refused> {
    match left {
        0 => Ok(()),
        _ => Err(Refused),
    }
}

/// Seconds since 1970-01-01 UTC, by the host.
pub(crate) fn unix_seconds() -> u32 {
    // SAFETY: it takes nothing.
    let seconds = unsafe { request(TIME, 0) };
    u32::try_from(seconds).unwrap_or(0)
}

/// The command line, put into the buffer; how long it is.
pub(crate) fn command_line(buffer: &mut [u8]) -> usize {
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    // SAFETY: the block says where the buffer is and how long.
    let failed = unsafe { request(COMMAND_LINE, block.as_mut_ptr() as usize) };
    if failed != 0 {
        return 0;
    }
    let [_, length] = block;
    length.min(buffer.len())
}

/// Ends QEMU.
pub(crate) fn exit(status: u32) -> ! {
    let block = [APPLICATION_EXIT, status as usize];
    loop {
        // SAFETY: the block says why and with which status.
        unsafe { request(EXIT_EXTENDED, block.as_ptr() as usize) };
    }
}
