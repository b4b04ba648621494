//! Timers.

use crate::{Error, Result, host};

/// A running timer, cancelled when dropped. Grant: `timer`.
#[derive(Debug)]
pub struct Timer {
    id: i32,
}

impl Timer {
    /// Fires once, after `milliseconds`.
    ///
    /// # Errors
    /// [`Error::NOT_PERMITTED`], [`Error::NO_MEMORY`], [`Error::INVALID`].
    pub fn once(milliseconds: u32) -> Result<Self> {
        Self::start(milliseconds, 0)
    }

    /// Fires every `milliseconds`, which are at least 1.
    ///
    /// # Errors
    /// [`Error::NOT_PERMITTED`], [`Error::NO_MEMORY`], [`Error::INVALID`].
    pub fn every(milliseconds: u32) -> Result<Self> {
        if milliseconds == 0 {
            return Err(Error::INVALID);
        }
        Self::start(milliseconds, milliseconds)
    }

    /// What [`crate::Event::Timer`] carries.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id.unsigned_abs()
    }

    fn start(first_ms: u32, period_ms: u32) -> Result<Self> {
        let id = host::timer_create(i64::from(first_ms), i64::from(period_ms));
        Error::check(id).map(|_| Self { id })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        let _ = host::timer_cancel(self.id);
    }
}
