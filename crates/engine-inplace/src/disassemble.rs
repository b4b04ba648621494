//! Writes the code of a program as text, with what the side table says of functions and branches beside it.
//!
//! Names and immediates come from [`opcode`](crate::opcode); nothing about an instruction is known here but which ones
//! branch. Never: a panic, whatever the program.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::error::Reason;
use crate::opcode::{self, Immediates, Instruction, PREFIX, code};
use crate::program::Program;
use crate::reader::Reader;
use crate::table::{BRANCH_WORDS, Branch, Function, SideTable};
use crate::types;

/// Why a text ends early.
enum Break {
    /// The code is not what the side table says.
    Damaged(Reason),
    Write,
}

impl From<Reason> for Break {
    fn from(reason: Reason) -> Self {
        Self::Damaged(reason)
    }
}

impl From<fmt::Error> for Break {
    fn from(_: fmt::Error) -> Self {
        Self::Write
    }
}

type Written<T = ()> = Result<T, Break>;

/// Writes all functions of a program: an instruction on each line with its offset in the module, and beside a branch its
/// entry: where it leads, by how many entries the next one lies behind it, and what it keeps and drops.
///
/// # Errors
/// Those of `out`.
pub fn disassemble(program: &Program, out: &mut dyn Write) -> fmt::Result {
    let Ok(table) = program.table() else {
        return out.write_str("the side table is damaged\n");
    };
    for index in table.head.import_count..table.head.function_count {
        let function = table.function(index);
        head(program, index, function, out)?;
        let mut listing = Listing {
            table,
            function,
            blocks: Vec::new(),
            branches: 0,
        };
        match listing.write(program.reader(function.code), out) {
            Ok(()) => {}
            Err(Break::Damaged(reason)) => writeln!(out, "  damaged: {reason}")?,
            Err(Break::Write) => return Err(fmt::Error),
        }
    }
    Ok(())
}

fn head(program: &Program, index: u32, function: Function, out: &mut dyn Write) -> fmt::Result {
    write!(out, "function {index}")?;
    if let Some(ty) = program.function_type(index) {
        write!(out, " {ty}")?;
    }
    write!(
        out,
        ": {} locals, {} operands",
        function.locals, function.operands
    )?;
    for (flag, name) in [(Function::NARROW, ", narrow"), (Function::SHORT, ", short")] {
        if function.flags & flag != 0 {
            out.write_str(name)?;
        }
    }
    out.write_char('\n')
}

/// A function on its way to text.
struct Listing<'p> {
    table: SideTable<'p>,
    function: Function,
    /// For each open block whether what comes next in it is never reached.
    blocks: Vec<bool>,
    /// Entries that were passed.
    branches: u32,
}

impl Listing<'_> {
    fn write(&mut self, mut reader: Reader<'_>, out: &mut dyn Write) -> Written {
        self.blocks.push(false);
        while reader.offset() <= self.function.end && !self.blocks.is_empty() {
            let at = reader.offset();
            let byte = reader.u8()?;
            let base = reader.offset();
            let unknown = Reason::UnknownOpcode { code: byte.into() };
            let instruction = if byte == PREFIX {
                opcode::after_prefix(reader.u32()?)
            } else {
                opcode::plain(byte)
            };
            let instruction = instruction.ok_or(unknown)?;
            write!(
                out,
                "  {at:06x}  {:indent$}",
                "",
                indent = self.indent(byte)
            )?;
            out.write_str(instruction.name())?;
            let labels = immediates(instruction, &mut reader, out)?;
            self.follow(byte, base, labels, out)?;
            out.write_char('\n')?;
        }
        Ok(())
    }

    fn indent(&self, byte: u8) -> usize {
        let is_edge = matches!(byte, code::End | code::Else);
        2 * self.blocks.len().saturating_sub(1 + usize::from(is_edge))
    }

    /// Writes the entries of a branch, and notes what an instruction does to the blocks. As in the validator, code that
    /// is never reached has no entries.
    fn follow(&mut self, byte: u8, base: u32, labels: u32, out: &mut dyn Write) -> Written {
        let is_dead = self.blocks.last().copied().unwrap_or(false);
        let entries = match byte {
            code::Br | code::BrIf | code::If | code::Else => 1,
            code::BrTable => labels,
            _ => 0,
        };
        if !is_dead {
            for _ in 0..entries {
                self.entry(base, out)?;
            }
        }
        match byte {
            code::Block | code::Loop | code::If => self.blocks.push(false),
            code::End => drop(self.blocks.pop()),
            code::Else => self.set_dead(false),
            code::Br
            | code::BrTable
            | code::Return
            | code::ReturnCall
            | code::ReturnCallIndirect
            | code::Unreachable => self.set_dead(true),
            _ => {}
        }
        Ok(())
    }

    fn set_dead(&mut self, is_dead: bool) {
        if let Some(block) = self.blocks.last_mut() {
            *block = is_dead;
        }
    }

    fn entry(&mut self, base: u32, out: &mut dyn Write) -> Written {
        let number = self.function.branch.saturating_add(self.branches);
        self.branches = self.branches.saturating_add(1);
        let Some(branch) = self.branch(number) else {
            return Err(Reason::Malformed("its branches are missing").into());
        };
        let to = base.wrapping_add_signed(branch.code_delta);
        write!(out, "  -> {to:06x} {:+}", branch.branch_delta)?;
        if branch.drop != 0 {
            write!(out, " keep {} drop {}", branch.keep, branch.drop)?;
        }
        Ok(())
    }

    /// The branch of a number, wherever its entry is.
    fn branch(&self, number: u32) -> Option<Branch> {
        let words = self.words(number)?;
        Branch::from_words(words)
            .or_else(|further| {
                let number = number.checked_add(further).ok_or(())?;
                let next = number.checked_add(1).ok_or(())?;
                let [code, branch] = self.words(number).ok_or(())?;
                let [keep, drop] = self.words(next).ok_or(())?;
                Ok::<_, ()>(Branch::from_long_words([code, branch, keep, drop]))
            })
            .ok()
    }

    fn words(&self, number: u32) -> Option<[u32; BRANCH_WORDS as usize]> {
        let start = usize::try_from(number.checked_mul(BRANCH_WORDS)?).ok()?;
        let words = self.table.branches().get(start..)?;
        words
            .first_chunk::<{ BRANCH_WORDS as usize }>()
            .map(|words| words.map(u32::from_le))
    }
}

