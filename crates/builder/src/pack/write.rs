//! Writes a module anew as a plan has it. Indices of what was there stay as they are.

use thimble_abi::env;
use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataSection, Function, FunctionSection,
    GlobalSection, ImportSection, MemorySection, MemoryType, Module, NameMap, NameSection,
    SectionId, TypeSection, ValType,
};
use wasmparser::{DataKind, ExternalKind, KnownCustom, Operator, Parser, TypeRef};

use super::plan::{GuardedStack, Plan};
use super::shape::{Shape, becomes_bytes};

/// The name of the function that guards the stack, as backtraces tell it.
const GUARD_NAME: &str = "__stack_overflow_guard";

type Outcome<T = ()> = Result<T, reencode::Error<std::convert::Infallible>>;

/// Writes the module.
pub(super) fn write(bytes: &[u8], shape: &Shape<'_>, plan: &Plan) -> Outcome<Vec<u8>> {
    let functions = u32::try_from(shape.function_types.len()).unwrap_or(u32::MAX);
    let types = u32::try_from(shape.types.len()).unwrap_or(u32::MAX);
    let mut writer = Writer {
        shape,
        plan,
        memory: memory(shape, plan),
        guard: plan.guard.map(|stack| Guard {
            stack,
            function: functions,
            ty: types,
        }),
        segments_overlap: overlap(shape),
        segment: 0,
    };
    let mut module = Module::new();
    writer.parse_core_module(&mut module, Parser::new(0), bytes)?;
    if let Some(bytes) = plan.message_bytes {
        module.section(&CustomSection {
            name: env::APP_HEAP_SECTION.into(),
            data: bytes.to_le_bytes().as_slice().into(),
        });
    }
    Ok(module.finish())
}

/// The memory, if it changes; it is the module's own then.
fn memory(shape: &Shape<'_>, plan: &Plan) -> Option<MemoryType> {
    let old = shape.memory.as_ref()?;
    if let Some(bytes) = plan.exact_bytes {
        return Some(MemoryType {
            minimum: u64::from(bytes),
            // It never asks for more.
            maximum: Some(u64::from(bytes)),
            memory64: false,
            shared: false,
            page_size_log2: Some(0),
        });
    }
    Some(MemoryType {
        minimum: plan.pages?,
        maximum: old.maximum.map(|maximum| {
            // One that could not grow cannot now.
            if maximum == old.initial {
                plan.pages.unwrap_or(maximum)
            } else {
                maximum.max(plan.pages.unwrap_or(0))
            }
        }),
        memory64: false,
        shared: false,
        page_size_log2: None,
    })
}

/// Whether segments lie over each other, so that zeros of one may hide bytes of another.
fn overlap(shape: &Shape<'_>) -> bool {
    let mut ranges: Vec<_> = shape
        .segments
        .iter()
        .map(|segment| (u64::from(segment.address.unwrap_or(0)), segment.end()))
        .collect();
    ranges.sort_unstable();
    ranges.windows(2).any(|pair| match pair {
        [(_, end), (begin, _)] => end > begin,
        _ => false,
    })
}

struct Writer<'a> {
    shape: &'a Shape<'a>,
    plan: &'a Plan,
    memory: Option<MemoryType>,
    guard: Option<Guard>,
    segments_overlap: bool,
    /// Segments that were written.
    segment: usize,
}

/// The function that sets the stack pointer, unless that would leave the stack.
#[derive(Clone, Copy)]
struct Guard {
    stack: GuardedStack,
    function: u32,
    ty: u32,
}

