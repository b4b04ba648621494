//! Reads a file that holds a module.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use thimble_runtime::module::Module;

use crate::failure::Failure;

/// Bytes of a file that are read at most: more than any module that a device could hold.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// Reads a module from a `.wasm` or `.wat` file.
pub(super) fn module(path: &Path) -> Result<Module, Failure> {
    let bytes = read(path)?;
    let bytes = if is_text(path, &bytes) {
        assemble(path, &bytes)?
    } else {
        bytes
    };
    Module::parse(bytes).map_err(|error| Failure::cannot_run(path, error))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |reason: String| Failure::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::NotFound {
            path: path.to_owned(),
        },
        ErrorKind::PermissionDenied => {
            unreadable("permission denied; check its mode and owner".into())
        }
        _ => unreadable(error.to_string()),
    })?;
    let metadata = file
        .metadata()
        .map_err(|error| unreadable(error.to_string()))?;
    if metadata.is_dir() {
        return Err(unreadable(
            "it is a folder; give the .wasm file in it".into(),
        ));
    }
    // Room for one byte more than there should be: then the end is seen without another look.
    let size = metadata.len().min(FILE_BYTES_MAX).saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    let read = file
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(error.to_string()))?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(unreadable(format!(
            "it has more than {} MiB, which no container may have",
            FILE_BYTES_MAX >> 20
        )));
    }
    Ok(bytes)
}

/// Whether this is WebAssembly's text format: by its name, or because it begins like it.
fn is_text(path: &Path, bytes: &[u8]) -> bool {
    if bytes.starts_with(b"\0") || bytes.is_empty() {
        return false;
    }
    path.extension().is_some_and(|extension| extension == "wat")
        || bytes.trim_ascii_start().starts_with(b"(module")
        || bytes.trim_ascii_start().starts_with(b";;")
}

fn assemble(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Failure::cannot_run(path, "it is not UTF-8 text"))?;
    match wat::Parser::new().parse_str(Some(path), text) {
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Failure::cannot_run(
            path,
            format_args!("the text is not WebAssembly: {error}"),
        )),
    }
}
