//! What can be wrong with a recipe, with the place and what would be right.

use std::fmt;
use std::path::{Path, PathBuf};

use thimble_image::config::ConfigError;

use super::{MODULE_BYTES_MAX, RECIPE_BYTES_MAX};
use crate::yaml::Problem;

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
    /// What it says is not understood, or not allowed.
    Written(Problem),
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
            Self::Written(problem) => problem.fmt(formatter),
            Self::NoModule { path } => {
                write!(formatter, "there is no file {}; build the module first", path.display())
            }
            Self::Config(error) => error.fmt(formatter),
        }
    }
}
