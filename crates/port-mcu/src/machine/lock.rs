//! A lock for one processor: nobody waits for it, since whoever has it would never go on.

use spin::{Mutex, MutexGuard};

/// A value that is used by one caller at a time.
pub struct Lock<T>(Mutex<T>);

/// The value is in use, further up the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken;

impl<T> Lock<T> {
    /// A lock around a value.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// The value, if nobody uses it.
    ///
    /// # Errors
    /// [`Taken`].
    pub fn take(&self) -> Result<MutexGuard<'_, T>, Taken> {
        self.0.try_lock().ok_or(Taken)
    }
}
