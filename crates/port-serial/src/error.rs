//! What can go wrong between an operator and a device, and what to do about it.

use std::fmt;
use std::io;

use thimble_serial::link::LinkError;
use thimble_serial::{EncodeError, Refusal, RefusalKind};

use crate::address::Address;

/// Why something could not be done.
#[derive(Debug)]
#[non_exhaustive]
pub enum SerialError {
    /// The port or socket cannot be opened.
    Open {
        /// Where it is.
        address: Address,
        /// Why.
        error: io::Error,
    },
    /// The port or socket does not work any more.
    Lost {
        /// Where it is.
        address: Address,
        /// Why; nothing if it was closed.
        error: Option<io::Error>,
    },
    /// No device answers.
    Silent {
        /// Where it was looked for.
        address: Address,
        /// The speed of the port.
        baud: u32,
        /// How often it was asked.
        tries: u32,
        /// What was heard instead.
        heard: Heard,
    },
    /// The device works on the request and does not come to an end.
    Late {
        /// How long it was waited.
        seconds: u64,
    },
    /// The device refuses.
    Refused(Refusal),
    /// The request cannot be sent.
    Request(EncodeError),
    /// The device's reply cannot be understood.
    Reply(LinkError),
    /// The device's reply belongs to another request.
    OtherReply,
    /// A document, the layer or all of the image has more bytes than a device can have.
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// The device does not take any more of the image.
    Stuck {
        /// Bytes that it has.
        bytes: u32,
    },
    /// The device says that it has another image than it was given.
    OtherImage {
        /// The digest that it says.
        digest: String,
    },
}

/// What was heard while a device was expected to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing at all.
    Nothing,
    /// Text, but no answer.
    Text,
    /// Bytes that are no text.
    Noise,
}

impl SerialError {
    /// What the device refuses, if that is what it is.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the device says that there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.refusal()
            .is_some_and(|refusal| refusal.kind == RefusalKind::NotFound)
    }
}

impl fmt::Display for SerialError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { address, error } => open(address, error, formatter),
            Self::Lost { address, error } => {
                write!(formatter, "{address}: the connection is lost")?;
                match error {
                    Some(error) => write!(formatter, ": {error}"),
                    None => formatter.write_str(": it was closed; is the device still plugged in?"),
                }
            }
            Self::Silent {
                address,
                baud,
                tries,
                heard,
            } => {
                write!(formatter, "{address}: no device answers, asked {tries} times; ")?;
                silent(address, *baud, *heard, formatter)
            }
            Self::Late { seconds } => write!(
                formatter,
                "the device has worked on this for {seconds} s and has not come to an end"
            ),
            Self::Refused(refusal) => formatter.write_str(&refusal.message),
            Self::Request(error) => write!(formatter, "{error}"),
            Self::Reply(_) => formatter.write_str(
                "the device's reply cannot be understood; its firmware may be newer than this program",
            ),
            Self::OtherReply => formatter.write_str("the device's reply belongs to another request"),
            Self::TooLarge { bytes } => {
                write!(formatter, "the image has {bytes} bytes, more than a device can have")
            }
            Self::Stuck { bytes } => {
                write!(formatter, "the device takes no more of the image after {bytes} bytes")
            }
            Self::OtherImage { digest } => {
                write!(formatter, "the device keeps the image as {digest}, which it is not")
            }
        }
    }
}

fn open(address: &Address, error: &io::Error, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(formatter, "{address}: ")?;
    let is_port = matches!(address, Address::Port(_));
    match error.kind() {
        io::ErrorKind::NotFound if is_port => formatter.write_str(
            "there is no such port; is the device plugged in? `ls /dev/ttyUSB* /dev/ttyACM*` shows the usual ones",
        ),
        io::ErrorKind::NotFound => formatter.write_str("there is no such socket; is the emulator running?"),
        io::ErrorKind::PermissionDenied if is_port => formatter.write_str(
            "permission denied; add yourself to the group that owns it (`sudo usermod -aG dialout $USER` on most \
             systems) and log in again",
        ),
        io::ErrorKind::ResourceBusy => {
            formatter.write_str("another program has it open; end that one first")
        }
        io::ErrorKind::ConnectionRefused => {
            formatter.write_str("nobody listens there; is the emulator running?")
        }
        _ => write!(formatter, "{error}"),
    }
}

fn silent(
    address: &Address,
    baud: u32,
    heard: Heard,
    formatter: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let is_port = matches!(address, Address::Port(_));
    match heard {
        Heard::Nothing if is_port => write!(
            formatter,
            "nothing was heard: is it the right port, is the device on, are RX and TX crossed?"
        ),
        Heard::Nothing => formatter.write_str("nothing was heard: is the device on?"),
        Heard::Text => formatter.write_str(
            "it says something, but does not answer: is it a device with Thimble, and does no other program read \
             from the port?",
        ),
        Heard::Noise if is_port => write!(
            formatter,
            "what was heard is no text: another --baud than {baud} may be right"
        ),
        Heard::Noise => formatter.write_str("what was heard is no text"),
    }
}

impl std::error::Error for SerialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Reply(error) => Some(error),
            _ => None,
        }
    }
}
