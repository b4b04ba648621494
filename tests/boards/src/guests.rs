//! Where guests and firmware are that `cargo xtask` built.

use std::path::PathBuf;

use thimble_testkit::qemu::Board;

/// The folder in which everything is built: where this program is, some folders up.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let is_target = |folder: &&std::path::Path| folder.join("guests").is_dir();
    program
        .ancestors()
        .find(is_target)
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from("target"))
}

/// A guest by its name in `examples/guests.toml` or `tests/guests/guests.toml`.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    let path = target().join("guests").join(format!("{name}.wasm"));
    assert!(
        path.exists(),
        "{} is missing; run `cargo xtask guests`",
        path.display()
    );
    path
}

/// A board's firmware.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn firmware(board: Board) -> PathBuf {
    let path = target().join("firmware").join(board.name()).join("device");
    assert!(
        path.exists(),
        "{} is missing; run `cargo xtask firmware build`",
        path.display()
    );
    path
}

/// The repository.
#[must_use]
pub fn repository() -> PathBuf {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    package
        .ancestors()
        .nth(2)
        .map(PathBuf::from)
        .unwrap_or(package)
}
