//! The same module on every engine, with large and with tiny budgets: it must do the same everywhere.
//!
//! Modules are generated so that they end by themselves and that floats that are not numbers have the same
//! bits everywhere. What is compared: how it loads, starts and ends, every host call with its arguments, and
//! the memory as each call sees it; the last entry of most modules is a host call.

mod guest;
mod host;
mod nans;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Result as Drawn, Unstructured};
use thimble_abi::calls;
use thimble_engine_inplace::InplaceEngine;
use thimble_engine_wasmi::WasmiEngine;
use thimble_engine_wasmtime::{AddressSpace, CompileLimits, WasmtimeEngine};
use thimble_runtime::engine::{Budget, Engine, LoadError, LoadedModule, TrapKind};
use thimble_runtime::module::{Module, start_as_export};
use wasm_encoder::ValType;

use crate::finding::{Violation, ensure};
use crate::shapes::Shapes;

use super::{Target, TargetSpec, smith};
use guest::{End, Run};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "engines",
    summary: "the same module on wasmi, in place and on wasmtime, with large and tiny budgets: the same behaviour",
    bytes_max: 4096,
    patience: Duration::from_secs(60),
    tokens: &[],
    make: || match Engines::new() {
        Ok(engines) => Box::new(engines),
        Err(reason) => Box::new(Unable(reason)),
    },
};

/// Calls and loop rounds that a generated module makes before it traps.
const STEPS_MAX: u32 = 2_000;
/// A budget that is not used up, and one that always is.
const ROOMY: Budget = Budget {
    time: Duration::from_secs(20),
    fuel: 4_000_000_000,
};
const TINY: Budget = Budget {
    time: Duration::from_micros(20),
    fuel: 7,
};
/// The engine that has no vector instructions.
const INPLACE: &str = "inplace";
/// The export that is only a host call.
const DIGEST: &str = "\0digest";

/// An engine could not be made; every input says so.
struct Unable(String);

impl Target for Unable {
    fn examine(&mut self, _: &[u8], _: &mut Shapes) -> Result<(), Violation> {
        Err(Violation::new("the engines can be made", self.0.clone()))
    }
}

struct Engines {
    /// The first is what the others must agree with.
    all: Vec<(&'static str, Box<dyn Engine>)>,
}

/// A module and what to do with it.
struct Case {
    module: Module,
    entries: Vec<String>,
    /// What the host's answers depend on.
    salt: u64,
}

impl Engines {
    fn new() -> Result<Self, String> {
        let wasmi = WasmiEngine::new(thimble_engine_wasmi::Settings::linux());
        let native = |address_space| {
            let settings = thimble_engine_wasmtime::Settings {
                compile_limits: CompileLimits {
                    threads: Some(1),
                    ..CompileLimits::default()
                },
                address_space,
                canonical_nans: true,
                ..thimble_engine_wasmtime::Settings::default()
            };
            WasmtimeEngine::new(settings).map_err(|error| error.to_string())
        };
        Ok(Self {
            all: vec![
                ("wasmi", Box::new(wasmi)),
                (
                    INPLACE,
                    Box::new(InplaceEngine::new(thimble_engine_inplace::Settings::linux())),
                ),
                ("wasmtime", Box::new(native(AddressSpace::Wide)?)),
                ("wasmtime, tight", Box::new(native(AddressSpace::Tight)?)),
            ],
        })
    }

    fn compare(&self, case: &Case, tight: bool, shapes: &mut Shapes) -> Result<(), Violation> {
        let count = if tight { 4 } else { 3 };
        let mut expected: Option<(String, Run)> = None;
        let small = smith::is_without_vectors(case.module.bytes());
        for (name, engine) in self.all.iter().take(count) {
            if *name == INPLACE && !small {
                continue;
            }
            let loaded = load(name, &**engine, &case.module)?;
            for (size, budget) in [("large", ROOMY), ("tiny", TINY)] {
                let name = format!("{name}, {size} budget");
                let run = Run::of(loaded.as_deref(), &case.entries, case.salt, budget);
                run.check(&name)?;
                shapes.note((&run.end, run.calls.len().min(16)));
                match &expected {
                    None => expected = Some((name, run)),
                    Some((first, expected)) => agree(first, expected, &name, &run)?,
                }
            }
        }
        Ok(())
    }
}

impl Target for Engines {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let mut u = Unstructured::new(input);
        // Too little entropy is no finding.
        let Ok((case, tight)) = draw(&mut u) else {
            return Ok(());
        };
        match case {
            Some(case) => self.compare(&case, tight, shapes),
            None => Ok(()),
        }
    }
}

