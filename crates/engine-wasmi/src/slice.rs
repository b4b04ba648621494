//! Fuel of one slice, dealt out in chunks.

use thimble_runtime::engine::Budget;
use wasmi::Store;

use crate::Settings;
use crate::state::State;

/// The least a slice gets, so that a budget rounded down to nothing still leads somewhere.
const FUEL_MIN: u64 = 1;

/// What is left of a slice.
pub(crate) struct Slice {
    left: u64,
    chunk_max: u64,
    chunk: u64,
}

impl Slice {
    /// A slice of this budget, and of what was put aside for an operation that costs more than a slice.
    pub(crate) fn new(budget: Budget, aside: u64, settings: &Settings) -> Self {
        let fuel = match budget.fuel {
            0 | u64::MAX => {
                let micros = u64::try_from(budget.time.as_micros()).unwrap_or(u64::MAX);
                micros.saturating_mul(settings.fuel_per_microsecond)
            }
            fuel => fuel,
        };
        Self {
            left: fuel.max(FUEL_MIN).saturating_add(aside),
            chunk_max: settings.fuel_between_checks.max(FUEL_MIN),
            chunk: 0,
        }
    }

    /// What is left, once `needed` was more than that.
    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    /// Gives the store the next chunk, at least `needed` units. False if that is more than is left.
    pub(crate) fn fill(&mut self, store: &mut Store<State>, needed: u64) -> bool {
        let needed = needed.max(FUEL_MIN);
        if needed > self.left {
            return false;
        }
        self.chunk = self.left.min(self.chunk_max).max(needed);
        // Fails only for an engine without fuel, and ours has it.
        store.set_fuel(self.chunk).is_ok()
    }

    /// Counts what the store burned of the chunk.
    pub(crate) fn settle(&mut self, store: &Store<State>) {
        let rest = store.get_fuel().unwrap_or(0);
        self.left = self.left.saturating_sub(self.chunk.saturating_sub(rest));
        self.chunk = 0;
    }
}
