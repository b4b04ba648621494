//! A link that is recorded, so that it can be done again in seconds with the functions in another order.
//!
//! LLD records it: an archive with everything it read, and its command line. Other linkers cannot.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::elf;
use crate::process;

/// The name of the recording, and of the folder that is in it.
const NAME: &str = "link";

/// The order of the second link, beside the recording.
const ORDER: &str = "order.txt";

/// Where a link is recorded, and with what it is done again.
pub(super) struct Recording {
    folder: PathBuf,
    linker: PathBuf,
}

impl Recording {
    /// A recording in this folder.
    ///
    /// # Errors
    ///
    /// If programs are not linked by an LLD that we find.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        // We were linked as the program will be.
        let ourselves = env::current_exe().and_then(fs::read)?;
        ensure!(
            elf::is_linked_by_lld(&ourselves),
            "the linker in use is not LLD"
        );
        Ok(Self {
            folder: folder.to_owned(),
            linker: find_lld()?,
        })
    }

    /// What rustc must be told.
    pub(super) fn arguments(&self) -> [String; 2] {
        [
            "-Clink-arg=-Xlinker".to_owned(),
            format!("-Clink-arg=--reproduce={}", self.archive().display()),
        ]
    }

    /// Makes sure that the recording is of this program's link: LLD ends the one before it writes the other.
    pub(super) fn check(&self, program: &Path) -> Result<()> {
        let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
        let recorded = modified(&self.archive()).context("the link was not recorded")?;
        ensure!(
            recorded <= modified(program)?,
            "the recorded link is of another build"
        );
        Ok(())
    }

    /// Links again, with the functions that `order` names, one a line, in its order before all others.
    pub(super) fn link_again(&self, order: &str, program: &Path) -> Result<()> {
        fs::write(self.folder.join(ORDER), order)?;
        let inputs = self.folder.join(NAME);
        if inputs.exists() {
            fs::remove_dir_all(&inputs)?;
        }
        process::run(
            Command::new("tar")
                .arg("-xf")
                .arg(self.archive())
                .arg("-C")
                .arg(&self.folder),
        )?;
        process::run(
            Command::new(&self.linker)
                .current_dir(&inputs)
                .arg("@response.txt")
                // Absolute paths of files to read mean those in the recording.
                .arg(format!("--symbol-ordering-file=../{ORDER}"))
                .arg("--no-warn-symbol-ordering")
                .arg("-o")
                .arg(program),
        )?;
        fs::remove_dir_all(&inputs).context("cannot tidy up")
    }

    fn archive(&self) -> PathBuf {
        self.folder.join(NAME).with_extension("tar")
    }
}

/// The LLD that comes with the Rust toolchain, or the system's.
fn find_lld() -> Result<PathBuf> {
    let libraries = process::capture(Command::new("rustc").args(["--print", "target-libdir"]))?;
    let ours = Path::new(libraries.trim()).with_file_name("bin/gcc-ld/ld.lld");
    if ours.is_file() {
        return Ok(ours);
    }
    process::find("ld.lld").context("there is no ld.lld to link with again")
}
