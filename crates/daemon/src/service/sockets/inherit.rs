//! Sockets that were handed over, checked before they are used.

use std::env;
use std::io;
use std::net::TcpListener;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

use super::{API, METRICS, SocketError};
use crate::isolation;
use crate::service::notify::Readiness;
use crate::service::supervise::{HANDOVER, READY};

/// Variables of socket activation.
const LISTEN: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];
/// Descriptors that are looked at: a socket of each name, and one more for an error that names it.
const DESCRIPTORS_MAX: usize = 4;

/// What was handed over.
#[derive(Default)]
pub(super) struct Inherited {
    pub(super) api: Option<UnixListener>,
    pub(super) metrics: Option<TcpListener>,
    pub(super) readiness: Readiness,
}

/// What the supervising parent has handed over.
pub(super) fn from_parent() -> Result<Inherited, SocketError> {
    let Ok(text) = env::var(HANDOVER) else {
        return Ok(Inherited::default());
    };
    one_thread()?;
    // SAFETY: there is one thread, so nobody reads the variables meanwhile.
    unsafe { env::remove_var(HANDOVER) };
    let mut inherited = Inherited::default();
    for part in text.split(':').take(DESCRIPTORS_MAX) {
        let (name, number) = part.split_once('=').unwrap_or((part, ""));
        let number: RawFd = number
            .parse()
            .ok()
            .filter(|number| *number > libc::STDERR_FILENO)
            .ok_or_else(|| refuse(name, "has no number"))?;
        let descriptor = take(name, number)?;
        if name == READY {
            inherited.readiness = Readiness::to_parent(descriptor);
        } else {
            inherited.sort(name, descriptor)?;
        }
    }
    // The program was executed by way of `/proc/self/exe`, and would be called `exe` by `ps` and the like.
    let _ = rustix::thread::set_name(c"thimble");
    Ok(inherited)
}

/// What the service manager has handed over.
pub(super) fn from_service_manager() -> Result<Inherited, SocketError> {
    if LISTEN.iter().all(|name| env::var_os(name).is_none()) {
        return Ok(Inherited::default());
    }
    one_thread()?;
    // SAFETY: there is one thread, so nobody reads the variables meanwhile.
    let descriptors = unsafe { sd_notify::listen_fds_with_names_and_unset_env() };
    let descriptors = descriptors.map_err(|error| SocketError::Variables { error })?;
    let mut inherited = Inherited::default();
    for (number, name) in descriptors.take(DESCRIPTORS_MAX) {
        let descriptor = take(&name, number)?;
        inherited.sort(&name, descriptor)?;
    }
    Ok(inherited)
}

impl Inherited {
    /// Puts a socket where its name says, or where its kind does if the operator has given it no name.
    fn sort(&mut self, name: &str, socket: OwnedFd) -> Result<(), SocketError> {
        let family = listening(&socket).map_err(|reason| refuse(name, reason))?;
        let unnamed = name.is_empty() || name == "unknown" || name.ends_with(".socket");
        let of_unix = family == AddressFamily::UNIX;
        let of_tcp = family == AddressFamily::INET || family == AddressFamily::INET6;
        match name {
            API if !of_unix => Err(refuse(
                name,
                "is no Unix socket; see ListenStream= of its unit",
            )),
            METRICS if !of_tcp => Err(refuse(
                name,
                "is no TCP socket; see ListenStream= of its unit",
            )),
            API | METRICS => self.put(name, of_unix, socket),
            _ if unnamed && (of_unix || of_tcp) => self.put(name, of_unix, socket),
            _ => Err(refuse(
                name,
                "has a name that means nothing here; FileDescriptorName= is one of `api` and `metrics`",
            )),
        }
    }

    fn put(&mut self, name: &str, of_unix: bool, socket: OwnedFd) -> Result<(), SocketError> {
        let second = if of_unix {
            self.api.replace(UnixListener::from(socket)).is_some()
        } else {
            self.metrics.replace(TcpListener::from(socket)).is_some()
        };
        if second {
            return Err(refuse(name, "is the second of its kind, and one is enough"));
        }
        Ok(())
    }
}

/// The family of a socket, if a stream can be accepted from it.
fn listening(socket: &OwnedFd) -> Result<AddressFamily, &'static str> {
    let not_a_socket = |_| "is no socket";
    if socket_type(socket).map_err(not_a_socket)? != SocketType::STREAM {
        return Err("carries no streams; see ListenStream= of its unit");
    }
    if !socket_acceptconn(socket).map_err(not_a_socket)? {
        return Err("does not listen; its unit must not say Accept=yes");
    }
    socket_domain(socket).map_err(not_a_socket)
}

/// Owns a descriptor that was handed over, and keeps it from children.
fn take(name: &str, number: RawFd) -> Result<OwnedFd, SocketError> {
    // SAFETY: it was handed over to this process, which takes each only once; whether it is open is seen next.
    let descriptor = unsafe { rustix::fd::BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(descriptor).map_err(|_| refuse(name, "is not open"))?;
    fcntl_setfd(descriptor, flags | FdFlags::CLOEXEC).map_err(|error| SocketError::Variables {
        error: io::Error::from(error),
    })?;
    // SAFETY: it is open, was handed over to this process, and nobody else here knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn one_thread() -> Result<(), SocketError> {
    match isolation::threads() {
        Ok(count) if count > 1 => Err(SocketError::Threads),
        // Without /proc it cannot be seen; this is how it is called.
        _ => Ok(()),
    }
}

fn refuse(name: &str, reason: &'static str) -> SocketError {
    SocketError::HandedOver {
        name: name.to_owned(),
        reason,
    }
}
