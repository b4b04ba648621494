//! The device's end.

use alloc::collections::TryReserveError;
use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{self, DecodeError};
use crate::frame::{self, Decoder, Kind, Received, Text};
use crate::link::shorten::shorten;
use crate::message::{Refusal, RefusalKind, Reply, Request};

/// What a byte led to.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub enum ServerEvent {
    /// Somebody types at the console.
    Text(Text),
    /// This is to be carried out, and then answered with [`ServerLink::answer`].
    Request(Request),
    /// [`ServerLink::outgoing`] has something to send.
    Outgoing,
}

/// Answers a client.
///
/// What [`outgoing`](Self::outgoing) gives is to be written in one piece: text of the console may come before or behind a
/// frame, not within.
#[derive(Debug)]
pub struct ServerLink {
    decoder: Decoder,
    message_bytes_max: u32,
    /// The request that was taken last.
    sequence: Option<u32>,
    /// Whether it is being carried out.
    is_working: bool,
    /// The reply to it, as it was sent; written in place.
    reply: Vec<u8>,
    /// Another frame: that a request is being worked on.
    notice: Vec<u8>,
    outgoing: Outgoing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outgoing {
    Nothing,
    Reply,
    Notice,
}

impl ServerLink {
    /// Makes one that takes and gives messages of so many bytes (256 at least), and reserves the memory for it: about twice
    /// as much.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new(message_bytes_max: u32) -> Result<Self, TryReserveError> {
        let (mut reply, mut notice) = (Vec::new(), Vec::new());
        reply.try_reserve_exact(frame::buffer_bytes(message_bytes_max))?;
        notice.try_reserve_exact(frame::buffer_bytes(0))?;
        Ok(Self {
            decoder: Decoder::new(message_bytes_max)?,
            message_bytes_max,
            sequence: None,
            is_working: false,
            reply,
            notice,
            outgoing: Outgoing::Nothing,
        })
    }

    /// The most bytes of a message, for [`DeviceStatus::message_bytes_max`](crate::DeviceStatus::message_bytes_max).
    #[must_use]
    pub const fn message_bytes_max(&self) -> u32 {
        self.message_bytes_max
    }

    /// Takes a byte that came at this time, in milliseconds since some moment.
    pub fn receive(&mut self, byte: u8, now_ms: u64) -> Option<ServerEvent> {
        let (sequence, request) = match self.decoder.push(byte, now_ms) {
            Received::Nothing | Received::Damaged => return None,
            Received::Text(text) => return Some(ServerEvent::Text(text)),
            Received::Frame(frame) if frame.kind == Kind::Request => {
                if self.is_working {
                    let sequence = frame.sequence;
                    return Some(self.tell_working(sequence));
                }
                if self.sequence == Some(frame.sequence) {
                    self.outgoing = Outgoing::Reply;
                    return Some(ServerEvent::Outgoing);
                }
                (frame.sequence, codec::decode_request(frame.message))
            }
            Received::Frame(_) => return None,
        };
        if request == Err(DecodeError::NoRoom) {
            // Not taken: there may be memory when it is sent again.
            return None;
        }
        self.sequence = Some(sequence);
        self.is_working = true;
        match request {
            Ok(request) => Some(ServerEvent::Request(request)),
            Err(error) => {
                self.answer(Reply::Refused(not_understood(error)));
                Some(ServerEvent::Outgoing)
            }
        }
    }

    /// Whether a request waits for its answer.
    #[must_use]
    pub const fn is_working(&self) -> bool {
        self.is_working
    }

    /// Answers the request. Of a reply that is longer than a message may be, what matters least is left out; one that is too
    /// long all the same becomes a refusal that says so. Without a request nothing happens.
    pub fn answer(&mut self, mut reply: Reply) {
        let Some(sequence) = self.sequence.filter(|_| self.is_working) else {
            return;
        };
        while !self.encode(sequence, &reply) {
            if !shorten(&mut reply) {
                // This one does fit.
                let refusal = refusal(RefusalKind::Device, "the answer does not fit a message");
                self.encode(sequence, &Reply::Refused(refusal));
                break;
            }
        }
        frame::finish(self.message_bytes_max, &mut self.reply);
        self.is_working = false;
        self.outgoing = Outgoing::Reply;
    }

    fn encode(&mut self, sequence: u32, reply: &Reply) -> bool {
        let bytes_max = self.message_bytes_max;
        frame::begin(Kind::Reply, sequence, bytes_max, &mut self.reply);
        codec::encode_reply(reply, &mut self.reply, bytes_max).is_ok()
    }

    /// Tells the client that its request is still being carried out, so that it goes on waiting. Repeated requests are
    /// answered so without this; it is for what takes longer than a client waits.
    pub fn still_working(&mut self) {
        if let Some(sequence) = self.sequence.filter(|_| self.is_working) {
            self.tell_working(sequence);
        }
    }

    /// The frame to send now, empty if there is none. It is to be sent whole, and then [`sent`](Self::sent) called.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        match self.outgoing {
            Outgoing::Nothing => &[],
            Outgoing::Reply => &self.reply,
            Outgoing::Notice => &self.notice,
        }
    }

    /// The frame was sent.
    pub fn sent(&mut self) {
        self.outgoing = Outgoing::Nothing;
    }

    fn tell_working(&mut self, sequence: u32) -> ServerEvent {
        frame::encode(Kind::Working, sequence, &[], &mut self.notice);
        self.outgoing = Outgoing::Notice;
        ServerEvent::Outgoing
    }
}

fn not_understood(error: DecodeError) -> Refusal {
    let message = match error {
        DecodeError::UnknownNumber { .. } => "this firmware does not know that request",
        DecodeError::TooManyItems => "a list in the request is too long",
        _ => "the request is malformed",
    };
    refusal(RefusalKind::Invalid, message)
}

fn refusal(kind: RefusalKind, message: &str) -> Refusal {
    Refusal {
        kind,
        message: String::from(message),
    }
}
