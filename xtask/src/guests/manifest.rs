//! The lists of guests, read into guests that can be built.
//!
//! Names become file names and part of command lines, so they are checked here once.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// The lists, from the repository's root: the examples, and what the conformance suite runs.
const LISTS: [&str; 2] = ["examples/guests.toml", "tests/guests/guests.toml"];

/// All guests, in the order of their lists.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) guests: Vec<Guest>,
}

/// One guest.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guest {
    /// The built file's name, without `.wasm`.
    pub(crate) name: String,
    pub(crate) language: Language,
    /// Below the list's folder.
    pub(crate) path: PathBuf,
    /// A folder of headers that C guests share, below the list's folder.
    pub(crate) headers: Option<PathBuf>,
    /// What a C guest is linked for.
    pub(crate) abi: Option<Abi>,
    /// More options for the compiler.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    /// Where the list lies.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    C,
    Rust,
    Go,
    Wat,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Abi {
    /// A command with wasi-libc.
    Wasi,
    /// The same, with the linker options of Ocre's SDK.
    Ocre,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    guest: Vec<Guest>,
}

impl Manifest {
    /// Reads all lists of the repository at `root`.
    pub(crate) fn read_all(root: &Path) -> Result<Self> {
        let mut guests = Vec::new();
        for list in LISTS {
            guests.extend(Self::read(&root.join(list))?.guests);
        }
        check_names(&guests)?;
        Ok(Self { guests })
    }

    /// Reads one list.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read {}, which lists guests", path.display()))?;
        let mut manifest = Self::parse(&text)
            .with_context(|| format!("{} is not a list of guests", path.display()))?;
        let folder = path.parent().unwrap_or(path);
        for guest in &mut manifest.guests {
            folder.clone_into(&mut guest.folder);
        }
        Ok(manifest)
    }

    /// Parses the text; the first thing that is wrong is the error.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let guests = toml::from_str::<File>(text)?.guest;
        guests.iter().try_for_each(check)?;
        check_names(&guests)?;
        Ok(Self { guests })
    }
}

fn check_names(guests: &[Guest]) -> Result<()> {
    let mut names = BTreeSet::new();
    match guests.iter().find(|guest| !names.insert(&guest.name)) {
        None => Ok(()),
        Some(guest) => bail!(
            "two guests are named `{}`; a name is a file in the target folder",
            guest.name
        ),
    }
}

fn check(guest: &Guest) -> Result<()> {
    let Guest {
        name,
        language,
        path,
        headers,
        abi,
        flags,
        folder: _,
    } = guest;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !name.is_empty() && name.chars().all(plain) && !name.starts_with('-'),
        "the name `{name}` is not made of a-z, 0-9 and `-`; use such a name, it becomes a file"
    );
    for path in headers.iter().chain([path]) {
        let inside = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        ensure!(
            inside && !path.as_os_str().is_empty(),
            "`{name}` has the path `{}`, which is not below the list's folder; write it relative to that",
            path.display()
        );
    }
    ensure!(
        headers.is_none() || *language == Language::C,
        "`{name}` has `headers`, which only C guests include; remove them"
    );
    ensure!(
        abi.is_none() || *language == Language::C,
        "`{name}` has an `abi`, which only C guests have; remove it"
    );
    ensure!(
        flags.is_empty() || *language != Language::Wat,
        "`{name}` has `flags`, but the text format has no compiler to take them; remove them"
    );
    Ok(())
}
