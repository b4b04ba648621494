//! What a guest has besides its stack: memory, tables, globals, and which segments are gone.

use alloc::sync::Arc;
use alloc::vec::Vec;

use thimble_runtime::engine::TrapKind;

use crate::memory::{Buffers, Memory};
use crate::opcode::code;
use crate::program::{ImportKind, Program, TableType};
use crate::reader::Reader;
use crate::slot::{Slot as _, low};
use crate::table::{Segment, SideTable, TableError};
use crate::validate::OPERANDS_MAX;

/// A table of references: 0 for null, else a function's index (or a host's number) and 1.
pub(crate) struct Table {
    pub(crate) elements: Vec<u32>,
    maximum: Option<u32>,
}

/// One instance of a program.
pub(crate) struct Instance {
    pub(crate) program: Arc<Program>,
    pub(crate) memory: Memory,
    pub(crate) globals: Vec<u64>,
    pub(crate) tables: Vec<Table>,
    /// A bit for each data segment, then for each element segment, that was dropped.
    dropped: Vec<u8>,
    table_elements_max: u32,
}

/// What guests may have, and what their imports that are no functions are.
pub(crate) struct Surroundings<'a> {
    pub(crate) buffers: &'a dyn Buffers,
    pub(crate) memory_bytes_max: u64,
    pub(crate) table_elements_max: u32,
    /// Pages with which its memory begins beyond what the module says.
    pub(crate) more_pages: u32,
    /// The values of imported globals, in order; missing ones are 0.
    pub(crate) globals: &'a [u64],
}

/// Why an instance could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoInstance {
    /// Its memory is larger than it may be.
    Memory { needed_bytes: u64 },
    /// Its tables have more elements than they may.
    Tables { needed_elements: u64 },
    /// There is no room for it.
    NoRoom,
    /// The program is not what it was.
    Damaged,
}

impl From<TableError> for NoInstance {
    fn from(_: TableError) -> Self {
        Self::Damaged
    }
}

impl Instance {
    /// Makes an instance. Its segments are not in place yet: [`Instance::initialize`].
    pub(crate) fn new(
        program: Arc<Program>,
        surroundings: &Surroundings<'_>,
    ) -> Result<Self, NoInstance> {
        let head = program.table()?.head;
        let memory = match program.memory() {
            None => Memory::none(),
            Some(ty) => {
                let pages = ty.pages().with(surroundings.more_pages.into());
                let needed_bytes = pages.initial.saturating_mul(pages.page_bytes);
                if needed_bytes > surroundings.memory_bytes_max {
                    return Err(NoInstance::Memory { needed_bytes });
                }
                Memory::new(
                    surroundings.buffers,
                    u32::try_from(pages.initial).map_err(|_| NoInstance::NoRoom)?,
                    pages
                        .maximum
                        .map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
                    ty.page_bits,
                    surroundings.memory_bytes_max,
                )
                .ok_or(NoInstance::NoRoom)?
            }
        };
        let tables = tables(&program, surroundings.table_elements_max)?;
        let mut dropped = Vec::new();
        let bits = (head.data_count as usize).saturating_add(head.element_count as usize);
        fill(&mut dropped, bits.div_ceil(8), 0)?;
        let mut instance = Self {
            memory,
            globals: Vec::new(),
            tables,
            dropped,
            table_elements_max: surroundings.table_elements_max,
            program,
        };
        instance.make_globals(head.global_section, head.global_count, surroundings.globals)?;
        Ok(instance)
    }

    fn make_globals(
        &mut self,
        section: u32,
        count: u32,
        imported: &[u64],
    ) -> Result<(), NoInstance> {
        let mut globals = Vec::new();
        globals
            .try_reserve_exact(count as usize)
            .map_err(|_| NoInstance::NoRoom)?;
        let imports = self
            .program
            .imports()
            .filter(|import| matches!(import.kind, ImportKind::Global(_)));
        for (position, _) in imports.enumerate() {
            globals.push(imported.get(position).copied().unwrap_or(0));
        }
        let program = Arc::clone(&self.program);
        if section != 0 {
            let mut reader = program.reader(section);
            for _ in 0..reader.u32().map_err(|_| NoInstance::Damaged)? {
                reader.skip(2).map_err(|_| NoInstance::Damaged)?;
                let value = constant(&mut reader, &globals).ok_or(NoInstance::Damaged)?;
                globals.push(value);
            }
        }
        self.globals = globals;
        Ok(())
    }

    /// Puts active segments in place, in order; what does not fit is the module's fault.
    pub(crate) fn initialize(&mut self) -> Result<(), TrapKind> {
        let program = Arc::clone(&self.program);
        let table = program.table().map_err(|_| TrapKind::Engine)?;
        self.initialize_tables(&program, &table)
            .ok_or(TrapKind::TableOutOfBounds)?;
        self.initialize_memory(&program, &table)
            .ok_or(TrapKind::MemoryOutOfBounds)
    }

