//! From what is known of a module to what is done to it.

use super::super::depth::Bound;
use super::super::layout::{ALIGNMENT, Layout, Order};
use super::super::pointer::StackPointer;
use super::super::report::{Doubt, MemoryOutcome, PackReport, StackOutcome};
use super::super::shape::Shape;
use super::{GuardedStack, Moved, Plan};

/// Bytes of a page where a module does not choose its own.
const PAGE_BYTES: u64 = 65_536;

/// What is known when it is decided.
pub(super) struct Decision<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) shape: &'a Shape<'a>,
    pub(super) layout: Layout,
    /// Bytes of heap that it gets, and never more.
    pub(super) heap_bytes: Option<u32>,
    /// Why the memory behind data and stack may not be cut off.
    pub(super) heap_doubt: Option<Doubt>,
    pub(super) bound: Result<Bound, Doubt>,
}

impl Decision<'_> {
    /// What is done, and what is told about it.
    pub(super) fn carry_out(&self, mut report: PackReport) -> (Plan, PackReport) {
        let (mut plan, stack) = self.stack();
        report.stack = stack;
        let end = self.end(&plan);
        match (&self.heap_doubt, end) {
            (None, Ok(end)) => {
                plan.exact_bytes = Some(end);
                report.memory = MemoryOutcome::Exact;
                report.memory_bytes = u64::from(end);
            }
            (Some(_), Ok(end)) if plan.told_bytes.is_some() => {
                let bytes = plan.told_bytes.unwrap_or(end);
                plan.exact_bytes = Some(bytes);
                report.memory = MemoryOutcome::HeapFixed {
                    bytes: bytes.saturating_sub(end),
                };
                report.memory_bytes = u64::from(bytes);
            }
            (Some(_), Ok(end)) if plan.pages.is_some() => {
                let before = self.layout.heap_base().unwrap_or(end);
                report.memory = MemoryOutcome::HeapMoved {
                    bytes: before.saturating_sub(end),
                };
                report.memory_bytes = plan.pages.unwrap_or(0).saturating_mul(PAGE_BYTES);
            }
            (Some(doubt), _) => report.memory = MemoryOutcome::Kept(doubt.clone()),
            (None, Err(doubt)) => report.memory = MemoryOutcome::Kept(doubt),
        }
        (plan, report)
    }

    /// The end of data and stack.
    fn end(&self, plan: &Plan) -> Result<u32, Doubt> {
        match (plan.top, &plan.moved) {
            (Some((_, top)), _) if self.layout.order == Order::DataFirst => Ok(top),
            (Some(_), Some(moved)) => Ok(moved.address(self.layout.heap_base()?)),
            _ => self.layout.heap_base(),
        }
    }

    fn stack(&self) -> (Plan, StackOutcome) {
        let Some(pointer) = self.layout.pointer else {
            return (Plan::default(), StackOutcome::None);
        };
        let doubt = match self.lower(pointer) {
            Ok(lowered) => return lowered,
            Err(doubt) => doubt,
        };
        let guard = self.guard(pointer);
        let outcome = match guard {
            Some(GuardedStack { data_end, .. }) => StackOutcome::Guarded { doubt, data_end },
            None => StackOutcome::Kept(doubt),
        };
        let plan = Plan {
            guard,
            ..Plan::default()
        };
        (plan, outcome)
    }

    /// A guard for a stack that could run over data.
    fn guard(&self, pointer: StackPointer) -> Option<GuardedStack> {
        // One that lies first runs out of memory instead.
        if self.layout.order != Order::DataFirst {
            return None;
        }
        let data_end = *self.layout.data_end.as_ref().ok()?;
        let room = u64::from(pointer.top.saturating_sub(data_end));
        let fits = self.bound.as_ref().is_ok_and(|bound| bound.bytes <= room);
        (!fits).then_some(GuardedStack {
            global: pointer.global,
            data_end,
            top: pointer.top,
        })
    }

    /// Gives the stack the size of its bound.
    fn lower(&self, pointer: StackPointer) -> Result<(Plan, StackOutcome), Doubt> {
        let is_first = self.layout.order == Order::StackFirst;
        let relocations = self.shape.relocations.as_ref();
        if is_first && relocations.is_none() {
            return Err(Doubt::StackFirst);
        }
        let bound = self.bound.as_ref().map_err(Clone::clone)?;
        let data_end = self.layout.data_end.clone()?;
        let top = if is_first {
            let alignment = relocations.map_or(ALIGNMENT, |it| it.alignment.max(ALIGNMENT));
            top_before_data(bound, pointer.top, alignment)
        } else {
            top_behind_data(bound, data_end)
        };
        let limit = self.shape.memory_bytes();
        let top = top
            .filter(|top| u64::from(*top) <= limit)
            .ok_or(Doubt::StackTooDeep { bytes: bound.bytes })?;
        let lowest = if is_first { 0 } else { data_end };
        let plan = Plan {
            top: Some((pointer.global, top)),
            ..self.rearrange(pointer.top, top)?
        };
        let outcome = StackOutcome::Bounded {
            data_end: lowest,
            bytes_before: self.layout.stack_bytes().unwrap_or(0),
            bytes: top.saturating_sub(lowest),
            chain: bound.chain.iter().map(|it| self.shape.name(*it)).collect(),
        };
        Ok((plan, outcome))
    }

    /// What has to move when what began at `from` begins at `to`: the heap, and data if it lies behind the stack.
    fn rearrange(&self, from: u32, to: u32) -> Result<Plan, Doubt> {
        match &self.heap_doubt {
            None if self.layout.order == Order::DataFirst => Ok(Plan::default()),
            None => Ok(Plan {
                moved: Some(self.relocate(from, to, None)?),
                ..Plan::default()
            }),
            Some(Doubt::Grows) if self.shape.relocations.is_some() => {
                if let Some(heap_bytes) = self.heap_bytes {
                    return self.fix_heap(from, to, heap_bytes);
                }
                let pages = self.pages_with_heap(from, to)?;
                let end = pages.saturating_mul(PAGE_BYTES);
                Ok(Plan {
                    moved: Some(self.relocate(from, to, Some(end))?),
                    pages: Some(pages),
                    ..Plan::default()
                })
            }
            Some(doubt) => Err(doubt.clone()),
        }
    }

    /// Gives it a heap of this size, in a memory that ends there.
    fn fix_heap(&self, from: u32, to: u32, heap_bytes: u32) -> Result<Plan, Doubt> {
        if !self.shape.counts_bytes {
            return Err(Doubt::CountsPages);
        }
        let base = u64::from(self.layout.heap_base()?);
        let end = (base + u64::from(to))
            .checked_sub(u64::from(from))
            .and_then(|end| end.checked_add(u64::from(heap_bytes)))
            .and_then(|end| end.checked_next_multiple_of(u64::from(ALIGNMENT)))
            .and_then(|end| u32::try_from(end).ok())
            // Beyond that, addresses would be negative numbers to what compares them so.
            .filter(|end| *end <= i32::MAX.cast_unsigned())
            .ok_or(Doubt::HeapTooLarge { bytes: heap_bytes })?;
        Ok(Plan {
            moved: Some(self.relocate(from, to, Some(u64::from(end)))?),
            told_bytes: Some(end),
            ..Plan::default()
        })
    }

    /// The first pages of a module whose heap lies so much lower.
    fn pages_with_heap(&self, from: u32, to: u32) -> Result<u64, Doubt> {
        let memory = self.shape.memory.as_ref().ok_or(Doubt::NoMemory)?;
        let used = if memory.maximum == Some(memory.initial) {
            // All the heap that there will be is there from the beginning.
            self.shape.memory_bytes()
        } else {
            u64::from(self.layout.heap_base()?)
        };
        let bytes = (used + u64::from(to)).saturating_sub(u64::from(from));
        let pages = bytes.div_ceil(PAGE_BYTES);
        let is_fewer = memory.page_size_log2.is_none() && pages < memory.initial;
        is_fewer.then_some(pages).ok_or(Doubt::HeapNeedsAll)
    }

    /// The module with every address from `from` on as if it began at `to`, and memory ended at `end`.
    fn relocate(&self, from: u32, to: u32, end: Option<u64>) -> Result<Moved, Doubt> {
        let mut moved = Moved {
            bytes: self.bytes.to_vec(),
            from,
            to,
        };
        let places = self.shape.relocations.iter().flat_map(|it| &it.places);
        for place in places.filter(|place| place.address >= from) {
            let fixed = || Doubt::HeapFixed {
                symbol: place.symbol.to_owned(),
            };
            let address = match (place.symbol, end) {
                ("__heap_end", Some(end)) => u32::try_from(end).map_err(|_| fixed())?,
                _ => moved.address(place.address),
            };
            place.write(&mut moved.bytes, address).ok_or_else(fixed)?;
        }
        Ok(moved)
    }
}

/// The top of a stack of this size that begins behind data.
fn top_behind_data(bound: &Bound, data_end: u32) -> Option<u32> {
    let bytes = bound.bytes.checked_next_multiple_of(u64::from(ALIGNMENT))?;
    u32::try_from(bytes.checked_add(u64::from(data_end))?).ok()
}

/// The top of a stack of this size before data, which moves by a multiple of its alignment.
fn top_before_data(bound: &Bound, old: u32, alignment: u32) -> Option<u32> {
    let bytes = bound.bytes.checked_next_multiple_of(u64::from(ALIGNMENT))?;
    // Nothing in data may get the address 0.
    let bytes = u32::try_from(bytes).ok()?.max(ALIGNMENT);
    let by = old.checked_sub(bytes)?;
    Some(old - by / alignment * alignment)
}
