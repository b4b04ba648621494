//! Makes a module need less memory, without linking it again and without changing what it does.
//!
//! Linkers round memory up to pages of 64 KiB and reserve a stack that nearly nobody uses. The packer proves how deep
//! the stack can get, moves its top down to that, and gives the memory pages of one byte, as many as are needed
//! (`docs/adr/0014-packing.md`). What cannot be proven stays as it is, and the report says why; a stack without a
//! bound gets a guard.

mod depth;
mod flow;
mod heap;
mod layout;
mod plan;
mod pointer;
mod relocations;
mod report;
mod shape;
mod value;
mod write;

use crate::module::{self, Tidied, TidyError, TidyOptions};
use shape::Shape;

pub use report::{Doubt, MemoryOutcome, PackReport, StackOutcome};

/// Whether a module is to be packed, as a recipe or a command line says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackRequest {
    /// Whether it is.
    pub pack: bool,
    /// See [`PackOptions::stack_bytes`].
    pub stack_bytes: Option<u32>,
    /// See [`PackOptions::heap_bytes`].
    pub heap_bytes: Option<u32>,
    /// See [`PackOptions::message_bytes`].
    pub message_bytes: Option<u32>,
}

impl PackRequest {
    /// This one, and where it says nothing, the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            pack: self.pack || other.pack,
            stack_bytes: self.stack_bytes.or(other.stack_bytes),
            heap_bytes: self.heap_bytes.or(other.heap_bytes),
            message_bytes: self.message_bytes.or(other.message_bytes),
        }
    }
}

/// How a module is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackOptions {
    /// How it is made smaller besides.
    pub tidy: TidyOptions,
    /// Bytes of stack that it was linked with, where whoever linked it knows. It is believed as far as nothing in the
    /// module speaks against it.
    pub stack_bytes: Option<u32>,
    /// Bytes of heap that a guest with `malloc` gets, and never more. Without it, the heap grows by pages of 64 KiB.
    pub heap_bytes: Option<u32>,
    /// Bytes of messages that a guest which receives Ocre's can hold at a time, in a memory of pages of one byte;
    /// without it, [`thimble_abi::env::APP_HEAP_SMALL_BYTES`].
    pub message_bytes: Option<u32>,
}

/// A module that was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The module, and what was taken out of it.
    pub tidied: Tidied,
    /// What was done with its memory, and why not more.
    pub report: PackReport,
}

/// Packs a module, and makes it smaller as [`module::tidy`] does.
///
/// # Errors
/// [`TidyError`] if it is not valid. A module that cannot be packed is no error.
pub fn pack(bytes: &[u8], options: &PackOptions) -> Result<Packed, TidyError> {
    module::validate(bytes).map_err(|error| module::invalid(&error))?;
    let shape = Shape::read(bytes).map_err(|error| module::invalid(&error))?;
    let (plan, report) = plan::decide(bytes, &shape, options);
    let moved = plan.moved.as_ref().map_or(bytes, |moved| &moved.bytes);
    let written = write::write(moved, &shape, &plan).map_err(|error| TidyError::Defect {
        reason: error.to_string(),
    })?;
    let tidied = module::tidy(&written, &options.tidy).map_err(|error| match error {
        TidyError::Invalid { reason, .. } => TidyError::Defect { reason },
        defect => defect,
    })?;
    Ok(Packed {
        tidied: Tidied {
            bytes_before: bytes.len() as u64,
            ..tidied
        },
        report,
    })
}
