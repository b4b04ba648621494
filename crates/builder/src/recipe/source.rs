//! Reads the files of a recipe, as many bytes as they may have.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::error::{RecipeError, RecipeProblem};

/// Bytes of a recipe at most: thousands of times what one needs.
pub const RECIPE_BYTES_MAX: u64 = 256 << 10;
/// Bytes of a module at most: more than any that a device could hold.
pub const MODULE_BYTES_MAX: u64 = 512 << 20;

/// The text of a recipe.
pub(super) fn read_recipe(path: &Path) -> Result<String, RecipeError> {
    let bytes = read(path, RECIPE_BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|_| RecipeError::new(path, None, RecipeProblem::NotText))
}

/// The bytes of a module's file.
pub(crate) fn read_module(path: &Path) -> Result<Vec<u8>, RecipeError> {
    read(path, MODULE_BYTES_MAX)
}

/// Says early that a file is not there, or is none.
pub(super) fn check_exists(path: &Path) -> Result<(), RecipeError> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.is_file() {
        return Ok(());
    }
    Err(RecipeError::new(
        path,
        None,
        RecipeProblem::Unreadable {
            reason: "it is not a file".into(),
        },
    ))
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, RecipeError> {
    let mut bytes = Vec::new();
    let read = File::open(path)
        .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    if read as u64 > bytes_max {
        return Err(RecipeError::new(
            path,
            None,
            RecipeProblem::TooLarge { bytes_max },
        ));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> RecipeError {
    let reason = match error.kind() {
        ErrorKind::NotFound => "it is not there".into(),
        ErrorKind::PermissionDenied => "permission denied; check its mode and owner".into(),
        _ => error.to_string(),
    };
    RecipeError::new(path, None, RecipeProblem::Unreadable { reason })
}
