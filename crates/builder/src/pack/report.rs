//! What the packer did, what it did not, and why.

use std::fmt;

/// What the packer did with a module's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackReport {
    /// Bytes of linear memory that the module began with.
    pub memory_bytes_before: u64,
    /// Bytes that it begins with now.
    pub memory_bytes: u64,
    /// What became of its memory.
    pub memory: MemoryOutcome,
    /// What became of its stack.
    pub stack: StackOutcome,
}

/// What became of a module's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryOutcome {
    /// It has pages of one byte, and exactly as many as it needs.
    Exact,
    /// Its heap lies lower now, and it begins with as many pages as are needed for that.
    HeapMoved {
        /// Bytes by which it lies lower.
        bytes: u32,
    },
    /// It has pages of one byte, a heap of this size behind data and stack, and gets no more.
    HeapFixed {
        /// Bytes of the heap.
        bytes: u32,
    },
    /// It is as it was.
    Kept(Doubt),
}

/// What became of a module's stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackOutcome {
    /// The module has none.
    None,
    /// It is as large as it was proven to get.
    Bounded {
        /// Where data ends and the stack with it: the lowest address that it can have.
        data_end: u32,
        /// Bytes that it had.
        bytes_before: u32,
        /// Bytes that it has.
        bytes: u32,
        /// The functions of the deepest chain of calls, the first that is called first.
        chain: Vec<String>,
    },
    /// It is where it was, and what would lower it into data traps.
    Guarded {
        /// Why it has no bound.
        doubt: Doubt,
        /// The end of data, below which it may not get.
        data_end: u32,
    },
    /// It is as it was.
    Kept(Doubt),
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// The module has no memory.
    NoMemory,
    /// It asks for more memory while it runs.
    Grows,
    /// No global is the stack pointer.
    NoStackPointer,
    /// Several globals could be.
    StackPointers {
        /// How many.
        count: usize,
    },
    /// Where the stack begins is not a number.
    StackUnplaced,
    /// The stack lies before data, and nothing tells how to move that.
    StackFirst,
    /// Data lies on both sides of the stack's top, where that is computed, or outside memory.
    Layout,
    /// Nothing tells where data ends.
    DataEndUnknown {
        /// Whether there is a stack behind it.
        has_stack: bool,
    },
    /// What was told of the stack's size cannot be.
    StackSizeWrong {
        /// Bytes that were told.
        told_bytes: u32,
        /// Bytes that it can have at most.
        bytes_max: u32,
    },
    /// A function moves the stack pointer by what is computed.
    StackComputed {
        /// Its name.
        function: String,
    },
    /// A function does not leave the stack pointer as it was.
    StackUnbalanced {
        /// Its name.
        function: String,
    },
    /// A function is too large or too involved.
    TooInvolved {
        /// Its name.
        function: String,
    },
    /// Functions with frames call each other in a circle.
    Recursion {
        /// Their names.
        functions: Vec<String>,
    },
    /// The stack can get larger than what an address reaches.
    StackTooDeep {
        /// Bytes that it can have.
        bytes: u64,
    },
    /// A number in code may be an address behind the stack.
    HeapInCode {
        /// The function.
        function: String,
        /// The number.
        number: u32,
    },
    /// A global may hold an address behind the stack.
    HeapInGlobal {
        /// The number it begins with.
        number: u32,
    },
    /// Data may hold an address behind the stack.
    HeapInData {
        /// Where.
        address: u32,
        /// The number there.
        number: u32,
    },
    /// It counts its memory in pages, and not only to tell where it ends.
    CountsPages,
    /// So large a heap is out of reach.
    HeapTooLarge {
        /// Bytes that it should have.
        bytes: u32,
    },
    /// The heap cannot get more memory, and needs all that there is.
    HeapNeedsAll,
    /// The memory behind the stack is used at fixed addresses.
    HeapFixed {
        /// The linker's symbol through which.
        symbol: String,
    },
}

impl Doubt {
    /// Whether whoever made the module could change that, and how.
    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Grows => {
                Some("link with -Wl,--emit-relocs and without -s so that the heap can be moved")
            }
            Self::DataEndUnknown { has_stack: false } => Some("link with -Wl,--export=__data_end"),
            Self::DataEndUnknown { has_stack: true } => Some(
                "tell the size of the stack it was linked with (--stack-size 64k is wasm-ld's own), or link with \
                 -Wl,--export=__data_end",
            ),
            Self::NoStackPointer | Self::StackPointers { .. } => {
                Some("keep the names when linking (without -s), or export __stack_pointer")
            }
            Self::HeapInCode { .. } | Self::HeapInData { .. } | Self::HeapInGlobal { .. } => Some(
                "link with -Wl,--emit-relocs and without -s, so that addresses and numbers can be told apart",
            ),
            _ => None,
        }
    }
}

