//! What the validator remembers of a module's sections while it reads the code.

use alloc::vec::Vec;

use super::Limits;
use crate::error::Reason;
use crate::reader::Reader;
use crate::types::{self, FunctionType};

/// The bit of a global's byte that says that it can change.
const MUTABLE: u8 = 0x80;

pub(super) struct Context<'m> {
    pub(super) module: &'m [u8],
    pub(super) limits: Limits,
    types: Vec<Type>,
    /// The type of each function.
    functions: Vec<u16>,
    /// A bit for each function that a reference may be made of.
    referenced: Vec<u8>,
    /// The type of each global, and [`MUTABLE`].
    globals: Vec<u8>,
    /// The type of each table's elements.
    tables: Vec<u8>,
    /// The type of each element segment.
    elements: Vec<u8>,
    pub(super) has_memory: bool,
    pub(super) data_count: Option<u32>,
    pub(super) imported_functions: u32,
    /// The most bytes that checking a function took.
    body_bytes: usize,
}

/// A type.
#[derive(Clone, Copy)]
struct Type {
    /// Where it stands in the module.
    offset: u32,
    /// The first type that is the same.
    first: u16,
    /// Types that are the same have the same.
    hash: u16,
}

impl Type {
    /// FNV-1a, folded.
    fn hash(ty: FunctionType<'_>) -> u16 {
        let mut hash = 0x811c_9dc5_u32;
        for byte in ty.parameters.iter().chain(&[0]).chain(ty.results) {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
        (hash >> 16) as u16 ^ (hash & 0xffff) as u16
    }
}

/// Adds to a vector, if there is memory.
pub(super) fn push<T>(vector: &mut Vec<T>, value: T) -> Result<(), Reason> {
    if vector.len() == vector.capacity() {
        // By half at a time: what a microcontroller sets aside for nothing is small.
        let more = (vector.len() / 2).max(16);
        reserve(vector, more)?;
    }
    vector.push(value);
    Ok(())
}

pub(super) fn reserve<T>(vector: &mut Vec<T>, more: usize) -> Result<(), Reason> {
    vector.try_reserve_exact(more).map_err(|_| Reason::NoRoom {
        wanted_bytes: u32::try_from((vector.len() + more) * size_of::<T>()).unwrap_or(u32::MAX),
    })
}

/// Says that there are too many of something.
pub(super) const fn too_many(what: &'static str, most: u32) -> Reason {
    Reason::Limit { what, most }
}

fn at<T: Copy>(values: &[T], index: u32, unknown: &'static str) -> Result<T, Reason> {
    usize::try_from(index)
        .ok()
        .and_then(|index| values.get(index).copied())
        .ok_or(Reason::Invalid(unknown))
}

fn count<T>(values: &[T]) -> u32 {
    u32::try_from(values.len()).unwrap_or(u32::MAX)
}

impl<'m> Context<'m> {
    pub(super) const fn new(module: &'m [u8], limits: Limits) -> Self {
        Self {
            module,
            limits,
            types: Vec::new(),
            functions: Vec::new(),
            referenced: Vec::new(),
            globals: Vec::new(),
            tables: Vec::new(),
            elements: Vec::new(),
            has_memory: false,
            data_count: None,
            imported_functions: 0,
            body_bytes: 0,
        }
    }

    /// Bytes held at once at most.
    pub(super) fn peak_bytes(&self) -> u32 {
        let held = self.types.capacity() * size_of::<Type>()
            + self.functions.capacity() * 2
            + self.referenced.capacity()
            + self.globals.capacity()
            + self.tables.capacity()
            + self.elements.capacity()
            + self.body_bytes;
        u32::try_from(held).unwrap_or(u32::MAX)
    }

    pub(super) fn note_body_bytes(&mut self, bytes: usize) {
        self.body_bytes = self.body_bytes.max(bytes);
    }

    /// Adds a type that stands at an offset; the first type that is the same.
    pub(super) fn add_type(&mut self, offset: u32, ty: FunctionType<'m>) -> Result<u32, Reason> {
        let hash = Type::hash(ty);
        let own =
            u16::try_from(self.types.len()).map_err(|_| too_many("types", u16::MAX.into()))?;
        let is_same = |other: &&Type| {
            other.hash == hash
                && other.offset != offset
                && function_type(&mut Reader::at(self.module, other.offset)) == Ok(ty)
        };
        let first = self
            .types
            .iter()
            .find(is_same)
            .map_or(own, |other| other.first);
        push(
            &mut self.types,
            Type {
                offset,
                first,
                hash,
            },
        )?;
        Ok(first.into())
    }

    /// The type of an index. It was read once, so reading it again cannot fail.
    pub(super) fn ty(&self, index: u32) -> Result<FunctionType<'m>, Reason> {
        let ty = at(&self.types, index, "unknown type")?;
        function_type(&mut Reader::at(self.module, ty.offset))
    }

