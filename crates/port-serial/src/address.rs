//! Where a device is: a serial port, or a socket that stands for one.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A serial port such as `/dev/ttyUSB0`.
    Port(PathBuf),
    /// `unix:PATH`: a socket, as emulators have.
    Unix(PathBuf),
    /// `tcp:HOST:PORT`: a socket, as emulators and serial servers have.
    Tcp {
        /// The host's name or address.
        host: String,
        /// The port's number.
        port: u16,
    },
}

/// A text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressError;

impl fmt::Display for AddressError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .write_str("must be a serial port such as /dev/ttyUSB0, unix:PATH or tcp:HOST:PORT")
    }
}

impl std::error::Error for AddressError {}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(AddressError),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let Some(place) = text.strip_prefix("tcp:") else {
            return Ok(Self::Port(text.into()));
        };
        let (host, port) = place.rsplit_once(':').ok_or(AddressError)?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        match port.parse() {
            Ok(port) if !host.is_empty() => Ok(Self::Tcp {
                host: host.into(),
                port,
            }),
            _ => Err(AddressError),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(path) => write!(formatter, "{}", path.display()),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => {
                write!(formatter, "tcp:[{host}]:{port}")
            }
            Self::Tcp { host, port } => write!(formatter, "tcp:{host}:{port}"),
        }
    }
}
