//! The operator's end.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::fmt;

use crate::codec::{self, DecodeError, EncodeError};
use crate::frame::{self, Decoder, Frame, Kind, Received, Text};
use crate::message::{Reply, Request};

/// How patient a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Milliseconds after which a request is sent again if the device gave no sign.
    pub repeat_ms: u32,
    /// How often it is sent without a sign until it is given up.
    pub tries_max: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            // A frame of 2 KiB takes 180 ms at 115,200 bits a second, and so does its reply.
            repeat_ms: 1000,
            tries_max: 6,
        }
    }
}

/// Why a request has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// The device gave no sign.
    NoAnswer {
        /// How often it was asked.
        tries: u32,
        /// Frames that came damaged meanwhile: the line is bad, or its speed is wrong.
        damaged: u32,
    },
    /// The device's reply is none that this version understands.
    Reply(DecodeError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer { tries, damaged } => {
                write!(formatter, "the device does not answer, asked {tries} times")?;
                match damaged {
                    0 => Ok(()),
                    damaged => write!(formatter, ", and {damaged} frames came damaged"),
                }
            }
            Self::Reply(_) => formatter.write_str("the device's reply cannot be understood"),
        }
    }
}

impl core::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Reply(error) => Some(error),
            Self::NoAnswer { .. } => None,
        }
    }
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing was asked, or it was answered.
    Idle,
    /// These bytes are to be sent.
    Transmit(&'a [u8]),
    /// Bytes are to be waited for until then.
    Wait {
        /// The time.
        until_ms: u64,
    },
    /// The request is given up.
    Failed(LinkError),
}

/// What a byte led to.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub enum ClientEvent {
    /// The device's console says something.
    Text(Text),
    /// The reply to what was asked.
    Reply(Result<Reply, LinkError>),
    /// The device has the request and works on it.
    Working,
}

/// Asks a device.
#[derive(Debug)]
pub struct ClientLink {
    decoder: Decoder,
    timing: Timing,
    message_bytes_max: u32,
    sequence: u32,
    frame: Vec<u8>,
    pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    tries: u32,
    damaged: u32,
    repeat_at_ms: u64,
}

impl ClientLink {
    /// Makes one that takes replies of so many bytes. The first number should be one that no client used lately: a random
    /// one.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new(
        first_sequence: u32,
        reply_bytes_max: u32,
        timing: Timing,
    ) -> Result<Self, TryReserveError> {
        Ok(Self {
            decoder: Decoder::new(reply_bytes_max)?,
            timing,
            message_bytes_max: DEVICE_BYTES_MIN,
            sequence: first_sequence,
            frame: Vec::new(),
            pending: None,
        })
    }

    /// Says what the device said it takes.
    pub const fn set_message_bytes_max(&mut self, bytes: u32) {
        self.message_bytes_max = bytes;
    }

    /// What the device takes.
    #[must_use]
    pub const fn message_bytes_max(&self) -> u32 {
        self.message_bytes_max
    }

    /// Asks; what was asked before is given up.
    ///
    /// # Errors
    /// The request is too long for the device.
    pub fn ask(&mut self, request: &Request, now_ms: u64) -> Result<(), EncodeError> {
        self.pending = None;
        self.sequence = self.sequence.wrapping_add(1);
        let bytes_max = self.message_bytes_max;
        frame::begin(Kind::Request, self.sequence, bytes_max, &mut self.frame);
        codec::encode_request(request, &mut self.frame, bytes_max)?;
        frame::finish(bytes_max, &mut self.frame);
        self.pending = Some(Pending {
            tries: 0,
            damaged: 0,
            repeat_at_ms: now_ms,
        });
        Ok(())
    }

    /// Gives up what was asked. A reply that comes later is ignored.
    pub fn give_up(&mut self) {
        self.pending = None;
    }

    /// Says what is to be done now. What is to be transmitted counts as sent.
    pub fn step(&mut self, now_ms: u64) -> Step<'_> {
        let Some(pending) = &mut self.pending else {
            return Step::Idle;
        };
        if now_ms < pending.repeat_at_ms {
            return Step::Wait {
                until_ms: pending.repeat_at_ms,
            };
        }
        if pending.tries >= self.timing.tries_max {
            let (tries, damaged) = (pending.tries, pending.damaged);
            self.pending = None;
            return Step::Failed(LinkError::NoAnswer { tries, damaged });
        }
        pending.tries = pending.tries.saturating_add(1);
        pending.repeat_at_ms = now_ms.saturating_add(u64::from(self.timing.repeat_ms));
        Step::Transmit(&self.frame)
    }

    /// Takes a byte that came at this time.
    pub fn receive(&mut self, byte: u8, now_ms: u64) -> Option<ClientEvent> {
        match self.decoder.push(byte, now_ms) {
            Received::Nothing => None,
            Received::Text(text) => Some(ClientEvent::Text(text)),
            Received::Damaged => {
                if let Some(pending) = &mut self.pending {
                    pending.damaged = pending.damaged.saturating_add(1);
                }
                None
            }
            Received::Frame(frame) => {
                if frame.sequence != self.sequence {
                    return None;
                }
                answered(&mut self.pending, frame, self.timing, now_ms)
            }
        }
    }
}

/// Every device takes messages of so many bytes: enough to ask it what it takes.
pub const DEVICE_BYTES_MIN: u32 = 256;

fn answered(
    pending: &mut Option<Pending>,
    frame: Frame<'_>,
    timing: Timing,
    now_ms: u64,
) -> Option<ClientEvent> {
    let waiting = pending.as_mut()?;
    match frame.kind {
        Kind::Request => None,
        Kind::Working => {
            waiting.tries = 0;
            waiting.repeat_at_ms = now_ms.saturating_add(u64::from(timing.repeat_ms));
            Some(ClientEvent::Working)
        }
        Kind::Reply => {
            *pending = None;
            let reply = codec::decode_reply(frame.message).map_err(LinkError::Reply);
            Some(ClientEvent::Reply(reply))
        }
    }
}
