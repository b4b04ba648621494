//! A buffer of bytes that one side fills and the other empties.

use alloc::vec::Vec;

use thimble_abi::Errno;

/// A ring of bytes.
///
/// Invariant: `start` lies within the bytes, and `len` is no more than their number.
pub(super) struct Ring {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Ring {
    /// An empty ring with room for so many bytes.
    ///
    /// # Errors
    /// [`Errno::NoBufferSpace`] when there is no memory.
    pub(super) fn new(bytes_max: usize) -> Result<Self, Errno> {
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(bytes_max)
            .map_err(|_| Errno::NoBufferSpace)?;
        bytes.resize(bytes_max, 0);
        Ok(Self {
            bytes,
            start: 0,
            len: 0,
        })
    }

    /// Bytes of memory.
    pub(super) const fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that wait.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that there is room for.
    pub(super) const fn room(&self) -> usize {
        self.bytes.len().saturating_sub(self.len)
    }

    /// Puts in what there is room for; how much that is.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.room());
        let end = self.start + self.len;
        let (low, high) = self
            .bytes
            .split_at_mut_checked(self.start)
            .unwrap_or_default();
        // Behind what waits, and then from the beginning.
        let free = match end.checked_sub(low.len() + high.len()) {
            Some(wrapped) => [low.get_mut(wrapped..), None],
            None => [high.get_mut(self.len..), Some(low)],
        };
        let mut rest = bytes.get(..count).unwrap_or_default();
        for part in free.into_iter().flatten() {
            let (now, later) = rest.split_at(rest.len().min(part.len()));
            if let Some(part) = part.get_mut(..now.len()) {
                part.copy_from_slice(now);
            }
            rest = later;
        }
        self.len += count;
        count
    }

    /// Copies what waits and fits, and leaves it there; how much that is.
    pub(super) fn peek(&self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.len);
        let (low, high) = self.bytes.split_at_checked(self.start).unwrap_or_default();
        let mut rest = buffer.get_mut(..count).unwrap_or_default();
        for part in [high, low] {
            let len = rest.len().min(part.len());
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(part.get(..len).unwrap_or_default());
            rest = later;
        }
        count
    }

    /// Takes out bytes that wait.
    pub(super) fn skip(&mut self, count: usize) {
        let count = count.min(self.len);
        self.len -= count;
        self.start += count;
        if self.start >= self.bytes.len() {
            self.start -= self.bytes.len();
        }
    }
}
