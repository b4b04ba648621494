//! What the checks share: loading text, a scripted host, budgets, and a loop that drives a guest to its end.

use std::sync::Arc;
use std::time::Duration;

use thimble_abi::Call;
use thimble_runtime::engine::{
    Budget, CallOutcome, Engine, Guest, Host, InstanceSpec, LoadedModule, Trap, TrapKind, Yield,
};
use thimble_runtime::module::Module;

/// Slices after which a guest counts as hanging.
const SLICES_MAX: u32 = 5_000_000;

/// A host that answers each call with a closure and remembers what it heard.
pub struct Answers<F> {
    answer: F,
    /// The calls so far, with their arguments, each retry included.
    pub calls: Vec<(Call, Vec<u64>)>,
    /// The bytes of every refused growth.
    pub refused: Vec<u64>,
}

impl<F> Answers<F>
where
    F: FnMut(Call, &[u64], &mut [u8]) -> CallOutcome,
{
    /// A host that answers with `answer`.
    pub fn new(answer: F) -> Self {
        Self {
            answer,
            calls: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The first argument of every call so far.
    #[must_use]
    pub fn first_arguments(&self) -> Vec<u64> {
        self.calls
            .iter()
            .filter_map(|(_, args)| args.first().copied())
            .collect()
    }
}

impl<F> Host for Answers<F>
where
    F: FnMut(Call, &[u64], &mut [u8]) -> CallOutcome,
{
    fn call(&mut self, call: Call, args: &[u64], memory: &mut [u8]) -> CallOutcome {
        self.calls.push((call, args.to_vec()));
        (self.answer)(call, args, memory)
    }

    fn memory_refused(&mut self, wanted_bytes: u64) {
        self.refused.push(wanted_bytes);
    }
}

/// How a guest ended, and what it took.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code, or the trap.
    pub end: Result<i32, Trap>,
    /// How often it was preempted.
    pub preempted: u32,
    /// How often it waited.
    pub blocked: u32,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> i32 {
        match &self.end {
            Ok(code) => *code,
            Err(trap) => panic!("the guest trapped: {trap}"),
        }
    }

    /// The trap's kind.
    #[must_use]
    pub fn trap(&self) -> TrapKind {
        match &self.end {
            Ok(code) => panic!("the guest exited with {code} instead of a trap"),
            Err(trap) => trap.kind,
        }
    }
}

/// A budget that no check's guest uses up by accident.
#[must_use]
pub fn roomy() -> Budget {
    Budget {
        time: Duration::from_secs(20),
        fuel: 4_000_000_000,
    }
}

/// A budget that is used up over and over.
#[must_use]
pub fn short() -> Budget {
    Budget {
        time: Duration::from_micros(50),
        fuel: 100,
    }
}

/// A budget that only an interrupt ends.
#[must_use]
pub fn forever() -> Budget {
    Budget {
        time: Duration::from_secs(3_600),
        fuel: u64::MAX,
    }
}

/// The module of a text.
#[must_use]
pub fn parse(text: &str) -> Module {
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Module::parse(bytes).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Loads a text.
#[must_use]
pub fn load(engine: &dyn Engine, text: &str) -> Arc<dyn LoadedModule> {
    engine
        .load(&parse(text))
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A guest with these entries, 64 MiB of memory and 10,000 table elements at most.
#[must_use]
pub fn instantiate(engine: &dyn Engine, text: &str, entries: &[&str]) -> Box<dyn Guest> {
    load(engine, text)
        .instantiate(&spec(entries))
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The limits of [`instantiate`].
#[must_use]
pub(super) fn spec(entries: &[&str]) -> InstanceSpec {
    InstanceSpec {
        memory_bytes_max: 64 << 20,
        table_elements_max: 10_000,
        stack_bytes: None,
        entries: entries.iter().map(ToString::to_string).collect(),
    }
}

/// Resumes a guest until it ends.
pub fn drive(guest: &mut dyn Guest, host: &mut dyn Host, budget: Budget) -> Outcome {
    let (mut preempted, mut blocked) = (0, 0);
    for _ in 0..SLICES_MAX {
        match guest.resume(host, budget) {
            Yield::Preempted => preempted += 1,
            Yield::Blocked => blocked += 1,
            Yield::Exited(code) => {
                return Outcome {
                    end: Ok(code),
                    preempted,
                    blocked,
                };
            }
            Yield::Trapped(trap) => {
                return Outcome {
                    end: Err(trap),
                    preempted,
                    blocked,
                };
            }
        }
    }
    panic!("the guest hangs: {preempted} times preempted, {blocked} times blocked")
}

/// Runs a text's export `_start` to its end against a host that answers every call with 0.
#[must_use]
pub fn run(engine: &dyn Engine, text: &str) -> Outcome {
    let mut guest = instantiate(engine, text, &["_start"]);
    drive(
        &mut *guest,
        &mut Answers::new(|_, _, _| CallOutcome::Done(0)),
        roomy(),
    )
}