impl Reencode for Writer<'_> {
    type Error = std::convert::Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Outcome {
        reencode::utils::parse_type_section(self, types, section)?;
        if self.guard.is_some() {
            types.ty().function([ValType::I32], []);
        }
        Ok(())
    }

    fn parse_import(
        &mut self,
        imports: &mut ImportSection,
        import: wasmparser::Import<'_>,
    ) -> Outcome {
        if self.memory.is_some() && matches!(import.ty, TypeRef::Memory(_)) {
            return Ok(());
        }
        imports.import(import.module, import.name, self.entity_type(import.ty)?);
        Ok(())
    }

    fn parse_imports(
        &mut self,
        imports: &mut ImportSection,
        group: wasmparser::Imports<'_>,
    ) -> Outcome {
        match group {
            wasmparser::Imports::Single(_, import) => self.parse_import(imports, import),
            // Not valid with the features that containers have.
            group => RoundtripReencoder.parse_imports(imports, group),
        }
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Outcome {
        reencode::utils::parse_function_section(self, functions, section)?;
        if let Some(guard) = self.guard {
            functions.function(guard.ty);
        }
        Ok(())
    }

    fn memory_type(&mut self, memory: wasmparser::MemoryType) -> Outcome<MemoryType> {
        match self.memory {
            Some(memory) => Ok(memory),
            None => Ok(reencode::utils::memory_type(self, memory)),
        }
    }

    /// A memory that was imported is the module's own from here on.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Outcome {
        let Some(memory) = self.memory.filter(|_| self.shape.memory_imported) else {
            return Ok(());
        };
        let is_here = after.is_none_or(is_before_memory)
            && before.is_none_or(|before| !is_before_memory(before));
        if is_here {
            let mut memories = MemorySection::new();
            memories.memory(memory);
            module.section(&memories);
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Outcome {
        let imported = self
            .shape
            .globals
            .len()
            .saturating_sub(section.count() as usize);
        for (index, global) in (imported..).zip(section) {
            let global = global?;
            match self.plan.top {
                Some((pointer, top)) if pointer as usize == index => {
                    globals.global(
                        self.global_type(global.ty)?,
                        &ConstExpr::i32_const(top.cast_signed()),
                    );
                }
                _ => match self.moved_number(index, &global) {
                    Some(number) => {
                        globals.global(
                            self.global_type(global.ty)?,
                            &ConstExpr::i32_const(number.cast_signed()),
                        );
                    }
                    None => self.parse_global(globals, global)?,
                },
            }
        }
        Ok(())
    }

    fn instruction<'a>(
        &mut self,
        operator: Operator<'a>,
    ) -> Outcome<wasm_encoder::Instruction<'a>> {
        match (&operator, self.guard) {
            (Operator::GlobalSet { global_index }, Some(guard))
                if *global_index == guard.stack.global =>
            {
                Ok(wasm_encoder::Instruction::Call(guard.function))
            }
            _ => reencode::utils::instruction(self, operator),
        }
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: wasmparser::FunctionBody<'_>,
    ) -> Outcome {
        let Some(bytes) = self.plan.told_bytes else {
            return reencode::utils::parse_function_body(self, code, body);
        };
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            match reader.read()? {
                // With what follows, the pages become bytes.
                Operator::MemorySize { .. } if becomes_bytes(&reader) => {
                    reader.read()?;
                    reader.read()?;
                    function.instructions().i32_const(bytes.cast_signed());
                }
                // There is no more, as where a device has none.
                Operator::MemoryGrow { .. } => {
                    function.instructions().drop().i32_const(-1);
                }
                operator => {
                    function.instruction(&self.instruction(operator)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Outcome {
        reencode::utils::parse_code_section(self, code, section)?;
        if let Some(guard) = self.guard {
            code.function(&guard.body());
        }
        Ok(())
    }

    fn parse_data(&mut self, data: &mut DataSection, segment: wasmparser::Data<'_>) -> Outcome {
        let index = self.segment;
        self.segment += 1;
        let DataKind::Active { memory_index, .. } = segment.kind else {
            return reencode::utils::parse_data(self, data, segment);
        };
        // Memory begins as zeros.
        let zeros_can_go = self.memory.is_some() && !self.segments_overlap;
        let used = match segment.data.iter().rposition(|byte| *byte != 0) {
            _ if !zeros_can_go => segment.data.len(),
            Some(last) => last + 1,
            None => 0,
        };
        if zeros_can_go && used == 0 && !self.shape.names_segments {
            return Ok(());
        }
        let bytes = segment.data.get(..used).unwrap_or_default();
        let address = self.shape.segments.get(index).and_then(|it| it.address);
        match (&self.plan.moved, address) {
            (Some(moved), Some(address)) => {
                let offset = ConstExpr::i32_const(moved.address(address).cast_signed());
                data.active(memory_index, &offset, bytes.iter().copied());
                Ok(())
            }
            _ => {
                let shortened = wasmparser::Data {
                    data: bytes,
                    ..segment
                };
                reencode::utils::parse_data(self, data, shortened)
            }
        }
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Outcome {
        if let (Some(guard), KnownCustom::Name(_)) = (self.guard, section.as_known()) {
            module.section(&names_with_guard(self.shape, guard.function));
            return Ok(());
        }
        module.section(&CustomSection {
            name: section.name().into(),
            data: section.data().into(),
        });
        Ok(())
    }
}

impl Guard {
    /// `(param i32)`: the stack pointer becomes the parameter. One comparison looks at both ends.
    fn body(&self) -> Function {
        let GuardedStack {
            global,
            data_end,
            top,
        } = self.stack;
        let mut function = Function::new([]);
        function
            .instructions()
            .local_get(0)
            .i32_const(data_end.cast_signed())
            .i32_sub()
            .i32_const(top.wrapping_sub(data_end).cast_signed())
            .i32_gt_u()
            .if_(BlockType::Empty)
            .unreachable()
            .end()
            .local_get(0)
            .global_set(global)
            .end();
        function
    }
}

impl Writer<'_> {
    /// What an exported number is now that may be an address which moved.
    fn moved_number(&self, index: usize, global: &wasmparser::Global<'_>) -> Option<u32> {
        let moved = self.plan.moved.as_ref()?;
        let number = self.shape.globals.get(index)?.begins?;
        let is_address = !global.ty.mutable
            && number >= moved.from
            && self.shape.exports.iter().any(|(name, kind, exported)| {
                *kind == ExternalKind::Global
                    && *exported as usize == index
                    && ["__data_end", "__heap_base"].contains(name)
            });
        is_address.then(|| moved.address(number))
    }
}

/// The names of functions, the guard's too.
fn names_with_guard(shape: &Shape<'_>, guard: u32) -> NameSection {
    let mut functions = NameMap::new();
    for (index, name) in &shape.function_names {
        if *index < guard {
            functions.append(*index, name);
        }
    }
    functions.append(guard, GUARD_NAME);
    let mut names = NameSection::new();
    names.functions(&functions);
    names
}

/// Whether a section stands before the memory's.
fn is_before_memory(section: SectionId) -> bool {
    matches!(
        section,
        SectionId::Type | SectionId::Import | SectionId::Function | SectionId::Table
    )
}
