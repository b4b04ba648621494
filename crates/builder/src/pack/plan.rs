//! Decides what is done to a module, and says why the rest is not.

use super::depth::{self, Bound};
use super::heap::{self, Followed};
use super::layout::{ALIGNMENT, Layout, Order};
use super::report::{Doubt, MemoryOutcome, PackReport, StackOutcome};
use super::shape::Shape;
use super::value::Watched;

/// Bytes of a page where a module does not choose its own.
const PAGE_BYTES: u64 = 65_536;
/// Numbers this much smaller than an address in the heap may be one less an index.
const SLACK_BYTES: u32 = 256;

/// What is done to a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The memory's size in bytes, of pages of one byte.
    pub(super) exact_bytes: Option<u32>,
    /// The memory's first pages, of the usual size.
    pub(super) pages: Option<u64>,
    /// The stack pointer's global and what it begins with.
    pub(super) top: Option<(u32, u32)>,
    /// Between what addresses the stack pointer stays.
    pub(super) guard: Option<GuardedStack>,
    /// The module with addresses that moved, where some did.
    pub(super) moved: Option<Vec<u8>>,
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

/// Decides. `told_bytes` is the stack's size, as whoever linked the module knows it.
pub(super) fn decide(
    bytes: &[u8],
    shape: &Shape<'_>,
    told_bytes: Option<u32>,
) -> (Plan, PackReport) {
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
    let layout = match Layout::of(shape, told_bytes) {
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
        heap_doubt: heap_doubt(shape, &layout, heap_use),
        bound: depth::bound(shape, &summaries),
        layout,
    };
    decision.carry_out(report)
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

/// What is known when it is decided.
struct Decision<'a> {
    bytes: &'a [u8],
    shape: &'a Shape<'a>,
    layout: Layout,
    heap_doubt: Option<Doubt>,
    bound: Result<Bound, Doubt>,
}

