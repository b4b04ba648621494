//! Counts which instructions follow each other, for `examples/profile.rs`. It takes a lot of time, so that it is a
//! feature.

extern crate std;

use alloc::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Offsets in the module of three instructions that were executed one after another, the last one first; how often.
pub type Triples = BTreeMap<[u32; 3], u64>;

struct Counted {
    last: [u32; 2],
    triples: Triples,
}

static COUNTED: Mutex<Counted> = Mutex::new(Counted {
    last: [0; 2],
    triples: Triples::new(),
});

/// Notes that an instruction is executed.
pub(crate) fn executed(offset: u32) {
    let mut counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    let [before, earlier] = counted.last;
    *counted
        .triples
        .entry([offset, before, earlier])
        .or_default() += 1;
    counted.last = [offset, before];
}

/// What was executed since the last time, by any guest. Offset 0 stands for nothing.
#[must_use]
pub fn take() -> Triples {
    let mut counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    counted.last = [0; 2];
    core::mem::take(&mut counted.triples)
}