impl Doubt {
    /// What is said where there is nothing to name.
    fn plain(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoMemory => "the module has no memory",
            Self::Grows => "it asks for memory while it runs (malloc does)",
            Self::NoStackPointer => "no global is known to be the stack pointer",
            Self::StackUnplaced => "where the stack begins is computed",
            Self::StackFirst => "the stack lies before data, and nothing tells how to move that",
            Self::Layout => "data and stack do not lie in memory as a linker lays them",
            Self::DataEndUnknown { .. } => "nothing tells where its data ends",
            Self::CountsPages => {
                "it counts its memory in pages, so the heap cannot have a size of its own"
            }
            Self::HeapNeedsAll => "its heap may not grow and needs all pages that there are",
            _ => return None,
        })
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StackPointers { count } => {
                write!(formatter, "{count} globals could be the stack pointer")
            }
            Self::StackSizeWrong {
                told_bytes,
                bytes_max,
            } => write!(
                formatter,
                "a stack of {told_bytes} bytes cannot be: behind its data are {bytes_max}"
            ),
            Self::StackComputed { function } => write!(
                formatter,
                "`{function}` takes from the stack what it computes (alloca, arrays of variable length)"
            ),
            Self::StackUnbalanced { function } => write!(
                formatter,
                "`{function}` does not leave the stack pointer as it was"
            ),
            Self::TooInvolved { function } => {
                write!(formatter, "`{function}` is too involved to be followed")
            }
            Self::Recursion { functions } => write!(
                formatter,
                "functions call each other in a circle: {}",
                joined(functions, ", ")
            ),
            Self::StackTooDeep { bytes } => write!(formatter, "the stack can take {bytes} bytes"),
            Self::HeapInCode { function, number } => write!(
                formatter,
                "the number {number} in `{function}` may be an address behind the stack"
            ),
            Self::HeapInGlobal { number } => write!(
                formatter,
                "a global begins with {number}, which may be an address behind the stack"
            ),
            Self::HeapInData { address, number } => write!(
                formatter,
                "the number {number} at {address} in data may be an address behind the stack"
            ),
            Self::HeapTooLarge { bytes } => {
                write!(formatter, "a heap of {bytes} bytes is out of reach")
            }
            Self::HeapFixed { symbol } => write!(
                formatter,
                "it uses the memory behind the stack through `{symbol}`"
            ),
            plain => formatter.write_str(plain.plain().unwrap_or_default()),
        }?;
        match self.advice() {
            Some(advice) => write!(formatter, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl PackReport {
    /// What was done and what not, in lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "memory: {} of {} bytes left",
            self.memory_bytes, self.memory_bytes_before
        )];
        match &self.memory {
            MemoryOutcome::Exact => {}
            MemoryOutcome::HeapMoved { bytes } => {
                lines.push(format!("heap: {bytes} bytes lower than it was"));
            }
            MemoryOutcome::HeapFixed { bytes } => {
                lines.push(format!("heap: {bytes} bytes, and never more"));
            }
            MemoryOutcome::Kept(doubt) => lines.push(format!("memory kept: {doubt}")),
        }
        match &self.stack {
            StackOutcome::None => {}
            StackOutcome::Bounded {
                bytes_before,
                bytes,
                chain,
                ..
            } => lines.push(format!(
                "stack: {bytes} of {bytes_before} bytes, the most that {} can take",
                joined(chain, " > ")
            )),
            StackOutcome::Guarded { doubt, data_end } => {
                lines.push(format!("stack kept, and guarded at {data_end}: {doubt}"))
            }
            StackOutcome::Kept(doubt) => lines.push(format!("stack kept: {doubt}")),
        }
        lines
    }
}

/// Names with something between; of many the ends.
fn joined(names: &[String], between: &str) -> String {
    match names {
        [] => "no function".to_owned(),
        [first, middle @ .., last] if middle.len() > 6 => {
            let more = middle.len();
            format!("{first}{between}… {more} more …{between}{last}")
        }
        names => names.join(between),
    }
}
