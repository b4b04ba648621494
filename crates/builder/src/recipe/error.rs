//! What can be wrong with a recipe, with the place and what would be right.

use std::fmt;
use std::path::{Path, PathBuf};

use thimble_image::config::ConfigError;

use super::{MODULE_BYTES_MAX, RECIPE_BYTES_MAX};

/// Why a recipe cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeError {
    /// The file or folder.
    pub path: PathBuf,
    /// The line in it, from 1, where that says something.
    pub line: Option<usize>,
    /// What is wrong there.
    pub problem: RecipeProblem,
}

/// What is wrong with a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecipeProblem {
    /// The folder has no recipe.
    NoRecipe,
    /// The file cannot be read.
    Unreadable {
        /// What the system said.
        reason: String,
    },
    /// The file has more bytes than a recipe or module may have.
    TooLarge {
        /// How many it may have.
        bytes_max: u64,
    },
    /// It is not UTF-8.
    NotText,
    /// It is not YAML.
    Syntax {
        /// What the parser said.
        reason: String,
    },
    /// It uses a part of YAML that recipes do without.
    Unsupported {
        /// Which.
        what: &'static str,
    },
    /// It is nested too deeply or has too many values.
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many may be.
        max: usize,
    },
    /// The same key stands twice in a map.
    Duplicate {
        /// The key.
        key: String,
    },
    /// No such key exists.
    UnknownKey {
        /// The key.
        key: String,
        /// The key that was perhaps meant.
        near: Option<&'static str>,
        /// All that would be right.
        known: &'static [&'static str],
    },
    /// A key that must be there is not.
    Missing {
        /// Which, and what it is for.
        key: &'static str,
    },
    /// A value has the wrong form.
    Value {
        /// Its key.
        key: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A module's path leaves the recipe's folder.
    Outside {
        /// The path.
        path: String,
    },
    /// The module that the recipe names is not there.
    NoModule {
        /// Where it should be.
        path: PathBuf,
    },
    /// All of it together is no configuration.
    Config(ConfigError),
}

impl RecipeError {
    pub(super) fn new(path: &Path, line: Option<usize>, problem: RecipeProblem) -> Self {
        Self {
            path: path.to_owned(),
            line,
            problem,
        }
    }
}

impl fmt::Display for RecipeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}", self.problem)
    }
}

impl std::error::Error for RecipeError {}

impl fmt::Display for RecipeProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecipe => formatter.write_str(
                "the folder has neither thimble.yaml nor build.yaml; write a thimble.yaml with `module: FILE.wasm`, \
                 or give the .wasm file",
            ),
            Self::Unreadable { reason } => write!(formatter, "it cannot be read: {reason}"),
            Self::TooLarge { bytes_max } if *bytes_max == RECIPE_BYTES_MAX => {
                write!(formatter, "a recipe has at most {} KiB", RECIPE_BYTES_MAX >> 10)
            }
            Self::TooLarge { .. } => {
                write!(formatter, "a module has at most {} MiB", MODULE_BYTES_MAX >> 20)
            }
            Self::NotText => formatter.write_str("it is not UTF-8 text"),
            Self::Syntax { reason } => write!(formatter, "it is not YAML: {reason}"),
            Self::Unsupported { what } => {
                write!(formatter, "recipes do without {what}; write the value itself")
            }
            Self::TooMuch { what, max } => write!(formatter, "a recipe has at most {max} {what}"),
            Self::Duplicate { key } => write!(formatter, "`{key}` stands here twice; one must go"),
            Self::UnknownKey { key, near, known } => {
                write!(formatter, "unknown key `{key}`; ")?;
                match near {
                    Some(near) => write!(formatter, "did you mean `{near}`?"),
                    None => write!(formatter, "keys here are {}", known.join(", ")),
                }
            }
            Self::Missing { key } => write!(formatter, "{key} is missing"),
            Self::Value { key, expected } => write!(formatter, "`{key}` must be {expected}"),
            Self::Outside { path } => write!(
                formatter,
                "the module's path {path:?} must be relative and stay inside the recipe's folder"
            ),
            Self::NoModule { path } => {
                write!(formatter, "there is no file {}; build the module first", path.display())
            }
            Self::Config(error) => error.fmt(formatter),
        }
    }
}
