//! Text for a terminal. Line ends become what a terminal needs; zeros, which begin frames, and control characters, which could
//! play tricks, never pass.

use core::fmt::Write;

/// Writes text.
pub(super) struct Printer<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Printer<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }

    /// Where it writes to.
    pub(super) fn out(&mut self) -> &mut dyn Write {
        self.out
    }

    /// Writes our own bytes as they are.
    pub(super) fn raw(&mut self, text: &str) {
        // What takes it is the device's own buffer: there is nobody to tell.
        let _ = self.out.write_str(text);
    }

    /// Writes text of whoever it may be.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for piece in text.split_inclusive(|character: char| character.is_control()) {
            let plain = piece.trim_end_matches(|character: char| character.is_control());
            self.raw(plain);
            match piece.as_bytes().last() {
                Some(b'\n') => self.raw("\r\n"),
                Some(b'\t') => self.raw("\t"),
                _ => {}
            }
        }
        self
    }

    /// Writes bytes that may be text.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for chunk in bytes.utf8_chunks() {
            self.text(chunk.valid());
            if !chunk.invalid().is_empty() {
                self.raw("\u{fffd}");
            }
        }
        self
    }

    /// Ends a line.
    pub(super) fn end(&mut self) {
        self.raw("\r\n");
    }

    /// Writes a line.
    pub(super) fn line(&mut self, text: &str) {
        self.text(text).end();
    }

    /// Writes a cell of a table, and a blank at least.
    pub(super) fn cell(&mut self, text: &str, width: usize) -> &mut Self {
        self.text(text);
        for _ in text.chars().count()..width.saturating_sub(1) {
            self.raw(" ");
        }
        self.raw(" ");
        self
    }

    /// Writes a number.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.digits(number, 1)
    }

    /// Writes a number with so many digits at least.
    pub(super) fn digits(&mut self, number: u64, count: u32) -> &mut Self {
        let mut scale = 10_u64.pow(count.clamp(1, 19).saturating_sub(1));
        while number / scale >= 10 {
            scale = scale.saturating_mul(10);
        }
        let mut rest = number;
        while scale > 0 {
            self.digit(rest / scale % 10);
            rest %= scale;
            scale /= 10;
        }
        self
    }

    fn digit(&mut self, digit: u64) {
        let digit = u32::try_from(digit).unwrap_or_default();
        let _ = self
            .out
            .write_char(char::from_digit(digit, 16).unwrap_or('?'));
    }

    /// Writes `0x` and eight digits.
    pub(super) fn hexadecimal(&mut self, number: u32) -> &mut Self {
        self.raw("0x");
        for place in (0..8_u32).rev() {
            self.digit(u64::from(number >> (place * 4) & 0xf));
        }
        self
    }

    /// Writes a size in bytes: to three digits, as `12.3 KiB`.
    pub(super) fn size(&mut self, bytes: u64) -> &mut Self {
        let (unit, name) = match bytes {
            0..=1023 => return self.number(bytes).text(" B"),
            1024..=1_048_575 => (1 << 10, " KiB"),
            _ => (1 << 20, " MiB"),
        };
        let (whole, rest) = (bytes / unit, bytes % unit);
        self.number(whole);
        if whole < 100 {
            self.raw(".");
            self.number(rest * 10 / unit);
        }
        self.text(name)
    }

    /// Writes a time: the two largest of its days, hours, minutes and seconds.
    pub(super) fn span(&mut self, milliseconds: u64) -> &mut Self {
        let seconds = milliseconds / 1000;
        let (first, first_name, second, second_name) = match seconds {
            0..60 => return self.number(seconds).text("s"),
            60..3600 => (seconds / 60, "m ", seconds % 60, "s"),
            3600..86_400 => (seconds / 3600, "h ", seconds / 60 % 60, "m"),
            _ => (seconds / 86_400, "d ", seconds / 3600 % 24, "h"),
        };
        self.number(first).text(first_name);
        self.number(second).text(second_name)
    }
}