/// Writes what follows an opcode; how many labels there were.
fn immediates(
    instruction: &Instruction,
    reader: &mut Reader<'_>,
    out: &mut dyn Write,
) -> Written<u32> {
    match instruction.immediates {
        Immediates::None => {}
        Immediates::BlockType => block_type(reader, out)?,
        Immediates::Label
        | Immediates::Function
        | Immediates::Local
        | Immediates::Global
        | Immediates::Table
        | Immediates::Data
        | Immediates::Element => write!(out, " {}", reader.u32()?)?,
        Immediates::Labels => {
            let count = reader.u32()?;
            for _ in 0..=count {
                write!(out, " {}", reader.u32()?)?;
            }
            return Ok(count.saturating_add(1));
        }
        Immediates::TypeTable => {
            let ty = reader.u32()?;
            write!(out, " {} (type {ty})", reader.u32()?)?;
        }
        Immediates::ValueTypes => {
            for _ in 0..reader.u32()? {
                write!(out, " {}", types::name(reader.u8()?))?;
            }
        }
        Immediates::MemoryArgument => {
            let alignment = reader.u32()?;
            let offset = reader.u32()?;
            write!(out, " offset={offset} align=2^{alignment}")?;
        }
        Immediates::Memory => drop(reader.u8()?),
        Immediates::TwoMemories => drop(reader.bytes(2)?),
        Immediates::I32 => write!(out, " {}", reader.i32()?)?,
        Immediates::I64 => write!(out, " {}", reader.i64()?)?,
        Immediates::F32 => {
            let bits = little_endian(reader.bytes(4)?);
            let value = f32::from_bits(u32::try_from(bits).unwrap_or(0));
            write!(out, " {value:?} ({bits:#x})")?;
        }
        Immediates::F64 => {
            let bits = little_endian(reader.bytes(8)?);
            write!(out, " {:?} ({bits:#x})", f64::from_bits(bits))?;
        }
        Immediates::ReferenceType => write!(out, " {}", types::name(reader.u8()?))?,
        Immediates::DataMemory => {
            write!(out, " {}", reader.u32()?)?;
            reader.u8()?;
        }
        Immediates::ElementTable => {
            let segment = reader.u32()?;
            write!(out, " {} {segment}", reader.u32()?)?;
        }
        Immediates::TwoTables => write!(out, " {} {}", reader.u32()?, reader.u32()?)?,
    }
    Ok(0)
}

fn block_type(reader: &mut Reader<'_>, out: &mut dyn Write) -> Written {
    let byte = reader.peek()?;
    if byte & 0xc0 != 0x40 {
        write!(out, " (type {})", reader.s33()?)?;
        return Ok(());
    }
    reader.u8()?;
    if byte != 0x40 {
        write!(out, " {}", types::name(byte))?;
    }
    Ok(())
}

fn little_endian(bytes: &[u8]) -> u64 {
    let number = bytes.iter().rev();
    number.fold(0, |number, byte| number << 8 | u64::from(*byte))
}
