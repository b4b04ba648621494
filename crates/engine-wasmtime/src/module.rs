//! A module in native code, ready to be instantiated.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use thimble_runtime::engine::{Guest, InstanceSpec, InstantiateError, LoadError, LoadedModule};
use thimble_runtime::module::Module;
use wasmtime::{
    Engine, ExternType, Func, FuncType, Instance, PoolConcurrencyLimitError, Store, ValType,
};

use crate::guest::{Entry, NativeGuest};
use crate::link::Links;
use crate::preempt::{Method, Preemption};
use crate::source::Source;
use crate::state::{Shared, State};
use crate::trap::{self, Origin};

/// A loaded module.
pub(crate) struct NativeModule {
    engine: Engine,
    native: wasmtime::Module,
    links: Links,
    memory: Option<OwnMemory>,
    table_elements: u64,
    /// The name under which the start function is exported.
    start: Option<String>,
    origin: Origin,
    preemption: Preemption,
}

struct OwnMemory {
    export: String,
    initial_bytes: u64,
}

impl NativeModule {
    /// Links native code to the host.
    pub(crate) fn link(
        engine: &Engine,
        native: &wasmtime::Module,
        module: &Module,
        source: Source,
        method: Method,
    ) -> Result<Self, LoadError> {
        if source
            .start
            .as_deref()
            .is_some_and(|name| !starts(native, name))
        {
            return Err(LoadError::Invalid {
                reason: "the start function has parameters or results".into(),
            });
        }
        let failed = |error: wasmtime::Error| LoadError::Failed {
            reason: format!("{error:#}"),
        };
        let links = Links::new(engine, native, module.imports()).map_err(failed)?;
        let preemption = Preemption::of(method, engine, native).map_err(failed)?;
        Ok(Self {
            engine: engine.clone(),
            native: native.clone(),
            links,
            memory: module.memory().map(|memory| OwnMemory {
                export: memory.export.clone(),
                initial_bytes: memory.initial_bytes(),
            }),
            table_elements: source.shape.table_elements,
            start: source.start,
            origin: source.origin,
            preemption,
        })
    }

    fn check_limits(&self, spec: &InstanceSpec) -> Result<(), InstantiateError> {
        let needed_bytes = self
            .memory
            .as_ref()
            .map_or(0, |memory| memory.initial_bytes);
        if needed_bytes > spec.memory_bytes_max {
            return Err(InstantiateError::MemoryLimit {
                needed_bytes,
                limit_bytes: spec.memory_bytes_max,
            });
        }
        if self.table_elements > u64::from(spec.table_elements_max) {
            return Err(InstantiateError::TableLimit {
                needed_elements: self.table_elements,
                limit_elements: spec.table_elements_max,
            });
        }
        spec.entries
            .iter()
            .try_for_each(|name| self.check_entry(name))
    }

    fn check_entry(&self, name: &str) -> Result<(), InstantiateError> {
        let Some(ExternType::Func(signature)) = self.native.get_export(name) else {
            return Err(InstantiateError::MissingEntry { name: name.into() });
        };
        let fits = signature.params().len() == 0
            && match signature.results().len() {
                0 => true,
                1 => matches!(signature.result(0), Some(ValType::I32)),
                _ => false,
            };
        if fits {
            return Ok(());
        }
        Err(InstantiateError::WrongEntrySignature {
            name: name.into(),
            signature: signature_text(&signature),
        })
    }

    /// The functions to call, in order, and how they are called.
    fn entries(
        &self,
        instance: &Instance,
        store: &mut Store<State>,
        spec: &InstanceSpec,
    ) -> Result<(Vec<Func>, Vec<Entry>), InstantiateError> {
        let mut functions = Vec::with_capacity(spec.entries.len() + 1);
        let mut entries = Vec::with_capacity(spec.entries.len() + 1);
        for name in self.start.iter().chain(&spec.entries) {
            let function = instance
                .get_func(&mut *store, name)
                .ok_or_else(|| InstantiateError::MissingEntry { name: name.clone() })?;
            functions.push(function);
            entries.push(match function.typed::<(), ()>(&*store) {
                Ok(function) => Entry::Plain(function),
                Err(_) => Entry::Code(function.typed(&*store).map_err(|error| failed(&error))?),
            });
        }
        Ok((functions, entries))
    }
}

impl LoadedModule for NativeModule {
    fn instantiate(&self, spec: &InstanceSpec) -> Result<Box<dyn Guest>, InstantiateError> {
        self.check_limits(spec)?;
        let shared = Shared::new();
        if let Some(memory) = &self.memory {
            shared.set_memory_bytes(usize::try_from(memory.initial_bytes).unwrap_or(usize::MAX));
        }
        let state = State::new(
            Arc::clone(&shared),
            spec.memory_bytes_max,
            spec.table_elements_max,
        );
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| state);
        let slice = self.preemption.slice(&mut store);
        let instance = match poll_once(self.links.instantiate(&self.native, &mut store)) {
            Some(Ok(instance)) => instance,
            Some(Err(error)) if error.is::<wasmtime::Trap>() => {
                // Its data or elements do not fit: the guest's fault, to be told when it runs.
                let trap = trap::from_error(&error, self.origin);
                return Ok(Box::new(NativeGuest::ended(trap, shared, slice)));
            }
            Some(Err(error)) => return Err(no_room_or_failed(&error)),
            None => {
                return Err(InstantiateError::Failed {
                    reason: "instantiation waits".into(),
                });
            }
        };
        store.data_mut().memory = self
            .memory
            .as_ref()
            .and_then(|memory| instance.get_memory(&mut store, &memory.export));
        let (functions, entries) = self.entries(&instance, &mut store, spec)?;
        self.preemption
            .attach(&slice, &mut store, &functions)
            .map_err(|error| failed(&error))?;
        Ok(Box::new(NativeGuest::new(
            store,
            entries,
            self.origin,
            shared,
            slice,
        )))
    }
}

/// The result of a future that has nothing to wait for.
fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn failed(error: &wasmtime::Error) -> InstantiateError {
    InstantiateError::Failed {
        reason: format!("{error:#}"),
    }
}

fn no_room_or_failed(error: &wasmtime::Error) -> InstantiateError {
    let memory_ran_out = || {
        error.chain().any(|cause| {
            cause.downcast_ref::<rustix::io::Errno>() == Some(&rustix::io::Errno::NOMEM)
                || cause
                    .downcast_ref::<std::io::Error>()
                    .and_then(std::io::Error::raw_os_error)
                    == Some(libc::ENOMEM)
        })
    };
    if error.is::<PoolConcurrencyLimitError>() || memory_ran_out() {
        InstantiateError::NoRoom {
            reason: format!("{error:#}"),
        }
    } else {
        failed(error)
    }
}

/// Whether the start function takes and gives nothing, as the export that it became no longer must.
fn starts(native: &wasmtime::Module, name: &str) -> bool {
    match native.get_export(name) {
        Some(ExternType::Func(signature)) => {
            signature.params().len() == 0 && signature.results().len() == 0
        }
        _ => false,
    }
}

fn signature_text(signature: &FuncType) -> String {
    let join = |types: Vec<String>| types.join(", ");
    let parameters = join(signature.params().map(|ty| ty.to_string()).collect());
    let results: Vec<String> = signature.results().map(|ty| ty.to_string()).collect();
    match results.as_slice() {
        [] => format!("({parameters})"),
        [result] => format!("({parameters}) -> {result}"),
        _ => format!("({parameters}) -> ({})", join(results)),
    }
}
