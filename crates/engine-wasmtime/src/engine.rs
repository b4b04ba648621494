//! The engine: finds native code for a module, or has it made, and maps it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rustix::process::{Resource, getrlimit};
use thimble_runtime::engine::{LoadError, LoadedModule};
use thimble_runtime::module::Module;
use wasmtime::{Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::artifact::Artifact;
use crate::cache::{Cache, CacheError, Digest};
use crate::code::CodeSettings;
use crate::compile::compile;
use crate::module::NativeModule;
use crate::preempt::Method;
use crate::settings::{AddressSpace, Notice, Preemption, Settings};
use crate::shape::ModuleShape;
use crate::source::Source;

/// Below this limit on address space a guest cannot have 4 GiB of it.
const WIDE_ADDRESS_BYTES: u64 = 64 << 30;
/// Bytes of Wasmtime's own record of a guest; a check only, not set aside.
const INSTANCE_BYTES_MAX: usize = 64 << 20;

/// Guests in slots that may use external references at once: each sets 4 GiB of address space aside for them.
const REFERENCE_HEAPS_MAX: u32 = 64;

/// WebAssembly in native code.
pub struct WasmtimeEngine {
    /// Guests in slots, if there are any.
    slotted: Option<Engine>,
    /// Guests allocated one by one; made when it is needed first.
    single: OnceLock<Engine>,
    code: CodeSettings,
    fingerprint: String,
    cache: Option<Cache>,
    settings: Settings,
    /// Modules in use, so that the containers of one image share its code.
    loaded: Mutex<BTreeMap<Digest, Weak<NativeModule>>>,
}

/// Why the engine cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineError {
    /// The cache folder must not be used.
    Cache(CacheError),
    /// Wasmtime refuses the settings or the platform.
    Platform {
        /// What it says.
        reason: String,
    },
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache(error) => write!(formatter, "{error}"),
            Self::Platform { reason } => write!(formatter, "the engine cannot run here: {reason}"),
        }
    }
}

impl std::error::Error for EngineError {}

impl WasmtimeEngine {
    /// Makes an engine.
    ///
    /// # Errors
    /// [`EngineError`] if the cache folder must not be used or Wasmtime cannot run here. What can be
    /// done without is told as a [`Notice`] instead.
    pub fn new(settings: Settings) -> Result<Self, EngineError> {
        let wide = match settings.address_space {
            AddressSpace::Wide => true,
            AddressSpace::Tight => false,
            AddressSpace::Automatic => address_space_is_wide(),
        };
        let code = CodeSettings {
            wide,
            canonical_nans: settings.canonical_nans,
            preemption: match settings.preemption {
                Preemption::Automatic => Method::best(),
                Preemption::Epochs => Method::Epochs,
            },
        };
        let slotted = if wide && settings.slots > 0 {
            slotted_engine(code, &settings)
        } else {
            None
        };
        let single = OnceLock::new();
        if slotted.is_none() {
            let engine = single_engine(code).map_err(|error| EngineError::Platform {
                reason: format!("{error:#}"),
            })?;
            // Nobody else has it yet.
            let _ = single.set(engine);
        }
        let cache = match &settings.cache {
            Some(cache) => Cache::open(cache, &settings.notices).map_err(EngineError::Cache)?,
            None => None,
        };
        let fingerprint = code.fingerprint();
        Ok(Self {
            slotted,
            single,
            code,
            fingerprint,
            cache,
            settings,
            loaded: Mutex::default(),
        })
    }

    /// Native code from the cache, or freshly compiled.
    fn native(
        &self,
        digest: &Digest,
        source: &Source,
    ) -> Result<(Engine, wasmtime::Module), LoadError> {
        let shape = source.shape;
        if let Some((cache, artifact)) = self
            .cache
            .as_ref()
            .and_then(|cache| Some((cache, cache.get(digest)?)))
        {
            // An unsuitable file with a good seal: made by this engine on another system.
            match self.map(&artifact, shape) {
                Ok(native) => return Ok(native),
                Err(error) => cache.reject(digest, &format!("{error:#}")),
            }
        }
        let artifact = compile(
            &source.bytes(),
            &self.settings.compiler,
            &self.settings.compile_limits,
            self.code,
        )?;
        let native = self
            .map(&artifact, shape)
            .map_err(|error| LoadError::Failed {
                reason: format!("{error:#}"),
            })?;
        if let Some(cache) = &self.cache {
            cache.put(digest, &artifact);
        }
        Ok(native)
    }

