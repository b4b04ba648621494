//! Puts each `table.grow` into a function of its own.
//!
//! wasmi 2.0.0 forgets where it was when `table.grow` runs out of fuel, and goes on at the last place it
//! remembers in that function. In a function that does nothing else, that is the beginning, and beginning
//! again is right. Few modules have the instruction; the others are not touched.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use wasmparser::{BinaryReaderError, Encoding, Operator, Parser, Payload, RefType};

use crate::shim::put_number;

const SECTION_TYPE: u8 = 1;
const SECTION_FUNCTION: u8 = 3;
const SECTION_CODE: u8 = 10;

const OPCODE_CALL: u8 = 0x10;
const OPCODE_TABLE_GROW: [u8; 2] = [0xfc, 0x0f];

/// The module with its `table.grow`s apart, `None` if there are none.
///
/// # Errors
/// The module cannot be read.
pub(crate) fn apart(bytes: &[u8]) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    // May find these bytes elsewhere, but misses no instruction, also where its number is written in more
    // bytes than it needs: a guest must not get past this.
    if !bytes
        .windows(2)
        .any(|pair| matches!(pair, [0xfc, low] if low & 0x7f == 0x0f))
    {
        return Ok(None);
    }
    let facts = Facts::read(bytes)?;
    if facts.growers.is_empty() {
        return Ok(None);
    }
    facts.rewrite(bytes).map(Some)
}

/// What the rewriting needs to know of a module.
#[derive(Default)]
struct Facts {
    types: usize,
    functions: usize,
    tables: Vec<RefType>,
    /// The bodies, with the places of their `table.grow`s: begin, end and table.
    bodies: Vec<Body>,
    /// For each table that is grown, the function that will do it.
    growers: BTreeMap<u32, usize>,
}

struct Body {
    begin: usize,
    end: usize,
    grows: Vec<(usize, usize, u32)>,
}

impl Facts {
    fn read(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut facts = Self::default();
        let mut grown = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::Version {
                    encoding: Encoding::Component,
                    ..
                } => return Ok(Self::default()),
                Payload::TypeSection(types) => facts.types = types.count() as usize,
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        facts.functions +=
                            usize::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(functions) => {
                    facts.functions += functions.count() as usize
                }
                Payload::TableSection(tables) => {
                    for table in tables {
                        facts.tables.push(table?.ty.element_type);
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let range = body.range();
                    let grows = grows(&body)?;
                    grown.extend(grows.iter().map(|(_, _, table)| *table));
                    facts.bodies.push(Body {
                        begin: range.start,
                        end: range.end,
                        grows,
                    });
                }
                _ => {}
            }
        }
        // A table that is not there stays, for the validator to see.
        grown.retain(|table| {
            facts
                .tables
                .get(*table as usize)
                .copied()
                .and_then(reference_code)
                .is_some()
        });
        grown.sort_unstable();
        grown.dedup();
        facts.growers = grown.into_iter().zip(facts.functions..).collect();
        Ok(facts)
    }

    fn rewrite(&self, bytes: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
        let mut out = bytes.get(..8).unwrap_or_default().to_vec();
        let mut reader = wasmparser::BinaryReader::new(bytes.get(8..).unwrap_or_default(), 8);
        while !reader.eof() {
            let id = reader.read_u8()?;
            let size = reader.read_var_u32()?;
            let body = reader.read_bytes(size as usize)?;
            let edited = match id {
                SECTION_TYPE => self.with_types(body)?,
                SECTION_FUNCTION => self.with_functions(body)?,
                SECTION_CODE => self.with_code(bytes),
                _ => body.to_vec(),
            };
            out.push(id);
            put_number(&mut out, edited.len());
            out.extend(edited);
        }
        Ok(out)
    }

    /// `(reference, i32) -> i32` for each grower.
    fn with_types(&self, body: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
        let mut out = self.with_more(body)?;
        for table in self.growers.keys() {
            let reference = self
                .tables
                .get(*table as usize)
                .copied()
                .and_then(reference_code);
            out.extend([0x60, 2]);
            out.extend(reference);
            out.extend([0x7f, 1, 0x7f]);
        }
        Ok(out)
    }

    fn with_functions(&self, body: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
        let mut out = self.with_more(body)?;
        (0..self.growers.len()).for_each(|position| put_number(&mut out, self.types + position));
        Ok(out)
    }

    fn with_code(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        put_number(&mut out, self.bodies.len() + self.growers.len());
        for body in &self.bodies {
            let mut edited = Vec::with_capacity(body.end.saturating_sub(body.begin));
            let mut copied = body.begin;
            for (begin, end, table) in &body.grows {
                let Some(function) = self.growers.get(table) else {
                    continue;
                };
                edited.extend(bytes.get(copied..*begin).unwrap_or_default());
                edited.push(OPCODE_CALL);
                put_number(&mut edited, *function);
                copied = *end;
            }
            edited.extend(bytes.get(copied..body.end).unwrap_or_default());
            put_number(&mut out, edited.len());
            out.extend(edited);
        }
        for table in self.growers.keys() {
            // No locals; both parameters, the instruction, `end`.
            let mut grower = Vec::from([0, 0x20, 0, 0x20, 1]);
            grower.extend(OPCODE_TABLE_GROW);
            put_number(&mut grower, *table as usize);
            grower.push(0x0b);
            put_number(&mut out, grower.len());
            out.extend(grower);
        }
        out
    }

    /// A section's entries after a count that includes the growers.
    fn with_more(&self, body: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
        let mut reader = wasmparser::BinaryReader::new(body, 0);
        let count = reader.read_var_u32()? as usize;
        let mut out = Vec::with_capacity(body.len() + 16);
        put_number(&mut out, count + self.growers.len());
        out.extend(body.get(reader.original_position()..).unwrap_or_default());
        Ok(out)
    }
}

/// The `table.grow`s of a function: begin, end and table.
fn grows(
    body: &wasmparser::FunctionBody<'_>,
) -> Result<Vec<(usize, usize, u32)>, BinaryReaderError> {
    let mut operators = body.get_operators_reader()?;
    let mut grows = Vec::new();
    while !operators.eof() {
        let (operator, begin) = operators.read_with_offset()?;
        if let Operator::TableGrow { table } = operator {
            grows.push((begin, operators.original_position(), table));
        }
    }
    Ok(grows)
}

/// The code of the reference types that a table can hold here.
fn reference_code(ty: RefType) -> Option<u8> {
    match ty {
        RefType::FUNCREF => Some(0x70),
        RefType::EXTERNREF => Some(0x6f),
        _ => None,
    }
}
