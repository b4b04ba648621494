//! Functions that run lie together: the program is watched on a tour, and linked again.
//!
//! The kernel reads a program's pages sixteen at a time. If the few hundred functions that run lie scattered over
//! all of it, each brings fifteen pages that nobody needs (docs/adr/0008-hot-functions-lie-together.md).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::elf::Program;
use super::linker::Recording;
use super::order;
use super::tour;
use super::trace;

/// How a program is laid out again.
pub(super) struct Layout {
    folder: PathBuf,
    recording: Recording,
}

impl Layout {
    /// Prepares it in this folder, before the program is linked.
    ///
    /// # Errors
    ///
    /// If it cannot be done on this system.
    pub(super) fn prepare(folder: PathBuf) -> Result<Self> {
        trace::check()?;
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let recording = Recording::new(&folder)?;
        Ok(Self { folder, recording })
    }

    /// What rustc must be told.
    pub(super) fn arguments(&self) -> [String; 2] {
        self.recording.arguments()
    }

    /// Puts the program that was just linked with those arguments in order.
    pub(super) fn arrange(&self, program: &Path) -> Result<()> {
        self.recording.check(program)?;
        let order = self.observe(program)?;
        // Under the program's name only once it is whole; cargo's own copy stays as it is.
        let arranged = self.folder.join("thimble");
        self.recording.link_again(&order, &arranged)?;
        fs::rename(&arranged, program)
            .with_context(|| format!("cannot write {}", program.display()))
    }

    /// Takes the program on the tour; the names of the functions that ran, one a line.
    fn observe(&self, program: &Path) -> Result<String> {
        let parsed = Program::parse(&fs::read(program)?)?;
        let stages = tour::take(program, &self.folder.join("tour"), |command| {
            trace::entered(command, &parsed)
        })?;
        Ok(order::lines(&parsed.functions, &stages))
    }
}
