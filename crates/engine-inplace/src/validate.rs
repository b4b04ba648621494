//! Validates a module in one pass from front to back, and writes its side table as it goes.
//!
//! It owns everything that the loops rely on (`docs/inplace-safety.md`): after it, no instruction finds other types, other
//! heights of the stack or other indices than those it was checked with. Memory it needs, in bytes: 8 for each type, 2 for
//! each function and an eighth, 1 for each global, table and element segment; besides, at the same time, either 4 for each
//! export, or for the function that it is in: 1 for each local and operand, 40 to 56 for each nested block, and 16 for each
//! branch. Vectors grow by half, so up to half as much again is held ([`Limits`], [`Validated::peak_bytes`]).
//!
//! Source: WebAssembly core specification 2.0, 3 (validation) and 5 (binary format), with its appendix A.3 on
//! validation algorithms.

mod body;
mod branches;
mod constant;
mod context;
mod control;
mod instructions;
mod operands;
mod sections;

use crate::error::{Reason, Refusal};
use crate::reader::Reader;
use crate::table::{Digest, Head, Store, Writer};
use crate::types::FunctionType;

use context::Context;

pub(crate) use constant::OPERANDS_MAX;
pub(crate) use context::function_type;
pub use sections::MemoryType;
pub(crate) use sections::{limits, memory_type};

/// What the validator may use, and what a module may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Types.
    pub types: u32,
    /// Functions, imported ones included.
    pub functions: u32,
    /// Globals.
    pub globals: u32,
    /// Tables.
    pub tables: u32,
    /// Segments of data, and of elements.
    pub segments: u32,
    /// Exports.
    pub exports: u32,
    /// Locals of a function, parameters included.
    pub locals: u32,
    /// Values on a function's stack of operands.
    pub operands: u32,
    /// Blocks inside each other.
    pub nesting: u32,
    /// Branches of a function, each label of a table included.
    pub branches: u32,
}

impl Limits {
    /// For Linux: what other engines take too, as far as an index of 16 bits allows.
    #[must_use]
    pub const fn linux() -> Self {
        Self {
            types: 20_000,
            functions: 1_000_000,
            globals: 1_000_000,
            tables: 100,
            segments: 100_000,
            exports: 1_000_000,
            locals: 50_000,
            operands: 65_000,
            nesting: 100_000,
            branches: 5_000_000,
        }
    }

    /// For microcontrollers: 24 KB for a function with all of these at once, and up to half as much again since vectors
    /// grow by half.
    #[must_use]
    pub const fn small() -> Self {
        Self {
            types: 512,
            functions: 4_096,
            globals: 256,
            tables: 4,
            segments: 512,
            exports: 256,
            locals: 1_024,
            operands: 512,
            nesting: 128,
            branches: 1_024,
        }
    }
}

/// The most memory the validator had at once, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validated {
    /// Bytes of the side table.
    pub table_bytes: u32,
    /// The most bytes that the validator held at once beside the module and the table.
    pub peak_bytes: u32,
}

/// Validates a module and writes its side table, bound to the digest that the caller has of these very bytes.
///
/// # Errors
/// [`Refusal`] says where and why. What was written until then is no table.
pub fn validate(
    module: &[u8],
    digest: &Digest,
    limits: &Limits,
    store: &mut dyn Store,
) -> Result<Validated, Refusal> {
    validate_accepting(module, digest, limits, store, &mut |_| true)
}

/// What is imported, as far as it matters to whoever answers it.
#[derive(Clone, Copy)]
pub(crate) struct Imported<'m> {
    pub(crate) module: &'m str,
    pub(crate) name: &'m str,
    /// As in the binary format.
    pub(crate) kind: u8,
    /// Of a function.
    pub(crate) ty: Option<FunctionType<'m>>,
}

/// Says whether an import is answered.
pub(crate) type Accept<'a> = dyn FnMut(Imported<'_>) -> bool + 'a;

