//! What firmware takes of flash.

use std::path::PathBuf;

use anyhow::Result;
use pico_args::Arguments;
use thimble_bench_report::Outcome;

use super::elf::Sizes;
use super::{KIB, key};

/// Firmware that is looked at and not run.
pub(super) struct Programs {
    /// The firmware with sockets between containers.
    network: Option<PathBuf>,
    /// The firmware without; of boards that have no other, theirs.
    plain: PathBuf,
    /// Everything that containers need but drivers, and the same without all that.
    runtime: Option<(PathBuf, PathBuf)>,
}

impl Programs {
    /// Those that the arguments name.
    pub(super) fn of(arguments: &mut Arguments, plain: PathBuf) -> Result<Self> {
        let (host, empty) = (
            arguments.opt_value_from_str("--host")?,
            arguments.opt_value_from_str("--empty")?,
        );
        Ok(Self {
            network: arguments.opt_value_from_str("--network")?,
            plain,
            runtime: host.zip(empty),
        })
    }

    /// How large they are.
    pub(super) fn sizes(&self, board: &str) -> Result<Vec<Outcome>> {
        let flash = |path: &PathBuf| Sizes::of(path).map(|sizes| sizes.flash);
        let mut outcomes = Vec::new();
        if let Some((host, empty)) = &self.runtime {
            outcomes.push(
                Outcome::new(
                    "flash of the runtime",
                    (flash(host)? - flash(empty)?) / KIB,
                    "KiB",
                )
                .budget(key(board, "flash_runtime_kb_max"))
                .note("engine, kernel, bus and host interface"),
            );
        }
        outcomes.push(
            Outcome::new("flash of the firmware", flash(&self.plain)? / KIB, "KiB")
                .budget(key(board, "flash_kb_max"))
                .note("with drivers, store, supervisor and console"),
        );
        if let Some(network) = &self.network {
            outcomes.push(
                Outcome::new("  with sockets", flash(network)? / KIB, "KiB")
                    .budget(key(board, "flash_network_kb_max")),
            );
        }
        Ok(outcomes)
    }
}
