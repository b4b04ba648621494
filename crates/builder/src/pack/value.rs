//! What the analysis knows of a value: a number, a place in the stack, an address that may lie in the heap.
//!
//! A value stands for every value that the program may have there; [`Value::join`] never loses one.

use std::ops::RangeInclusive;

/// How far from a function's first stack pointer a value may lie to be followed.
const FOLLOWED_BYTES: i64 = 1 << 28;

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// This 32-bit number.
    Number(u32),
    /// The stack pointer as the function found it, plus something between these bounds.
    Stack {
        /// The least that is added.
        low: i32,
        /// The most that is added.
        high: i32,
    },
    /// The argument of the function at this position.
    Argument(u32),
    /// Nothing, but it was not made from an address in the heap.
    Any,
    /// It may have been made from this number, which may be an address in the heap.
    Heap(u32),
}

/// The numbers that may be addresses in the heap; none where nobody asks.
pub(super) type Watched = Option<RangeInclusive<u32>>;

impl Value {
    /// The stack pointer as the function found it.
    pub(super) const ENTRY: Self = Self::Stack { low: 0, high: 0 };

    /// The number that may be an address in the heap and that this value is or was made from.
    pub(super) fn heap_origin(self, watched: &Watched) -> Option<u32> {
        match self {
            Self::Heap(number) => Some(number),
            Self::Number(number) => watched
                .as_ref()
                .filter(|range| range.contains(&number))
                .map(|_| number),
            Self::Stack { .. } | Self::Argument(_) | Self::Any => None,
        }
    }

    /// What is known when it is one of the two. `widen` gives bounds up that would only grow.
    pub(super) fn join(self, other: Self, widen: bool, watched: &Watched) -> Self {
        if self == other {
            return self;
        }
        if let Some(origin) = either_origin(self, other, watched) {
            return Self::Heap(origin);
        }
        match (self, other) {
            (
                Self::Stack { low, high },
                Self::Stack {
                    low: other_low,
                    high: other_high,
                },
            ) if !widen => Self::Stack {
                low: low.min(other_low),
                high: high.max(other_high),
            },
            _ => Self::Any,
        }
    }

    /// Their sum.
    pub(super) fn plus(self, other: Self, watched: &Watched) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => return Self::Number(a.wrapping_add(b)),
            (Self::Stack { low, high }, Self::Number(n))
            | (Self::Number(n), Self::Stack { low, high })
                if Self::Number(n).heap_origin(watched).is_none() =>
            {
                return shifted(low, high, i64::from(n.cast_signed()));
            }
            _ => {}
        }
        either_origin(self, other, watched).map_or(Self::Any, Self::Heap)
    }

    /// This less the other.
    pub(super) fn minus(self, other: Self, watched: &Watched) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a.wrapping_sub(b)),
            (Self::Stack { low, high }, Self::Number(n)) => {
                shifted(low, high, -i64::from(n.cast_signed()))
            }
            // A distance between two addresses is none itself.
            _ => self.heap_origin(watched).map_or(Self::Any, Self::Heap),
        }
    }

    /// Their common bits: how addresses are aligned.
    pub(super) fn and(self, other: Self, watched: &Watched) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a & b),
            (Self::Number(mask), value) | (value, Self::Number(mask)) if is_alignment(mask) => {
                match value {
                    Self::Stack { low, high } => {
                        let lowered = i64::from(low) - i64::from(!mask);
                        bounded(lowered, i64::from(high))
                    }
                    value => value.heap_origin(watched).map_or(Self::Any, Self::Heap),
                }
            }
            // Flags and remainders. What is left of an address is none.
            _ => Self::Any,
        }
    }

    /// The bits of both: how small offsets are added to aligned addresses.
    pub(super) fn or(self, other: Self, watched: &Watched) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => return Self::Number(a | b),
            (Self::Stack { low, high }, Self::Number(n))
            | (Self::Number(n), Self::Stack { low, high })
                if Self::Number(n).heap_origin(watched).is_none() && n < 1 << 16 =>
            {
                return bounded(i64::from(low), i64::from(high) + i64::from(n));
            }
            _ => {}
        }
        either_origin(self, other, watched).map_or(Self::Any, Self::Heap)
    }
}

/// The smaller of the numbers that two values may be addresses from.
pub(super) fn either_origin(a: Value, b: Value, watched: &Watched) -> Option<u32> {
    match (a.heap_origin(watched), b.heap_origin(watched)) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn shifted(low: i32, high: i32, by: i64) -> Value {
    bounded(i64::from(low) + by, i64::from(high) + by)
}

fn bounded(low: i64, high: i64) -> Value {
    if low < -FOLLOWED_BYTES || high > FOLLOWED_BYTES {
        return Value::Any;
    }
    match (i32::try_from(low), i32::try_from(high)) {
        (Ok(low), Ok(high)) => Value::Stack { low, high },
        _ => Value::Any,
    }
}

/// Whether a mask rounds down to a multiple of a power of two.
fn is_alignment(mask: u32) -> bool {
    let below = !mask;
    below < 1 << 20 && (below & below.wrapping_add(1)) == 0
}
