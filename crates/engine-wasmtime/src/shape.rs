//! What a module's sections say about the room it needs, and where its code is.

use wasmparser::{Parser, Payload, TypeRef, ValType};

/// What a module needs that its bytes tell before they are compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModuleShape {
    /// How many tables it has.
    pub(crate) tables: u32,
    /// Elements they begin with, over all of them.
    pub(crate) table_elements: u64,
    /// Whether it declares references to host objects, for which Wasmtime keeps a heap.
    pub(crate) has_host_references: bool,
    /// Whether it has the type of a function without parameters and results.
    pub(crate) has_plain_type: bool,
    /// How many functions it has, imported ones included.
    pub(crate) functions: u32,
    /// Where its code is, if it has any.
    pub(crate) code: Option<CodeRange>,
}

/// The bodies of a module's functions, as offsets into the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CodeRange {
    /// Where the first one begins.
    pub(crate) first_body: usize,
    /// Where the last one ends.
    pub(crate) end: usize,
}

impl ModuleShape {
    /// Reads a module that was parsed before; what cannot be read counts as absent and is refused later.
    pub(crate) fn of(module: &[u8]) -> Self {
        let mut shape = Self::default();
        let mut code_end = 0;
        for payload in Parser::new(0).parse_all(module) {
            match payload {
                Ok(Payload::TypeSection(section)) => {
                    for signature in section.into_iter_err_on_gc_types().flatten() {
                        shape.note(signature.params());
                        shape.note(signature.results());
                        shape.has_plain_type |=
                            signature.params().is_empty() && signature.results().is_empty();
                    }
                }
                Ok(Payload::ImportSection(section)) => {
                    for import in section.into_imports().flatten() {
                        match import.ty {
                            TypeRef::Global(global) => shape.note(&[global.content_type]),
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => shape.note_functions(1),
                            _ => {}
                        }
                    }
                }
                Ok(Payload::FunctionSection(section)) => shape.note_functions(section.count()),
                Ok(Payload::TableSection(section)) => {
                    for table in section.into_iter().flatten() {
                        shape.tables = shape.tables.saturating_add(1);
                        shape.table_elements =
                            shape.table_elements.saturating_add(table.ty.initial);
                        shape.note(&[ValType::Ref(table.ty.element_type)]);
                    }
                }
                Ok(Payload::GlobalSection(section)) => {
                    for global in section.into_iter().flatten() {
                        shape.note(&[global.ty.content_type]);
                    }
                }
                Ok(Payload::CodeSectionStart { range, .. }) => code_end = range.end,
                // Everything else of interest comes before the code.
                Ok(Payload::CodeSectionEntry(body)) => {
                    shape.code = Some(CodeRange {
                        first_body: body.range().start,
                        end: code_end,
                    });
                    break;
                }
                Ok(Payload::DataSection(_)) | Err(_) => break,
                Ok(_) => {}
            }
        }
        shape
    }

    fn note_functions(&mut self, count: u32) {
        self.functions = self.functions.saturating_add(count);
    }

    fn note(&mut self, types: &[ValType]) {
        self.has_host_references |= types
            .iter()
            .any(|ty| matches!(ty, ValType::Ref(reference) if reference.is_extern_ref()));
    }
}
