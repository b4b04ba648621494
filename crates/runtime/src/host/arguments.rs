//! A call's parameters by position and type.

/// The parameters of one call. A position past the end reads as zero; the table's signatures rule that out.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a>(&'a [u64]);

impl<'a> Arguments<'a> {
    pub(crate) const fn new(slots: &'a [u64]) -> Self {
        Self(slots)
    }

    pub(crate) fn u64(self, position: usize) -> u64 {
        self.0.get(position).copied().unwrap_or(0)
    }

    /// The low 32 bits, which is what an `i32` parameter is.
    pub(crate) fn u32(self, position: usize) -> u32 {
        let [a, b, c, d, ..] = self.u64(position).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    pub(crate) fn i32(self, position: usize) -> i32 {
        self.u32(position).cast_signed()
    }

    pub(crate) fn i64(self, position: usize) -> i64 {
        self.u64(position).cast_signed()
    }
}
