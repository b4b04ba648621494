//! Reads a stream of recorded tests, front to back, without ever looking beyond its end.

use super::Target;

/// What is left of a stream, or of a command's body.
pub(super) struct Cursor(&'static [u8]);

impl Cursor {
    pub(super) const fn new(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn rest(&self) -> &'static [u8] {
        self.0
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'static [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// As many bytes as the next number says.
    pub(super) fn part(&mut self) -> Option<Self> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.bytes(length).map(Self)
    }

    pub(super) fn two(&mut self) -> Option<(u32, u32)> {
        Some((self.u32()?, self.u32()?))
    }

    pub(super) fn pattern(&mut self) -> Option<(u8, u64)> {
        Some((self.u8()?, self.u64()?))
    }

    pub(super) fn target(&mut self) -> Option<Target> {
        if self.u8()? == 0 {
            return Some(Target::Host);
        }
        let (instance, function) = self.two()?;
        Some(Target::Function { instance, function })
    }
}
