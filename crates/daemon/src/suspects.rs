//! Which container a thread was running, for whoever writes down the death of the process: readable from a signal
//! handler.

use std::sync::atomic::{AtomicU64, Ordering};

use thimble_port_linux::machine::running_container;
use thimble_runtime::config::ContainerId;

use crate::identity::Id;

/// Runs that are known at once. Older ones of as many are forgotten; ids have a bit that tells them from nothing.
const RUNS: usize = 4096;

static IDS: [AtomicU64; RUNS] = [const { AtomicU64::new(0) }; RUNS];

/// Notes whose run this is.
pub(crate) fn note(runtime: ContainerId, id: Id) {
    if let Some(place) = place(runtime) {
        place.store(id.number(), Ordering::Relaxed);
    }
}

/// The id of the container that the calling thread runs.
pub(crate) fn running() -> Option<u64> {
    let id = place(running_container()?)?.load(Ordering::Relaxed);
    (id != 0).then_some(id)
}

fn place(runtime: ContainerId) -> Option<&'static AtomicU64> {
    let index = usize::try_from(runtime.number()).ok()? % RUNS;
    IDS.get(index)
}