    /// The first type that is the same as the one of an index.
    pub(super) fn same_type(&self, index: u32) -> Result<u16, Reason> {
        at(&self.types, index, "unknown type").map(|ty| ty.first)
    }

    pub(super) fn add_function(&mut self, ty: u32) -> Result<(), Reason> {
        self.ty(ty)?;
        if self.function_count() >= self.limits.functions {
            return Err(too_many("functions", self.limits.functions));
        }
        let ty = u16::try_from(ty).map_err(|_| too_many("types", u16::MAX.into()))?;
        if self.functions.len().is_multiple_of(8) {
            push(&mut self.referenced, 0)?;
        }
        push(&mut self.functions, ty)
    }

    pub(super) fn function_count(&self) -> u32 {
        count(&self.functions)
    }

    /// The index of a function's type.
    pub(super) fn function(&self, index: u32) -> Result<u32, Reason> {
        at(&self.functions, index, "unknown function").map(u32::from)
    }

    pub(super) fn function_type(&self, index: u32) -> Result<FunctionType<'m>, Reason> {
        self.ty(self.function(index)?)
    }

    /// Allows references to a function, which there must be.
    pub(super) fn reference(&mut self, index: u32) -> Result<(), Reason> {
        self.function(index)?;
        let place = usize::try_from(index / 8)
            .ok()
            .and_then(|at| self.referenced.get_mut(at));
        if let Some(bits) = place {
            *bits |= 1 << (index % 8);
        }
        Ok(())
    }

    pub(super) fn is_referenced(&self, index: u32) -> Result<bool, Reason> {
        let bits = at(&self.referenced, index / 8, "unknown function")?;
        Ok(bits >> (index % 8) & 1 != 0)
    }

    pub(super) fn add_global(&mut self, ty: u8, is_mutable: bool) -> Result<(), Reason> {
        if self.global_count() >= self.limits.globals {
            return Err(too_many("globals", self.limits.globals));
        }
        push(
            &mut self.globals,
            if is_mutable { ty | MUTABLE } else { ty },
        )
    }

    pub(super) fn global_count(&self) -> u32 {
        count(&self.globals)
    }

    /// The type of a global, and whether it can change.
    pub(super) fn global(&self, index: u32) -> Result<(u8, bool), Reason> {
        let byte = at(&self.globals, index, "unknown global")?;
        Ok((byte & !MUTABLE, byte & MUTABLE != 0))
    }

    pub(super) fn add_table(&mut self, ty: u8) -> Result<(), Reason> {
        if self.table_count() >= self.limits.tables {
            return Err(too_many("tables", self.limits.tables));
        }
        push(&mut self.tables, ty)
    }

    pub(super) fn table_count(&self) -> u32 {
        count(&self.tables)
    }

    /// The type of a table's elements.
    pub(super) fn table(&self, index: u32) -> Result<u8, Reason> {
        at(&self.tables, index, "unknown table")
    }

    pub(super) fn memory(&self) -> Result<(), Reason> {
        if self.has_memory {
            Ok(())
        } else {
            Err(Reason::Invalid("unknown memory"))
        }
    }

    pub(super) fn add_element_segment(&mut self, ty: u8) -> Result<(), Reason> {
        push(&mut self.elements, ty)
    }

    /// The type of a segment's elements.
    pub(super) fn element_segment(&self, index: u32) -> Result<u8, Reason> {
        at(&self.elements, index, "unknown elem segment")
    }

    pub(super) fn data_segment(&self, index: u32) -> Result<(), Reason> {
        match self.data_count {
            None => Err(Reason::Malformed("data count section required")),
            Some(count) if index < count => Ok(()),
            Some(_) => Err(Reason::Invalid("unknown data segment")),
        }
    }
}

/// Reads a function's type behind its form.
pub(crate) fn function_type<'m>(reader: &mut Reader<'m>) -> Result<FunctionType<'m>, Reason> {
    let mut list = || {
        let count = reader.u32()?;
        let bytes = reader.bytes(count)?;
        bytes.iter().try_for_each(|byte| value_type(*byte))?;
        Ok(bytes)
    };
    Ok(FunctionType {
        parameters: list()?,
        results: list()?,
    })
}

/// Checks that a byte is a type that this engine has.
pub(super) const fn value_type(byte: u8) -> Result<(), Reason> {
    match byte {
        _ if types::is_number(byte) || types::is_reference(byte) => Ok(()),
        0x7b => Err(Reason::Feature("SIMD")),
        0x63 | 0x64 => Err(Reason::Feature("typed function references")),
        0x69..=0x6e | 0x71..=0x74 => Err(Reason::Feature("GC types")),
        _ => Err(Reason::Malformed("malformed value type")),
    }
}

/// Checks that a byte is a reference type that this engine has.
pub(super) const fn reference_type(byte: u8) -> Result<(), Reason> {
    if types::is_reference(byte) {
        return Ok(());
    }
    match value_type(byte) {
        Ok(()) => Err(Reason::Malformed("malformed reference type")),
        Err(reason) => Err(reason),
    }
}
