//! Decides what is done to a module, and says why the rest is not.

mod decision;

use thimble_abi::Call;
use thimble_abi::calls::EnvCall;

use super::PackOptions;
use super::depth;
use super::heap::{self, Followed};
use super::layout::{Layout, Order};
use super::report::{Doubt, MemoryOutcome, PackReport, StackOutcome};
use super::shape::Shape;
use super::value::Watched;
use decision::Decision;

/// Numbers this much smaller than an address in the heap may be one less an index.
const SLACK_BYTES: u32 = 256;

/// What is done to a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The memory's size in bytes, of pages of one byte.
    pub(super) exact_bytes: Option<u32>,
    /// Bytes of memory that the code is told of, and that it can get no more than.
    pub(super) told_bytes: Option<u32>,
    /// Bytes of room for messages that it asks for.
    pub(super) message_bytes: Option<u32>,
    /// The memory's first pages, of the usual size.
    pub(super) pages: Option<u64>,
    /// The stack pointer's global and what it begins with.
    pub(super) top: Option<(u32, u32)>,
    /// Between what addresses the stack pointer stays.
    pub(super) guard: Option<GuardedStack>,
    /// What lies elsewhere, where something does.
    pub(super) moved: Option<Moved>,
}

/// A module whose addresses from `from` on begin at `to` now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    /// The module, with the numbers in its code and its data as they must be. Where its data lies is not changed yet.
    pub(super) bytes: Vec<u8>,
    /// The first address that moves.
    pub(super) from: u32,
    /// Where it is now.
    pub(super) to: u32,
}

impl Moved {
    /// Where something is that was there.
    pub(super) fn address(&self, address: u32) -> u32 {
        match address.checked_sub(self.from) {
            Some(behind) => self.to.saturating_add(behind),
            None => address,
        }
    }
}

/// A stack whose pointer is looked at whenever it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GuardedStack {
    /// The stack pointer.
    pub(super) global: u32,
    /// Its lowest value.
    pub(super) data_end: u32,
    /// Its highest.
    pub(super) top: u32,
}

/// Decides.
pub(super) fn decide(bytes: &[u8], shape: &Shape<'_>, options: &PackOptions) -> (Plan, PackReport) {
    let before = shape.memory_bytes();
    let mut report = PackReport {
        memory_bytes_before: before,
        memory_bytes: before,
        memory: MemoryOutcome::Kept(Doubt::NoMemory),
        stack: StackOutcome::None,
    };
    if shape.memory.is_none() {
        return (Plan::default(), report);
    }
    let layout = match Layout::of(shape, options.stack_bytes) {
        Ok(layout) => layout,
        Err(doubt) => {
            report.memory = MemoryOutcome::Kept(doubt.clone());
            report.stack = StackOutcome::Kept(doubt);
            return (Plan::default(), report);
        }
    };
    let pointer = layout.pointer.map(|pointer| pointer.global);
    let Followed {
        summaries,
        heap_use,
    } = heap::follow(shape, pointer, watched(shape, &layout));
    let decision = Decision {
        bytes,
        shape,
        heap_bytes: options.heap_bytes,
        heap_doubt: heap_doubt(shape, &layout, heap_use),
        bound: depth::bound(shape, &summaries),
        layout,
    };
    let (mut plan, report) = decision.carry_out(report);
    let receives = shape
        .imports
        .iter()
        .flatten()
        .any(|call| call.call == Call::Env(EnvCall::SubscribeMessage));
    if plan.exact_bytes.is_some() && receives {
        plan.message_bytes = options.message_bytes;
    }
    (plan, report)
}

/// Numbers that may be addresses in the heap: none where the linker says which are.
fn watched(shape: &Shape<'_>, layout: &Layout) -> Watched {
    if shape.relocations.is_some() || shape.grows {
        return None;
    }
    let last = u32::try_from(shape.memory_bytes()).unwrap_or(u32::MAX);
    let first = match (&layout.data_end, layout.heap_base()) {
        // If the stack is smaller than was told, there is data in what counts as stack.
        (Ok(end), _) if layout.is_told => end.saturating_add(1),
        (_, Ok(base)) if layout.order == Order::DataFirst => base.saturating_sub(SLACK_BYTES),
        (_, Ok(base)) => base,
        (_, Err(_)) => return None,
    };
    Some(first..=last)
}

/// Why the memory behind data and stack may not be cut off.
fn heap_doubt(shape: &Shape<'_>, layout: &Layout, heap_use: Option<Doubt>) -> Option<Doubt> {
    let base = match layout.heap_base() {
        Ok(base) => base,
        Err(doubt) => return Some(doubt),
    };
    // A global that code reads is not among the addresses that can be moved.
    let in_global = (0..).zip(&shape.globals).find_map(|(index, global)| {
        let number = global.begins.filter(|number| *number >= base)?;
        let is_other = layout.pointer.is_none_or(|pointer| pointer.global != index);
        (is_other && shape.read_globals.contains(&index)).then_some(Doubt::HeapInGlobal { number })
    });
    if shape.relocations.is_some() && in_global.is_some() {
        return in_global;
    }
    if shape.grows {
        return Some(Doubt::Grows);
    }
    let Some(relocations) = &shape.relocations else {
        return heap_use;
    };
    let place = relocations
        .places
        .iter()
        .find(|place| place.address >= base)?;
    Some(Doubt::HeapFixed {
        symbol: place.symbol.to_owned(),
    })
}