/// As [`validate`], for modules whose imports are all accepted: [`Reason::Import`] otherwise.
pub(crate) fn validate_accepting(
    module: &[u8],
    digest: &Digest,
    limits: &Limits,
    store: &mut dyn Store,
    accept: &mut Accept<'_>,
) -> Result<Validated, Refusal> {
    let mut validator = Validator {
        context: Context::new(module, *limits),
        head: Head {
            module_bytes: u32::try_from(module.len()).unwrap_or(u32::MAX),
            ..Head::default()
        },
        writer: Writer::new(store),
        section: "header",
        place: 0,
        found: None,
        code_count: 0,
        accept,
    };
    let outcome = validator.module(module);
    let Validator {
        context,
        head,
        writer,
        section,
        place,
        ..
    } = validator;
    let refusal = |reason| Refusal {
        section,
        offset: place,
        reason,
    };
    outcome.map_err(refusal)?;
    Ok(Validated {
        table_bytes: writer.finish(head, digest).map_err(refusal)?,
        peak_bytes: context.peak_bytes(),
    })
}

/// A validation under way.
struct Validator<'m, 's, 'a, 'b> {
    context: Context<'m>,
    head: Head,
    writer: Writer<'s>,
    /// The section it is in.
    section: &'static str,
    /// Where it is, or was when it found something.
    place: u32,
    /// Where it found something that lies before the place up to which it has read.
    found: Option<u32>,
    /// Functions whose code was checked.
    code_count: u32,
    accept: &'a mut Accept<'b>,
}

/// Bytes of a module: so few that by how far a branch leads fits into 32 bits with a sign.
const MODULE_BYTES_MAX: u32 = 1 << 30;

/// The sections in the order in which they must stand, with their numbers.
const ORDER: [(u8, &str); 12] = [
    (1, "type"),
    (2, "import"),
    (3, "function"),
    (4, "table"),
    (5, "memory"),
    (6, "global"),
    (7, "export"),
    (8, "start"),
    (9, "element"),
    (12, "data count"),
    (10, "code"),
    (11, "data"),
];

impl<'m> Validator<'m, '_, '_, '_> {
    fn module(&mut self, module: &'m [u8]) -> Result<(), Reason> {
        let mut reader = Reader::new(module);
        if module.len() > MODULE_BYTES_MAX as usize {
            return Err(Reason::Limit {
                what: "bytes in a module",
                most: MODULE_BYTES_MAX,
            });
        }
        let magic = reader
            .bytes(4)
            .map_err(|_| Reason::Malformed("unexpected end"))?;
        if magic != b"\0asm" {
            return Err(Reason::Malformed("magic header not detected"));
        }
        self.place = 4;
        if reader.bytes(4)? != [1, 0, 0, 0] {
            return Err(Reason::Malformed("unknown binary version"));
        }
        let mut next = 0;
        while !reader.is_at_end() {
            self.place = reader.offset();
            let id = reader.u8()?;
            let length = reader.u32()?;
            if id == 0 {
                self.section = "custom";
                let mut section = reader
                    .part(length)
                    .map_err(|_| Reason::Malformed("length out of bounds"))?;
                section.name()?;
                continue;
            }
            self.section = if id == 13 { "tag" } else { "unknown" };
            let Some(position) = ORDER.iter().position(|(known, _)| *known == id) else {
                return Err(match id {
                    13 => Reason::Feature("exceptions"),
                    _ => Reason::Malformed("malformed section id"),
                });
            };
            if position < next {
                return Err(Reason::Malformed("unexpected content after last section"));
            }
            next = position + 1;
            self.section = ORDER.get(position).map_or("", |(_, name)| name);
            let mut section = reader
                .part(length)
                .map_err(|_| Reason::Malformed("length out of bounds"))?;
            let outcome = self.section(id, &mut section);
            self.place = self.found.unwrap_or(section.offset());
            outcome?;
            if !section.is_at_end() {
                return Err(Reason::Malformed("section size mismatch"));
            }
        }
        self.place = reader.offset();
        self.section = "code";
        self.finish()
    }

    fn section(&mut self, id: u8, section: &mut Reader<'m>) -> Result<(), Reason> {
        match id {
            1 => self.types(section),
            2 => self.imports(section),
            3 => self.functions(section),
            4 => self.tables(section),
            5 => self.memories(section),
            6 => self.globals(section),
            7 => self.exports(section),
            8 => self.start(section),
            9 => self.elements(section),
            10 => self.code(section),
            11 => self.data(section),
            _ => self.data_count(section),
        }
    }
}
