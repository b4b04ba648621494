//! Keeps the end of what a guest writes, for its exit record.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

/// The last bytes written, at most so many.
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    capacity: usize,
}

impl Tail {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            bytes: VecDeque::new(),
            capacity: usize::try_from(capacity).unwrap_or(0),
        }
    }

    /// Keeps more or less from now on.
    pub(super) fn set_capacity(&mut self, capacity: u32) {
        self.capacity = usize::try_from(capacity).unwrap_or(0);
        let excess = self.bytes.len().saturating_sub(self.capacity);
        self.bytes.drain(..excess);
        self.bytes.shrink_to(self.capacity);
    }

    pub(super) fn push(&mut self, written: &[u8]) {
        let kept = written
            .get(written.len().saturating_sub(self.capacity)..)
            .unwrap_or_default();
        let excess = (self.bytes.len() + kept.len()).saturating_sub(self.capacity);
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.extend(kept);
    }

    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