    /// Maps native code, for slots if it fits into them.
    fn map(
        &self,
        artifact: &Artifact,
        shape: ModuleShape,
    ) -> wasmtime::Result<(Engine, wasmtime::Module)> {
        let fits = shape.tables <= 1
            && shape.table_elements <= u64::from(self.settings.slot_table_elements)
            && !shape.has_host_references;
        if let Some(engine) = self.slotted.as_ref().filter(|_| fits) {
            // SAFETY: the bytes come from our own child, either just now or under a seal that was checked
            // on these very bytes.
            if let Ok(native) = unsafe { artifact.load(engine) } {
                return Ok((engine.clone(), native));
            }
        }
        let engine = match self.single.get() {
            Some(engine) => engine,
            None => {
                let engine = single_engine(self.code)?;
                // Another thread may have been sooner.
                self.single.get_or_init(|| engine)
            }
        };
        // SAFETY: as above.
        let native = unsafe { artifact.load(engine) }?;
        Ok((engine.clone(), native))
    }

    fn digest(&self, module: &Module) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.fingerprint.len() as u64).to_le_bytes());
        hasher.update(self.fingerprint.as_bytes());
        hasher.update(module.bytes());
        hasher.finalize().into()
    }
}

impl thimble_runtime::engine::Engine for WasmtimeEngine {
    fn name(&self) -> &'static str {
        "wasmtime"
    }

    fn load(&self, module: &Module) -> Result<Arc<dyn LoadedModule>, LoadError> {
        let digest = self.digest(module);
        let in_use = || self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = in_use().get(&digest).and_then(Weak::upgrade) {
            return Ok(module);
        }
        let method = self.code.preemption;
        let source = Source::of(module, method)?;
        let (engine, native) = self.native(&digest, &source)?;
        let loaded = Arc::new(NativeModule::link(
            &engine, &native, module, source, method,
        )?);
        let mut in_use = in_use();
        in_use.retain(|_, module| module.strong_count() > 0);
        in_use.insert(digest, Arc::downgrade(&loaded));
        Ok(loaded)
    }
}

fn new_engine(
    code: CodeSettings,
    strategy: InstanceAllocationStrategy,
) -> wasmtime::Result<Engine> {
    let mut config = code.config();
    config.enable_compiler(false);
    config.allocation_strategy(strategy);
    Engine::new(&config)
}

fn single_engine(code: CodeSettings) -> wasmtime::Result<Engine> {
    new_engine(code, InstanceAllocationStrategy::OnDemand)
}

/// An engine with slots, or a notice.
fn slotted_engine(code: CodeSettings, settings: &Settings) -> Option<Engine> {
    let slots = settings.slots;
    let reference_heaps = slots.min(REFERENCE_HEAPS_MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots)
        // The heap of references is a memory, too.
        .total_memories(slots.saturating_add(reference_heaps))
        .total_tables(slots)
        .total_stacks(slots)
        .total_gc_heaps(reference_heaps)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_memory_size(4 << 30)
        .table_elements(usize::try_from(settings.slot_table_elements).unwrap_or(usize::MAX))
        .max_unused_warm_slots(settings.warm_slots)
        .linear_memory_keep_resident(
            usize::try_from(settings.resident_bytes).unwrap_or(usize::MAX),
        );
    match new_engine(code, InstanceAllocationStrategy::Pooling(pool)) {
        Ok(engine) => Some(engine),
        Err(error) => {
            settings.notices.tell(&Notice::SlotsUnavailable {
                reason: format!("{error:#}"),
            });
            None
        }
    }
}

/// Whether this process may have gigabytes of address space for each guest.
fn address_space_is_wide() -> bool {
    let limit = getrlimit(Resource::As).current.unwrap_or(u64::MAX);
    usize::BITS >= 64 && limit >= WIDE_ADDRESS_BYTES
}
