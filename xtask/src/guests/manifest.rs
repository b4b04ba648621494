//! `examples/guests.toml`, read into guests that can be built.
//!
//! Names become file names and part of command lines, so they are checked here once.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// All guests, in the order of the file.
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
    /// Below `examples/`.
    pub(crate) path: PathBuf,
    /// What a C guest is linked for.
    pub(crate) abi: Option<Abi>,
    /// More options for the compiler.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
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
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read {}, which lists the example guests",
                path.display()
            )
        })?;
        Self::parse(&text).with_context(|| format!("{} is not a list of guests", path.display()))
    }

    /// Parses the text; the first thing that is wrong is the error.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let guests = toml::from_str::<File>(text)?.guest;
        let mut names = BTreeSet::new();
        for guest in &guests {
            check(guest)?;
            if !names.insert(&guest.name) {
                bail!(
                    "two guests are named `{}`; a name is a file in the target folder",
                    guest.name
                );
            }
        }
        Ok(Self { guests })
    }
}

fn check(guest: &Guest) -> Result<()> {
    let Guest {
        name,
        language,
        path,
        abi,
        flags,
    } = guest;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !name.is_empty() && name.chars().all(plain) && !name.starts_with('-'),
        "the name `{name}` is not made of a-z, 0-9 and `-`; use such a name, it becomes a file"
    );
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    ensure!(
        inside && !path.as_os_str().is_empty(),
        "`{name}` has the path `{}`, which is not below examples/; write it relative to that folder",
        path.display()
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