/// A module that ends by itself, and whether to try it in a tight address space too.
fn draw(u: &mut Unstructured<'_>) -> Drawn<(Option<Case>, bool)> {
    let specs: Vec<_> = calls::all().collect();
    let mut imports = vec![calls::Call::Thimble(calls::ThimbleCall::AbiVersion).spec()];
    for _ in 0..u.int_in_range(0..=6)? {
        imports.push(*u.choose(&specs)?);
    }
    let memory = smith::memory(
        u.int_in_range(0..=3)?,
        *u.choose(&[None, Some(4), Some(100)])?,
    );
    let (imported, own) = match u.int_in_range(0..=5)? {
        0 => (None, None),
        1 | 2 => (Some(memory), None),
        _ => (None, Some(memory)),
    };
    let exports = [
        ("_start", None),
        ("code", Some(ValType::I32)),
        ("more", None),
    ];
    let (tight, salt) = (u.ratio(1, 8)?, u.arbitrary()?);
    let config = wasm_smith::Config {
        module_shape: Some(smith::shape(&imports, imported, own, &exports)),
        available_imports: None,
        ..smith::config(u)?
    };
    let mut generated = wasm_smith::Module::new(config, u)?;
    // Only what cannot be ended is left out.
    let ends = generated.ensure_termination(STEPS_MAX).is_ok();
    let case = ends
        .then(|| Case::new(&nans::settled(generated.to_bytes())?, salt))
        .flatten();
    Ok((case, tight))
}

impl Case {
    fn new(bytes: &[u8], salt: u64) -> Option<Self> {
        let module = Module::parse(bytes).ok()?;
        let mut entries: Vec<String> = ["_start", "code", "more"].map(Into::into).into();
        let module = match module.start() {
            // The first import becomes an entry, so that the host sees the memory once more at the end.
            None => {
                entries.push(DIGEST.into());
                Module::parse(start_as_export(module.bytes(), 0, DIGEST).ok()?).ok()?
            }
            Some(_) => module,
        };
        Some(Self {
            module,
            entries,
            salt,
        })
    }
}

/// Loads a module; `None` if it is refused.
fn load(
    name: &str,
    engine: &dyn Engine,
    module: &Module,
) -> Result<Option<Arc<dyn LoadedModule>>, Violation> {
    match engine.load(module) {
        Ok(loaded) => Ok(Some(loaded)),
        Err(LoadError::Invalid { .. }) => Ok(None),
        Err(error) => Err(Violation::new(
            "an engine prepares what is valid",
            format!("{name}: {error}"),
        )),
    }
}

/// Two runs of a module do the same, up to a stack overflow: stacks differ.
fn agree(first: &str, expected: &Run, name: &str, run: &Run) -> Result<(), Violation> {
    let detail = |what: String| format!("{first} and {name}: {what}");
    let overflow = [expected, run]
        .iter()
        .any(|run| run.end == End::Trapped(TrapKind::StackOverflow));
    for (index, (a, b)) in expected.calls.iter().zip(&run.calls).enumerate() {
        ensure(
            a == b,
            "engines make the same calls on the same memory",
            || detail(format!("call {index} was {a:x?}, then {b:x?}")),
        )?;
    }
    if overflow {
        return Ok(());
    }
    ensure(expected.end == run.end, "engines end a guest alike", || {
        detail(format!("{:?}, then {:?}", expected.end, run.end))
    })?;
    ensure(
        expected.calls.len() == run.calls.len(),
        "engines make as many calls",
        || {
            detail(format!(
                "{}, then {}",
                expected.calls.len(),
                run.calls.len()
            ))
        },
    )?;
    ensure(
        expected.memory_bytes == run.memory_bytes,
        "memory is as large on every engine",
        || {
            detail(format!(
                "{}, then {}",
                expected.memory_bytes, run.memory_bytes
            ))
        },
    )
}
