//! What a module imports and exports, read by a parser that is not the engine's.

use anyhow::Result;
use wasmparser::{
    DataKind, ElementKind, ExternalKind, FuncType, GlobalType, MemoryType, Parser, Payload,
    RefType, TableType, TypeRef,
};

/// What one module can be linked to another by.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Function(FuncType),
    Table(TableType),
    Memory(MemoryType),
    Global(GlobalType),
}

/// The outside of a module.
#[derive(Default)]
pub(crate) struct Shape {
    types: Vec<FuncType>,
    pub(crate) imports: Vec<(String, String, Kind)>,
    /// Everything by its index, imported ones first.
    pub(crate) functions: Vec<FuncType>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<GlobalType>,
    /// By name, in order.
    pub(crate) exports: Vec<(String, ExternalKind, u32)>,
    pub(crate) start: Option<u32>,
    has_code: bool,
    has_active_segments: bool,
}

impl Shape {
    /// Reads a module that is valid.
    pub(crate) fn of(module: &[u8]) -> Result<Self> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            shape.read(payload?)?;
        }
        Ok(shape)
    }

    fn read(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(ty?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let kind = self.imported(import.ty)?;
                    self.imports
                        .push((import.module.to_owned(), import.name.to_owned(), kind));
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(self.types[ty? as usize].clone());
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(global?.ty);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports
                        .push((export.name.to_owned(), export.kind, export.index));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for segment in section {
                    self.has_active_segments |= matches!(segment?.kind, ElementKind::Active { .. });
                }
            }
            Payload::DataSection(section) => {
                for segment in section {
                    self.has_active_segments |= matches!(segment?.kind, DataKind::Active { .. });
                }
            }
            Payload::CodeSectionStart { count, .. } => self.has_code = count > 0,
            _ => {}
        }
        Ok(())
    }

    fn imported(&mut self, ty: TypeRef) -> Result<Kind> {
        Ok(match ty {
            TypeRef::Func(ty) => {
                let ty = self.types[ty as usize].clone();
                self.functions.push(ty.clone());
                Kind::Function(ty)
            }
            TypeRef::Table(ty) => {
                self.tables.push(ty);
                Kind::Table(ty)
            }
            TypeRef::Memory(ty) => {
                self.memories.push(ty);
                Kind::Memory(ty)
            }
            TypeRef::Global(ty) => {
                self.globals.push(ty);
                Kind::Global(ty)
            }
            other => anyhow::bail!("an import of another kind: {other:?}"),
        })
    }

    /// What an export is.
    pub(crate) fn kind(&self, kind: ExternalKind, index: u32) -> Kind {
        let index = index as usize;
        match kind {
            ExternalKind::Table => Kind::Table(self.tables[index]),
            ExternalKind::Memory => Kind::Memory(self.memories[index]),
            ExternalKind::Global => Kind::Global(self.globals[index]),
            _ => Kind::Function(self.functions[index].clone()),
        }
    }

    /// What it has that this engine does not.
    pub(crate) fn lacks(&self) -> Option<&'static str> {
        if self.memories.len() > 1 {
            return Some("has two memories");
        }
        let is_long = self.memories.iter().any(|memory| memory.memory64);
        is_long.then_some("has a 64-bit memory")
    }

    /// Whether it can neither change what it imports nor show it to anybody.
    pub(crate) fn is_inert(&self) -> bool {
        !self.can_write() && self.exports.is_empty()
    }

    /// Whether it can change what it shares.
    pub(crate) const fn can_write(&self) -> bool {
        self.has_code || self.has_active_segments
    }
}

/// Whether what is exported may stand for what is imported (core specification 2.0, 4.5.4).
pub(crate) fn matches(exported: &Kind, imported: &Kind) -> bool {
    let limits = |have: (u64, Option<u64>), wanted: (u64, Option<u64>)| {
        have.0 >= wanted.0
            && wanted
                .1
                .is_none_or(|wanted| have.1.is_some_and(|have| have <= wanted))
    };
    match (exported, imported) {
        (Kind::Function(one), Kind::Function(other)) => one == other,
        (Kind::Global(one), Kind::Global(other)) => one == other,
        (Kind::Table(one), Kind::Table(other)) => {
            one.element_type == other.element_type
                && limits((one.initial, one.maximum), (other.initial, other.maximum))
        }
        (Kind::Memory(one), Kind::Memory(other)) => {
            one.page_size_log2.unwrap_or(16) == other.page_size_log2.unwrap_or(16)
                && limits((one.initial, one.maximum), (other.initial, other.maximum))
        }
        _ => false,
    }
}

/// Whether a reference to a function passes with calls of this type.
pub(crate) fn passes_functions(ty: &FuncType) -> bool {
    let mut types = ty.params().iter().chain(ty.results());
    types.any(|ty| *ty == wasmparser::ValType::Ref(RefType::FUNCREF))
}
