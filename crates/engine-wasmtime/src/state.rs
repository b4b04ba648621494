//! What a guest's store holds: its host, its memory, its limits, and how it ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use thimble_runtime::engine::Yield;
use wasmtime::{Memory, ResourceLimiter, StoreContextMut};

use crate::lend::HostSlot;

/// What a guest shares with its suspended native code, which owns the store.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The host, while it is lent.
    pub(crate) host: HostSlot,
    /// Whether the guest is inside a call that waits.
    blocked: AtomicBool,
    memory_bytes: AtomicU64,
    /// How much it may have; here, because the store is out of reach between resumes.
    memory_bytes_max: AtomicU64,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            host: HostSlot::empty(),
            blocked: AtomicBool::new(false),
            memory_bytes: AtomicU64::new(0),
            memory_bytes_max: AtomicU64::new(0),
        })
    }

    pub(crate) fn set_blocked(&self) {
        self.blocked.store(true, Ordering::Relaxed);
    }

    /// Whether it is inside a call that waits; asked once per resume.
    pub(crate) fn take_blocked(&self) -> bool {
        self.blocked.swap(false, Ordering::Relaxed)
    }

    /// Notes the memory's size. Whatever suspends or ends a guest does so, because the store is out of
    /// reach between resumes.
    pub(crate) fn set_memory_bytes(&self, bytes: usize) {
        self.memory_bytes
            .store(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Changes how much memory the guest may have; only between resumes.
    pub(crate) fn set_memory_bytes_max(&self, memory_bytes_max: u64) {
        self.memory_bytes_max
            .store(memory_bytes_max, Ordering::Relaxed);
    }
}

/// The store's own data.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) shared: Arc<Shared>,
    /// Found once, when the instance is made.
    pub(crate) memory: Option<Memory>,
    /// How the host ended the guest, if it did.
    pub(crate) ending: Option<Yield>,
    table_elements_max: u32,
    table_elements: u64,
    /// What the tables had before one began to grow, to be put back if it fails.
    table_elements_before: u64,
}

impl State {
    pub(crate) fn new(shared: Arc<Shared>, memory_bytes_max: u64, table_elements_max: u32) -> Self {
        shared.set_memory_bytes_max(memory_bytes_max);
        Self {
            shared,
            memory: None,
            ending: None,
            table_elements_max,
            table_elements: 0,
            table_elements_before: 0,
        }
    }
}

/// Notes the size of a store's memory for [`Shared::memory_bytes`].
pub(crate) fn note_memory(store: &StoreContextMut<'_, State>) {
    if let Some(memory) = store.data().memory {
        store
            .data()
            .shared
            .set_memory_bytes(memory.data_size(store));
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        // Growing by nothing is only asking.
        if desired <= current {
            return Ok(true);
        }
        let desired = u64::try_from(desired).unwrap_or(u64::MAX);
        if desired > self.shared.memory_bytes_max.load(Ordering::Relaxed) {
            // Nobody listens before the first resume; what the module begins with was checked by then.
            let _ = self.shared.host.with(|host| host.memory_refused(desired));
            return Ok(false);
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let added = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let total = self.table_elements.saturating_add(added);
        if maximum.is_some_and(|maximum| desired > maximum)
            || total > u64::from(self.table_elements_max)
        {
            return Ok(false);
        }
        self.table_elements_before = self.table_elements;
        self.table_elements = total;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_elements = self.table_elements_before;
        Ok(())
    }
}
