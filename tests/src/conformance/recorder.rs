//! Hears every host call that a guest makes, whether it ever succeeded, and whether memory that the guest must not
//! touch is whole then.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use thimble_abi::Call;
use thimble_abi::calls::{CallSpec, ReturnKind};
use thimble_runtime::engine::{
    Budget, CallOutcome, Guest, Host, InstanceSpec, InstantiateError, Interrupt, LoadedModule,
    Yield,
};

/// The calls that succeeded so far. Clones are the same list.
#[derive(Clone, Default)]
pub(super) struct Succeeded(Arc<Mutex<BTreeSet<Call>>>);

impl Succeeded {
    /// Whether this call did.
    pub(super) fn has(&self, spec: &CallSpec) -> bool {
        self.0.lock().unwrap().contains(&spec.call)
    }

    fn note(&self, call: Call, outcome: &CallOutcome) {
        if is_success(call.spec(), outcome) {
            self.0.lock().unwrap().insert(call);
        }
    }
}

fn is_success(spec: &CallSpec, outcome: &CallOutcome) -> bool {
    let value = match outcome {
        CallOutcome::Done(value) => *value,
        CallOutcome::Exit(_) => return true,
        CallOutcome::Blocked | CallOutcome::Trap(_) => return false,
    };
    let low = u32::try_from(value & u64::from(u32::MAX)).unwrap();
    match spec.returns {
        ReturnKind::None => true,
        ReturnKind::Errno => low == 0,
        ReturnKind::I32 => low.cast_signed() >= 0,
        ReturnKind::I64 => value.cast_signed() >= 0,
        ReturnKind::F64 => f64::from_bits(value) >= 0.0,
    }
}

/// A module whose guests are heard.
pub(super) struct Heard {
    pub(super) module: Arc<dyn LoadedModule>,
    pub(super) succeeded: Succeeded,
    /// Memory that packing takes away: no guest may touch it.
    pub(super) untouched: Vec<Range<usize>>,
}

/// What memory is filled with that must not be touched.
const FILL: u8 = 0xa5;

impl LoadedModule for Heard {
    fn instantiate(&self, spec: &InstanceSpec) -> Result<Box<dyn Guest>, InstantiateError> {
        Ok(Box::new(HeardGuest {
            guest: self.module.instantiate(spec)?,
            succeeded: self.succeeded.clone(),
            untouched: self.untouched.clone(),
            is_filled: false,
        }))
    }
}

struct HeardGuest {
    guest: Box<dyn Guest>,
    succeeded: Succeeded,
    untouched: Vec<Range<usize>>,
    is_filled: bool,
}

impl Guest for HeardGuest {
    fn resume(&mut self, host: &mut dyn Host, budget: Budget) -> Yield {
        let mut host = HeardHost {
            host,
            succeeded: &self.succeeded,
            untouched: &self.untouched,
            is_filled: &mut self.is_filled,
        };
        self.guest.resume(&mut host, budget)
    }

    fn memory_bytes(&self) -> u64 {
        self.guest.memory_bytes()
    }

    fn set_memory_bytes_max(&mut self, memory_bytes_max: u64) {
        self.guest.set_memory_bytes_max(memory_bytes_max);
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        self.guest.interrupter()
    }
}

struct HeardHost<'a> {
    host: &'a mut dyn Host,
    succeeded: &'a Succeeded,
    untouched: &'a [Range<usize>],
    is_filled: &'a mut bool,
}

impl HeardHost<'_> {
    /// Fills what must not be touched at the first call, and looks at it at every other.
    fn look(&mut self, call: Call, memory: &mut [u8]) {
        for range in self.untouched {
            let part = memory.get_mut(range.clone()).unwrap_or_default();
            if *self.is_filled {
                let touched = part.iter().position(|byte| *byte != FILL);
                let at = touched.map(|at| range.start + at);
                assert_eq!(
                    at, None,
                    "touched before {call:?}, but {range:?} is cut away"
                );
            } else {
                part.fill(FILL);
            }
        }
        *self.is_filled = true;
    }
}

impl Host for HeardHost<'_> {
    fn call(&mut self, call: Call, args: &[u64], memory: &mut [u8]) -> CallOutcome {
        self.look(call, memory);
        let outcome = self.host.call(call, args, memory);
        self.succeeded.note(call, &outcome);
        outcome
    }

    fn memory_refused(&mut self, wanted_bytes: u64) {
        self.host.memory_refused(wanted_bytes);
    }
}
