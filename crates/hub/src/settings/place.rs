//! Where a hub keeps what it keeps.

use std::env;
use std::path::PathBuf;

/// The folder if nothing is set: `/var/lib/thimble-hub` for the superuser, otherwise `thimble-hub` in `$XDG_STATE_HOME` or
/// `~/.local/state`.
#[must_use]
pub fn state_folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    if let Some(state) = absolute("XDG_STATE_HOME") {
        return Some(state.join("thimble-hub"));
    }
    let home = absolute("HOME")?;
    if home.as_os_str() == "/root" {
        return Some(PathBuf::from("/var/lib/thimble-hub"));
    }
    Some(home.join(".local/state/thimble-hub"))
}
