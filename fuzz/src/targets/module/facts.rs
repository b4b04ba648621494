//! What a valid module is, read independently of the runtime.

use thimble_abi::{ValueType, calls};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef, ValType};

/// What must survive rewriting.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The type index of every function, imports first, with the import's name.
    pub(super) functions: Vec<(u32, Option<String>)>,
    /// The bytes of every function's body.
    pub(super) bodies: Vec<Vec<u8>>,
    /// Where they begin.
    pub(super) body_offsets: Vec<u32>,
    /// Exports and what they name.
    pub(super) exports: Vec<(String, u32)>,
    /// The memory.
    pub(super) memory: Option<MemoryFacts>,
}

/// What must be known of a memory.
#[derive(Debug)]
pub(super) struct MemoryFacts {
    /// Whether it is imported.
    pub(super) imported: bool,
    /// Bytes it begins with.
    pub(super) bytes: u64,
    /// Bytes it may have, if the module says so.
    pub(super) maximum: Option<u64>,
    /// The name it is exported under first.
    pub(super) export: Option<String>,
}

impl Facts {
    /// The facts of a valid module.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut facts = Self::default();
        for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
            facts.take(payload, bytes);
        }
        facts
    }

    fn take(&mut self, payload: Payload<'_>, bytes: &[u8]) {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports().map_while(Result::ok) {
                    match import.ty {
                        TypeRef::Func(ty) => {
                            let name = format!("{}.{}", import.module, import.name);
                            self.functions.push((ty, Some(name)));
                        }
                        TypeRef::Memory(memory) => {
                            self.memory = Some(MemoryFacts::of(memory, true))
                        }
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(types) => {
                self.functions
                    .extend(types.into_iter().map_while(Result::ok).map(|ty| (ty, None)));
            }
            Payload::MemorySection(memories) => {
                for memory in memories.into_iter().map_while(Result::ok) {
                    self.memory = Some(MemoryFacts::of(memory, false));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.into_iter().map_while(Result::ok) {
                    if let (ExternalKind::Memory, Some(memory)) = (export.kind, &mut self.memory) {
                        memory.export.get_or_insert_with(|| export.name.to_string());
                    }
                    self.exports.push((export.name.to_string(), export.index));
                }
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                self.body_offsets
                    .push(u32::try_from(range.start).unwrap_or(u32::MAX));
                self.bodies
                    .push(bytes.get(range).unwrap_or_default().to_vec());
            }
            _ => {}
        }
    }
}

impl MemoryFacts {
    fn of(memory: wasmparser::MemoryType, imported: bool) -> Self {
        let page = 1 << memory.page_size_log2.unwrap_or(16);
        let maximum = memory.maximum.map(|pages| pages * page);
        Self {
            imported,
            bytes: memory.initial * page,
            maximum,
            export: None,
        }
    }
}

/// Whether the host answers every import of a valid module.
pub(super) fn imports_are_known(bytes: &[u8]) -> bool {
    let mut types = Vec::new();
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::TypeSection(section) => {
                types.extend(section.into_iter_err_on_gc_types().map_while(Result::ok));
            }
            Payload::ImportSection(imports) => {
                return imports.into_imports().map_while(Result::ok).all(|import| {
                    match import.ty {
                        TypeRef::Func(index) => types.get(index as usize).is_some_and(|ty| {
                            let convert = |types: &[ValType]| {
                                types
                                    .iter()
                                    .map(|ty| number(*ty))
                                    .collect::<Option<Vec<_>>>()
                            };
                            match (convert(ty.params()), convert(ty.results())) {
                                (Some(parameters), Some(results)) => calls::resolve(
                                    import.module,
                                    import.name,
                                    &parameters,
                                    &results,
                                )
                                .is_some(),
                                _ => false,
                            }
                        }),
                        TypeRef::Memory(_) => true,
                        _ => false,
                    }
                });
            }
            _ => {}
        }
    }
    true
}

const fn number(ty: ValType) -> Option<ValueType> {
    match ty {
        ValType::I32 => Some(ValueType::I32),
        ValType::I64 => Some(ValueType::I64),
        ValType::F32 => Some(ValueType::F32),
        ValType::F64 => Some(ValueType::F64),
        ValType::V128 | ValType::Ref(_) => None,
    }
}
