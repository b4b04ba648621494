//! Where data, stack and heap lie, and what of that is certain.

use super::pointer::{self, StackPointer};
use super::report::Doubt;
use super::shape::Shape;

/// Bytes of stack that wasm-ld reserves where nobody says otherwise.
const STACK_BYTES_USUAL: u32 = 65_536;
/// Symbols of wasm-ld's own, which lie in no data.
const LINKER_SYMBOLS: [&str; 9] = [
    "__data_end",
    "__dso_handle",
    "__global_base",
    "__heap_base",
    "__heap_end",
    "__memory_base",
    "__stack_high",
    "__stack_low",
    "__table_base",
];
/// The stack and the heap begin at multiples of this.
pub(super) const ALIGNMENT: u32 = 16;

/// In what order data and stack lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// There is no stack.
    DataOnly,
    /// The stack lies behind data, and what is behind it is heap.
    DataFirst,
    /// The stack lies before data.
    StackFirst,
}

/// Where data, stack and heap lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The stack pointer.
    pub(super) pointer: Option<StackPointer>,
    /// In what order.
    pub(super) order: Order,
    /// The end of data, rounded up to where a stack or a heap can begin.
    pub(super) data_end: Result<u32, Doubt>,
    /// Whether the end of data rests on what was told about the stack.
    pub(super) is_told: bool,
}

impl Layout {
    /// Finds out. `told_bytes` is the stack's size, as whoever linked the module knows it.
    pub(super) fn of(shape: &Shape<'_>, told_bytes: Option<u32>) -> Result<Self, Doubt> {
        let by_use = shape.memory_imported || told_bytes.is_some();
        let pointer = pointer::find(shape, by_use)?;
        let segments = Segments::of(shape)?;
        if pointer.is_some_and(|pointer| u64::from(pointer.top) > shape.memory_bytes()) {
            return Err(Doubt::Layout);
        }
        let order = match pointer {
            None => Order::DataOnly,
            Some(pointer) if segments.end <= pointer.top => Order::DataFirst,
            Some(pointer) if segments.begin >= pointer.top => Order::StackFirst,
            Some(_) => return Err(Doubt::Layout),
        };
        let behind_stack = match (pointer, order) {
            (Some(pointer), Order::DataFirst) => Some(pointer.top),
            _ => None,
        };
        let is_usual = shape.memory_imported
            && behind_stack.is_some_and(|top| {
                segments
                    .end
                    .next_multiple_of(ALIGNMENT)
                    .checked_add(STACK_BYTES_USUAL)
                    == Some(top)
            });
        // A global that only behaves like a stack pointer is none of a linker's until something else fits.
        if pointer.is_some_and(|pointer| !pointer.is_named) && !is_usual && told_bytes.is_none() {
            return Err(Doubt::NoStackPointer);
        }
        let (data_end, is_told) = match certain_end(shape, &segments, is_usual) {
            Some(end) => (Ok(end), false),
            None => (
                told_end(&segments, pointer.is_some(), behind_stack, told_bytes),
                true,
            ),
        };
        let data_end = data_end.map(|end| end.next_multiple_of(ALIGNMENT));
        if let (Ok(end), Some(top)) = (&data_end, behind_stack)
            && *end > top
        {
            return Err(Doubt::Layout);
        }
        Ok(Self {
            pointer,
            order,
            is_told: is_told && data_end.is_ok(),
            data_end,
        })
    }

    /// Where memory begins that belongs to the heap alone; `None` if that is not certain.
    pub(super) fn heap_base(&self) -> Result<u32, Doubt> {
        match (self.order, self.pointer) {
            (Order::DataFirst, Some(pointer)) => Ok(pointer.top),
            _ => self.data_end.clone(),
        }
    }

    /// Bytes of the stack.
    pub(super) fn stack_bytes(&self) -> Option<u32> {
        let top = self.pointer?.top;
        match self.order {
            Order::DataOnly => None,
            Order::StackFirst => Some(top),
            Order::DataFirst => top.checked_sub(*self.data_end.as_ref().ok()?),
        }
    }
}

/// The end of data that the module itself tells.
fn certain_end(shape: &Shape<'_>, segments: &Segments, is_usual: bool) -> Option<u32> {
    let exported = shape
        .exported_number("__data_end")
        .filter(|end| *end >= segments.end);
    if exported.is_some() {
        return exported;
    }
    // A linker writes the data that begins as zeros too where it leaves relocations, and where memory is imported.
    let all_written = match &shape.relocations {
        Some(relocations) => relocations.places.iter().all(|place| {
            LINKER_SYMBOLS.contains(&place.symbol) || segments.contain(place.address, place.size)
        }),
        None => is_usual,
    };
    all_written.then_some(segments.end)
}

/// The end of data that follows from the stack's size.
fn told_end(
    segments: &Segments,
    has_stack: bool,
    top: Option<u32>,
    told_bytes: Option<u32>,
) -> Result<u32, Doubt> {
    let (Some(top), Some(told_bytes)) = (top, told_bytes) else {
        return Err(Doubt::DataEndUnknown { has_stack });
    };
    let wrong = Doubt::StackSizeWrong {
        told_bytes,
        bytes_max: top.saturating_sub(segments.end.next_multiple_of(ALIGNMENT)),
    };
    match top.checked_sub(told_bytes) {
        Some(end) if end >= segments.end && told_bytes.is_multiple_of(ALIGNMENT) => Ok(end),
        _ => Err(wrong),
    }
}

/// The data that a module brings.
struct Segments {
    begin: u32,
    end: u32,
    ranges: Vec<(u32, u64)>,
}

impl Segments {
    fn of(shape: &Shape<'_>) -> Result<Self, Doubt> {
        let mut segments = Self {
            begin: u32::MAX,
            end: 0,
            ranges: Vec::new(),
        };
        for segment in &shape.segments {
            // What is put somewhere while the module runs can be anywhere.
            let address = segment.address.filter(|_| segment.active);
            let address = address.ok_or(Doubt::Layout)?;
            let end = u32::try_from(segment.end()).map_err(|_| Doubt::Layout)?;
            segments.begin = segments.begin.min(address);
            segments.end = segments.end.max(end);
            segments.ranges.push((address, segment.end()));
        }
        if u64::from(segments.end) > shape.memory_bytes() {
            return Err(Doubt::Layout);
        }
        Ok(segments)
    }

    fn contain(&self, address: u32, size: u32) -> bool {
        let last = u64::from(address).saturating_add(u64::from(size));
        self.ranges
            .iter()
            .any(|(begin, end)| *begin <= address && last <= *end)
    }
}
