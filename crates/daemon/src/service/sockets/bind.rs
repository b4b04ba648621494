//! Makes the socket of the API.
//!
//! A file that is in the way is removed only if it is a socket at which nobody answers. Nobody else who follows
//! these rules does the same meanwhile: the folder is locked.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{Mode, fchmod};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::{Bind, SocketError};

/// Bytes of a path in an address; one more is the end.
const PATH_BYTES_MAX: usize = 107;
/// Clients that wait while the daemon is busy or started again.
const BACKLOG: libc::c_int = 128;
/// The daemon's user and the group may use it.
const SOCKET_MODE: u32 = 0o660;
/// The folder, where only the daemon's user may use the socket, and where a group may.
const PRIVATE_FOLDER_MODE: u32 = 0o700;
const SHARED_FOLDER_MODE: u32 = 0o755;

/// Makes the socket and listens.
pub(super) fn bind(bind: &Bind<'_>) -> Result<UnixListener, SocketError> {
    let path = bind.path;
    if path.as_os_str().as_bytes().len() > PATH_BYTES_MAX {
        return Err(SocketError::TooLong {
            path: path.to_owned(),
            bytes_max: PATH_BYTES_MAX,
        });
    }
    let group = bind.group.map(find_group).transpose()?;
    let failed = |doing, path: &Path, error| SocketError::Make {
        doing,
        path: path.to_owned(),
        error,
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    make_folder(folder, group.is_some())
        .map_err(|error| failed("cannot make the socket's folder", folder, error))?;
    // Unlocked when it is closed.
    let lock = File::open(folder)
        .and_then(|folder| folder.lock().map(|()| folder))
        .map_err(|error| failed("cannot lock the socket's folder", folder, error))?;
    remove_dead(path)?;
    let listener = listen(path).map_err(|error| failed("cannot listen at", path, error))?;
    drop(lock);
    share(path, group).map_err(|error| {
        // Nobody could have used it.
        let _ = fs::remove_file(path);
        failed("cannot give the group its rights to", path, error)
    })?;
    Ok(listener)
}

fn make_folder(folder: &Path, shared: bool) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(if shared {
            SHARED_FOLDER_MODE
        } else {
            PRIVATE_FOLDER_MODE
        })
        .create(folder)
}

/// Removes a socket whose daemon is dead.
fn remove_dead(path: &Path) -> Result<(), SocketError> {
    let failed = |doing, error| SocketError::Make {
        doing,
        path: path.to_owned(),
        error,
    };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("cannot look at", error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(SocketError::NotASocket {
            path: path.to_owned(),
        });
    }
    let socket =
        unix_socket(SocketFlags::NONBLOCK).map_err(|error| failed("cannot ask at", error))?;
    let address =
        SocketAddrUnix::new(path).map_err(|error| failed("cannot ask at", error.into()))?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => Err(SocketError::InUse {
            path: path.to_owned(),
            who: listener_of(&socket),
        }),
        // So many wait there already that there is no room for one more.
        Err(Errno::AGAIN) => Err(SocketError::InUse {
            path: path.to_owned(),
            who: None,
        }),
        Err(Errno::CONNREFUSED) => fs::remove_file(path)
            .map_err(|error| failed("cannot remove the socket of a dead daemon", error)),
        // Of another type, or forbidden: it is someone's.
        Err(error) => Err(failed("a socket is in the way at", error.into())),
    }
}

fn unix_socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    let flags = flags | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(socket)
}

/// The process that listens, and what it runs.
fn listener_of(stream: &OwnedFd) -> Option<(u32, String)> {
    let process = socket_peercred(stream).ok()?.pid;
    let number = process.as_raw_nonzero().get().cast_unsigned();
    let name = fs::read_to_string(format!("/proc/{number}/comm")).ok();
    let name = name.as_deref().map_or("which cannot be seen", str::trim);
    Some((number, name.to_owned()))
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = unix_socket(SocketFlags::empty())?;
    // Linux gives the file the mode of the socket: nobody else gets in before the group is set.
    fchmod(&socket, Mode::from_raw_mode(0o600))?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

fn share(path: &Path, group: Option<u32>) -> io::Result<()> {
    if let Some(group) = group {
        std::os::unix::fs::lchown(path, None, Some(group))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))
}

/// The number of a group. Only `/etc/group` is asked: what else a system may have needs libraries that a static
/// program cannot load.
fn find_group(name: &str) -> Result<u32, SocketError> {
    let unknown = || SocketError::Group {
        name: name.to_owned(),
    };
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let file = File::open("/etc/group").map_err(|_| unknown())?;
    BufReader::new(file)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
        })
        .ok_or_else(unknown)
}
