//! A guest: a store, the functions to call in it, and where it was suspended.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use thimble_runtime::engine::{Budget, CallOutcome, Guest, Host, Interrupt, Trap, TrapKind, Yield};
use wasmi::{
    AsContextMut, Error, Func, ResumableCall, ResumableCallHostTrap, ResumableCallOutOfFuel, Store,
    Val,
};

use crate::lend::lend;
use crate::slice::Slice;
use crate::state::{PendingCall, State, Stop};
use crate::{Settings, link, trap};

/// A function to call.
pub(crate) struct Entry {
    /// It takes nothing.
    pub(crate) function: Func,
    /// Whether it returns an `i32`, else nothing.
    pub(crate) has_result: bool,
}

/// One instance.
pub(crate) struct WasmiGuest {
    course: Course,
    store: Store<State>,
    /// Bytes of the memory of a guest that failed before it could be reached.
    unreached_bytes: u64,
}

/// How far a guest is.
struct Course {
    phase: Phase,
    entries: Vec<Entry>,
    /// How many of them have returned.
    done: usize,
    /// The last one's result.
    code: i32,
    /// Fuel put aside for an operation that costs more than a slice.
    aside: u64,
    settings: Settings,
}

/// Where a guest is suspended.
enum Phase {
    /// Before the next entry, or after the last one.
    Between,
    /// In its code, out of fuel.
    Hungry(ResumableCallOutOfFuel),
    /// In a host call.
    Waiting(PendingCall, Rest),
    /// It failed before it began.
    Doomed(Trap),
    /// Nowhere: it ended.
    Over,
}

/// What follows a host call.
enum Rest {
    /// The code that made it.
    Code(ResumableCallHostTrap),
    /// Nothing: its result is the entry's.
    Return,
}

/// What wasmi gives back.
type Ran = Result<ResumableCall, Error>;

impl WasmiGuest {
    pub(crate) fn new(store: Store<State>, entries: Vec<Entry>, settings: Settings) -> Self {
        Self {
            course: Course {
                phase: Phase::Between,
                entries,
                done: 0,
                code: 0,
                aside: 0,
                settings,
            },
            store,
            unreached_bytes: 0,
        }
    }

    /// A guest whose first resume reports this trap, with the bytes of memory that it has nevertheless.
    pub(crate) fn doomed(
        store: Store<State>,
        trap: Trap,
        memory_bytes: u64,
        settings: Settings,
    ) -> Self {
        let mut guest = Self::new(store, Vec::new(), settings);
        guest.course.phase = Phase::Doomed(trap);
        guest.unreached_bytes = memory_bytes;
        guest
    }
}

impl Guest for WasmiGuest {
    fn resume(&mut self, host: &mut dyn Host, budget: Budget) -> Yield {
        let Self { course, store, .. } = self;
        lend(store, host, |store| course.run(store, budget))
    }

    fn memory_bytes(&self) -> u64 {
        let memory = self.store.data().memory;
        memory.map_or(self.unreached_bytes, |memory| {
            u64::try_from(memory.data_size(&self.store)).unwrap_or(u64::MAX)
        })
    }

    fn set_memory_bytes_max(&mut self, memory_bytes_max: u64) {
        self.store.data_mut().set_memory_bytes_max(memory_bytes_max);
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        self.store.data().flag.clone()
    }
}

impl Course {
    fn run(&mut self, store: &mut Store<State>, budget: Budget) -> Yield {
        let mut slice = Slice::new(budget, mem::take(&mut self.aside), &self.settings);
        loop {
            if let Some(end) = self.step(store, &mut slice) {
                return end;
            }
        }
    }

