//! Where Thimble keeps things on this machine.

use std::env;
use std::path::PathBuf;

/// The folder of data: `$THIMBLE_ROOT`, else `/var/lib/thimble` for root, else the XDG data folder.
pub(crate) fn data() -> Option<PathBuf> {
    if let Some(root) = set("THIMBLE_ROOT") {
        return Some(root);
    }
    if is_root() {
        return Some("/var/lib/thimble".into());
    }
    set("XDG_DATA_HOME")
        .or_else(|| Some(set("HOME")?.join(".local/share")))
        .map(|folder| folder.join("thimble"))
}

/// The folder of compiled modules: below `$THIMBLE_ROOT`, else `/var/cache/thimble` for root, else the XDG
/// cache folder.
pub(crate) fn cache() -> Option<PathBuf> {
    if let Some(root) = set("THIMBLE_ROOT") {
        return Some(root.join("cache"));
    }
    if is_root() {
        return Some("/var/cache/thimble".into());
    }
    set("XDG_CACHE_HOME")
        .or_else(|| Some(set("HOME")?.join(".cache")))
        .map(|folder| folder.join("thimble"))
}

/// The folder of settings and of whom to trust: below `$THIMBLE_ROOT`, else `/etc/thimble` for root, else the XDG
/// configuration folder.
pub(crate) fn config() -> Option<PathBuf> {
    if let Some(root) = set("THIMBLE_ROOT") {
        return Some(root.join("config"));
    }
    if is_root() {
        return Some("/etc/thimble".into());
    }
    set("XDG_CONFIG_HOME")
        .or_else(|| Some(set("HOME")?.join(".config")))
        .map(|folder| folder.join("thimble"))
}

/// The daemon's socket: `$THIMBLE_SOCKET`, else in `$THIMBLE_ROOT`, else in `/run/thimble` for root, else in the XDG
/// runtime folder, else in the folder of data.
pub(crate) fn socket() -> Option<PathBuf> {
    if let Some(socket) = set("THIMBLE_SOCKET") {
        return Some(socket);
    }
    if let Some(root) = set("THIMBLE_ROOT") {
        return Some(root.join("daemon.sock"));
    }
    if is_root() {
        return Some("/run/thimble/thimble.sock".into());
    }
    match set("XDG_RUNTIME_DIR") {
        Some(folder) => Some(folder.join("thimble/thimble.sock")),
        None => Some(data()?.join("daemon.sock")),
    }
}

fn set(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
