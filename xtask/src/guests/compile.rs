//! How a guest of each language is compiled.
//!
//! A recipe is a command and the files that go into it; nothing else may decide what comes out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::fingerprint;
use super::manifest::{Abi, Guest, Language};
use crate::process;
use crate::setup::{Toolbox, WASM};
use crate::workspace::Workspace;

/// What Ocre's SDK passes to the linker, so that these guests are what Ocre's users have.
const OCRE_LINK: [&str; 5] = [
    "-Wl,--import-memory",
    "-Wl,--export-memory",
    "-Wl,--strip-all",
    "-Wl,--allow-undefined",
    "-Wl,--max-memory=4194304",
];

/// A guest's command and inputs.
pub(crate) struct Recipe {
    language: Language,
    command: Command,
    compiler: String,
    inputs: Vec<PathBuf>,
    root: PathBuf,
}

impl Recipe {
    /// What it takes to build a guest.
    pub(crate) fn of(workspace: &Workspace, toolbox: &Toolbox, guest: &Guest) -> Result<Self> {
        let source = guest.folder.join(&guest.path);
        let (command, compiler, inputs) = match guest.language {
            Language::C => c(workspace, toolbox, guest, &source)?,
            Language::Rust => rust(workspace, toolbox, guest, &source)?,
            Language::Go => go(workspace, toolbox, guest, &source)?,
            // Compiled in this process; the crate's version is part of this program.
            Language::Wat => (Command::new("wat"), String::new(), vec![source]),
        };
        Ok(Self {
            language: guest.language,
            command,
            compiler,
            inputs,
            root: workspace.root.clone(),
        })
    }

    /// Changes when the guest must be built again.
    pub(crate) fn fingerprint(&self) -> Result<String> {
        let command = format!("{}\n{}", process::line(&self.command), self.compiler);
        fingerprint::of(&self.root, &command, &self.inputs)
    }

    /// Builds the guest into `output`.
    pub(crate) fn cook(mut self, workspace: &Workspace, output: &Path) -> Result<()> {
        match self.language {
            Language::C | Language::Go => {
                // Warnings in a guest are worth seeing.
                process::capture(self.command.arg("-o").arg(output).stderr(Stdio::inherit()))
                    .map(drop)
            }
            Language::Rust => {
                let made = run_cargo(&mut self.command)?;
                fs::copy(&made, output)
                    .map(drop)
                    .with_context(|| format!("cannot copy {}", workspace.short(&made)))
            }
            Language::Wat => {
                let source = self.inputs.first().context("no source")?;
                let wasm = wat::parse_file(source)?;
                fs::write(output, wasm)
                    .with_context(|| format!("cannot write {}", output.display()))
            }
        }
    }
}

type Parts = (Command, String, Vec<PathBuf>);

fn c(workspace: &Workspace, toolbox: &Toolbox, guest: &Guest, source: &Path) -> Result<Parts> {
    let compiler = toolbox.c()?;
    let mut inputs = fingerprint::files_below(source)?;
    let mut sources: Vec<PathBuf> = inputs.clone();
    sources.retain(|file| file.extension().is_some_and(|extension| extension == "c"));
    ensure!(
        !sources.is_empty(),
        "there is no .c file in {}",
        workspace.short(source)
    );
    let mut command = Command::new(&compiler.clang);
    command
        .current_dir(&workspace.root)
        .args(["--target=wasm32-wasi", "-O2", "-Wall"]);
    if let Some(sysroot) = &compiler.sysroot {
        command.arg(format!("--sysroot={}", sysroot.display()));
    }
    let sdk = workspace.root.join("sdk/c/include");
    inputs.extend(fingerprint::files_below(&sdk)?);
    command.arg("-I").arg(sdk);
    if let Some(headers) = &guest.headers {
        let headers = guest.folder.join(headers);
        inputs.extend(fingerprint::files_below(&headers)?);
        command.arg("-I").arg(headers);
    }
    if guest.abi == Some(Abi::Ocre) {
        command.args(OCRE_LINK);
    }
    command.args(&guest.flags).args(sources);
    Ok((command, compiler.to_string(), inputs))
}

fn rust(workspace: &Workspace, toolbox: &Toolbox, guest: &Guest, source: &Path) -> Result<Parts> {
    let target = toolbox.rust(WASM)?;
    ensure!(
        source.join("Cargo.toml").is_file(),
        "{} has no Cargo.toml; a Rust guest's `path` is its package's folder",
        workspace.short(source)
    );
    let mut inputs = fingerprint::files_below(source)?;
    // The only crates of ours that a guest may see.
    for shared in ["sdk/rust", "crates/abi"] {
        let folder = workspace.root.join(shared);
        if folder.is_dir() {
            inputs.extend(fingerprint::files_below(&folder)?);
        }
    }
    let mut command = target.cargo(workspace, "build");
    command
        .current_dir(source)
        .args([
            "--release",
            "--quiet",
            "--message-format=json-render-diagnostics",
        ])
        .args(&guest.flags);
    Ok((command, target.compiler(), inputs))
}

fn go(workspace: &Workspace, toolbox: &Toolbox, guest: &Guest, source: &Path) -> Result<Parts> {
    let go = toolbox.go()?;
    let compiler = process::capture(Command::new(go).arg("version"))?;
    let mut command = Command::new(go);
    workspace.inherit(&mut command);
    command
        .current_dir(source)
        // Its own toolchain only: no download behind anyone's back.
        .envs([
            ("GOOS", "wasip1"),
            ("GOARCH", "wasm"),
            ("GOTOOLCHAIN", "local"),
            ("CGO_ENABLED", "0"),
        ])
        .args(["build", "-trimpath", "-ldflags=-s -w"])
        .args(&guest.flags);
    Ok((command, compiler, fingerprint::files_below(source)?))
}

/// One line of cargo's `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Builds and gives the one WebAssembly file that came out.
fn run_cargo(command: &mut Command) -> Result<PathBuf> {
    let json = process::capture(command.stderr(Stdio::inherit()))?;
    let mut made: Vec<PathBuf> = json
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .flat_map(|message| message.filenames)
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .collect();
    match (made.pop(), made.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => bail!(
            "the package gives no .wasm file; it needs a `[[bin]]`, or a library of type cdylib"
        ),
        (Some(_), false) => {
            bail!("the package gives more than one .wasm file; one guest, one package")
        }
    }
}
