//! Small edits of a module's sections; everything else is copied byte for byte.

use alloc::string::ToString;
use alloc::vec::Vec;

use wasmparser::{BinaryReader, TypeRef, TypeSectionReader};

use super::Memory;
use super::error::ModuleError;

const SECTION_CUSTOM: u8 = 0;
const SECTION_TYPE: u8 = 1;
const SECTION_IMPORT: u8 = 2;
const SECTION_FUNCTION: u8 = 3;
const SECTION_MEMORY: u8 = 5;
const SECTION_EXPORT: u8 = 7;
const SECTION_START: u8 = 8;
const SECTION_CODE: u8 = 10;
const SECTION_TAG: u8 = 13;

/// A function type without parameters and results: its form and two counts.
const PLAIN_TYPE: [u8; 3] = [0x60, 0, 0];

const KIND_FUNCTION: u8 = 0;
const KIND_MEMORY: u8 = 2;

/// What to change. Function, type and memory indices stay as they are.
#[derive(Default)]
pub(super) struct Edits<'a> {
    /// Replaces the only memory, imported or not, by this one, defined by the module itself.
    pub(super) memory: Option<&'a Memory>,
    /// Exports memory 0 under this name.
    pub(super) export_memory: Option<&'a str>,
    /// Drops the start section and exports this function under this name instead.
    pub(super) start_export: Option<(&'a str, u32)>,
    /// Adds this function type, as the last one.
    pub(super) added_type: Option<&'a [u8]>,
    /// Adds functions of that type with these bodies, as the last ones.
    pub(super) added_bodies: &'a [&'a [u8]],
}

impl Edits<'_> {
    pub(super) const fn is_empty(&self) -> bool {
        self.memory.is_none() && !self.adds_exports() && self.added_type.is_none()
    }

    const fn adds_exports(&self) -> bool {
        self.export_memory.is_some() || self.start_export.is_some()
    }
}

/// The module without its start section, and with the start function exported as `name` instead: for
/// engines that cannot suspend a start function.
///
/// # Errors
/// [`ModuleError::Malformed`], which a module that [`super::Module::parse`] accepted never gives.
pub fn start_as_export(bytes: &[u8], start: u32, name: &str) -> Result<Vec<u8>, ModuleError> {
    rewrite(
        bytes,
        &Edits {
            start_export: Some((name, start)),
            ..Edits::default()
        },
    )
}

/// The module with one type more, the last one: that of a function without parameters and results. For
/// engines that need it where the module itself does not.
///
/// # Errors
/// [`ModuleError::Malformed`], which a module that [`super::Module::parse`] accepted never gives.
pub fn with_plain_type(bytes: &[u8]) -> Result<Vec<u8>, ModuleError> {
    rewrite(
        bytes,
        &Edits {
            added_type: Some(&PLAIN_TYPE),
            ..Edits::default()
        },
    )
}

/// The module with more functions, behind all of its own: they have one type, `ty`, which becomes the last
/// one, and these bodies, without their sizes. For engines that answer instructions by calls. The module has
/// functions of its own.
///
/// # Errors
/// [`ModuleError::Malformed`], which a module that [`super::Module::parse`] accepted never gives.
pub fn with_functions(bytes: &[u8], ty: &[u8], bodies: &[&[u8]]) -> Result<Vec<u8>, ModuleError> {
    rewrite(
        bytes,
        &Edits {
            added_type: Some(ty),
            added_bodies: bodies,
            ..Edits::default()
        },
    )
}

/// Applies the edits.
pub(super) fn rewrite(bytes: &[u8], edits: &Edits<'_>) -> Result<Vec<u8>, ModuleError> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let (header, sections) = bytes.split_at_checked(8).ok_or(ModuleError::Truncated {
        offset: bytes.len(),
    })?;
    out.extend_from_slice(header);
    let mut reader = BinaryReader::new(sections, 8);
    let mut inserter = Inserter {
        edits,
        types_done: edits.added_type.is_none(),
        added_type_index: 0,
        memory_done: edits.memory.is_none(),
        exports_done: !edits.adds_exports(),
    };
    while !reader.eof() {
        let id = reader.read_u8().map_err(malformed)?;
        let size = reader.read_var_u32().map_err(malformed)?;
        let body = reader.read_bytes(size as usize).map_err(malformed)?;
        inserter.before(id, &mut out);
        inserter.copy(id, body, &mut out)?;
    }
    inserter.finish(&mut out);
    Ok(out)
}

/// Puts new sections where the binary format wants them.
struct Inserter<'a> {
    edits: &'a Edits<'a>,
    types_done: bool,
    /// The index that the added type has.
    added_type_index: u32,
    memory_done: bool,
    exports_done: bool,
}

