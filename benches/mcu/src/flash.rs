//! How much flash an engine needs: what firmware with it is larger by than firmware without.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, SectionFlags, elf};
use pico_args::Arguments;

/// Bytes of flash, where the firmware is there.
pub(crate) struct Flash {
    /// Of the engine that runs in place.
    pub(crate) inplace: Option<f64>,
    /// Of wasmi.
    pub(crate) wasmi: Option<f64>,
}

impl Flash {
    /// Reads the firmware that the arguments name.
    pub(crate) fn read(arguments: &mut Arguments) -> Result<Self> {
        let mut bytes = |option| -> Result<Option<f64>> {
            let path: Option<PathBuf> = arguments.opt_value_from_str(option)?;
            path.map(|path| flash_bytes(&path)).transpose()
        };
        let (empty, inplace, wasmi) = (
            bytes("--flash-empty")?,
            bytes("--flash-inplace")?,
            bytes("--flash-wasmi")?,
        );
        let beyond = |with: Option<f64>| Some(with? - empty?);
        Ok(Self {
            inplace: beyond(inplace),
            wasmi: beyond(wasmi),
        })
    }
}

/// Bytes of all sections that are loaded.
fn flash_bytes(path: &Path) -> Result<f64> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(&*bytes)
        .with_context(|| format!("{} is not a program", path.display()))?;
    let loaded = file.sections().filter(|section| {
        let is_kept = matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & u64::from(elf::SHF_ALLOC) != 0);
        is_kept && section.kind() != object::SectionKind::UninitializedData
    });
    let total: u64 = loaded.map(|section| section.size()).sum();
    #[expect(clippy::cast_precision_loss, reason = "megabytes at most")]
    Ok(total as f64)
}
