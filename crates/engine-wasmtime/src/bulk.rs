//! Bulk instructions on memory in pieces, so that a slice can end within one.
//!
//! Wasmtime fills and copies memory in a function of the host, from which a guest yields only when it
//! returns. So `memory.fill` and `memory.copy` become calls of two functions that are added to the module and
//! do the same in pieces of [`PIECE_BYTES`]. A call takes the very bytes of the instruction that it replaces,
//! and the functions lie behind all others: no index and no offset within a function changes.
//!
//! An instruction stays what it is where its length is a constant of one piece at most, which Wasmtime may
//! expand in place, or where the function's index takes more bytes than there are: `memory.fill` in modules
//! of more than 16,383 functions. So do `memory.init`, which copies at most what is in the module's file,
//! and those on tables, which Wasmtime expands in place.

mod functions;
#[cfg(test)]
mod tests;

use std::ops::Range;

use thimble_runtime::module::{ModuleError, with_functions};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::shape::ModuleShape;

/// What is filled or copied at once: a few microseconds' work.
const PIECE_BYTES: u32 = 65_536;

/// The byte with which these instructions begin, among others.
const PREFIX: u8 = 0xfc;
const COPY: u8 = 0x0a;
const FILL: u8 = 0x0b;
const CALL: u8 = 0x10;
const NOP: u8 = 0x01;

/// Functions with an index below this one can be called in the place of a `memory.fill`.
const FILL_INDEX_END: u32 = 1 << 14;
/// The same for `memory.copy`.
const COPY_INDEX_END: u32 = 1 << 21;
/// The most bytes that an index can take.
const INDEX_BYTES_MAX: usize = 5;

/// The functions that do the work of instructions, by their index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BulkFunctions {
    fill: Option<u32>,
    copy: Option<u32>,
}

impl BulkFunctions {
    /// Those that a module may need. Code is only searched for the bytes of the instructions, which may
    /// also be those of others: reading it takes ten times as long, and happens only before compiling.
    pub(crate) fn of(module: &[u8], shape: &ModuleShape) -> Self {
        let code = shape
            .code
            .and_then(|code| module.get(code.first_body..code.end))
            .unwrap_or_default();
        let mut next = shape.functions;
        let mut index = |instruction, end| {
            let index = (next < end && mentions(code, instruction)).then_some(next)?;
            next += 1;
            Some(index)
        };
        Self {
            fill: index(FILL, FILL_INDEX_END),
            copy: index(COPY, COPY_INDEX_END),
        }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.count() == 0
    }

    const fn count(self) -> u32 {
        self.fill.is_some() as u32 + self.copy.is_some() as u32
    }

    /// The module with these functions, for a memory with pages of this size; nothing calls them yet.
    pub(crate) fn added_to(self, module: &[u8], page_bytes: u64) -> Result<Vec<u8>, ModuleError> {
        let fill = self.fill.map(|_| functions::fill(page_bytes));
        let copy = self.copy.map(|_| functions::copy(page_bytes));
        let bodies: Vec<&[u8]> = fill.iter().chain(&copy).map(Vec::as_slice).collect();
        with_functions(module, &functions::TYPE, &bodies)
    }

    /// Makes the instructions of a module, which has these functions, calls of them. A module that cannot be
    /// read stays as it is, for the compiler to refuse.
    pub(crate) fn take_over(self, module: &mut [u8]) {
        for (place, function) in self.calls(module).unwrap_or_default() {
            if let Some(instruction) = module.get_mut(place) {
                put_call(instruction, function);
            }
        }
    }

    /// Where functions are to be called instead, and which.
    fn calls(self, module: &[u8]) -> wasmparser::Result<Vec<(Range<usize>, u32)>> {
        let mut calls = Vec::new();
        let mut own_bodies = 0;
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::CodeSectionStart { count, .. } => {
                    own_bodies = count.saturating_sub(self.count());
                }
                Payload::CodeSectionEntry(body) if own_bodies > 0 => {
                    own_bodies -= 1;
                    self.note_calls(&body, &mut calls)?;
                }
                Payload::CodeSectionEntry(_) => break,
                _ => {}
            }
        }
        Ok(calls)
    }

    fn note_calls(
        self,
        body: &FunctionBody<'_>,
        calls: &mut Vec<(Range<usize>, u32)>,
    ) -> wasmparser::Result<()> {
        let mut reader = body.get_operators_reader()?;
        let mut one_piece = false;
        while !reader.eof() {
            let start = reader.original_position();
            let operator = reader.read()?;
            let function = match operator {
                Operator::MemoryFill { mem: 0 } => self.fill,
                Operator::MemoryCopy {
                    dst_mem: 0,
                    src_mem: 0,
                } => self.copy,
                _ => None,
            };
            if let Some(function) = function.filter(|_| !one_piece) {
                calls.push((start..reader.original_position(), function));
            }
            // Nothing comes between two instructions: what this one pushes is what the next one pops.
            one_piece = matches!(operator, Operator::I32Const { value }
                if value.cast_unsigned() <= PIECE_BYTES);
        }
        Ok(())
    }
}

/// Whether the two bytes with which the instruction begins are there, the second one padded or not.
fn mentions(code: &[u8], instruction: u8) -> bool {
    code.windows(2)
        .any(|bytes| matches!(bytes, [PREFIX, second] if second & 0x7f == instruction))
}

/// Puts a call in the place of an instruction, as it is if the index takes more room.
fn put_call(place: &mut [u8], function: u32) {
    let room = place.len().saturating_sub(1).min(INDEX_BYTES_MAX);
    if room < INDEX_BYTES_MAX && function >> (7 * room) != 0 {
        return;
    }
    let Some((first, rest)) = place.split_first_mut() else {
        return;
    };
    *first = CALL;
    rest.fill(NOP);
    let mut left = function;
    for (position, byte) in rest.iter_mut().take(room).enumerate() {
        let more = if position + 1 < room { 0x80 } else { 0 };
        *byte = (left & 0x7f) as u8 | more;
        left >>= 7;
    }
}
