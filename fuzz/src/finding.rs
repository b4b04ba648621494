//! What was found, and where it is kept.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// A rule that an input broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which rule: findings of one rule count as one. A panic's is its place.
    pub(crate) rule: String,
    /// How.
    pub(crate) detail: String,
}

impl Violation {
    /// The rule that was broken, and how.
    pub(crate) fn new(rule: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            detail: detail.into(),
        }
    }
}

/// An error unless `holds`.
pub(crate) fn ensure(
    holds: bool,
    rule: &'static str,
    detail: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds {
        Ok(())
    } else {
        Err(Violation::new(rule, detail()))
    }
}

/// An error that says nothing is one.
pub(crate) fn says_something(error: &dyn std::fmt::Display) -> Result<(), Violation> {
    ensure(
        !error.to_string().is_empty(),
        "errors say something",
        String::new,
    )
}

/// The folder of this package: where it was built from, or below the current one.
pub(crate) fn home() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR"));
    if built.is_dir() {
        built.into()
    } else {
        "fuzz".into()
    }
}

/// Saves an input with what it did and says so. Findings of one rule overwrite each other.
pub(crate) fn report(
    target: &str,
    seed: u64,
    violation: &Violation,
    input: &[u8],
) -> io::Result<()> {
    let folder = home().join("findings");
    fs::create_dir_all(&folder)?;
    let name = format!("{target}-{:08x}", hash(&violation.rule) & 0xffff_ffff);
    let file = folder.join(&name);
    fs::write(&file, input)?;
    let command = format!("cargo xtask fuzz {target} --repeat {}", file.display());
    let text = format!(
        "target: {target}\nrule: {}\ndetail: {}\nseed: {seed}\nbytes: {}\nrepeat: {command}\n",
        violation.rule,
        violation.detail,
        input.len()
    );
    fs::write(file.with_extension("txt"), &text)?;
    println!("FOUND\n{text}");
    Ok(())
}

/// A name for what has this content.
pub(crate) fn hash(content: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
