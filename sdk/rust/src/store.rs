//! The key-value store of this container; it survives restarts and power cuts. Grant: `kv`.

use crate::{Error, Result, host};

/// Reads a key into `buffer`. `Ok(None)` if there is no such key.
///
/// # Errors
/// [`Error::NOT_PERMITTED`]; [`Error::OVERFLOW`] if the value does not fit.
pub fn get<'buffer>(key: &str, buffer: &'buffer mut [u8]) -> Result<Option<&'buffer [u8]>> {
    match Error::check(host::kv_get(key, buffer)) {
        Ok(bytes) => {
            let value = usize::try_from(bytes)
                .ok()
                .and_then(|bytes| buffer.get(..bytes));
            value.map(Some).ok_or(Error::BAD_MESSAGE)
        }
        Err(Error::NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a key. The old value stands until this returns.
///
/// # Errors
/// [`Error::NOT_PERMITTED`], [`Error::NO_SPACE`].
pub fn set(key: &str, value: &[u8]) -> Result<()> {
    Error::check(host::kv_set(key, value)).map(drop)
}

/// Removes a key.
///
/// # Errors
/// [`Error::NOT_PERMITTED`], [`Error::NOT_FOUND`].
pub fn delete(key: &str) -> Result<()> {
    Error::check(host::kv_delete(key)).map(drop)
}
