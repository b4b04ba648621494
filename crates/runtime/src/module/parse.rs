//! Reads a module's sections.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use thimble_abi::{Call, ValueType, calls, env};
use wasmparser::{
    BinaryReaderError, Chunk, CompositeInnerType, ExternalKind, FuncType, Imports, Parser, Payload,
    TypeRef, ValType,
};

use super::error::ModuleError;
use super::header::check_header;
use super::imports::unanswered;
use super::pages::app_heap_bytes;
use super::rewrite::{self, Edits};
use super::{Export, ExportKind, Import, Memory, Module, PAGE_BYTES};

/// The name under which a memory is exported when the module does not export it itself. If something else
/// has this name, NULs follow it.
const HIDDEN_MEMORY: &str = "\u{0}memory";

/// What the sections say, collected on the way.
#[derive(Default)]
struct Sections {
    types: Vec<Option<FuncType>>,
    function_types: Vec<u32>,
    imports: Vec<Import>,
    exports: Vec<Export>,
    memory: Option<wasmparser::MemoryType>,
    memory_imported: bool,
    memory_export: Option<String>,
    start: Option<u32>,
    app_heap_bytes: Option<u32>,
    code_offset: usize,
}

/// See [`Module::parse`].
pub(super) fn parse(bytes: Arc<[u8]>) -> Result<Module, ModuleError> {
    check_header(&bytes)?;
    let sections = read(&bytes)?;
    let memory = sections
        .memory
        .as_ref()
        .map(|memory| describe(memory, &sections))
        .transpose()?;
    let app_heap = memory
        .as_ref()
        .filter(|_| sections.receives_ocre_messages())
        .and_then(|memory| memory.pages().app_heap(sections.app_heap_bytes));
    let memory = memory.map(|memory| match &app_heap {
        Some(heap) => with_pages(memory, heap.pages),
        None => memory,
    });
    let edits = Edits {
        memory: memory
            .as_ref()
            .filter(|memory| memory.imported || app_heap.is_some()),
        export_memory: memory
            .as_ref()
            .map(|memory| memory.export.as_str())
            .filter(|_| sections.memory_export.is_none()),
        ..Edits::default()
    };
    let (bytes, code_shift) = if edits.is_empty() {
        (bytes, 0)
    } else {
        let edited = rewrite::rewrite(&bytes, &edits)?;
        let shift = read(&edited)?.code_offset as i64 - sections.code_offset as i64;
        (edited.into(), shift)
    };
    Ok(Module {
        bytes,
        code_shift,
        imports: sections.imports,
        exports: sections.exports,
        memory,
        start: sections.start,
        app_heap: app_heap.map(|heap| heap.range),
    })
}

/// A memory that begins and may end with `extra` pages more, as far as they are within reach.
fn with_pages(memory: Memory, extra: u64) -> Memory {
    let pages = memory.pages().with(extra);
    Memory {
        initial_pages: pages.initial,
        maximum_pages: pages.maximum,
        ..memory
    }
}

