//! A valid module as the packer sees it: what decides over its memory and its stack.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use thimble_abi::{CallSpec, ValueType, calls};
use wasmparser::{
    BinaryReaderError, CompositeInnerType, ConstExpr, DataKind, ElementItems, ExternalKind,
    FuncType, FunctionBody, GlobalType, KnownCustom, MemoryType, Name, Operator, OperatorsReader,
    Parser, Payload, TypeRef, ValType,
};

use super::relocations::{Relocations, SectionStarts};

/// What the sections say.
#[derive(Default)]
pub(super) struct Shape<'a> {
    /// The types; one that is no function's is empty.
    pub(super) types: Vec<FuncType>,
    /// The type of each function, imported ones first. Equal types have the index of the first of them.
    pub(super) function_types: Vec<u32>,
    /// The imported functions, as the call table knows them.
    pub(super) imports: Vec<Option<&'static CallSpec>>,
    /// The bodies of the functions that are not imported.
    pub(super) bodies: Vec<FunctionBody<'a>>,
    /// The globals, imported ones first.
    pub(super) globals: Vec<Global>,
    /// The exported functions and globals.
    pub(super) exports: Vec<(&'a str, ExternalKind, u32)>,
    /// The start function.
    pub(super) start: Option<u32>,
    /// The memory.
    pub(super) memory: Option<MemoryType>,
    /// Whether it is imported.
    pub(super) memory_imported: bool,
    /// The segments of data.
    pub(super) segments: Vec<Segment<'a>>,
    /// Functions that tables may hold.
    pub(super) taken: BTreeSet<u32>,
    /// Whether the code asks for more memory or how much there is.
    pub(super) grows: bool,
    /// Whether it asks how much there is only to turn pages into bytes at once.
    pub(super) counts_bytes: bool,
    /// Whether the code names segments of data, or could.
    pub(super) names_segments: bool,
    /// Globals that the code sets.
    pub(super) set_globals: BTreeSet<u32>,
    /// Globals that it reads.
    pub(super) read_globals: BTreeSet<u32>,
    /// The names of functions.
    pub(super) function_names: BTreeMap<u32, &'a str>,
    /// The names of globals.
    pub(super) global_names: BTreeMap<u32, &'a str>,
    /// What the linker left to relocate by.
    pub(super) relocations: Option<Relocations<'a>>,
    /// The index among equal types.
    same_types: Vec<u32>,
}

/// A global.
pub(super) struct Global {
    /// Its type.
    pub(super) ty: GlobalType,
    /// The number it begins with, where that is known.
    pub(super) begins: Option<u32>,
}

/// A segment of data.
pub(super) struct Segment<'a> {
    /// Where it is put when the guest begins; `None` if it is not, or if the place is computed.
    pub(super) address: Option<u32>,
    /// Whether it is put somewhere when the guest begins.
    pub(super) active: bool,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
}

impl Segment<'_> {
    /// The first byte behind it.
    pub(super) fn end(&self) -> u64 {
        u64::from(self.address.unwrap_or(0)).saturating_add(self.bytes.len() as u64)
    }
}

