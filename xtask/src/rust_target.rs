//! Building Rust for a target other than this machine, with rustup's libraries or from Debian's sources.
//!
//! First the libraries that are installed, then `rustup target add`, then Debian's `rustc-web` with
//! `-Zbuild-std`: another compiler, which therefore never shares a target folder with the project's own.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// How long `rustup target add` may take; it is a download of some 30 MB.
const RUSTUP_WAIT: Duration = Duration::from_secs(60);
/// How long to believe that rustup's server cannot be reached.
const RUSTUP_UNREACHABLE: Duration = Duration::from_secs(24 * 60 * 60);
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// A target, and the way to build for it.
#[derive(Clone)]
pub(crate) struct RustTarget {
    triple: String,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Rustup,
    /// The folder with `rust-lld`, and where this compiler builds.
    Debian {
        lld: PathBuf,
        target_dir: PathBuf,
    },
}

impl fmt::Display for RustTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.way {
            Way::Rustup => "rustup's libraries",
            Way::Debian { .. } => "built from Debian's sources with rustc-web",
        })
    }
}

impl RustTarget {
    /// A cargo that builds for the target, libraries up to `alloc`; what to build is added by the caller.
    pub(crate) fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Command {
        let mut command = match &self.way {
            Way::Rustup => workspace.cargo(subcommand),
            Way::Debian { lld, target_dir } => {
                let mut command = Command::new(DEBIAN_CARGO);
                workspace.inherit(&mut command);
                command
                    .env("PATH", path_with(&["/usr/bin".as_ref(), lld]))
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_DIR", target_dir)
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env_remove("LD_LIBRARY_PATH")
                    .args([subcommand, "-Zbuild-std=core,alloc"]);
                command
            }
        };
        command.args(["--target", &self.triple]);
        command
    }

    /// What distinguishes this compiler from another, for build products that must not outlive it.
    pub(crate) fn compiler(&self) -> String {
        let rustc = match self.way {
            Way::Rustup => "rustc",
            Way::Debian { .. } => DEBIAN_RUSTC,
        };
        process::capture(Command::new(rustc).arg("-vV")).unwrap_or_default()
    }
}

/// The way to build for a target, or nothing if packages are missing.
pub(crate) fn find(workspace: &Workspace, triple: &str) -> Option<RustTarget> {
    let wish = env::var("THIMBLE_RUST_TARGETS").unwrap_or_default();
    let found = |way| RustTarget {
        triple: triple.to_owned(),
        way,
    };
    if wish != "debian" {
        if is_installed(triple) || added_by_rustup(workspace, triple) {
            return Some(found(Way::Rustup));
        }
        if wish == "rustup" {
            return None;
        }
    }
    let whole = [DEBIAN_CARGO, DEBIAN_RUSTC, DEBIAN_SOURCES]
        .iter()
        .all(|file| Path::new(file).is_file());
    match rust_lld(workspace) {
        Ok(lld) if whole => {
            let target_dir = workspace.target.join("web");
            Some(found(Way::Debian { lld, target_dir }))
        }
        _ => None,
    }
}

/// Whether the compiler in use has this target's libraries.
fn is_installed(triple: &str) -> bool {
    let query = ["--print", "target-libdir", "--target", triple];
    let Ok(folder) = process::capture(Command::new("rustc").args(query)) else {
        return false;
    };
    fs::read_dir(folder.trim()).is_ok_and(|mut files| {
        files.any(|file| {
            file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
        })
    })
}

/// Tries rustup's server, and remembers for a day when it cannot be reached.
fn added_by_rustup(workspace: &Workspace, triple: &str) -> bool {
    let remembered = workspace.target.join("setup/rustup-unreachable");
    let is_recent = fs::metadata(&remembered)
        .and_then(|file| file.modified())
        .is_ok_and(|time| {
            SystemTime::now()
                .duration_since(time)
                .is_ok_and(|age| age < RUSTUP_UNREACHABLE)
        });
    if is_recent || process::find("rustup").is_none() {
        return false;
    }
    if process::succeeds_within(
        Command::new("rustup").args(["target", "add", triple]),
        RUSTUP_WAIT,
    ) {
        return is_installed(triple);
    }
    // Forgetting only costs the next run another try.
    let _ = remembered.parent().map(fs::create_dir_all);
    let _ = fs::write(
        &remembered,
        "delete this file to try `rustup target add` again\n",
    );
    false
}

/// A folder with a `rust-lld`: rustup's, or one made for Debian's lld, which is the same program.
fn rust_lld(workspace: &Workspace) -> Result<PathBuf> {
    let sysroot = process::capture(Command::new("rustc").args(["--print", "sysroot"]))?;
    let version = process::capture(Command::new("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap_or_default();
    let rustups = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(host)
        .join("bin");
    if rustups.join("rust-lld").is_file() {
        return Ok(rustups);
    }
    let lld = process::find("lld-19")
        .or_else(|| process::find("lld"))
        .context("there is no lld")?;
    let folder = workspace.target.join("setup/bin");
    let link = folder.join("rust-lld");
    if !link.is_file() {
        fs::create_dir_all(&folder)?;
        std::os::unix::fs::symlink(lld, &link)?;
    }
    Ok(folder)
}

fn path_with(first: &[&Path]) -> std::ffi::OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = first
        .iter()
        .map(|folder| folder.to_path_buf())
        .chain(env::split_paths(&path));
    // A folder with a colon in its name cannot be on a PATH at all; the old one is then the better answer.
    env::join_paths(folders).unwrap_or(path)
}
