//! Why a transfer or a sign-in came to nothing.

use std::fmt;

use thimble_image::registry::Fault;
pub use thimble_image::registry::RegistryError as TransferError;

use crate::credentials::CredentialError;

/// Why an image was not pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PullError<E> {
    /// The registry, or the way there.
    Transfer(TransferError),
    /// The caller's check refused it, before any layer was fetched.
    Refused(String),
    /// The store on this device.
    Store(E),
}

/// Why an image was not pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError<E> {
    /// The registry, or the way there.
    Transfer(TransferError),
    /// The store on this device.
    Store(E),
}

/// Why a sign-in or sign-out came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginError {
    /// The registry does not accept the name and the password.
    Rejected {
        /// The registry.
        registry: String,
    },
    /// The registry, or the way there.
    Transfer(TransferError),
    /// Where credentials are kept on this device.
    Credentials(CredentialError),
}

impl<E> From<Fault<E>> for PullError<E> {
    fn from(fault: Fault<E>) -> Self {
        match fault {
            Fault::Registry(error) => Self::Transfer(error),
            Fault::Store(error) => Self::Store(error),
        }
    }
}

impl<E> From<Fault<E>> for PushError<E> {
    fn from(fault: Fault<E>) -> Self {
        match fault {
            Fault::Registry(error) => Self::Transfer(error),
            Fault::Store(error) => Self::Store(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for PullError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transfer(error) => error.fmt(formatter),
            Self::Refused(reason) => formatter.write_str(reason),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl<E: fmt::Display> fmt::Display for PushError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transfer(error) => error.fmt(formatter),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { registry } => {
                write!(
                    formatter,
                    "{registry} does not accept this name and password"
                )
            }
            Self::Transfer(error) => error.fmt(formatter),
            Self::Credentials(error) => error.fmt(formatter),
        }
    }
}

impl<E: std::error::Error> std::error::Error for PullError<E> {}
impl<E: std::error::Error> std::error::Error for PushError<E> {}
impl std::error::Error for LoginError {}
