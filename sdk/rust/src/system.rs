//! The process: exit code and environment.

use crate::{Error, Result, host};

/// Ends the guest with an exit code.
pub fn exit(code: i32) -> ! {
    host::exit(code)
}

/// The version of the host's `thimble` module, 1 or more.
///
/// # Errors
/// Only on a host that does not follow the interface.
pub fn abi_version() -> Result<u32> {
    Error::check(host::abi_version())
}

/// Looks up an environment variable; `buffer` must hold the whole environment (1024 bytes are plenty).
#[must_use]
pub fn environment<'buffer>(name: &str, buffer: &'buffer mut [u8]) -> Option<&'buffer str> {
    let used = host::environment(buffer)?;
    find(name, buffer.get(..used)?)
}

/// Finds `NAME=VALUE` among texts that each end with a zero byte.
pub(crate) fn find<'bytes>(name: &str, bytes: &'bytes [u8]) -> Option<&'bytes str> {
    bytes.split(|byte| *byte == 0).find_map(|text| {
        core::str::from_utf8(text)
            .ok()?
            .strip_prefix(name)?
            .strip_prefix('=')
    })
}