fn malformed(error: &BinaryReaderError) -> ModuleError {
    let message = error.message();
    if message.contains("unexpected end") {
        ModuleError::Truncated {
            offset: error.offset(),
        }
    } else {
        ModuleError::Malformed {
            reason: message.to_string(),
            offset: error.offset(),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Sections, ModuleError> {
    let mut sections = Sections::default();
    let mut parser = Parser::new(0);
    let mut offset = 0_usize;
    loop {
        let rest = bytes.get(offset..).unwrap_or_default();
        let (consumed, payload) = match parser
            .parse(rest, true)
            .map_err(|error| malformed(&error))?
        {
            Chunk::Parsed { consumed, payload } => (consumed, payload),
            Chunk::NeedMoreData(_) => {
                return Err(ModuleError::Truncated {
                    offset: bytes.len(),
                });
            }
        };
        offset += consumed;
        match payload {
            Payload::End(_) => return Ok(sections),
            Payload::CodeSectionStart { size, .. } => {
                sections.code_offset = offset;
                offset = offset
                    .checked_add(size as usize)
                    .filter(|end| *end <= bytes.len())
                    .ok_or(ModuleError::Truncated {
                        offset: bytes.len(),
                    })?;
                parser.skip_section();
            }
            payload => sections.take(payload)?,
        }
    }
}

impl Sections {
    fn take(&mut self, payload: Payload<'_>) -> Result<(), ModuleError> {
        let result = match payload {
            Payload::TypeSection(reader) => self.take_types(reader),
            Payload::ImportSection(reader) => return self.take_imports(reader),
            Payload::FunctionSection(reader) => reader.into_iter().try_for_each(|index| {
                self.function_types.push(index?);
                Ok(())
            }),
            Payload::MemorySection(reader) => {
                for memory in reader {
                    self.set_memory(memory.map_err(|error| malformed(&error))?, false)?;
                }
                Ok(())
            }
            Payload::ExportSection(reader) => self.take_exports(reader),
            Payload::CustomSection(section) if section.name() == env::APP_HEAP_SECTION => {
                return self.take_app_heap(&section);
            }
            Payload::StartSection { func, .. } => {
                self.start = Some(func);
                Ok(())
            }
            _ => Ok(()),
        };
        result.map_err(|error| malformed(&error))
    }

    fn take_app_heap(
        &mut self,
        section: &wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), ModuleError> {
        let bytes = app_heap_bytes(section.data(), section.data_offset())?;
        self.app_heap_bytes = Some(bytes);
        Ok(())
    }

    fn take_types(
        &mut self,
        reader: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), BinaryReaderError> {
        for group in reader {
            for ty in group?.into_types() {
                self.types.push(match ty.composite_type.inner {
                    CompositeInnerType::Func(func) => Some(func),
                    _ => None,
                });
            }
        }
        Ok(())
    }

    fn take_imports(
        &mut self,
        reader: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), ModuleError> {
        for group in reader {
            // Engines do not read groups.
            let Imports::Single(_, import) = group.map_err(|error| malformed(&error))? else {
                return Err(ModuleError::Unsupported {
                    feature: "compact import groups",
                });
            };
            match import.ty {
                TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                    self.imports
                        .push(self.resolve(import.module, import.name, index)?);
                    self.function_types.push(index);
                }
                TypeRef::Memory(memory) => self.set_memory(memory, true)?,
                TypeRef::Table(_) => return Err(import_kind(&import, "table")),
                TypeRef::Global(_) => return Err(import_kind(&import, "global")),
                TypeRef::Tag(_) => return Err(import_kind(&import, "exception tag")),
            }
        }
        Ok(())
    }

    fn resolve(&self, module: &str, name: &str, type_index: u32) -> Result<Import, ModuleError> {
        let Some(ty) = self.function_type(type_index) else {
            return Err(ModuleError::Malformed {
                reason: format!("import `{module}.{name}` has no function type"),
                offset: 0,
            });
        };
        let (parameters, results, has_references) = signature(ty);
        if let Some(spec) =
            calls::resolve(module, name, &parameters, &results).filter(|_| !has_references)
        {
            return Ok(Import { spec });
        }
        Err(unanswered(module, name, &parameters, &results))
    }

    fn function_type(&self, type_index: u32) -> Option<&FuncType> {
        self.types.get(type_index as usize)?.as_ref()
    }

    fn take_exports(
        &mut self,
        reader: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), BinaryReaderError> {
        for export in reader {
            let export = export?;
            let kind = match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    let ty = self
                        .function_types
                        .get(export.index as usize)
                        .and_then(|index| self.function_type(*index));
                    let (parameters, results, has_references) =
                        ty.map(signature).unwrap_or_default();
                    ExportKind::Function {
                        parameters,
                        results,
                        has_references,
                    }
                }
                ExternalKind::Memory => {
                    self.memory_export
                        .get_or_insert_with(|| export.name.to_string());
                    ExportKind::Memory
                }
                ExternalKind::Table => ExportKind::Table,
                ExternalKind::Global => ExportKind::Global,
                ExternalKind::Tag => ExportKind::Tag,
            };
            self.exports.push(Export {
                name: export.name.to_string(),
                kind,
            });
        }
        Ok(())
    }

    fn set_memory(
        &mut self,
        memory: wasmparser::MemoryType,
        imported: bool,
    ) -> Result<(), ModuleError> {
        if memory.shared {
            return Err(ModuleError::Unsupported {
                feature: "shared memory (threads)",
            });
        }
        if memory.memory64 {
            return Err(ModuleError::Unsupported {
                feature: "64-bit memory",
            });
        }
        if self.memory.replace(memory).is_some() {
            return Err(ModuleError::Unsupported {
                feature: "more than one memory",
            });
        }
        self.memory_imported = imported;
        Ok(())
    }

    /// A name that no export has.
    fn hidden_memory(&self) -> String {
        let mut name = HIDDEN_MEMORY.to_string();
        while self.exports.iter().any(|export| export.name == name) {
            name.push('\u{0}');
        }
        name
    }

    fn receives_ocre_messages(&self) -> bool {
        self.imports
            .iter()
            .any(|import| import.spec.call == Call::Env(calls::EnvCall::SubscribeMessage))
    }
}

fn describe(memory: &wasmparser::MemoryType, sections: &Sections) -> Result<Memory, ModuleError> {
    let page_bytes = match memory.page_size_log2 {
        None => PAGE_BYTES,
        Some(log2) => 1_u64.checked_shl(log2).ok_or(ModuleError::Unsupported {
            feature: "pages of this size",
        })?,
    };
    Ok(Memory {
        page_bytes,
        initial_pages: memory.initial,
        maximum_pages: memory.maximum,
        imported: sections.memory_imported,
        export: sections
            .memory_export
            .clone()
            .unwrap_or_else(|| sections.hidden_memory()),
    })
}

fn import_kind(import: &wasmparser::Import<'_>, kind: &'static str) -> ModuleError {
    ModuleError::ImportKind {
        module: import.module.to_string(),
        name: import.name.to_string(),
        kind,
    }
}

/// Parameters, results, and whether there are types beyond numbers, which are left out.
fn signature(ty: &FuncType) -> (Vec<ValueType>, Vec<ValueType>, bool) {
    let convert = |types: &[ValType]| {
        types
            .iter()
            .filter_map(|ty| value_type(*ty))
            .collect::<Vec<_>>()
    };
    let (parameters, results) = (convert(ty.params()), convert(ty.results()));
    let has_references =
        parameters.len() != ty.params().len() || results.len() != ty.results().len();
    (parameters, results, has_references)
}

fn value_type(ty: ValType) -> Option<ValueType> {
    match ty {
        ValType::I32 => Some(ValueType::I32),
        ValType::I64 => Some(ValueType::I64),
        ValType::F32 => Some(ValueType::F32),
        ValType::F64 => Some(ValueType::F64),
        ValType::V128 | ValType::Ref(_) => None,
    }
}
