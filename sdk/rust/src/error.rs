//! What the host answers when it refuses.

/// The result of a call to the host.
pub type Result<T> = core::result::Result<T, Error>;

/// A WASI error number. [`core::fmt::Display`] says what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(u16);

impl Error {
    /// Not now: a queue is full.
    pub const AGAIN: Self = Self(6);
    /// The host's answer makes no sense.
    pub const BAD_MESSAGE: Self = Self(9);
    /// An argument makes no sense.
    pub const INVALID: Self = Self(28);
    /// No such key, pin, sensor, timer or subscription.
    pub const NOT_FOUND: Self = Self(44);
    /// This container has used up its timers, subscriptions or handles.
    pub const NO_MEMORY: Self = Self(48);
    /// The store is full.
    pub const NO_SPACE: Self = Self(51);
    /// The host does not have this call.
    pub const NOT_SUPPORTED: Self = Self(52);
    /// The buffer is too small.
    pub const OVERFLOW: Self = Self(61);
    /// The grant is missing.
    pub const NOT_PERMITTED: Self = Self(63);

    /// The WASI error number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Splits the answer of a call: zero or more is a value, less is minus an error number.
    pub(crate) fn check(answer: i32) -> Result<u32> {
        u32::try_from(answer)
            .map_err(|_| u16::try_from(answer.unsigned_abs()).map_or(Self::BAD_MESSAGE, Self))
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let text = match *self {
            Self::AGAIN => "not now, try again",
            Self::BAD_MESSAGE => "the host's answer makes no sense",
            Self::INVALID => "invalid argument",
            Self::NOT_FOUND => "not found",
            Self::NO_MEMORY => "no more of these for this container",
            Self::NO_SPACE => "no space left",
            Self::NOT_SUPPORTED => "the host does not have this call",
            Self::OVERFLOW => "the buffer is too small",
            Self::NOT_PERMITTED => "not granted",
            Self(number) => return write!(formatter, "error {number}"),
        };
        formatter.write_str(text)
    }
}

impl core::error::Error for Error {}
