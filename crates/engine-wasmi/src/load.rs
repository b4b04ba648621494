//! Loads a module and makes guests of it.
//!
//! Everything is validated here, and translated to wasmi's own code function by function when the guest
//! first calls it ([`CompilationMode::LazyTranslation`]): a program calls a small part of what is linked
//! into it. Translation costs the guest no fuel: it happens once for all guests of a module, and wasmi cannot
//! go on after it ran out of fuel in one.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use thimble_abi::CallSpec;
use thimble_runtime::engine::{Guest, InstanceSpec, InstantiateError, LoadError, LoadedModule};
use thimble_runtime::module::{Module, start_as_export};
use wasmi::{
    CompilationMode, Config, CustomFuelCosts, Engine, Extern, ExternType, FuncType, Instance,
    Store, ValType,
};

use crate::guest::{Entry, WasmiGuest};
use crate::state::{PARAMETERS_MAX, State};
use crate::{Settings, grow, link, shim, trap};

/// Bytes of operand stack that each guest begins with.
const STACK_BYTES_MIN: usize = 1 << 10;

/// Bytes that a bulk operation copies for a unit of fuel.
const BYTES_PER_FUEL: u32 = 64;

/// A module, ready to be instantiated.
pub(crate) struct Loaded {
    engine: Engine,
    module: wasmi::Module,
    /// For modules that make tail calls.
    shim: Option<wasmi::Module>,
    imports: Vec<&'static CallSpec>,
    memory: Option<MemoryFacts>,
    table_elements: u64,
    /// The name under which the start function is exported.
    start: Option<String>,
    settings: Settings,
}

struct MemoryFacts {
    export: String,
    initial_bytes: u64,
}

/// Loads a module.
pub(crate) fn load(module: &Module, settings: Settings) -> Result<Loaded, LoadError> {
    let imports: Vec<_> = module.imports().iter().map(|import| import.spec).collect();
    if let Some(spec) = imports
        .iter()
        .find(|spec| spec.parameters.len() > PARAMETERS_MAX)
    {
        return Err(LoadError::Failed {
            reason: alloc::format!("`{}` has too many parameters", spec.name),
        });
    }
    let start = module
        .start()
        .map(|function| (module.unused_export_name(), function));
    let rewritten = match &start {
        Some((name, function)) => Some(start_as_export(module.bytes(), *function, name).map_err(
            |error| LoadError::Invalid {
                reason: error.to_string(),
            },
        )?),
        None => None,
    };
    let bytes = rewritten.as_deref().unwrap_or(module.bytes());
    let apart = grow::apart(bytes).map_err(invalid)?;
    let bytes = apart.as_deref().unwrap_or(bytes);
    let table_elements = table_elements(bytes)?;
    let (engine, compiled, tail_calls) = compile(bytes, settings)?;
    let start = start.map(|(name, _)| name);
    if let Some(name) = &start {
        check_start(&compiled, name)?;
    }
    let shim = match tail_calls && !imports.is_empty() {
        true => Some(
            wasmi::Module::new(&engine, shim::module(&imports)).map_err(|error| failed(&error))?,
        ),
        false => None,
    };
    let memory = module.memory().map(|memory| MemoryFacts {
        export: memory.export.clone(),
        initial_bytes: memory.initial_bytes(),
    });
    Ok(Loaded {
        engine,
        module: compiled,
        shim,
        imports,
        memory,
        table_elements,
        start,
        settings,
    })
}

/// Compiles, and tells whether the module makes tail calls: then it is invalid without them.
fn compile(bytes: &[u8], settings: Settings) -> Result<(Engine, wasmi::Module, bool), LoadError> {
    let engine = Engine::new(&config(settings, false));
    if let Ok(module) = wasmi::Module::new(&engine, bytes) {
        return Ok((engine, module, false));
    }
    let engine = Engine::new(&config(settings, true));
    let module = wasmi::Module::new(&engine, bytes).map_err(|error| trap::load(&error))?;
    Ok((engine, module, true))
}

fn config(settings: Settings, tail_calls: bool) -> Config {
    let mut config = Config::default();
    config
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(true)
        .wasm_tail_call(tail_calls)
        .ignore_custom_sections(true)
        .consume_fuel(true)
        .fuel_cost(CustomFuelCosts {
            bytes_copied_per_fuel: BYTES_PER_FUEL,
            fuel_per_bytes_translated: 0,
            fuel_per_bytes_validated: 0,
        })
        .compilation_mode(CompilationMode::LazyTranslation)
        // The smaller one first: wasmi panics where they cross.
        .set_min_stack_height(STACK_BYTES_MIN)
        .set_max_stack_height(settings.stack_bytes_max.max(STACK_BYTES_MIN))
        .set_max_recursion_depth(settings.call_depth_max)
        .set_max_cached_stacks(settings.stacks_kept);
    #[cfg(feature = "simd")]
    config.wasm_relaxed_simd(false);
    config
}

