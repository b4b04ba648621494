//! Standard output and standard error.

use crate::host;
use core::fmt::{self, Write};

const LINE_BYTES: usize = 256;

/// One of the two streams. Writing to a closed stream is not an error: nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    fd: i32,
}

/// Standard output.
#[must_use]
pub const fn stdout() -> Console {
    Console { fd: 1 }
}

/// Standard error.
#[must_use]
pub const fn stderr() -> Console {
    Console { fd: 2 }
}

impl Console {
    /// Writes a line, in pieces of at most 256 bytes.
    pub fn line(self, text: fmt::Arguments<'_>) {
        let mut gathered = Gathered {
            console: self,
            bytes: [0; LINE_BYTES],
            used: 0,
        };
        // The sink below never fails; a Display that does is cut short.
        let _ = gathered.write_fmt(text);
        let _ = gathered.write_char('\n');
        gathered.flush();
    }

    fn write_all(self, mut bytes: &[u8]) {
        while let Some(written) = host::write(self.fd, bytes).filter(|written| *written > 0) {
            match bytes.get(written..) {
                Some(rest) if !rest.is_empty() => bytes = rest,
                _ => return,
            }
        }
    }
}

/// Gathers the small pieces of a formatted text, so that a line is one call to the host.
struct Gathered {
    console: Console,
    bytes: [u8; LINE_BYTES],
    used: usize,
}

impl Gathered {
    fn flush(&mut self) {
        if let Some(text) = self.bytes.get(..self.used).filter(|text| !text.is_empty()) {
            self.console.write_all(text);
        }
        self.used = 0;
    }
}

impl fmt::Write for Gathered {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.used == LINE_BYTES {
                self.flush();
            }
            if let Some(place) = self.bytes.get_mut(self.used) {
                *place = byte;
                self.used += 1;
            }
        }
        Ok(())
    }
}