impl Inserter<'_> {
    /// Inserts what must stand before a section and is not there yet.
    fn before(&mut self, id: u8, out: &mut Vec<u8>) {
        if id == SECTION_CUSTOM {
            return;
        }
        if !self.types_done && id != SECTION_TYPE {
            self.put_types((0, &[]), out);
        }
        let after_memory = id > SECTION_MEMORY || id == SECTION_TAG;
        if !self.memory_done && after_memory {
            self.put_memory(out);
        }
        if !self.exports_done && id != SECTION_TAG && id > SECTION_EXPORT {
            self.put_exports((0, &[]), out);
        }
    }

    fn copy(&mut self, id: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), ModuleError> {
        match id {
            SECTION_TYPE if self.edits.added_type.is_some() => {
                self.added_type_index = types(body)?;
                self.put_types(vector(body)?, out);
            }
            SECTION_IMPORT if self.edits.memory.is_some_and(|memory| memory.imported) => {
                put_section(out, id, &imports_without_memory(body)?);
            }
            SECTION_MEMORY if self.edits.memory.is_some() => self.put_memory(out),
            SECTION_EXPORT if self.edits.adds_exports() => {
                self.put_exports(vector(body)?, out);
            }
            SECTION_START if self.edits.start_export.is_some() => {}
            SECTION_FUNCTION | SECTION_CODE if !self.edits.added_bodies.is_empty() => {
                self.put_functions(id, body, out)?;
            }
            _ => put_section(out, id, body),
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.types_done {
            self.put_types((0, &[]), out);
        }
        if !self.memory_done {
            self.put_memory(out);
        }
        if !self.exports_done {
            self.put_exports((0, &[]), out);
        }
    }

    fn put_types(&mut self, own: (u32, &[u8]), out: &mut Vec<u8>) {
        self.types_done = true;
        let added = self.edits.added_type.unwrap_or_default();
        put_longer_section(out, SECTION_TYPE, own, 1, added);
    }

    /// The section of the functions' types, or that of their bodies, with those that are added.
    fn put_functions(&self, id: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), ModuleError> {
        let mut added = Vec::new();
        for function in self.edits.added_bodies {
            if id == SECTION_CODE {
                put_u64(&mut added, function.len() as u64);
                added.extend_from_slice(function);
            } else {
                put_u64(&mut added, u64::from(self.added_type_index));
            }
        }
        let count = self.edits.added_bodies.len() as u64;
        put_longer_section(out, id, vector(body)?, count, &added);
        Ok(())
    }

    fn put_memory(&mut self, out: &mut Vec<u8>) {
        self.memory_done = true;
        let Some(memory) = self.edits.memory else {
            return;
        };
        let custom_page = memory.page_bytes != super::PAGE_BYTES;
        let mut body = Vec::new();
        put_u64(&mut body, 1);
        body.push(u8::from(memory.maximum_pages.is_some()) | if custom_page { 0x08 } else { 0 });
        put_u64(&mut body, memory.initial_pages);
        if let Some(pages) = memory.maximum_pages {
            put_u64(&mut body, pages);
        }
        if custom_page {
            put_u64(&mut body, u64::from(memory.page_bytes.trailing_zeros()));
        }
        put_section(out, SECTION_MEMORY, &body);
    }

    fn put_exports(&mut self, own: (u32, &[u8]), out: &mut Vec<u8>) {
        self.exports_done = true;
        let mut added = Vec::new();
        if let Some(name) = self.edits.export_memory {
            put_export(&mut added, name, KIND_MEMORY, 0);
        }
        if let Some((name, function)) = self.edits.start_export {
            put_export(&mut added, name, KIND_FUNCTION, function);
        }
        let count = u64::from(self.edits.export_memory.is_some())
            + u64::from(self.edits.start_export.is_some());
        put_longer_section(out, SECTION_EXPORT, own, count, &added);
    }
}

/// The count and the entries of a section's body.
fn vector(body: &[u8]) -> Result<(u32, &[u8]), ModuleError> {
    let mut reader = BinaryReader::new(body, 0);
    let count = reader.read_var_u32().map_err(malformed)?;
    let entries = body.get(reader.original_position()..).unwrap_or_default();
    Ok((count, entries))
}

/// How many types a type section has, over all of its groups.
fn types(body: &[u8]) -> Result<u32, ModuleError> {
    let reader = TypeSectionReader::new(BinaryReader::new(body, 0)).map_err(malformed)?;
    let mut count = 0_u32;
    for group in reader {
        for _ in group.map_err(malformed)?.types() {
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}

/// The import section's body without its memory.
fn imports_without_memory(body: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let reader =
        wasmparser::ImportSectionReader::new(BinaryReader::new(body, 0)).map_err(malformed)?;
    let mut kept = Vec::with_capacity(body.len());
    let mut count = 0_u64;
    let mut entries = reader.into_imports_with_offsets().peekable();
    while let Some(entry) = entries.next() {
        let (start, import) = entry.map_err(malformed)?;
        let end = match entries.peek() {
            Some(Ok((next, _))) => *next,
            Some(Err(error)) => return Err(malformed(error.clone())),
            None => body.len(),
        };
        if !matches!(import.ty, TypeRef::Memory(_)) {
            kept.extend_from_slice(body.get(start..end).unwrap_or_default());
            count += 1;
        }
    }
    let mut out = Vec::with_capacity(kept.len() + 5);
    put_u64(&mut out, count);
    out.extend_from_slice(&kept);
    Ok(out)
}

fn put_section(out: &mut Vec<u8>, id: u8, body: &[u8]) {
    out.push(id);
    put_u64(out, body.len() as u64);
    out.extend_from_slice(body);
}

/// A section with its own count and entries, and with so many more entries behind them.
fn put_longer_section(
    out: &mut Vec<u8>,
    id: u8,
    (count, entries): (u32, &[u8]),
    added_count: u64,
    added: &[u8],
) {
    let mut body = Vec::with_capacity(entries.len() + added.len() + 5);
    put_u64(&mut body, u64::from(count) + added_count);
    body.extend_from_slice(entries);
    body.extend_from_slice(added);
    put_section(out, id, &body);
}

fn put_export(body: &mut Vec<u8>, name: &str, kind: u8, index: u32) {
    put_u64(body, name.len() as u64);
    body.extend_from_slice(name.as_bytes());
    body.push(kind);
    put_u64(body, u64::from(index));
}

/// LEB128, unsigned.
fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn malformed(error: wasmparser::BinaryReaderError) -> ModuleError {
    ModuleError::Malformed {
        reason: error.message().to_string(),
        offset: error.offset(),
    }
}