    fn initialize_tables(&mut self, program: &Program, table: &SideTable<'_>) -> Option<()> {
        if table.head.element_count == 0 {
            return Some(());
        }
        let mut reader = program.reader(table.head.element_section);
        reader.u32().ok()?;
        for index in 0..table.head.element_count {
            let segment = table.element_segment(index);
            let form = reader.u32().ok()?;
            if form & 1 == 0 {
                let into = if form & 2 != 0 { reader.u32().ok()? } else { 0 };
                let at = low(constant(&mut reader, &self.globals)?);
                self.table_init(into, segment, [at, 0, segment.count])?;
            }
            // Declared ones are never used.
            if form & 1 == 0 || form & 3 == 3 {
                self.drop_element_segment(index);
            }
            reader = program.reader(segment.offset);
            for _ in 0..segment.count {
                element(&mut reader, form, &self.globals)?;
            }
        }
        Some(())
    }

    fn initialize_memory(&mut self, program: &Program, table: &SideTable<'_>) -> Option<()> {
        if table.head.data_count == 0 {
            return Some(());
        }
        let mut reader = program.reader(table.head.data_section);
        reader.u32().ok()?;
        for index in 0..table.head.data_count {
            let segment = table.data_segment(index);
            let form = reader.u32().ok()?;
            if form != 1 {
                if form == 2 {
                    reader.u32().ok()?;
                }
                let at = low(constant(&mut reader, &self.globals)?);
                self.memory_init(segment, [at, 0, segment.count])?;
                self.drop_data_segment(index);
            }
            reader = program.reader(segment.offset);
            reader.skip(segment.count).ok()?;
        }
        Some(())
    }

    /// `memory.init` with its three operands.
    pub(crate) fn memory_init(
        &mut self,
        segment: Segment,
        [to, from, count]: [u32; 3],
    ) -> Option<()> {
        let start = segment.offset as usize;
        let content = self
            .program
            .bytes()
            .get(start..start.checked_add(segment.count as usize)?)?;
        let source = content.get(range(from, count)?)?;
        self.memory
            .slice()
            .get_mut(range(to, count)?)?
            .copy_from_slice(source);
        Some(())
    }

    /// `table.init` with its three operands.
    pub(crate) fn table_init(
        &mut self,
        table: u32,
        segment: Segment,
        [to, from, count]: [u32; 3],
    ) -> Option<()> {
        if from.checked_add(count)? > segment.count {
            return None;
        }
        let program = Arc::clone(&self.program);
        let place = self
            .tables
            .get_mut(table as usize)?
            .elements
            .get_mut(range(to, count)?)?;
        let mut reader = program.reader(segment.offset);
        for _ in 0..from {
            element(&mut reader, segment.form, &self.globals)?;
        }
        for element_place in place {
            *element_place = element(&mut reader, segment.form, &self.globals)?;
        }
        Some(())
    }

    /// A data segment, empty if it was dropped.
    pub(crate) fn data_segment(&self, table: &SideTable<'_>, index: u32) -> Segment {
        if self.is_dropped(index) {
            return Segment::default();
        }
        table.data_segment(index)
    }

    /// An element segment, empty if it was dropped.
    pub(crate) fn element_segment(&self, table: &SideTable<'_>, index: u32) -> Segment {
        if self.is_dropped(table.head.data_count + index) {
            return Segment::default();
        }
        table.element_segment(index)
    }

    fn is_dropped(&self, bit: u32) -> bool {
        let bits = self
            .dropped
            .get(bit as usize / 8)
            .copied()
            .unwrap_or(u8::MAX);
        bits >> (bit % 8) & 1 != 0
    }

    pub(crate) fn drop_data_segment(&mut self, index: u32) {
        if let Some(bits) = self.dropped.get_mut(index as usize / 8) {
            *bits |= 1 << (index % 8);
        }
    }

    pub(crate) fn drop_element_segment(&mut self, index: u32) {
        let before = self
            .program
            .table()
            .map_or(0, |table| table.head.data_count);
        self.drop_data_segment(before + index);
    }

    /// `table.grow`: the length before, if it may and can.
    pub(crate) fn table_grow(&mut self, table: u32, value: u32, count: u32) -> Option<u32> {
        let all: u64 = self
            .tables
            .iter()
            .map(|table| table.elements.len() as u64)
            .sum();
        if all + u64::from(count) > self.table_elements_max.into() {
            return None;
        }
        let table = self.tables.get_mut(table as usize)?;
        let before = u32::try_from(table.elements.len()).ok()?;
        let after = before.checked_add(count)?;
        if table.maximum.is_some_and(|maximum| after > maximum) {
            return None;
        }
        table.elements.try_reserve_exact(count as usize).ok()?;
        table.elements.resize(after as usize, value);
        Some(before)
    }

