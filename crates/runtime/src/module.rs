//! A module as the runtime sees it: parsed, its imports resolved against the call table, its memory known.
//!
//! [`Module::parse`] is the only constructor. It reads sections, not code: the engine validates the code.
//! An import that nothing answers is named here, before any engine sees the module.

mod error;
mod header;
mod hints;
mod imports;
mod interface;
mod pages;
mod parse;
mod rewrite;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use thimble_abi::{CallSpec, ValueType};

pub use error::ModuleError;
pub use header::check_header;
pub use imports::unanswered;
pub use interface::{Interface, Names, NoEntry};
pub use pages::{AppHeap, Pages, app_heap_bytes};
pub use rewrite::{start_as_export, with_functions, with_plain_type};

/// Bytes of a WebAssembly page where a module does not choose its own.
pub const PAGE_BYTES: u64 = 65_536;

/// A module whose sections are well formed and whose imports the host answers.
#[derive(Clone, Debug)]
pub struct Module {
    bytes: Arc<[u8]>,
    code_shift: i64,
    imports: Vec<Import>,
    exports: Vec<Export>,
    memory: Option<Memory>,
    start: Option<u32>,
    app_heap: Option<Range<u32>>,
}

/// One imported function.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// The call that answers it.
    pub spec: &'static CallSpec,
}

/// One export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ExportKind,
}

/// What an export is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// A function, with its signature.
    Function {
        /// Types of the parameters.
        parameters: Vec<ValueType>,
        /// Types of the results.
        results: Vec<ValueType>,
        /// Whether it uses types beyond numbers, which `parameters` and `results` leave out.
        has_references: bool,
    },
    /// A linear memory.
    Memory,
    /// A table.
    Table,
    /// A global.
    Global,
    /// An exception tag.
    Tag,
}

/// A module's linear memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of one page.
    pub page_bytes: u64,
    /// Pages it begins with.
    pub initial_pages: u64,
    /// Pages it may have at most, if the module says so.
    pub maximum_pages: Option<u64>,
    /// Whether the module as it was written imports it.
    pub imported: bool,
    /// The name under which the host finds it.
    pub export: String,
}

impl Memory {
    /// Bytes it begins with.
    #[must_use]
    pub fn initial_bytes(&self) -> u64 {
        self.initial_pages.saturating_mul(self.page_bytes)
    }

    /// Its size.
    #[must_use]
    pub const fn pages(&self) -> Pages {
        Pages {
            page_bytes: self.page_bytes,
            initial: self.initial_pages,
            maximum: self.maximum_pages,
        }
    }
}

impl Module {
    /// Reads a module.
    ///
    /// A memory that the module imports becomes its own, and a guest that receives Ocre's messages gets
    /// one page more for them (its app heap), or two kilobytes where its pages are smaller than usual:
    /// [`Module::bytes`] are the bytes after that.
    ///
    /// # Errors
    /// [`ModuleError`] says what is wrong and what to do.
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Self, ModuleError> {
        parse::parse(bytes.into())
    }

    /// The bytes for the engine.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The imported functions, in order.
    #[must_use]
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// The exports, in order, without those the runtime added.
    #[must_use]
    pub fn exports(&self) -> &[Export] {
        &self.exports
    }

    /// The exported function of this name.
    #[must_use]
    pub fn exported_function(&self, name: &str) -> Option<&Export> {
        self.exports.iter().find(|export| {
            export.name == name && matches!(export.kind, ExportKind::Function { .. })
        })
    }

    /// The linear memory, if there is one.
    #[must_use]
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// The index of the start function, if there is one.
    #[must_use]
    pub fn start(&self) -> Option<u32> {
        self.start
    }

    /// A name that no export has, for one that an engine adds.
    #[must_use]
    pub fn unused_export_name(&self) -> String {
        let mut name = String::from("\u{0}start");
        while self.exports.iter().any(|export| export.name == name) {
            name.push('\u{0}');
        }
        name
    }

    /// Where in the guest's memory the host may place messages, for guests that receive Ocre's.
    #[must_use]
    pub fn app_heap(&self) -> Option<Range<u32>> {
        self.app_heap.clone()
    }

    /// Turns an offset into [`Module::bytes`] into one into the bytes as they were given.
    #[must_use]
    pub fn original_offset(&self, offset: u32) -> u32 {
        u32::try_from(i64::from(offset).saturating_sub(self.code_shift)).unwrap_or(offset)
    }
}
