//! `TCP_FASTOPEN_CONNECT` (Linux 4.11), for which no safe wrapper exists.

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};

/// Sets it.
pub(super) fn set(socket: &impl AsFd, on: bool) -> io::Result<()> {
    let value = libc::c_int::from(on);
    let len = option_len()?;
    // SAFETY: the descriptor is borrowed and so open; the pointer and length are those of a live `c_int`.
    let status = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_FASTOPEN_CONNECT,
            (&raw const value).cast(),
            len,
        )
    };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Reads it.
pub(super) fn read(socket: &impl AsFd) -> io::Result<bool> {
    let mut value: libc::c_int = 0;
    let mut len = option_len()?;
    // SAFETY: the descriptor is borrowed and so open; the pointers are to a live `c_int` and its length.
    let status = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_FASTOPEN_CONNECT,
            (&raw mut value).cast(),
            &raw mut len,
        )
    };
    if status == 0 {
        Ok(value != 0)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn option_len() -> io::Result<libc::socklen_t> {
    libc::socklen_t::try_from(mem::size_of::<libc::c_int>())
        .map_err(|_| io::ErrorKind::InvalidInput.into())
}
