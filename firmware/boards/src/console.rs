//! Text to QEMU, the words that QEMU was started with, and the end.

use core::fmt;
use core::str;

use crate::semihosting;

/// QEMU's output.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Semihosting takes text that ends with a zero.
        let mut line = [0; 128];
        for part in text.as_bytes().chunks(line.len() - 1) {
            if let Some(place) = line.get_mut(..part.len()) {
                place.copy_from_slice(part);
            }
            if let Some(end) = line.get_mut(part.len()) {
                *end = 0;
            }
            semihosting::write(&line);
        }
        Ok(())
    }
}

/// The words that QEMU was given for the firmware, in one line.
pub fn command_line(buffer: &mut [u8]) -> &str {
    let length = semihosting::command_line(buffer);
    buffer
        .get(..length)
        .and_then(|bytes| str::from_utf8(bytes).ok())
        .unwrap_or_default()
}

/// Ends QEMU: with status 0 if all went well, else 1.
pub fn exit(went_well: bool) -> ! {
    semihosting::exit(u32::from(!went_well))
}
