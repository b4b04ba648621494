//! Reads a module's bytes, forwards, without ever looking beyond its end.

use crate::error::Reason;

/// A place in a module.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'m> {
    bytes: &'m [u8],
    position: usize,
    end: usize,
}

type Read<T> = Result<T, Reason>;

const END: Reason = Reason::Malformed("unexpected end");
const TOO_LONG: Reason = Reason::Malformed("integer representation too long");
/// A number that does not fit.
pub(crate) const TOO_LARGE: Reason = Reason::Malformed("integer too large");

impl<'m> Reader<'m> {
    /// All of the bytes. A module longer than 4 GiB is cut: nothing reads that far.
    pub(crate) fn new(bytes: &'m [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            end: bytes.len(),
        }
    }

    /// The same bytes from another place on.
    pub(crate) fn at(bytes: &'m [u8], offset: u32) -> Self {
        let end = bytes.len();
        Self {
            bytes,
            position: usize::try_from(offset).unwrap_or(end).min(end),
            end,
        }
    }

    /// The offset of the next byte.
    pub(crate) fn offset(&self) -> u32 {
        u32::try_from(self.position).unwrap_or(u32::MAX)
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.position >= self.end
    }

    pub(crate) const fn left(&self) -> usize {
        self.end - self.position
    }

    /// The next `length` bytes as a reader of their own, which this one leaves behind.
    pub(crate) fn part(&mut self, length: u32) -> Read<Self> {
        let start = self.position;
        self.skip(length)?;
        Ok(Self {
            bytes: self.bytes,
            position: start,
            end: self.position,
        })
    }

    /// All of what is left.
    pub(crate) fn rest(&self) -> &'m [u8] {
        self.bytes.get(self.position..self.end).unwrap_or_default()
    }

    pub(crate) fn skip(&mut self, length: u32) -> Read<()> {
        let length = usize::try_from(length).map_err(|_| END)?;
        if length > self.left() {
            return Err(END);
        }
        self.position += length;
        Ok(())
    }

    pub(crate) fn bytes(&mut self, length: u32) -> Read<&'m [u8]> {
        let start = self.position;
        self.skip(length)?;
        self.bytes.get(start..self.position).ok_or(END)
    }

    pub(crate) fn peek(&self) -> Read<u8> {
        if self.is_at_end() {
            return Err(END);
        }
        self.bytes.get(self.position).copied().ok_or(END)
    }

    pub(crate) fn u8(&mut self) -> Read<u8> {
        let byte = self.peek()?;
        self.position += 1;
        Ok(byte)
    }

    /// An unsigned number of at most 32 bits.
    pub(crate) fn u32(&mut self) -> Read<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        let byte = self.u8()?;
        if byte >= 0x80 {
            return Err(TOO_LONG);
        }
        if byte > 0x0f {
            return Err(TOO_LARGE);
        }
        Ok(value | u32::from(byte) << 28)
    }

    /// A signed number of at most `bits` bits.
    fn signed(&mut self, bits: u32) -> Read<i64> {
        let mut value = 0_i64;
        let mut shift = 0;
        loop {
            let byte = self.u8()?;
            let left = bits - shift;
            if left < 7 {
                // What is beyond the number must all be its sign.
                if byte >= 0x80 {
                    return Err(TOO_LONG);
                }
                let beyond = (byte.cast_signed() << 1) >> left;
                if beyond != 0 && beyond != -1 {
                    return Err(TOO_LARGE);
                }
            }
            value |= i64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                let unused = 64_u32.saturating_sub(shift);
                return Ok((value << unused) >> unused);
            }
            if shift >= bits {
                return Err(TOO_LONG);
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "it has 32 bits at most")]
    pub(crate) fn i32(&mut self) -> Read<i32> {
        self.signed(32).map(|value| value as i32)
    }

    pub(crate) fn i64(&mut self) -> Read<i64> {
        self.signed(64)
    }

    /// A number of at most 33 bits: the index of a type, or a type.
    pub(crate) fn s33(&mut self) -> Read<i64> {
        self.signed(33)
    }

    /// A text, which must be UTF-8.
    pub(crate) fn name(&mut self) -> Read<&'m str> {
        let length = self.u32()?;
        let bytes = self.bytes(length)?;
        core::str::from_utf8(bytes).map_err(|_| Reason::Malformed("malformed UTF-8 encoding"))
    }
}