impl<'a> Shape<'a> {
    /// Reads a module that was validated.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut shape = Self::default();
        let mut starts = SectionStarts::default();
        let mut customs = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            starts.take(&payload);
            match payload {
                Payload::CustomSection(section) => customs.push(section),
                payload => shape.take(payload)?,
            }
        }
        starts.segments(
            shape
                .segments
                .iter()
                .map(|segment| segment.address)
                .collect(),
        );
        shape.relocations = Relocations::read(bytes, &customs, &starts);
        for section in &customs {
            if let KnownCustom::Name(names) = section.as_known() {
                shape.take_names(names);
            }
        }
        shape.scan_code()?;
        Ok(shape)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(reader) => {
                for group in reader {
                    for ty in group?.into_types() {
                        self.types.push(match ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => ty,
                            _ => FuncType::new([], []),
                        });
                    }
                }
                self.number_types();
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    self.take_import(import?);
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    self.function_types.push(self.same_type(ty?));
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    self.memory = Some(memory?);
                }
            }
            Payload::GlobalSection(reader) => self.take_globals(reader)?,
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    self.exports.push((export.name, export.kind, export.index));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(reader) => {
                for element in reader {
                    self.take_elements(element?.items)?;
                }
            }
            Payload::DataCountSection { .. } => self.names_segments = true,
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::DataSection(reader) => {
                for data in reader {
                    self.take_data(&data?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_globals(
        &mut self,
        reader: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), BinaryReaderError> {
        for global in reader {
            let global = global?;
            self.take_references(&global.init_expr)?;
            let begins = self.number(&global.init_expr);
            self.globals.push(Global {
                ty: global.ty,
                begins,
            });
        }
        Ok(())
    }

    fn number_types(&mut self) {
        let mut first = HashMap::new();
        self.same_types = (0..)
            .zip(&self.types)
            .map(|(index, ty)| *first.entry(ty.clone()).or_insert(index))
            .collect();
    }

    /// The first index of a type that is equal to this one.
    pub(super) fn same_type(&self, index: u32) -> u32 {
        self.same_types
            .get(index as usize)
            .copied()
            .unwrap_or(index)
    }

    fn take_import(&mut self, import: wasmparser::Import<'a>) {
        match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                let index = self.same_type(index);
                self.imports.push(
                    self.types
                        .get(index as usize)
                        .and_then(|ty| call(import.module, import.name, ty)),
                );
                self.function_types.push(index);
            }
            TypeRef::Memory(memory) => {
                self.memory = Some(memory);
                self.memory_imported = true;
            }
            TypeRef::Global(ty) => self.globals.push(Global { ty, begins: None }),
            TypeRef::Table(_) | TypeRef::Tag(_) => {}
        }
    }

    fn take_elements(&mut self, items: ElementItems<'_>) -> Result<(), BinaryReaderError> {
        match items {
            ElementItems::Functions(functions) => {
                for function in functions {
                    self.taken.insert(function?);
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    self.take_references(&expression?)?;
                }
            }
        }
        Ok(())
    }

    fn take_references(&mut self, expression: &ConstExpr<'_>) -> Result<(), BinaryReaderError> {
        for operator in expression.get_operators_reader() {
            if let Operator::RefFunc { function_index } = operator? {
                self.taken.insert(function_index);
            }
        }
        Ok(())
    }

    /// The value of a constant expression that is one number, or a global's that is one.
    fn number(&self, expression: &ConstExpr<'_>) -> Option<u32> {
        let mut reader = expression.get_operators_reader();
        let number = match reader.read().ok()? {
            Operator::I32Const { value } => value.cast_unsigned(),
            Operator::GlobalGet { global_index } => {
                let global = self.globals.get(global_index as usize)?;
                global.begins.filter(|_| !global.ty.mutable)?
            }
            _ => return None,
        };
        matches!(reader.read().ok()?, Operator::End).then_some(number)
    }

    fn take_data(&mut self, data: &wasmparser::Data<'a>) {
        let (active, address) = match &data.kind {
            DataKind::Passive => (false, None),
            DataKind::Active { offset_expr, .. } => (true, self.number(offset_expr)),
        };
        self.segments.push(Segment {
            address,
            active,
            bytes: data.data,
        });
    }

    fn take_names(&mut self, names: wasmparser::NameSectionReader<'a>) {
        for subsection in names {
            let (map, names) = match subsection {
                Ok(Name::Function(map)) => (map, &mut self.function_names),
                Ok(Name::Global(map)) => (map, &mut self.global_names),
                Ok(_) => continue,
                // What comes behind something broken cannot be told from garbage.
                Err(_) => return,
            };
            names.extend(
                map.into_iter()
                    .map_while(Result::ok)
                    .map(|naming| (naming.index, naming.name)),
            );
        }
    }

    fn scan_code(&mut self) -> Result<(), BinaryReaderError> {
        self.counts_bytes = true;
        for body in &self.bodies {
            let mut reader = body.get_operators_reader()?;
            while !reader.eof() {
                let operator = reader.read()?;
                if matches!(operator, Operator::MemorySize { .. }) {
                    self.counts_bytes &= becomes_bytes(&reader);
                }
                match operator {
                    Operator::MemoryGrow { .. } | Operator::MemorySize { .. } => self.grows = true,
                    Operator::MemoryInit { .. } | Operator::DataDrop { .. } => {
                        self.names_segments = true;
                    }
                    Operator::RefFunc { function_index } => {
                        self.taken.insert(function_index);
                    }
                    Operator::GlobalGet { global_index } => {
                        self.read_globals.insert(global_index);
                    }
                    Operator::GlobalSet { global_index } => {
                        self.set_globals.insert(global_index);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The type of a function.
    pub(super) fn function_type(&self, function: u32) -> Option<&FuncType> {
        let index = self.function_types.get(function as usize)?;
        self.types.get(*index as usize)
    }

    /// The body of a function that is not imported.
    pub(super) fn body(&self, function: u32) -> Option<&FunctionBody<'a>> {
        let index = (function as usize).checked_sub(self.imports.len())?;
        self.bodies.get(index)
    }

    /// Functions that a table may hold, of this type.
    pub(super) fn taken_of_type(&self, ty: u32) -> impl Iterator<Item = u32> + '_ {
        self.taken
            .iter()
            .copied()
            .filter(move |function| self.function_types.get(*function as usize) == Some(&ty))
    }

    /// What people call a function.
    pub(super) fn name(&self, function: u32) -> String {
        let exported = || {
            self.exports.iter().find_map(|(name, kind, index)| {
                (*kind == ExternalKind::Func && *index == function).then_some(*name)
            })
        };
        match self
            .function_names
            .get(&function)
            .copied()
            .or_else(exported)
        {
            Some(name) => name.to_owned(),
            None => format!("function {function}"),
        }
    }

    /// The number of an exported global that never changes.
    pub(super) fn exported_number(&self, name: &str) -> Option<u32> {
        let (_, _, index) = self
            .exports
            .iter()
            .find(|(export, kind, _)| *kind == ExternalKind::Global && *export == name)?;
        let global = self.globals.get(*index as usize)?;
        global
            .begins
            .filter(|_| !global.ty.mutable && global.ty.content_type == ValType::I32)
    }

    /// Bytes of memory that it begins with.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory.as_ref().map_or(0, |memory| {
            memory
                .initial
                .saturating_mul(1 << memory.page_size_log2.unwrap_or(16).min(16))
        })
    }
}

/// Whether what comes next turns a number of pages into one of bytes.
pub(super) fn becomes_bytes(reader: &OperatorsReader<'_>) -> bool {
    let mut next = reader.clone();
    matches!(next.read(), Ok(Operator::I32Const { value: 16 }))
        && matches!(next.read(), Ok(Operator::I32Shl))
}

/// The call that answers an import.
fn call(module: &str, name: &str, ty: &FuncType) -> Option<&'static CallSpec> {
    let types = |types: &[ValType]| -> Option<Vec<ValueType>> {
        types
            .iter()
            .map(|ty| match ty {
                ValType::I32 => Some(ValueType::I32),
                ValType::I64 => Some(ValueType::I64),
                ValType::F32 => Some(ValueType::F32),
                ValType::F64 => Some(ValueType::F64),
                ValType::V128 | ValType::Ref(_) => None,
            })
            .collect()
    };
    calls::resolve(module, name, &types(ty.params())?, &types(ty.results())?)
}
