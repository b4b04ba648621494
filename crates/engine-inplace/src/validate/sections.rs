//! The sections of a module but for its code.

use alloc::vec::Vec;

use thimble_runtime::module::Pages;

use super::Imported;
use super::Validator;
use super::constant;
use super::context::{function_type, push, reference_type, too_many, value_type};
use crate::error::Reason;
use crate::reader::{self, Reader};
use crate::table::{FUNCTION_WORDS, Function, Segment};
use crate::types;

/// Bits of a page's size where a memory does not choose its own.
const PAGE_BITS: u32 = 16;
/// Elements that a table may have at most.
const TABLE_MAX: u32 = 10_000_000;

impl<'m> Validator<'m, '_, '_, '_> {
    pub(super) fn types(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        self.head.type_section = section.offset();
        let count = section.u32()?;
        check_count("types", count, self.context.limits.types)?;
        self.head.types = self.writer.end();
        self.head.type_count = count;
        for _ in 0..count {
            match section.u8()? {
                0x60 => {}
                0x4e | 0x4f | 0x50 | 0x5e | 0x5f => return Err(Reason::Feature("GC types")),
                _ => return Err(Reason::Malformed("malformed function type")),
            }
            let offset = section.offset();
            let ty = function_type(section)?;
            if ty.parameters.len() > 1_000 {
                return Err(too_many("parameters of a function", 1_000));
            }
            if ty.results.len() > 1_000 {
                return Err(too_many("results of a function", 1_000));
            }
            let first = self.context.add_type(offset, ty)?;
            self.writer.append(&[first])?;
        }
        Ok(())
    }

    pub(super) fn imports(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        self.head.import_section = section.offset();
        for _ in 0..section.u32()? {
            let (module, name) = (section.name()?, section.name()?);
            let kind = section.u8()?;
            let mut ty = None;
            match kind {
                0 => {
                    let index = section.u32()?;
                    self.context.add_function(index)?;
                    self.context.imported_functions += 1;
                    ty = Some(self.context.ty(index)?);
                }
                1 => self.table_type(section)?,
                2 => self.memory_type(section)?,
                3 => self.global_type(section)?,
                4 => return Err(Reason::Feature("exceptions")),
                _ => return Err(Reason::Malformed("malformed import kind")),
            }
            let imported = Imported {
                module,
                name,
                kind,
                ty,
            };
            if !(self.accept)(imported) {
                return Err(Reason::Import);
            }
        }
        Ok(())
    }

    pub(super) fn functions(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        for _ in 0..section.u32()? {
            let ty = section.u32()?;
            self.context.add_function(ty)?;
        }
        Ok(())
    }

    pub(super) fn tables(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        self.head.table_section = section.offset();
        for _ in 0..section.u32()? {
            self.table_type(section)?;
        }
        Ok(())
    }

    fn table_type(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        if section.peek()? == 0x40 {
            return Err(Reason::Feature(
                "tables with initial values (typed function references)",
            ));
        }
        let ty = section.u8()?;
        reference_type(ty)?;
        let flags = section.u8()?;
        if flags & 4 != 0 && flags < 8 {
            return Err(Reason::Feature("64-bit tables"));
        }
        if flags > 1 {
            return Err(Reason::Malformed("malformed limits flags"));
        }
        let (minimum, maximum) = limits(section, flags)?;
        if maximum.is_some_and(|maximum| maximum < minimum) {
            return Err(Reason::Invalid(
                "size minimum must not be greater than maximum",
            ));
        }
        check_count("table elements", minimum, TABLE_MAX)?;
        self.context.add_table(ty)
    }

    pub(super) fn memories(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        let count = section.u32()?;
        if count > 0 {
            self.head.memory_section = section.offset();
        }
        for _ in 0..count {
            self.memory_type(section)?;
        }
        Ok(())
    }

    fn memory_type(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        if self.context.has_memory {
            return Err(Reason::Feature("multiple memories"));
        }
        self.context.has_memory = true;
        memory_type(section).map(drop)
    }

    pub(super) fn globals(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        self.head.global_section = section.offset();
        for _ in 0..section.u32()? {
            let ty = self.global_type_of(section)?;
            constant::check(&mut self.context, section, ty.0)?;
            self.context.add_global(ty.0, ty.1)?;
        }
        Ok(())
    }

    fn global_type(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        let (ty, is_mutable) = self.global_type_of(section)?;
        self.context.add_global(ty, is_mutable)
    }

    fn global_type_of(&self, section: &mut Reader<'m>) -> Result<(u8, bool), Reason> {
        let ty = section.u8()?;
        value_type(ty)?;
        match section.u8()? {
            0 => Ok((ty, false)),
            1 => Ok((ty, true)),
            2 | 3 => Err(Reason::Feature("shared globals (threads)")),
            _ => Err(Reason::Malformed("malformed mutability")),
        }
    }

    pub(super) fn exports(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        self.head.export_section = section.offset();
        let count = section.u32()?;
        check_count("exports", count, self.context.limits.exports)?;
        let mut names = Vec::new();
        for _ in 0..count {
            push(&mut names, section.offset())?;
            section.name()?;
            let kind = section.u8()?;
            let index = section.u32()?;
            match kind {
                0 => self.context.reference(index)?,
                1 => self.context.table(index).map(drop)?,
                2 if index == 0 => self.context.memory()?,
                2 => return Err(Reason::Invalid("unknown memory")),
                3 => self.context.global(index).map(drop)?,
                4 => return Err(Reason::Feature("exceptions")),
                _ => return Err(Reason::Malformed("malformed export kind")),
            }
        }
        self.check_names(names)
    }

    /// Checks that the names at these offsets differ.
    fn check_names(&mut self, mut offsets: Vec<u32>) -> Result<(), Reason> {
        let module = self.context.module;
        let name = |offset: u32| Reader::at(module, offset).name().unwrap_or_default();
        self.context.note_body_bytes(offsets.capacity() * 4);
        heapsort(&mut offsets, |one, other| name(one) < name(other));
        for pair in offsets.windows(2) {
            if let [one, other] = *pair
                && name(one) == name(other)
            {
                self.found = Some(one.max(other));
                return Err(Reason::Invalid("duplicate export name"));
            }
        }
        Ok(())
    }

    pub(super) fn start(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        let function = section.u32()?;
        let ty = self.context.function_type(function)?;
        if !ty.parameters.is_empty() || !ty.results.is_empty() {
            return Err(Reason::Invalid(
                "start function: it takes parameters or gives results",
            ));
        }
        self.head.start = function + 1;
        Ok(())
    }

    pub(super) fn elements(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        self.reserve_functions()?;
        self.head.element_section = section.offset();
        let count = section.u32()?;
        check_count("element segments", count, self.context.limits.segments)?;
        self.head.elements = self.writer.end();
        self.head.element_count = count;
        for _ in 0..count {
            let segment = self.element_segment(section)?;
            self.writer
                .append(&[segment.offset, segment.count, segment.form])?;
        }
        Ok(())
    }

    fn element_segment(&mut self, section: &mut Reader<'m>) -> Result<Segment, Reason> {
        let form = section.u32()?;
        if form > 7 {
            return Err(Reason::Malformed("malformed elements segment kind"));
        }
        let (is_active, has_table, has_expressions) = (form & 1 == 0, form & 2 != 0, form & 4 != 0);
        let table = if is_active && has_table {
            section.u32()?
        } else {
            0
        };
        if is_active {
            let of_table = self.context.table(table);
            constant::check(&mut self.context, section, types::I32)?;
            of_table?;
        }
        let ty = if form & 3 == 0 {
            types::FUNCREF
        } else if has_expressions {
            let ty = section.u8()?;
            reference_type(ty)?;
            ty
        } else if section.u8()? == 0 {
            types::FUNCREF
        } else {
            return Err(Reason::Malformed("malformed element kind"));
        };
        if is_active && self.context.table(table)? != ty {
            return Err(Reason::TypeMismatch {
                expected: self.context.table(table)?,
                found: ty,
            });
        }
        let count = section.u32()?;
        let offset = section.offset();
        check_count("elements of a segment", count, TABLE_MAX)?;
        for _ in 0..count {
            if has_expressions {
                constant::check(&mut self.context, section, ty)?;
            } else {
                let function = section.u32()?;
                self.context.reference(function)?;
            }
        }
        self.context.add_element_segment(ty)?;
        Ok(Segment {
            offset,
            count,
            form,
        })
    }

    pub(super) fn data_count(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        let count = section.u32()?;
        check_count("data segments", count, self.context.limits.segments)?;
        self.context.data_count = Some(count);
        Ok(())
    }

    /// Sets room aside for the functions' entries, before anything that comes after them, and once.
    pub(super) fn reserve_functions(&mut self) -> Result<(), Reason> {
        if self.head.functions != 0 {
            return Ok(());
        }
        let count = self.context.function_count();
        let words = count.checked_mul(FUNCTION_WORDS);
        self.head.functions = self
            .writer
            .reserve(words.ok_or(too_many("functions", u32::MAX / 28))?)?;
        self.head.function_count = count;
        self.head.import_count = self.context.imported_functions;
        for index in 0..self.context.imported_functions {
            let index_of_type = self.context.function(index)?;
            let ty = self.context.ty(index_of_type)?;
            let function = Function {
                code: index,
                parameters: slots(ty.parameters)?,
                results: slots(ty.results)?,
                ty: self.context.same_type(index_of_type)?,
                flags: Function::IMPORTED,
                ..Function::default()
            };
            self.writer
                .put_function(self.head.functions, index, function)?;
        }
        Ok(())
    }

    pub(super) fn data(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        self.begin_branches()?;
        self.head.data = self.writer.end();
        self.head.data_section = section.offset();
        let count = section.u32()?;
        check_count("data segments", count, self.context.limits.segments)?;
        if self
            .context
            .data_count
            .is_some_and(|announced| announced != count)
        {
            return Err(Reason::Malformed(
                "data count and data section have inconsistent lengths",
            ));
        }
        self.head.data_count = count;
        for _ in 0..count {
            let form = section.u32()?;
            if form > 2 {
                return Err(Reason::Malformed("malformed data segment kind"));
            }
            if form != 1 {
                if form == 2 && section.u32()? != 0 {
                    return Err(Reason::Invalid("unknown memory"));
                }
                self.context.memory()?;
                constant::check(&mut self.context, section, types::I32)?;
            }
            let length = section.u32()?;
            let offset = section.offset();
            section.skip(length)?;
            self.writer.append(&[offset, length, form])?;
        }
        Ok(())
    }

    /// Notes where branches begin, after everything before them, and once.
    pub(super) fn begin_branches(&mut self) -> Result<(), Reason> {
        self.reserve_functions()?;
        if self.head.branches == 0 {
            self.head.branches = self.writer.end();
        }
        Ok(())
    }

    /// What must hold at the end of a module.
    pub(super) fn finish(&mut self) -> Result<(), Reason> {
        let own = self.context.function_count() - self.context.imported_functions;
        if self.code_count != own {
            return Err(Reason::Malformed(
                "function and code section have inconsistent lengths",
            ));
        }
        if self.head.data_section == 0 && self.context.data_count.is_some_and(|count| count != 0) {
            return Err(Reason::Malformed(
                "data count and data section have inconsistent lengths",
            ));
        }
        self.begin_branches()?;
        if self.head.data == 0 {
            self.head.data = self.writer.end();
        }
        self.head.global_count = self.context.global_count();
        self.head.table_count = self.context.table_count();
        Ok(())
    }
}

