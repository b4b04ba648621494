//! What the layout needs to know of a program: its code, and where each function in it begins.
//!
//! Invariant: every function begins inside the code.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use object::{Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _};
use object::{SegmentFlags, SymbolKind, elf};

/// A program that is loaded where it says, with its symbols.
pub(super) struct Program {
    /// Where its code lies in memory.
    pub(super) code_address: u64,
    pub(super) code: Vec<u8>,
    /// What begins at which address; one name where there are several.
    pub(super) functions: BTreeMap<u64, String>,
}

impl Program {
    /// Reads a static program of ELF.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let file = object::File::parse(bytes).context("the program is no object file")?;
        ensure!(
            file.kind() == object::ObjectKind::Executable,
            "the program is loaded anywhere, so that its addresses mean nothing"
        );
        let segment = file
            .segments()
            .find(|segment| {
                matches!(segment.flags(), SegmentFlags::Elf { p_flags, .. } if p_flags & elf::PF_X != 0)
            })
            .context("the program has no code")?;
        let (code_address, code) = (segment.address(), segment.data()?.to_vec());
        let code_end = code_address + code.len() as u64;
        let mut functions = BTreeMap::<u64, String>::new();
        for symbol in file.symbols().filter(object::Symbol::is_definition) {
            let inside = (code_address..code_end).contains(&symbol.address());
            let name = symbol.name().unwrap_or_default();
            if symbol.kind() != SymbolKind::Text || !inside || name.is_empty() {
                continue;
            }
            match functions.get_mut(&symbol.address()) {
                Some(known) if known.as_str() <= name => {}
                Some(known) => *known = name.to_owned(),
                None => drop(functions.insert(symbol.address(), name.to_owned())),
            }
        }
        ensure!(!functions.is_empty(), "the program has no symbols");
        Ok(Self {
            code_address,
            code,
            functions,
        })
    }
}

/// Whether LLD linked a program, by what it leaves in it.
pub(super) fn is_linked_by_lld(program: &[u8]) -> bool {
    object::File::parse(program)
        .ok()
        .and_then(|file| Some(file.section_by_name(".comment")?.data().ok()?.to_vec()))
        .is_some_and(|comment| comment.windows(LLD.len()).any(|window| window == LLD))
}

const LLD: &[u8] = b"Linker: LLD";
