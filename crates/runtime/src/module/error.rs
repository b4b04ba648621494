//! What can be wrong with a module before an engine sees it.

use alloc::string::String;
use core::fmt;

/// Why bytes are not a module that can run here. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleError {
    /// There are no bytes.
    Empty,
    /// The bytes are something else.
    NotWasm {
        /// What they look like, where that is known.
        looks_like: &'static str,
    },
    /// A component of the component model, not a core module.
    Component,
    /// A version of the binary format other than 1.
    Version {
        /// The version it states.
        version: u32,
    },
    /// The bytes end in the middle of something.
    Truncated {
        /// Offset at which more was expected.
        offset: usize,
    },
    /// A section breaks the rules of the binary format.
    Malformed {
        /// What is wrong.
        reason: String,
        /// Where, from the first byte.
        offset: usize,
    },
    /// An import that nothing here answers.
    UnknownImport {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
        /// What to do, or what was perhaps meant.
        hint: String,
    },
    /// An import that exists here with another signature.
    WrongImportSignature {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
        /// The signature the module declares.
        declared: String,
        /// The signature the host has.
        expected: String,
    },
    /// An import of something that is neither a function nor a memory.
    ImportKind {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// A feature of WebAssembly that containers cannot use.
    Unsupported {
        /// Its name.
        feature: &'static str,
    },
}

impl fmt::Display for ModuleError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("the file is empty"),
            Self::NotWasm { looks_like } => write!(formatter, "not a WebAssembly module: this looks like {looks_like}"),
            Self::Component => formatter.write_str(
                "this is a WebAssembly component, containers are core modules; build for wasm32-wasip1 instead of wasip2",
            ),
            Self::Version { version } => {
                write!(formatter, "WebAssembly binary version {version} is not known; version 1 is")
            }
            Self::Truncated { offset } => write!(
                formatter,
                "the module is cut off at byte {offset}; it was not copied or downloaded in full"
            ),
            Self::Malformed { reason, offset } => write!(formatter, "malformed module: {reason} (at byte {offset})"),
            Self::UnknownImport { module, name, hint } => {
                write!(formatter, "unknown import `{module}.{name}`: {hint}")
            }
            Self::WrongImportSignature { module, name, declared, expected } => write!(
                formatter,
                "import `{module}.{name}` is declared as {declared}, the host has {expected}; rebuild against the current headers"
            ),
            Self::ImportKind { module, name, kind } => write!(
                formatter,
                "import `{module}.{name}` is a {kind}; containers can import functions and one memory"
            ),
            Self::Unsupported { feature } => write!(formatter, "the module uses {feature}, which containers cannot"),
        }
    }
}

impl core::error::Error for ModuleError {}
