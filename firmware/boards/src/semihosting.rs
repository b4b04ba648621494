//! Requests to QEMU. Source: Arm semihosting specification 2.0, and the RISC-V one, which numbers them alike.

use crate::processor::request;

const WRITE0: usize = 0x04;
const GET_CMDLINE: usize = 0x15;
const EXIT_EXTENDED: usize = 0x20;
/// `ADP_Stopped_ApplicationExit`
const APPLICATION_EXIT: usize = 0x2_0026;

/// Writes text that ends with a zero.
pub(crate) fn write(text: &[u8]) {
    debug_assert!(text.contains(&0));
    // SAFETY: the text ends with a zero, within the slice.
    unsafe { request(WRITE0, text.as_ptr() as usize) };
}

/// The command line, put into the buffer; how long it is.
pub(crate) fn command_line(buffer: &mut [u8]) -> usize {
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    // SAFETY: the block says where the buffer is and how long.
    let failed = unsafe { request(GET_CMDLINE, block.as_mut_ptr() as usize) };
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