    /// `table.copy` with its three operands.
    pub(crate) fn table_copy(
        &mut self,
        tables: [u32; 2],
        [to, from, count]: [u32; 3],
    ) -> Option<()> {
        let [into, out_of] = tables;
        let (target, source) = (range(to, count)?, range(from, count)?);
        if into == out_of {
            let elements = &mut self.tables.get_mut(into as usize)?.elements;
            elements.get(source.clone())?;
            elements.get(target.clone())?;
            elements.copy_within(source, target.start);
            return Some(());
        }
        let [into, out_of] = self
            .tables
            .get_disjoint_mut([into as usize, out_of as usize])
            .ok()?;
        let source = out_of.elements.get(source)?;
        into.elements.get_mut(target)?.copy_from_slice(source);
        Some(())
    }

    /// `table.fill` with its operands.
    pub(crate) fn table_fill(&mut self, table: u32, at: u32, value: u32, count: u32) -> Option<()> {
        let elements = &mut self.tables.get_mut(table as usize)?.elements;
        elements.get_mut(range(at, count)?)?.fill(value);
        Some(())
    }
}

/// The range of so many from a place.
pub(crate) fn range(start: u32, count: u32) -> Option<core::ops::Range<usize>> {
    let start = start as usize;
    Some(start..start.checked_add(count as usize)?)
}

fn fill<T: Clone>(vector: &mut Vec<T>, count: usize, value: T) -> Result<(), NoInstance> {
    vector
        .try_reserve_exact(count)
        .map_err(|_| NoInstance::NoRoom)?;
    vector.resize(count, value);
    Ok(())
}

fn tables(program: &Program, elements_max: u32) -> Result<Vec<Table>, NoInstance> {
    let imported = program.imports().filter_map(|import| match import.kind {
        ImportKind::Table(ty) => Some(ty),
        _ => None,
    });
    let types = || imported.chain(program.tables());
    let mut tables = Vec::new();
    let mut needed_elements = 0_u64;
    let mut make = |ty: TableType| {
        needed_elements += u64::from(ty.minimum);
        if needed_elements > elements_max.into() {
            return Ok::<(), NoInstance>(());
        }
        let mut elements = Vec::new();
        fill(&mut elements, ty.minimum as usize, 0)?;
        tables.try_reserve(1).map_err(|_| NoInstance::NoRoom)?;
        tables.push(Table {
            elements,
            maximum: ty.maximum,
        });
        Ok(())
    };
    types().try_for_each(&mut make)?;
    if needed_elements > elements_max.into() {
        return Err(NoInstance::Tables { needed_elements });
    }
    Ok(tables)
}

/// An element of a segment.
fn element(reader: &mut Reader<'_>, form: u32, globals: &[u64]) -> Option<u32> {
    if form & 4 != 0 {
        return constant(reader, globals).map(low);
    }
    reader.u32().ok().map(|function| function + 1)
}

/// The value of a constant expression that was validated, up to and with its end.
fn constant(reader: &mut Reader<'_>, globals: &[u64]) -> Option<u64> {
    let mut stack = [0_u64; OPERANDS_MAX];
    let mut height = 0_usize;
    loop {
        let opcode = reader.u8().ok()?;
        let value = match opcode {
            code::End => return stack.get(height.checked_sub(1)?).copied(),
            code::I32Const => reader.i32().ok()?.into_slot(),
            code::I64Const => reader.i64().ok()?.into_slot(),
            code::F32Const => u32::from_le_bytes(reader.bytes(4).ok()?.try_into().ok()?).into(),
            code::F64Const => u64::from_le_bytes(reader.bytes(8).ok()?.try_into().ok()?),
            code::GlobalGet => *globals.get(reader.u32().ok()? as usize)?,
            code::RefNull => {
                reader.u8().ok()?;
                0
            }
            code::RefFunc => u64::from(reader.u32().ok()?) + 1,
            _ => {
                let b = *stack.get(height.checked_sub(1)?)?;
                let a = *stack.get(height.checked_sub(2)?)?;
                height -= 2;
                computed(opcode, a, b)?
            }
        };
        *stack.get_mut(height)? = value;
        height += 1;
    }
}

const fn computed(opcode: u8, a: u64, b: u64) -> Option<u64> {
    Some(match opcode {
        code::I32Add => a.wrapping_add(b) & 0xffff_ffff,
        code::I32Sub => a.wrapping_sub(b) & 0xffff_ffff,
        code::I32Mul => a.wrapping_mul(b) & 0xffff_ffff,
        code::I64Add => a.wrapping_add(b),
        code::I64Sub => a.wrapping_sub(b),
        code::I64Mul => a.wrapping_mul(b),
        _ => return None,
    })
}