/// The limits of a table or memory.
pub(crate) fn limits(section: &mut Reader<'_>, flags: u8) -> Result<(u32, Option<u32>), Reason> {
    let minimum = section.u32()?;
    let maximum = if flags & 1 != 0 {
        Some(section.u32()?)
    } else {
        None
    };
    Ok((minimum, maximum))
}

/// The type of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryType {
    /// Pages that it begins with.
    pub minimum_pages: u32,
    /// Pages that it may have at most.
    pub maximum_pages: Option<u32>,
    /// The size of a page as a power of two.
    pub page_bits: u32,
}

impl MemoryType {
    /// The size of the memory.
    pub(crate) fn pages(self) -> Pages {
        Pages {
            page_bytes: 1_u64.checked_shl(self.page_bits).unwrap_or(1),
            initial: self.minimum_pages.into(),
            maximum: self.maximum_pages.map(u64::from),
        }
    }
}

const TOO_MANY_PAGES: Reason = Reason::Invalid("memory size must be at most 65536 pages (4GiB)");

/// Reads and checks the type of a memory.
pub(crate) fn memory_type(section: &mut Reader<'_>) -> Result<MemoryType, Reason> {
    let flags = section.u8()?;
    match flags {
        _ if flags & 2 != 0 && flags < 16 => {
            return Err(Reason::Feature("shared memories (threads)"));
        }
        _ if flags & 4 != 0 && flags < 16 => return Err(Reason::Feature("64-bit memories")),
        0 | 1 | 8 | 9 => {}
        _ => return Err(Reason::Malformed("malformed limits flags")),
    }
    let has_page_size = flags & 8 != 0;
    let (minimum_pages, maximum_pages) = limits(section, flags).map_err(|reason| {
        // The proposal has numbers of 64 bits there, of which those above 32 bits are no size of a memory.
        if has_page_size && reason == reader::TOO_LARGE {
            TOO_MANY_PAGES
        } else {
            reason
        }
    })?;
    let page_bits = if has_page_size {
        section.u32()?
    } else {
        PAGE_BITS
    };
    if page_bits >= 64 {
        return Err(Reason::Malformed("invalid custom page size"));
    }
    if page_bits != 0 && page_bits != PAGE_BITS {
        return Err(Reason::Invalid("invalid custom page size"));
    }
    if maximum_pages.is_some_and(|maximum| maximum < minimum_pages) {
        return Err(Reason::Invalid(
            "size minimum must not be greater than maximum",
        ));
    }
    let pages_max = if page_bits == 0 { u32::MAX } else { 65_536 };
    if minimum_pages > pages_max || maximum_pages.is_some_and(|maximum| maximum > pages_max) {
        return Err(TOO_MANY_PAGES);
    }
    Ok(MemoryType {
        minimum_pages,
        maximum_pages,
        page_bits,
    })
}

