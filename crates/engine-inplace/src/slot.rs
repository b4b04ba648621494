//! Values as they lie on a guest's stack: 64 bits each, smaller ones in the lower half.

/// A value that fits into a slot. Its upper half may hold anything where the value is a small one: only what leaves
/// the engine is cleaned (`normalized`).
pub(crate) trait Slot: Copy {
    /// The value in a slot.
    fn from_slot(slot: u64) -> Self;

    /// The slot of a value.
    fn into_slot(self) -> u64;
}

/// The lower half of a slot.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is asked for"
)]
pub(crate) const fn low(slot: u64) -> u32 {
    slot as u32
}

impl Slot for u32 {
    fn from_slot(slot: u64) -> Self {
        low(slot)
    }

    fn into_slot(self) -> u64 {
        self.into()
    }
}

impl Slot for i32 {
    fn from_slot(slot: u64) -> Self {
        low(slot).cast_signed()
    }

    fn into_slot(self) -> u64 {
        self.cast_unsigned().into()
    }
}

impl Slot for bool {
    fn from_slot(slot: u64) -> Self {
        low(slot) != 0
    }

    fn into_slot(self) -> u64 {
        self.into()
    }
}

impl Slot for u64 {
    fn from_slot(slot: u64) -> Self {
        slot
    }

    fn into_slot(self) -> u64 {
        self
    }
}

impl Slot for i64 {
    fn from_slot(slot: u64) -> Self {
        slot.cast_signed()
    }

    fn into_slot(self) -> u64 {
        self.cast_unsigned()
    }
}

impl Slot for f32 {
    fn from_slot(slot: u64) -> Self {
        Self::from_bits(low(slot))
    }

    fn into_slot(self) -> u64 {
        self.to_bits().into()
    }
}

impl Slot for f64 {
    fn from_slot(slot: u64) -> Self {
        Self::from_bits(slot)
    }

    fn into_slot(self) -> u64 {
        self.to_bits()
    }
}
