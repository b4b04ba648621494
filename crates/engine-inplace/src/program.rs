//! A module with its side table, both where they lie: what guests are made from.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use crate::error::Refusal;
use crate::load::WordStore;
use crate::reader::Reader;
use crate::table::{Digest, SideTable, TableError};
use crate::types::FunctionType;
use crate::validate::{
    Limits, MemoryType, Validated, function_type, limits, memory_type, validate,
};

/// The bytes of a module.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// They are where they are as long as the device runs: flash.
    Static(&'static [u8]),
    /// They are in memory.
    Shared(Arc<[u8]>),
}

/// The words of a side table.
#[derive(Debug)]
pub enum Words {
    /// In flash.
    Static(&'static [u32]),
    /// In memory.
    Owned(Vec<u32>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Deref for Words {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        match self {
            Self::Static(words) => words,
            Self::Owned(words) => words,
        }
    }
}

/// A module that this device validated, and the table that came of it.
#[derive(Debug)]
pub struct Program {
    bytes: Bytes,
    words: Words,
}

/// What an export is: its kind's number in the binary format, and its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export {
    /// 0 for functions, 1 tables, 2 memories, 3 globals.
    pub kind: u8,
    /// Its index.
    pub index: u32,
}

/// The number of functions among the kinds of exports and imports.
pub(crate) const KIND_FUNCTION: u8 = 0;
pub(crate) const KIND_TABLE: u8 = 1;
pub(crate) const KIND_MEMORY: u8 = 2;

/// The type of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableType {
    /// Elements that it begins with.
    pub minimum: u32,
    /// Elements that it may have at most.
    pub maximum: Option<u32>,
}

/// An import, as it stands in the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import<'m> {
    /// The module's name.
    pub module: &'m str,
    /// Its own name.
    pub name: &'m str,
    /// What it is.
    pub kind: ImportKind,
}

/// What is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// A function.
    Function,
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global, with its type as a byte of the binary format.
    Global(u8),
}

impl Program {
    /// Validates a module, and keeps its side table in memory.
    ///
    /// # Errors
    /// [`Refusal`] says where and why it is refused.
    pub fn validated(bytes: Bytes, limits: &Limits) -> Result<(Self, Validated), Refusal> {
        // Of a table that never leaves the memory of the process that made it, together with its module.
        const UNKNOWN: Digest = [0; 32];
        let mut table = WordStore::default();
        let validated = validate(&bytes, &UNKNOWN, limits, &mut table)?;
        let program = Self {
            bytes,
            words: table.into_words(),
        };
        Ok((program, validated))
    }

    /// Joins a module and its side table, which was written before: flash, after a start of the device.
    ///
    /// # Errors
    /// [`TableError`] if the table is not that of this module.
    ///
    /// # Safety
    /// [`validate`] wrote the table, for these very bytes, and nobody has changed either since. Guests rely on it:
    /// what a wrong table says can make them reach any memory.
    pub unsafe fn open(bytes: Bytes, words: Words, digest: Digest) -> Result<Self, TableError> {
        SideTable::open(&words, bytes.len(), &digest)?;
        Ok(Self { bytes, words })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The table, which was checked before and is where it was.
    pub(crate) fn table(&self) -> Result<SideTable<'_>, TableError> {
        SideTable::opened(&self.words)
    }

