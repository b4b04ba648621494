//! Why something is refused, on the way to [`Refusal`].

use alloc::string::{String, ToString};
use core::fmt;

use thimble_abi::Errno;
use thimble_port_mcu::images::ImageStoreError;
use thimble_port_mcu::machine::{StartError, Taken};
use thimble_port_mcu::records::RecordsError;
use thimble_runtime::engine::InstantiateError;
use thimble_serial::{Refusal, RefusalKind};

/// What an operation gives.
pub(crate) type Outcome<T> = Result<T, Denied>;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) kind: RefusalKind,
    pub(crate) message: String,
}

impl Denied {
    pub(crate) fn new(kind: RefusalKind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
        }
    }

    pub(crate) fn invalid(message: impl fmt::Display) -> Self {
        Self::new(RefusalKind::Invalid, message)
    }

    pub(crate) fn conflict(message: impl fmt::Display) -> Self {
        Self::new(RefusalKind::Conflict, message)
    }

    pub(crate) fn image(message: impl fmt::Display) -> Self {
        Self::new(RefusalKind::Image, message)
    }

    pub(crate) fn no_container(name: &str) -> Self {
        Self::new(
            RefusalKind::NotFound,
            format_args!("there is no container {name:?}"),
        )
    }

    /// What failed of a container's files.
    pub(crate) fn storage(what: &str, errno: Errno) -> Self {
        let kind = match errno {
            Errno::NoSpace | Errno::Quota | Errno::NoMemory => RefusalKind::NoRoom,
            _ => RefusalKind::Device,
        };
        Self::new(kind, format_args!("{what}: {errno}"))
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self {
            kind: denied.kind,
            message: denied.message,
        }
    }
}

impl From<RecordsError> for Denied {
    fn from(error: RecordsError) -> Self {
        let kind = match error {
            RecordsError::Full { .. }
            | RecordsError::TooMany { .. }
            | RecordsError::TooLarge { .. }
            | RecordsError::NoMemory => RefusalKind::NoRoom,
            _ => RefusalKind::Device,
        };
        Self::new(kind, error)
    }
}

impl From<ImageStoreError> for Denied {
    fn from(error: ImageStoreError) -> Self {
        match error {
            ImageStoreError::Full { .. } => Self::new(RefusalKind::NoRoom, error),
            ImageStoreError::Records(error) => error.into(),
            ImageStoreError::NotBegun => Self::conflict(error),
            _ => Self::new(RefusalKind::Device, error),
        }
    }
}

impl From<StartError> for Denied {
    fn from(error: StartError) -> Self {
        let kind = match &error {
            StartError::State(_) | StartError::Busy => RefusalKind::Conflict,
            StartError::Instantiate(
                InstantiateError::MemoryLimit { .. }
                | InstantiateError::TableLimit { .. }
                | InstantiateError::NoRoom { .. },
            ) => RefusalKind::NoRoom,
            StartError::Instantiate(InstantiateError::Failed { .. }) => RefusalKind::Device,
            _ => RefusalKind::Image,
        };
        Self::new(kind, error)
    }
}

impl From<Taken> for Denied {
    fn from(_: Taken) -> Self {
        Self::new(RefusalKind::Device, "the device is at work; try again")
    }
}
