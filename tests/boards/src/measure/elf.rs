//! What a firmware takes of flash and of RAM, by its program file.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, SectionFlags, elf};

/// Bytes that a firmware takes before it runs.
pub(super) struct Sizes {
    /// Code and data, as they lie in flash.
    pub(super) flash: f64,
    /// Stacks: the program's and that of handlers.
    pub(super) stacks: f64,
    /// Data and what begins as zeros.
    pub(super) statics: f64,
}

impl Sizes {
    /// Reads a program.
    pub(super) fn of(program: &Path) -> Result<Self> {
        let bytes =
            fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
        let file = object::File::parse(&*bytes)
            .with_context(|| format!("{} is no program", program.display()))?;
        let (mut flash, mut stacks, mut statics) = (0, 0, 0);
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
                continue;
            };
            if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
                continue;
            }
            let is_in_file = section.file_range().is_some();
            if is_in_file {
                flash += section.size();
            }
            if section.name() == Ok(".stacks") {
                stacks += section.size();
            } else if sh_flags & u64::from(elf::SHF_WRITE) != 0 || !is_in_file {
                statics += section.size();
            }
        }
        Ok(Self {
            flash: bytes_of(flash),
            stacks: bytes_of(stacks),
            statics: bytes_of(statics),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "megabytes at most")]
fn bytes_of(count: u64) -> f64 {
    count as f64
}
