//! Preemption by epochs: compiled code looks at a number on function entry and in loops.
//!
//! The number belongs to all guests of an engine: whoever is stopped by a change of it looks whether it
//! was meant, and goes on if not. A change can be lost if it comes while a guest computes its next
//! deadline; therefore the timer goes off at least every 10 ms, and every millisecond after the end.

use std::sync::Arc;

use wasmtime::{Store, UpdateDeadline};

use super::{Slice, timer};
use crate::state::{State, note_memory};

/// Between repetitions after the end of a slice.
pub(super) const REPEAT_NS: i64 = 1_000_000;
/// The longest time for which a lost change goes unnoticed in a slice that is longer.
pub(super) const LOOK_NS: i64 = 10_000_000;

/// Prepares a guest's store, once.
pub(super) fn attach(slice: &Arc<Slice>, store: &mut Store<State>) {
    let slice = Arc::clone(slice);
    store.epoch_deadline_callback(move |store| {
        if slice.take_end() {
            note_memory(&store);
            return Ok(UpdateDeadline::Yield(1));
        }
        timer::arm(slice.look_ns(timer::now_ns()))?;
        Ok(UpdateDeadline::Continue(1))
    });
    store.set_epoch_deadline(1);
}