const fn check_count(what: &'static str, count: u32, most: u32) -> Result<(), Reason> {
    if count > most {
        return Err(too_many(what, most));
    }
    Ok(())
}

/// Sorts in place, in a time that no order of the items makes long. The standard library's sorts are faster, and take 5 KB
/// of flash.
fn heapsort(items: &mut [u32], is_less: impl Fn(u32, u32) -> bool) {
    let sift_down = |items: &mut [u32], root: usize| {
        let mut parent = root;
        while 2 * parent + 1 < items.len() {
            let left = 2 * parent + 1;
            let has_larger_right = left + 1 < items.len() && is_less(items[left], items[left + 1]);
            let child = left + usize::from(has_larger_right);
            if !is_less(items[parent], items[child]) {
                return;
            }
            items.swap(parent, child);
            parent = child;
        }
    };
    for root in (0..items.len() / 2).rev() {
        sift_down(items, root);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        sift_down(&mut items[..end], 0);
    }
}

/// How many slots values of these types take.
pub(super) fn slots(types: &[u8]) -> Result<u16, Reason> {
    u16::try_from(types.len()).map_err(|_| too_many("values", u16::MAX.into()))
}

#[cfg(test)]
mod tests {
    use super::heapsort;

    #[test]
    fn every_short_order_is_sorted() {
        for length in 0..6_u32 {
            for code in 0..length.pow(length) {
                let mut items: alloc::vec::Vec<u32> = (0..length)
                    .map(|place| code / length.pow(place) % length)
                    .collect();
                let mut expected = items.clone();
                expected.sort_unstable();
                heapsort(&mut items, |one, other| one < other);
                assert_eq!(items, expected);
            }
        }
    }

    #[test]
    fn long_ones_are_sorted() {
        let mut items: alloc::vec::Vec<u32> = (0..5_000_u32)
            .map(|place| place.wrapping_mul(2_654_435_761) % 1_000)
            .collect();
        heapsort(&mut items, |one, other| one < other);
        assert!(items.is_sorted());
    }
}