impl Decision<'_> {
    fn carry_out(self, report: PackReport) -> (Plan, PackReport) {
        let (mut plan, mut report) = self.with_stack(report);
        match (&self.heap_doubt, self.end(&plan)) {
            (None, Ok(end)) => {
                plan.exact_bytes = Some(end.max(1));
                report.memory = MemoryOutcome::Exact;
                report.memory_bytes = u64::from(end.max(1));
            }
            (None, Err(doubt)) => report.memory = MemoryOutcome::Kept(doubt),
            (Some(_), _) if plan.moved.is_some() => {}
            (Some(doubt), _) => report.memory = MemoryOutcome::Kept(doubt.clone()),
        }
        (plan, report)
    }

    /// The end of what is used.
    fn end(&self, plan: &Plan) -> Result<u32, Doubt> {
        match plan.top {
            Some((_, top)) if self.layout.order == Order::DataFirst => Ok(top),
            _ => self.layout.heap_base(),
        }
    }

    fn with_stack(&self, mut report: PackReport) -> (Plan, PackReport) {
        let mut plan = Plan::default();
        let Some(pointer) = self.layout.pointer else {
            return (plan, report);
        };
        if self.layout.order == Order::StackFirst {
            report.stack = StackOutcome::Kept(Doubt::StackFirst);
            return (plan, report);
        }
        let guard = |data_end| GuardedStack {
            global: pointer.global,
            data_end,
            top: pointer.top,
        };
        let (bound, data_end) = match (&self.bound, &self.layout.data_end) {
            (Ok(bound), Ok(data_end)) => (bound, *data_end),
            (Ok(_), Err(doubt)) => {
                report.stack = StackOutcome::Kept(doubt.clone());
                return (plan, report);
            }
            (Err(doubt), Ok(data_end)) => {
                plan.guard = Some(guard(*data_end));
                report.stack = StackOutcome::Guarded {
                    doubt: doubt.clone(),
                    data_end: *data_end,
                };
                return (plan, report);
            }
            (Err(doubt), Err(_)) => {
                report.stack = StackOutcome::Kept(doubt.clone());
                return (plan, report);
            }
        };
        match self.lower(bound, data_end) {
            Ok((top, lowered)) => {
                plan = lowered;
                if let Some(pages) = plan.pages {
                    report.memory_bytes = pages.saturating_mul(PAGE_BYTES);
                    report.memory = MemoryOutcome::HeapMoved {
                        bytes: pointer.top.saturating_sub(top),
                    };
                }
                report.stack = StackOutcome::Bounded {
                    data_end,
                    bytes_before: self.layout.stack_bytes().unwrap_or(0),
                    bytes: top.saturating_sub(data_end),
                    chain: bound.chain.iter().map(|it| self.shape.name(*it)).collect(),
                };
            }
            Err(doubt) => {
                report.stack = StackOutcome::Kept(doubt.clone());
                // It cannot be made as large as it may get.
                if bound.bytes > u64::from(pointer.top.saturating_sub(data_end)) {
                    plan.guard = Some(guard(data_end));
                    report.stack = StackOutcome::Guarded { doubt, data_end };
                }
            }
        }
        (plan, report)
    }

    /// The stack's new top, and what is done for it.
    fn lower(&self, bound: &Bound, data_end: u32) -> Result<(u32, Plan), Doubt> {
        let pointer = self.layout.pointer.ok_or(Doubt::NoStackPointer)?;
        let too_deep = Doubt::StackTooDeep { bytes: bound.bytes };
        let top = bound
            .bytes
            .checked_next_multiple_of(u64::from(ALIGNMENT))
            .and_then(|bytes| bytes.checked_add(u64::from(data_end)))
            .and_then(|top| u32::try_from(top).ok())
            .filter(|top| u64::from(*top) <= self.shape.memory_bytes().max(u64::from(pointer.top)))
            .ok_or(too_deep)?;
        let mut plan = Plan {
            top: Some((pointer.global, top)),
            ..Plan::default()
        };
        match &self.heap_doubt {
            None => {}
            Some(Doubt::Grows) if self.shape.relocations.is_some() => {
                let pages = self.pages_with_heap(pointer.top, top);
                let memory = self.shape.memory.as_ref();
                if memory.is_none_or(|memory| pages >= memory.initial) {
                    return Err(Doubt::HeapNeedsAll);
                }
                plan.moved = Some(self.move_heap(pointer.top, top, pages)?);
                plan.pages = Some(pages);
            }
            Some(doubt) => return Err(doubt.clone()),
        }
        Ok((top, plan))
    }

    /// The first pages of a module whose heap begins at `top` and not at `old` any more.
    fn pages_with_heap(&self, old: u32, top: u32) -> u64 {
        let memory = self.shape.memory.as_ref();
        let cannot_grow = memory.is_some_and(|memory| memory.maximum == Some(memory.initial));
        let bytes = if cannot_grow {
            // All the heap that there will be is there from the beginning.
            (self.shape.memory_bytes() + u64::from(top)).saturating_sub(u64::from(old))
        } else {
            u64::from(top)
        };
        bytes.div_ceil(PAGE_BYTES)
    }

    /// The module with everything behind the stack as much lower as the stack's top.
    fn move_heap(&self, old: u32, top: u32, pages: u64) -> Result<Vec<u8>, Doubt> {
        let mut moved = self.bytes.to_vec();
        let places = self.shape.relocations.iter().flat_map(|it| &it.places);
        for place in places.filter(|place| place.address >= old) {
            let fixed = || Doubt::HeapFixed {
                symbol: place.symbol.to_owned(),
            };
            let address = match place.symbol {
                "__heap_end" => u32::try_from(pages.saturating_mul(PAGE_BYTES)).ok(),
                "__heap_base" | "__stack_high" => (place.address - old).checked_add(top),
                _ => None,
            };
            let address = address.ok_or_else(fixed)?;
            place.write(&mut moved, address).ok_or_else(fixed)?;
        }
        Ok(moved)
    }
}
