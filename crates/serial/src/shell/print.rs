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
        for character in text.chars() {
            let _ = match character {
                '\n' => self.out.write_str("\r\n"),
                '\t' => self.out.write_char('\t'),
                character if character.is_control() => Ok(()),
                character => self.out.write_char(character),
            };
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
        if number >= 10 || count > 1 {
            self.digits(number / 10, count.saturating_sub(1));
        }
        self.digit(u32::try_from(number % 10).unwrap_or_default());
        self
    }

    fn digit(&mut self, digit: u32) {
        let digit = char::from_digit(digit, 16).unwrap_or('?');
        let _ = self.out.write_char(digit);
    }

    /// Writes `0x` and eight digits.
    pub(super) fn hexadecimal(&mut self, number: u32) -> &mut Self {
        self.raw("0x");
        for place in (0..8_u32).rev() {
            self.digit(number >> (place * 4) & 0xf);
        }
        self
    }

    /// Writes a size in bytes: to three digits, as `12.3 KiB`.
    pub(super) fn size(&mut self, bytes: u32) -> &mut Self {
        let (shift, name) = match bytes {
            0..=1023 => return self.number(bytes.into()).text(" B"),
            1024..=1_048_575 => (10, " KiB"),
            _ => (20, " MiB"),
        };
        let whole = bytes >> shift;
        self.number(whole.into());
        if whole < 100 {
            let rest = (bytes >> (shift - 10)) & 0x3ff;
            self.raw(".");
            self.digit(rest * 10 / 1024);
        }
        self.text(name)
    }

    /// Writes a time: the two largest of its days, hours, minutes and seconds.
    pub(super) fn span(&mut self, milliseconds: u64) -> &mut Self {
        let seconds = u32::try_from(milliseconds / 1000).unwrap_or(u32::MAX);
        let (first, first_name, second, second_name) = match seconds {
            0..60 => return self.number(seconds.into()).text("s"),
            60..3600 => (seconds / 60, "m ", seconds % 60, "s"),
            3600..86_400 => (seconds / 3600, "h ", seconds / 60 % 60, "m"),
            _ => (seconds / 86_400, "d ", seconds / 3600 % 24, "h"),
        };
        self.number(first.into()).text(first_name);
        self.number(second.into()).text(second_name)
    }
}
