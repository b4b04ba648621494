//! A host whose answers depend only on which call it is, so that every engine gets the same.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use thimble_abi::Call;
use thimble_abi::calls::Pace;
use thimble_runtime::engine::{CallOutcome, Host, Interrupt, Trap, TrapKind};

use crate::random::Random;

/// Calls after which the guest is ended.
const CALLS_MAX: usize = 500;

/// One thing the host heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A call, when it was done: its arguments, and the memory before it.
    Call(Call, Vec<u64>, u64),
    /// Memory was refused.
    Refused(u64),
}

/// The host of one run.
pub(super) struct Scripted {
    salt: u64,
    /// Ends slices early, where budgets are tiny.
    interrupt: Option<Arc<dyn Interrupt>>,
    /// What it heard so far.
    pub(super) heard: Vec<Heard>,
    /// The call that waits, and how often it must be made again.
    waiting: Option<(Call, Vec<u64>, usize)>,
    /// A call was made again with other arguments.
    pub(super) changed: Option<String>,
    /// Done calls.
    done: usize,
}

impl Scripted {
    pub(super) fn new(salt: u64, interrupt: Option<Arc<dyn Interrupt>>) -> Self {
        Self {
            salt,
            interrupt,
            heard: Vec::new(),
            waiting: None,
            changed: None,
            done: 0,
        }
    }

    /// Whether a call waits that the guest must make again.
    pub(super) const fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// Randomness that only the number of the call decides.
    fn random(&self) -> Random {
        Random::fork(self.salt, self.done as u64)
    }

    /// How often this call is to be made again; checks that a call made again is the same.
    fn retries(&mut self, call: Call, args: &[u64]) -> usize {
        match self.waiting.take() {
            Some((waiting, waiting_args, left)) => {
                if (waiting, waiting_args.as_slice()) != (call, args) {
                    self.changed = Some(format!(
                        "{waiting:?}{waiting_args:x?} became {call:?}{args:x?}"
                    ));
                }
                left
            }
            None if call.spec().pace == Pace::Prompt => 0,
            None => self.random().below(8).saturating_sub(5),
        }
    }
}

impl Host for Scripted {
    fn call(&mut self, call: Call, args: &[u64], memory: &mut [u8]) -> CallOutcome {
        if let Some(interrupt) = &self.interrupt {
            interrupt.interrupt();
        }
        let retries = self.retries(call, args);
        if retries > 0 {
            self.waiting = Some((call, args.to_vec(), retries - 1));
            return CallOutcome::Blocked;
        }
        self.heard
            .push(Heard::Call(call, args.to_vec(), digest(memory)));
        let mut random = self.random();
        self.done += 1;
        if random.one_in(3) {
            // Something to read for the guest.
            let place = random.below(memory.len());
            if let Some(byte) = memory.get_mut(place) {
                *byte = random.byte();
            }
        }
        match random.below(200) {
            0 => CallOutcome::Exit(i32::from(random.byte())),
            1 => CallOutcome::Trap(Trap::with_detail(TrapKind::Signal, "script")),
            _ if self.done > CALLS_MAX => CallOutcome::Exit(99),
            // Floats are results too: none that is not a number, since its bits may change on the way.
            2..=99 => CallOutcome::Done(random.next() & 0x000f_ffff_ffff_ffff),
            _ => CallOutcome::Done(0),
        }
    }

    fn memory_refused(&mut self, wanted_bytes: u64) {
        self.heard.push(Heard::Refused(wanted_bytes));
    }
}

fn digest(memory: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(memory);
    hasher.finish()
}
