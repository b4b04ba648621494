//! What an input did, as far as a target tells: how the driver knows an input that is worth keeping.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What the input under examination did.
#[derive(Default)]
pub(crate) struct Shapes(Vec<u64>);

impl Shapes {
    /// Tells something that it did: an error, a kind of section, a pair of calls.
    pub(crate) fn note(&mut self, shape: impl Hash) {
        let mut hasher = DefaultHasher::new();
        shape.hash(&mut hasher);
        self.0.push(hasher.finish());
    }

    /// Whether it did all of what `other` did.
    #[cfg(test)]
    pub(crate) fn holds(&self, other: &Self) -> bool {
        other.0.iter().all(|shape| self.0.contains(shape))
    }

    /// Adds what it did to what was seen; whether any of it is new.
    pub(crate) fn add_to(self, seen: &mut HashSet<u64>) -> bool {
        let before = seen.len();
        seen.extend(self.0);
        seen.len() > before
    }
}