    pub(crate) fn reader(&self, offset: u32) -> Reader<'_> {
        Reader::at(&self.bytes, offset)
    }

    /// The export of a name.
    #[must_use]
    pub fn export(&self, wanted: &str) -> Option<Export> {
        let found = self.exports().find(|(name, _)| *name == wanted);
        found.map(|(_, export)| export)
    }

    /// Every export with its name, in order.
    pub(crate) fn exports(&self) -> impl Iterator<Item = (&str, Export)> {
        let section = self.table().map_or(0, |table| table.head.export_section);
        let mut reader = self.reader(section);
        let count = if section == 0 {
            0
        } else {
            reader.u32().unwrap_or(0)
        };
        (0..count).map_while(move |_| {
            let name = reader.name().ok()?;
            let kind = reader.u8().ok()?;
            let index = reader.u32().ok()?;
            Some((name, Export { kind, index }))
        })
    }

    /// The type of an index.
    fn ty(&self, index: u32) -> Option<FunctionType<'_>> {
        let mut reader = self.reader(self.table().ok()?.head.type_section);
        let count = reader.u32().ok()?;
        for _ in 0..index.min(count) {
            reader.u8().ok()?;
            function_type(&mut reader).ok()?;
        }
        reader.u8().ok()?;
        function_type(&mut reader).ok()
    }

    /// The type of a function, if there is one of this index.
    #[must_use]
    pub fn function_type(&self, function: u32) -> Option<FunctionType<'_>> {
        let table = self.table().ok()?;
        let is_there = function < table.head.function_count;
        is_there.then(|| self.ty(table.function(function).ty.into()))?
    }

    /// Every import, in order.
    pub fn imports(&self) -> impl Iterator<Item = Import<'_>> {
        let section = self.table().map_or(0, |table| table.head.import_section);
        let mut reader = self.reader(section);
        let count = if section == 0 {
            0
        } else {
            reader.u32().unwrap_or(0)
        };
        (0..count).map_while(move |_| import(&mut reader))
    }

    /// The types of the module's own tables.
    pub(crate) fn tables(&self) -> impl Iterator<Item = TableType> {
        let section = self.table().map_or(0, |table| table.head.table_section);
        let mut reader = self.reader(section);
        let count = if section == 0 {
            0
        } else {
            reader.u32().unwrap_or(0)
        };
        (0..count).map_while(move |_| table_type(&mut reader))
    }

    /// The type of the memory, its own or imported.
    pub(crate) fn memory(&self) -> Option<MemoryType> {
        let section = self.table().ok()?.head.memory_section;
        if section != 0 {
            return memory_type(&mut self.reader(section)).ok();
        }
        self.imports().find_map(|import| match import.kind {
            ImportKind::Memory(ty) => Some(ty),
            _ => None,
        })
    }

    /// The name of a function, where the module has one.
    pub(crate) fn function_name(&self, function: u32) -> Option<String> {
        let mut found = custom_sections(&self.bytes).filter(|(name, _)| *name == "name");
        name_in(&mut found.next()?.1, function)
    }
}

/// The custom sections of a module with their names, in order, up to where it is no module any more.
pub(crate) fn custom_sections(module: &[u8]) -> impl Iterator<Item = (&str, Reader<'_>)> {
    let mut reader = Reader::at(module, 8);
    let next = move || {
        let id = reader.u8().ok()?;
        let length = reader.u32().ok()?;
        let mut section = reader.part(length).ok()?;
        if id != 0 {
            return Some(None);
        }
        let name = section.name().ok()?;
        Some(Some((name, section)))
    };
    core::iter::from_fn(next).flatten()
}

/// The name of a function in the name section (appendix 7.4.1): subsection 1 maps indices to names.
fn name_in(section: &mut Reader<'_>, function: u32) -> Option<String> {
    while !section.is_at_end() {
        let id = section.u8().ok()?;
        let length = section.u32().ok()?;
        let mut names = section.part(length).ok()?;
        if id != 1 {
            continue;
        }
        for _ in 0..names.u32().ok()? {
            let index = names.u32().ok()?;
            let name = names.name().ok()?;
            if index == function {
                return Some(name.into());
            }
        }
    }
    None
}

fn table_type(reader: &mut Reader<'_>) -> Option<TableType> {
    reader.u8().ok()?;
    let flags = reader.u8().ok()?;
    let (minimum, maximum) = limits(reader, flags).ok()?;
    Some(TableType { minimum, maximum })
}

fn import<'m>(reader: &mut Reader<'m>) -> Option<Import<'m>> {
    let module = reader.name().ok()?;
    let name = reader.name().ok()?;
    let kind = match reader.u8().ok()? {
        KIND_FUNCTION => {
            reader.u32().ok()?;
            ImportKind::Function
        }
        KIND_TABLE => ImportKind::Table(table_type(reader)?),
        KIND_MEMORY => ImportKind::Memory(memory_type(reader).ok()?),
        _ => {
            let ty = reader.u8().ok()?;
            reader.u8().ok()?;
            ImportKind::Global(ty)
        }
    };
    Some(Import { module, name, kind })
}
