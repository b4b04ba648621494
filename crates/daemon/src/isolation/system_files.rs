//! What every program needs of the system: names of hosts, certificates, time zones, itself in `/proc`.
//!
//! A rule of Landlock holds for a file, not for its name. A file that is replaced by another one of the same
//! name, as network managers do with `resolv.conf`, would be out of reach. So where a file is a link, the folder
//! that it leads to may be read; and a process of another user than root may read all of `/etc`, in which that
//! user can read no secrets anyway. A process of root may read the files that are there now.

use std::path::{Path, PathBuf};

/// Files and folders that may be read. Those with private keys beside them are named one by one.
const READ: [&str; 27] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/machine-id",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    // How many processors this process may use.
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
];

/// What the system tells of itself and of this process.
const READ_PROC: [&str; 4] = [
    "/proc/self",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/net/core/somaxconn",
];

/// File systems that make files up when they are asked for.
pub(super) const MADE_UP: [&str; 2] = ["/proc", "/sys"];

/// What may be read and written.
pub(super) const READ_WRITE: [&str; 1] = ["/dev/null"];

/// Where certificates may be elsewhere; other programs honour these too.
const CERTIFICATE_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What may be read.
pub(super) fn readable() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = READ.iter().chain(&READ_PROC).map(PathBuf::from).collect();
    paths.extend(
        READ.iter()
            .filter_map(|path| folder_behind(Path::new(path))),
    );
    for name in CERTIFICATE_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            paths.extend(std::env::split_paths(&value).filter(|path| path.is_absolute()));
        }
    }
    if !rustix::process::geteuid().is_root() {
        paths.push(PathBuf::from("/etc"));
    }
    paths
}

/// The folder in which the file lies that a link leads to, unless too much else lies there.
fn folder_behind(path: &Path) -> Option<PathBuf> {
    if !path.is_symlink() {
        return None;
    }
    let target = path.canonicalize().ok()?;
    if target.is_dir() {
        return None;
    }
    let folder = target.parent()?;
    // `/etc` and `/run` hold other services' secrets too.
    let shallow = folder.components().count() <= 2;
    (!shallow).then(|| folder.to_owned())
}

/// What the loader of a dynamically linked program reads.
pub(super) const LIBRARIES: [&str; 6] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
];
