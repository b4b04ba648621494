//! Why an image cannot be built.

use std::fmt;
use std::path::PathBuf;

use thimble_image::config::ConfigError;
use thimble_runtime::grant::GrantError;
use thimble_runtime::module::ModuleError;

use crate::grants::GrantReport;
use crate::module::TidyError;
use crate::recipe::RecipeError;

/// Exported functions that a message names at most.
pub(super) const FOUND_MAX: usize = 20;

/// Why an image cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The recipe cannot be used, or the module's file not read.
    Recipe(RecipeError),
    /// The module is text that cannot be assembled.
    Text {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// The module could not run here.
    Module {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: ModuleError,
    },
    /// The module's code is wrong.
    Tidy {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: TidyError,
    },
    /// The function to run does not exist.
    EntryPoint {
        /// Its name.
        name: String,
        /// Those that exist, the first of them.
        found: Vec<String>,
    },
    /// The function to run takes or gives what nobody has or wants.
    EntrySignature {
        /// Its name.
        name: String,
    },
    /// A grant that is asked for cannot be read.
    Grant {
        /// The recipe.
        path: PathBuf,
        /// Why.
        error: GrantError,
    },
    /// Grants do not fit the module, and the caller wanted them to.
    StrictGrants(GrantReport),
    /// The configuration could not be read back.
    Config(ConfigError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipe(error) => error.fmt(formatter),
            Self::Text { path, reason } => write!(
                formatter,
                "{}: the text is not WebAssembly: {reason}",
                path.display()
            ),
            Self::Module { path, error } => write!(formatter, "{}: {error}", path.display()),
            Self::Tidy { path, error } => write!(formatter, "{}: {error}", path.display()),
            Self::EntryPoint { name, found } if found.is_empty() => write!(
                formatter,
                "the module exports no function, so `{name}` cannot be its entry point"
            ),
            Self::EntryPoint { name, found } => write!(
                formatter,
                "the module exports no function `{name}` that could be its entry point; it exports {}",
                found.join(", ")
            ),
            Self::EntrySignature { name } => write!(
                formatter,
                "the function `{name}` cannot be the entry point; one takes no parameters and returns nothing or one i32"
            ),
            Self::Grant { path, error } => write!(formatter, "{}: {error}", path.display()),
            Self::StrictGrants(report) => {
                formatter.write_str("grants and imports do not fit: ")?;
                for (index, line) in report.lines().enumerate() {
                    write!(formatter, "{}{line}", if index == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::Config(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for BuildError {}
