//! Instructions that take long, or that change what the registers point to.

use thimble_runtime::engine::TrapKind;

use super::calls::{Went, burn};
use super::registers::Registers;
use super::{Calls, Halt};
use crate::instance::{Instance, range};
use crate::memory::Refused;
use crate::opcode::second;

/// What is filled or copied at once. The rest of the instruction comes after a look at the fuel.
const PIECE_BYTES: u32 = 16 << 10;
/// Bytes or elements that are moved for one unit of fuel.
const BYTES_PER_FUEL: u32 = 8;
/// Less fuel than this there never is: a branch may still take some, and must not make it much.
const DEBT_MAX: i32 = -(1 << 30);
/// Fuel that growing costs besides: the allocator may have to move all that was there.
const GROW_FUEL: u32 = 100;

impl Instance {
    pub(super) fn memory_grow(&mut self, r: &mut Registers, calls: &mut dyn Calls) {
        let pages: u32 = r.pop();
        let before = self.memory.bytes;
        let grown = self.memory.grow(pages);
        // Taken here, missed at the next branch or call.
        let new = u32::try_from(self.memory.bytes - before).unwrap_or(u32::MAX);
        let fuel = i32::try_from(GROW_FUEL + new / BYTES_PER_FUEL).unwrap_or(i32::MAX);
        r.fuel = r.fuel.saturating_sub(fuel).max(DEBT_MAX);
        if let Err(Refused::Limit(wanted_bytes)) = grown {
            calls.memory_refused(wanted_bytes);
        }
        r.bind_memory(self);
        r.push(grown.unwrap_or(u32::MAX));
    }

    pub(super) fn table_get(&mut self, r: &mut Registers) -> Went {
        let table = r.u32();
        let at: u32 = r.pop();
        let elements = self.tables.get(table as usize).map(|table| &table.elements);
        let element = elements.and_then(|elements| elements.get(at as usize));
        r.push(*element.ok_or(TrapKind::TableOutOfBounds)?);
        Ok(())
    }

    pub(super) fn table_set(&mut self, r: &mut Registers) -> Went {
        let table = r.u32();
        let value: u32 = r.pop();
        let at: u32 = r.pop();
        self.table_fill(table, at, value, 1)
            .ok_or(TrapKind::TableOutOfBounds)?;
        Ok(())
    }

    /// An instruction after the prefix that is not about numbers. `at` is where it begins.
    pub(super) fn bulk(&mut self, r: &mut Registers, number: u32, at: *const u8) -> Went {
        let [_, _, _, number] = number.to_be_bytes();
        match number {
            second::MemoryInit => self.init_memory(r),
            second::MemoryCopy => self.copy_memory(r, at),
            second::MemoryFill => self.fill_memory(r, at),
            second::DataDrop => {
                self.drop_data_segment(r.u32());
                Ok(())
            }
            second::ElemDrop => {
                self.drop_element_segment(r.u32());
                Ok(())
            }
            _ => self.table_bulk(r, number),
        }
    }

    fn table_bulk(&mut self, r: &mut Registers, number: u8) -> Went {
        let out = TrapKind::TableOutOfBounds;
        match number {
            second::TableInit => {
                let segment = r.u32();
                let table = r.u32();
                let operands = three(r);
                let side_table = self.program.table().map_err(|_| TrapKind::Engine)?;
                let segment = self.element_segment(&side_table, segment);
                self.table_init(table, segment, operands).ok_or(out)?;
                // Elements are not all of one length: those before the first one are read, too.
                let [_, from, count] = operands;
                burn_for(r, from.saturating_add(count))
            }
            second::TableCopy => {
                let tables = [r.u32(), r.u32()];
                let operands = three(r);
                self.table_copy(tables, operands).ok_or(out)?;
                burn_for(r, operands[2])
            }
            second::TableGrow => {
                let table = r.u32();
                let count: u32 = r.pop();
                let value: u32 = r.pop();
                let before = self.table_grow(table, value, count);
                r.bind_tables(self);
                r.push(before.unwrap_or(u32::MAX));
                let moved = before.map_or(0, |_| count);
                burn_for(r, moved.saturating_add(GROW_FUEL * BYTES_PER_FUEL))
            }
            second::TableSize => {
                let table = r.u32() as usize;
                let elements = self
                    .tables
                    .get(table)
                    .map_or(0, |table| table.elements.len());
                r.push(u32::try_from(elements).unwrap_or(u32::MAX));
                Ok(())
            }
            second::TableFill => {
                let table = r.u32();
                let [at, value, count] = three(r);
                self.table_fill(table, at, value, count).ok_or(out)?;
                burn_for(r, count)
            }
            _ => Err(Halt::Trap(TrapKind::Engine)),
        }
    }

    fn init_memory(&mut self, r: &mut Registers) -> Went {
        let segment = r.u32();
        r.u8();
        let operands = three(r);
        let side_table = self.program.table().map_err(|_| TrapKind::Engine)?;
        let segment = self.data_segment(&side_table, segment);
        let done = self.memory_init(segment, operands);
        r.bind_memory(self);
        done.ok_or(TrapKind::MemoryOutOfBounds)?;
        burn_for(r, operands[2])
    }

    /// Does one piece. If more is left, the operands become what is left, and the instruction comes again.
    fn fill_memory(&mut self, r: &mut Registers, at: *const u8) -> Went {
        r.u8();
        let [to, value, count] = [r.peek(2), r.peek::<u32>(1), r.peek(0)];
        let memory = self.memory.slice();
        let place = range(to, count).and_then(|range| memory.get_mut(range));
        let place = place.ok_or(TrapKind::MemoryOutOfBounds)?;
        let piece = count.min(PIECE_BYTES);
        let [byte, ..] = value.to_le_bytes();
        place
            .get_mut(..piece as usize)
            .unwrap_or_default()
            .fill(byte);
        r.bind_memory(self);
        if piece == count {
            r.forget(3);
        } else {
            r.replace(2, to + piece);
            r.replace(0, count - piece);
            r.code = at;
        }
        burn_for(r, piece)
    }

    /// As above; from the end where the ranges would overwrite what is still to be read.
    fn copy_memory(&mut self, r: &mut Registers, at: *const u8) -> Went {
        r.u8();
        r.u8();
        let [to, from, count]: [u32; 3] = [r.peek(2), r.peek(1), r.peek(0)];
        let memory = self.memory.slice();
        let fits = |start| range(start, count).is_some_and(|range| range.end <= memory.len());
        if !fits(to) || !fits(from) {
            return Err(Halt::Trap(TrapKind::MemoryOutOfBounds));
        }
        let piece = count.min(PIECE_BYTES);
        let is_forward = to <= from;
        let skipped = if is_forward { 0 } else { count - piece };
        let source = range(from + skipped, piece).ok_or(TrapKind::MemoryOutOfBounds)?;
        memory.copy_within(source, (to + skipped) as usize);
        r.bind_memory(self);
        if piece == count {
            r.forget(3);
        } else {
            if is_forward {
                r.replace(2, to + piece);
                r.replace(1, from + piece);
            }
            r.replace(0, count - piece);
            r.code = at;
        }
        burn_for(r, piece)
    }
}

fn three(r: &mut Registers) -> [u32; 3] {
    let operands = [r.peek(2), r.peek(1), r.peek(0)];
    r.forget(3);
    operands
}

/// Takes the fuel for moving so many.
fn burn_for(r: &mut Registers, count: u32) -> Went {
    burn(r, i32::try_from(count / BYTES_PER_FUEL).unwrap_or(i32::MAX))
}
