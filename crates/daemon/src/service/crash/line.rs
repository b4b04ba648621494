//! A line of text in a fixed place, made without allocating.

/// Bytes of a line; what is beyond is left out. It lies on the stack of a signal's handler, which is small.
pub(super) const LINE_BYTES_MAX: usize = 512;

/// A line, which ends with a newline and has no other.
pub(super) struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: [b'\n'; LINE_BYTES_MAX],
            len: 0,
        }
    }
}

impl Line {
    pub(super) fn text(&mut self, text: &str) {
        // The last byte stays a newline.
        let room = LINE_BYTES_MAX - 1;
        let places = self.bytes.get_mut(self.len..room).unwrap_or_default();
        for (place, byte) in places.iter_mut().zip(text.bytes()) {
            *place = if byte < b' ' { b' ' } else { byte };
            self.len += 1;
        }
    }

    pub(super) fn number(&mut self, number: u64) {
        // The most digits of 64 bits.
        let mut digits = [b'0'; 20];
        let mut rest = number;
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = u8::try_from(rest % 10).unwrap_or_default() + b'0';
            rest /= 10;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        let digits = digits.get(digits.len() - used..).unwrap_or_default();
        self.text(str::from_utf8(digits).unwrap_or_default());
    }

    pub(super) fn container(&mut self, container: Option<u64>) {
        match container {
            Some(container) => self.number(container),
            None => self.text("-"),
        }
    }

    /// The line with its newline.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..=self.len).unwrap_or(&self.bytes)
    }
}

#[cfg(test)]
mod tests;
