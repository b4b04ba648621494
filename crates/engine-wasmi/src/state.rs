//! What a guest's store carries besides wasmi's own: the host while it is lent, the limits, and why a call
//! did not complete.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use thimble_abi::CallSpec;
use thimble_runtime::engine::{InstanceSpec, Interrupt, Trap};
use wasmi::errors::{MemoryError, TableError};
use wasmi::{Memory, ResourceLimiter};
use wasmi_core::LimiterError;

use crate::lend::HostSlot;

/// Parameters a call of the table has at most.
pub(crate) const PARAMETERS_MAX: usize = 9;

/// A store's data.
pub(crate) struct State {
    /// The host, while the guest runs.
    pub(crate) host: HostSlot,
    /// The guest's memory, if it has one.
    pub(crate) memory: Option<Memory>,
    /// Set to end the running slice.
    pub(crate) flag: Arc<Flag>,
    /// Why the last host call stopped the guest.
    pub(crate) stop: Option<Stop>,
    limits: Limits,
}

/// What the guest may have, and what it has of it.
struct Limits {
    memory_bytes_max: u64,
    table_elements_max: u64,
    table_elements: u64,
    /// Elements granted and not yet known to be there.
    table_elements_pending: u64,
    instances_max: usize,
}

/// Why a host call stopped the guest.
pub(crate) enum Stop {
    /// It waits, and is to be made again.
    Waits(PendingCall),
    /// The guest ends with this code.
    Exit(i32),
    /// The guest ends with this trap.
    Trap(Trap),
}

/// A host call that is to be made again.
pub(crate) struct PendingCall {
    /// Which.
    pub(crate) spec: &'static CallSpec,
    /// Its arguments, and zeros after them.
    slots: [u64; PARAMETERS_MAX],
}

impl PendingCall {
    /// Remembers a call. Arguments beyond [`PARAMETERS_MAX`] do not occur: loading refuses such calls.
    pub(crate) fn new(spec: &'static CallSpec, args: &[u64]) -> Self {
        let mut slots = [0; PARAMETERS_MAX];
        slots
            .iter_mut()
            .zip(args)
            .for_each(|(slot, arg)| *slot = *arg);
        Self { spec, slots }
    }

    /// The arguments.
    pub(crate) fn args(&self) -> &[u64] {
        self.slots
            .get(..self.spec.parameters.len())
            .unwrap_or(&self.slots)
    }
}

impl State {
    /// The state of a guest that has not begun.
    pub(crate) fn new(spec: &InstanceSpec, instances_max: usize) -> Self {
        Self {
            host: HostSlot::default(),
            memory: None,
            flag: Arc::new(Flag::default()),
            stop: None,
            limits: Limits {
                memory_bytes_max: spec.memory_bytes_max,
                table_elements_max: spec.table_elements_max.into(),
                table_elements: 0,
                table_elements_pending: 0,
                instances_max,
            },
        }
    }

    /// Changes how much memory the guest may have.
    pub(crate) const fn set_memory_bytes_max(&mut self, memory_bytes_max: u64) {
        self.limits.memory_bytes_max = memory_bytes_max;
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        // Modules have one memory at most, so this is the limit over all of them.
        let wanted_bytes = u64::try_from(desired).unwrap_or(u64::MAX);
        // Growing by nothing is only asking.
        let allowed = desired <= current || wanted_bytes <= self.limits.memory_bytes_max;
        if !allowed {
            self.host.with(|host| host.memory_refused(wanted_bytes));
        }
        Ok(allowed)
    }

    fn memory_grow_failed(&mut self, _: &MemoryError) -> Result<(), LimiterError> {
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let total = self.limits.table_elements.saturating_add(more);
        if total > self.limits.table_elements_max {
            return Ok(false);
        }
        self.limits.table_elements = total;
        self.limits.table_elements_pending = more;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _: &TableError) -> Result<(), LimiterError> {
        // Comes right after the growth it is about, out of fuel included, which is tried again.
        let Limits {
            table_elements,
            table_elements_pending,
            ..
        } = &mut self.limits;
        *table_elements = table_elements.saturating_sub(core::mem::take(table_elements_pending));
        Ok(())
    }

    fn instances(&self) -> usize {
        self.limits.instances_max
    }

    fn tables(&self) -> usize {
        // What WebAssembly's own limits allow in one module.
        100
    }

    fn memories(&self) -> usize {
        1
    }
}

/// Ends a slice from anywhere.
#[derive(Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    /// Whether it is set. Cheap: for the way out of each host call.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it was set; it no longer is.
    pub(crate) fn take(&self) -> bool {
        self.is_set() && self.0.swap(false, Ordering::Relaxed)
    }
}

impl Interrupt for Flag {
    fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