    /// Runs one chunk. The guest comes back, or goes on with the next one.
    fn step(&mut self, store: &mut Store<State>, slice: &mut Slice) -> Option<Yield> {
        let mut output = Val::I32(0);
        let ran = match mem::replace(&mut self.phase, Phase::Over) {
            Phase::Over => return Some(engine_trap("resumed after its end")),
            Phase::Doomed(trap) => return Some(Yield::Trapped(trap)),
            phase if store.data().flag.take() => {
                self.phase = phase;
                return Some(Yield::Preempted);
            }
            Phase::Between => {
                let Some(entry) = self.entries.get(self.done) else {
                    return Some(Yield::Exited(self.code));
                };
                let (function, outputs) = (entry.function, outputs(&mut output, entry.has_result));
                if !slice.fill(store, 0) {
                    return Some(self.preempted(slice, Phase::Between));
                }
                function.call_resumable(&mut *store, &[], outputs)
            }
            Phase::Hungry(call) => {
                if !slice.fill(store, call.required_fuel()) {
                    return Some(self.preempted(slice, Phase::Hungry(call)));
                }
                call.resume(&mut *store, outputs(&mut output, self.has_result()))
            }
            Phase::Waiting(pending, rest) => {
                let slot =
                    match link::ask(&mut store.as_context_mut(), pending.spec, pending.args()) {
                        CallOutcome::Done(slot) => slot,
                        CallOutcome::Blocked => {
                            self.phase = Phase::Waiting(pending, rest);
                            return Some(Yield::Blocked);
                        }
                        CallOutcome::Exit(code) => return Some(Yield::Exited(code)),
                        CallOutcome::Trap(trap) => return Some(Yield::Trapped(trap)),
                    };
                let Rest::Code(call) = rest else {
                    self.returned(link::low_half(slot).cast_signed());
                    return None;
                };
                // Whatever is left is enough to begin with: the code says what it needs.
                slice.fill(store, 0);
                let result = link::result(pending.spec, slot);
                call.resume(
                    &mut *store,
                    result.as_slice(),
                    outputs(&mut output, self.has_result()),
                )
            }
        };
        slice.settle(store);
        self.ran(store, ran, &output)
    }

    /// Makes sense of how a chunk ended.
    fn ran(&mut self, store: &mut Store<State>, ran: Ran, output: &Val) -> Option<Yield> {
        let (stop, rest) = match ran {
            Ok(ResumableCall::Finished) => {
                self.returned(output.i32().unwrap_or(0));
                return None;
            }
            Ok(ResumableCall::OutOfFuel(call)) => {
                self.phase = Phase::Hungry(call);
                return None;
            }
            Ok(ResumableCall::HostTrap(call)) => (store.data_mut().stop.take(), Rest::Code(call)),
            // An error without a stop is the guest's own. With one, wasmi has nothing to resume: the entry
            // is a host function.
            Err(error) => match store.data_mut().stop.take() {
                None => return Some(Yield::Trapped(trap::trap(&error))),
                stop => (stop, Rest::Return),
            },
        };
        Some(match stop {
            Some(Stop::Waits(pending)) => {
                self.phase = Phase::Waiting(pending, rest);
                Yield::Blocked
            }
            Some(Stop::Exit(code)) => Yield::Exited(code),
            Some(Stop::Trap(trap)) => Yield::Trapped(trap),
            None => engine_trap("stopped for no reason"),
        })
    }

    /// The current entry returned, with 0 if it has no result.
    fn returned(&mut self, result: i32) {
        self.code = if self.has_result() { result } else { 0 };
        self.done = self.done.saturating_add(1);
        self.phase = Phase::Between;
    }

    /// The slice has too little left for what comes next: keeps it for then.
    fn preempted(&mut self, slice: &Slice, phase: Phase) -> Yield {
        self.aside = slice.left();
        self.phase = phase;
        Yield::Preempted
    }

    /// Whether the current entry has a result.
    fn has_result(&self) -> bool {
        self.entries
            .get(self.done)
            .is_some_and(|entry| entry.has_result)
    }
}

/// Where wasmi writes the results of an entry.
fn outputs(output: &mut Val, has_result: bool) -> &mut [Val] {
    if has_result {
        core::slice::from_mut(output)
    } else {
        &mut []
    }
}

fn engine_trap(detail: &str) -> Yield {
    Yield::Trapped(Trap::with_detail(TrapKind::Engine, detail))
}
