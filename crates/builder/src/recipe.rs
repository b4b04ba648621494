//! Reads recipes: what an image is made of, from `thimble.yaml`, from Ocre's `build.yaml`, or from a module alone.
//!
//! A recipe is hostile like any input: it has limits, it names only files of its own folder, and what it says is
//! either understood or an error with file and line.
//!
//! # `thimble.yaml`
//!
//! Every field but `module` may be left out; `docs/guide/images.md` has an example.
//!
//! | Field | Value |
//! |---|---|
//! | `module` | path of the `.wasm` or `.wat` file, relative to the recipe, inside its folder |
//! | `name` | what the image is called where nobody says otherwise: a-z, 0-9, `.`, `_`, `-` |
//! | `author` | who made it |
//! | `entry` | the exported function to run; `_start` where it is left out |
//! | `args` | list of arguments for when none are given |
//! | `env` | map of names and values, or list of `NAME=VALUE` |
//! | `grants` | list of the grants it asks for, as `--allow` takes them |
//! | `volumes` | list of absolute paths at which it expects a folder of its own |
//! | `limits` | `memory`, `storage`, `kv`, `log` (sizes: `64m`), `cpus` (a share: `0.5`) |
//! | `health` | `start`: time until it must have said that it is healthy; `heartbeat`: longest time between two reports |
//! | `stop_grace` | time between being asked to stop and being killed |
//! | `labels` | map of names and texts for people and tools |
//! | `pack` | whether the module's memory is cut to what it needs: `true`, or a map with `stack` (the size it was linked with), `heap` and `messages` (the sizes it gets) |

mod error;
mod ocre;
mod source;
#[cfg(test)]
mod tests;
mod thimble;

use std::path::{Path, PathBuf};

use thimble_image::ImageConfig;

use crate::pack::PackRequest;
use crate::units;
use crate::yaml;

pub use error::{RecipeError, RecipeProblem};
pub use source::{MODULE_BYTES_MAX, RECIPE_BYTES_MAX};

pub(crate) use source::read_module;

/// The recipes that a folder may hold, the first that is there counts.
const RECIPE_FILES: [&str; 4] = ["thimble.yaml", "thimble.yml", "build.yaml", "build.yml"];

/// What an image is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The file that said so: a recipe, or the module itself.
    pub source: PathBuf,
    /// What the image is called where nobody says otherwise.
    pub name: Option<String>,
    /// The module, WebAssembly or its text format.
    pub module: PathBuf,
    /// Whether it is to be packed.
    pub pack: PackRequest,
    /// How it is run and what it asks for, without the digests of layers.
    pub config: ImageConfig,
    /// What whoever wrote the recipe should know.
    pub notes: Vec<String>,
}

/// Reads a recipe. `path` is a folder that holds one, a recipe file, or a module.
///
/// # Errors
/// [`RecipeError`] names file and line, and says what would be right.
pub fn read(path: &Path) -> Result<Recipe, RecipeError> {
    if path.is_dir() {
        let recipe = RECIPE_FILES
            .iter()
            .map(|name| path.join(name))
            .find(|file| file.exists());
        return match recipe {
            Some(file) => read_file(&file),
            None => Err(RecipeError::new(path, None, RecipeProblem::NoRecipe)),
        };
    }
    let is_recipe = path
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    if is_recipe {
        read_file(path)
    } else {
        source::check_exists(path)?;
        Ok(of_module(path))
    }
}

/// The recipe of a module that has none.
fn of_module(path: &Path) -> Recipe {
    Recipe {
        source: path.to_owned(),
        name: path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .map(str::to_ascii_lowercase)
            .filter(|name| units::is_name(name)),
        module: path.to_owned(),
        pack: PackRequest::default(),
        config: ImageConfig::default(),
        notes: Vec::new(),
    }
}

/// Reads a recipe file of either kind: Ocre's has `binaries`.
fn read_file(path: &Path) -> Result<Recipe, RecipeError> {
    let text = source::read_recipe(path)?;
    let wrong = |wrong: yaml::Wrong| {
        let line = Some(wrong.place.line);
        RecipeError::new(path, line, RecipeProblem::Written(wrong.problem))
    };
    let root = yaml::parse(&text).map_err(wrong)?;
    let written = if root.has_key("binaries") {
        ocre::read(root)
    } else {
        thimble::read(root)
    }
    .map_err(wrong)?;
    let config = written
        .config
        .checked()
        .map_err(|error| RecipeError::new(path, None, RecipeProblem::Config(error)))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let module = folder.join(&written.module.path);
    source::check_exists(&module).map_err(|_| {
        RecipeError::new(
            path,
            Some(written.module.line),
            RecipeProblem::NoModule {
                path: module.clone(),
            },
        )
    })?;
    Ok(Recipe {
        source: path.to_owned(),
        name: written.name,
        module,
        pack: written.pack,
        config,
        notes: written.notes,
    })
}

/// What a recipe file says.
struct Written {
    name: Option<String>,
    module: ModulePath,
    pack: PackRequest,
    config: ImageConfig,
    notes: Vec<String>,
}

/// A module as a recipe names it.
struct ModulePath {
    path: PathBuf,
    line: usize,
}