/// Elements that the module's tables begin with.
fn table_elements(bytes: &[u8]) -> Result<u64, LoadError> {
    let mut elements = 0_u64;
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            wasmparser::Payload::TableSection(tables) => {
                for table in tables {
                    elements = elements.saturating_add(table.map_err(invalid)?.ty.initial);
                }
            }
            wasmparser::Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    Ok(elements)
}

/// The validator saw the start function as an export, of any type.
fn check_start(module: &wasmi::Module, name: &str) -> Result<(), LoadError> {
    match module.get_export(name) {
        Some(ExternType::Func(ty)) if ty.params().is_empty() && ty.results().is_empty() => Ok(()),
        _ => Err(LoadError::Invalid {
            reason: "the start function takes parameters or returns something".to_string(),
        }),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn invalid(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Invalid {
        reason: error.to_string(),
    }
}

fn failed(error: &wasmi::Error) -> LoadError {
    LoadError::Failed {
        reason: error.to_string(),
    }
}

impl LoadedModule for Loaded {
    fn instantiate(&self, spec: &InstanceSpec) -> Result<Box<dyn Guest>, InstantiateError> {
        self.check_limits(spec)?;
        for name in &spec.entries {
            self.check_entry(name)?;
        }
        let instances_max = if self.shim.is_some() { 2 } else { 1 };
        let mut store = Store::new(&self.engine, State::new(spec, instances_max));
        store.limiter(|state| state);
        let instance = match self.instance(&mut store) {
            Ok(instance) => instance,
            Err(error) => {
                let trap = trap::initialization(&error)?;
                return Ok(Box::new(WasmiGuest::doomed(
                    store,
                    trap,
                    self.initial_bytes(),
                    self.settings,
                )));
            }
        };
        if let Some(memory) = &self.memory {
            store.data_mut().memory = instance.get_memory(&store, &memory.export);
        }
        let entries = self.entries(&store, instance, spec)?;
        Ok(Box::new(WasmiGuest::new(store, entries, self.settings)))
    }
}

impl Loaded {
    fn check_limits(&self, spec: &InstanceSpec) -> Result<(), InstantiateError> {
        let needed_bytes = self.initial_bytes();
        if needed_bytes > spec.memory_bytes_max {
            return Err(InstantiateError::MemoryLimit {
                needed_bytes,
                limit_bytes: spec.memory_bytes_max,
            });
        }
        if self.table_elements > spec.table_elements_max.into() {
            return Err(InstantiateError::TableLimit {
                needed_elements: self.table_elements,
                limit_elements: spec.table_elements_max,
            });
        }
        Ok(())
    }

    fn initial_bytes(&self) -> u64 {
        self.memory
            .as_ref()
            .map_or(0, |memory| memory.initial_bytes)
    }

    fn check_entry(&self, name: &str) -> Result<(), InstantiateError> {
        match self.module.get_export(name) {
            Some(ExternType::Func(ty))
                if ty.params().is_empty() && matches!(ty.results(), [] | [ValType::I32]) =>
            {
                Ok(())
            }
            Some(ExternType::Func(ty)) => Err(InstantiateError::WrongEntrySignature {
                name: name.to_string(),
                signature: signature(&ty),
            }),
            _ => Err(InstantiateError::MissingEntry {
                name: name.to_string(),
            }),
        }
    }

    fn instance(&self, store: &mut Store<State>) -> Result<Instance, wasmi::Error> {
        let host = link::functions(store, &self.imports);
        let Some(shim) = &self.shim else {
            return Instance::new(store, &self.module, &host);
        };
        let shim = Instance::new(&mut *store, shim, &host)?;
        let forwarders: Vec<Extern> = (0..self.imports.len())
            .filter_map(|position| shim.get_export(&*store, &shim::export_name(position)))
            .collect();
        Instance::new(store, &self.module, &forwarders)
    }

    /// The start function and the entries.
    fn entries(
        &self,
        store: &Store<State>,
        instance: Instance,
        spec: &InstanceSpec,
    ) -> Result<Vec<Entry>, InstantiateError> {
        let names = self.start.iter().chain(&spec.entries);
        names
            .map(|name| {
                let function = instance
                    .get_func(store, name)
                    .ok_or_else(|| InstantiateError::MissingEntry { name: name.clone() })?;
                Ok(Entry {
                    function,
                    has_result: !function.ty(store).results().is_empty(),
                })
            })
            .collect()
    }
}

/// A signature as people write it.
fn signature(ty: &FuncType) -> String {
    let mut text = String::from("(");
    for (position, parameter) in ty.params().iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{}", type_name(*parameter));
    }
    text.push(')');
    for (position, result) in ty.results().iter().enumerate() {
        let separator = if position == 0 { " -> " } else { ", " };
        let _ = write!(text, "{separator}{}", type_name(*result));
    }
    text
}

const fn type_name(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 => "v128",
        ValType::FuncRef => "funcref",
        ValType::ExternRef => "externref",
    }
}
