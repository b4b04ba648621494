//! The keys for leaving a container alone: Ctrl-P, then Ctrl-Q.

use std::io::{self, Read};

const CTRL_P: u8 = 0x10;
const CTRL_Q: u8 = 0x11;

/// Input in which the keys for leaving are looked for. A Ctrl-P that is followed by something else is passed on.
pub(super) struct Keys<R, F> {
    input: R,
    leave: Option<F>,
    /// Whether the last byte was Ctrl-P, which is held back.
    held: bool,
    /// What was read and did not fit.
    rest: Vec<u8>,
}

impl<R: Read, F: FnOnce()> Keys<R, F> {
    pub(super) const fn new(input: R, leave: F) -> Self {
        Self {
            input,
            leave: Some(leave),
            held: false,
            rest: Vec::new(),
        }
    }

    /// What of these bytes is passed on; nothing more once the keys were pressed.
    fn passed(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(bytes.len() + 1);
        for byte in bytes {
            match (self.held, *byte) {
                (true, CTRL_Q) => return (passed, true),
                (true, CTRL_P) => passed.push(CTRL_P),
                (false, CTRL_P) => self.held = true,
                (held, byte) => {
                    if held {
                        passed.push(CTRL_P);
                    }
                    self.held = false;
                    passed.push(byte);
                }
            }
        }
        (passed, false)
    }
}

impl<R: Read, F: FnOnce()> Read for Keys<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            if self.leave.is_none() {
                // The container's input stays open; the process ends soon.
                loop {
                    std::thread::park();
                }
            }
            let mut bytes = [0; 256];
            let count = self.input.read(&mut bytes)?;
            if count == 0 {
                if std::mem::take(&mut self.held) {
                    self.rest.push(CTRL_P);
                    break;
                }
                return Ok(0);
            }
            let (passed, leaves) = self.passed(bytes.get(..count).unwrap_or_default());
            self.rest = passed;
            if leaves && let Some(leave) = self.leave.take() {
                leave();
            }
        }
        let count = self.rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.rest.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_keys_together_leave() {
        for (input, passed, leaves) in [
            (&b"abc"[..], &b"abc"[..], false),
            (b"a\x10b", b"a\x10b", false),
            (b"a\x10\x10b", b"a\x10\x10b", false),
            (b"a\x11b", b"a\x11b", false),
            (b"a\x10", b"a\x10", false),
            (b"a\x10\x11", b"a", true),
            (b"a\x10\x10\x11b", b"a\x10", true),
        ] {
            // Byte by byte and all at once.
            for step in [1, input.len()] {
                let mut left = false;
                let mut keys = Keys::new(io::empty(), || ());
                let mut told = Vec::new();
                for bytes in input.chunks(step) {
                    let (passed, leaves) = keys.passed(bytes);
                    told.extend(passed);
                    if leaves {
                        left = true;
                        break;
                    }
                }
                if !left && keys.held {
                    told.push(CTRL_P);
                }
                assert_eq!((told.as_slice(), left), (passed, leaves), "{input:?}");
            }
        }
    }

    #[test]
    fn input_that_ends_ends() {
        let mut text = Vec::new();
        Keys::new(&b"line\n\x10"[..], || ())
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, b"line\n\x10");
    }
}
