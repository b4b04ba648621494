//! Which custom sections a module in an image keeps.

use thimble_abi::env;

use super::Strip;

/// What happens to a custom section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is kept as it is.
    Stays,
    /// It is taken out.
    Goes,
    /// Of the names, those of functions are kept.
    KeepsFunctionNames,
}

/// Sections that only tools look at, by their whole name.
const FOR_TOOLS: [&str; 5] = [
    "external_debug_info",
    "linking",
    "producers",
    "sourceMappingURL",
    "target_features",
];

/// Sections that only tools look at, or that hold positions in code, which move; by the beginning of their name.
const FOR_TOOLS_BEGIN: [&str; 3] = [".debug_", "reloc.", "metadata.code."];

/// What happens to the custom section of this name.
pub(super) fn fate(name: &str, strip: Strip) -> Fate {
    match strip {
        // It says how the module is to be run.
        _ if name == env::APP_HEAP_SECTION => Fate::Stays,
        Strip::All => Fate::Goes,
        Strip::Debug if name == "name" => Fate::KeepsFunctionNames,
        Strip::Debug if FOR_TOOLS.contains(&name) => Fate::Goes,
        Strip::Debug if FOR_TOOLS_BEGIN.iter().any(|begin| name.starts_with(begin)) => Fate::Goes,
        Strip::Debug => Fate::Stays,
    }
}
