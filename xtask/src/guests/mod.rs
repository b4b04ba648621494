//! The guests, examples and those of the conformance suite: from their lists to `<target>/guests/<name>.wasm`.
//!
//! A guest is built again only when something that goes into it changed: sources, command or compiler. A file in the
//! folder is always whole: it is written beside and renamed.

mod compile;
mod fingerprint;
mod manifest;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail};

use self::compile::Recipe;
use self::manifest::{Guest, Language};
use crate::setup::{self, Need, Toolbox, WASM};
use crate::workspace::Workspace;

pub(crate) use self::manifest::Manifest;

/// What to do about the guests in Go when there is no Go: the one tool that not every system has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithoutGo {
    /// An error.
    Fail,
    /// Says so and builds the others.
    Skip,
}

/// Builds the guests of these names, or all of them; gives the names of those that are there now.
pub(crate) fn build(
    workspace: &Workspace,
    names: &[String],
    without_go: WithoutGo,
) -> Result<BTreeSet<String>> {
    let manifest = Manifest::read_all(&workspace.root)?;
    let mut guests = chosen(&manifest, names)?;
    let toolbox = match setup::prepare(workspace, &needs(&guests)) {
        Err(error) if without_go == WithoutGo::Skip && needs(&guests).contains(&Need::Go) => {
            guests.retain(|guest| guest.language != Language::Go);
            let toolbox = setup::prepare(workspace, &needs(&guests))?;
            println!("SKIPPED the guests in Go: {error:#}");
            toolbox
        }
        outcome => outcome?,
    };
    let kitchen = Kitchen::open(workspace, &toolbox)?;
    if names.is_empty() {
        kitchen.forget_others(&guests)?;
    }
    let failures = kitchen.build_all(&guests);
    if !failures.is_empty() {
        bail!(
            "{} of {} guests were not built:\n{}",
            failures.len(),
            guests.len(),
            failures.join("\n")
        );
    }
    println!(
        "{} guests in {}",
        guests.len(),
        workspace.short(&workspace.guests())
    );
    Ok(guests.iter().map(|guest| guest.name.clone()).collect())
}

fn chosen<'a>(manifest: &'a Manifest, names: &[String]) -> Result<Vec<&'a Guest>> {
    if names.is_empty() {
        return Ok(manifest.guests.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            manifest
                .guests
                .iter()
                .find(|guest| &guest.name == name)
                .with_context(|| {
                    let known: Vec<&str> = manifest
                        .guests
                        .iter()
                        .map(|guest| guest.name.as_str())
                        .collect();
                    format!(
                        "there is no guest `{name}`; the lists have {}",
                        known.join(", ")
                    )
                })
        })
        .collect()
}

fn needs(guests: &[&Guest]) -> Vec<Need> {
    let mut needs = Vec::new();
    for guest in guests {
        let need = match guest.language {
            Language::C => Need::WasmC,
            Language::Go => Need::Go,
            Language::Rust => Need::Rust(WASM),
            Language::Wat => continue,
        };
        if !needs.contains(&need) {
            needs.push(need);
        }
    }
    needs
}

/// Where guests are made, and with what.
struct Kitchen<'a> {
    workspace: &'a Workspace,
    toolbox: &'a Toolbox,
    guests: PathBuf,
    stamps: PathBuf,
}

impl<'a> Kitchen<'a> {
    fn open(workspace: &'a Workspace, toolbox: &'a Toolbox) -> Result<Self> {
        let guests = workspace.guests();
        let stamps = guests.join(".stamps");
        fs::create_dir_all(&stamps).with_context(|| {
            format!(
                "cannot create {}; is the target folder writable?",
                stamps.display()
            )
        })?;
        Ok(Self {
            workspace,
            toolbox,
            guests,
            stamps,
        })
    }

    /// Builds all of them; gives what went wrong.
    fn build_all(&self, guests: &[&Guest]) -> Vec<String> {
        // Cargo keeps all cores busy by itself and holds one lock; the others take one core each.
        let (by_cargo, by_one_core): (Vec<&Guest>, Vec<&Guest>) = guests
            .iter()
            .partition(|guest| guest.language == Language::Rust);
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let queue = Mutex::new(by_one_core.into_iter());
        let next = || queue.lock().ok().and_then(|mut queue| queue.next());
        thread::scope(|scope| {
            let mut threads = vec![scope.spawn(|| self.build_each(by_cargo.into_iter()))];
            for _ in 0..workers {
                threads.push(scope.spawn(|| self.build_each(std::iter::from_fn(next))));
            }
            let panicked = || vec!["a thread that builds guests panicked".to_owned()];
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|_| panicked()))
                .collect()
        })
    }

    /// Builds one guest after the other; gives what went wrong.
    fn build_each<'g>(&self, guests: impl Iterator<Item = &'g Guest>) -> Vec<String> {
        guests
            .filter_map(|guest| match self.build(guest) {
                Ok(Made::New(bytes)) => {
                    println!("  {:<24} {:>9} bytes", guest.name, bytes);
                    None
                }
                Ok(Made::Already) => None,
                Err(error) => Some(format!("{}: {error:#}", guest.name)),
            })
            .collect()
    }

    fn build(&self, guest: &Guest) -> Result<Made> {
        let recipe = Recipe::of(self.workspace, self.toolbox, guest)?;
        let fingerprint = recipe.fingerprint()?;
        let wasm = self.guests.join(format!("{}.wasm", guest.name));
        let stamp = self.stamps.join(&guest.name);
        if is_fresh(&wasm, &stamp, &fingerprint) {
            return Ok(Made::Already);
        }
        // Two people may build at the same time in one folder.
        let fresh = self
            .guests
            .join(format!("{}.{}.wasm.tmp", guest.name, std::process::id()));
        let outcome = recipe.cook(self.workspace, &fresh).and_then(|()| {
            let bytes = fs::metadata(&fresh)
                .context("the compiler left no file")?
                .len();
            fs::rename(&fresh, &wasm)
                .with_context(|| format!("cannot write {}", wasm.display()))?;
            fs::write(&stamp, fingerprint)
                .with_context(|| format!("cannot write {}", stamp.display()))?;
            Ok(Made::New(bytes))
        });
        if outcome.is_err() {
            // It may never have been made.
            let _ = fs::remove_file(&fresh);
        }
        outcome
    }

    /// Removes what was built for guests that are gone, so that no test runs a ghost.
    fn forget_others(&self, guests: &[&Guest]) -> Result<()> {
        let known: BTreeSet<&str> = guests.iter().map(|guest| guest.name.as_str()).collect();
        for entry in fs::read_dir(&self.stamps)? {
            let stamp = entry?.path();
            let name = stamp
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !known.contains(name.as_str()) {
                fs::remove_file(&stamp)?;
                let wasm = self.guests.join(format!("{name}.wasm"));
                if wasm.is_file() {
                    fs::remove_file(wasm)?;
                }
            }
        }
        Ok(())
    }
}

enum Made {
    Already,
    New(u64),
}

/// Whether a built guest is what its recipe would give now.
fn is_fresh(wasm: &Path, stamp: &Path, fingerprint: &str) -> bool {
    wasm.is_file() && fs::read_to_string(stamp).is_ok_and(|old| old == fingerprint)
}
