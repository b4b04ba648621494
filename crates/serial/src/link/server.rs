//! The device's end.

use alloc::collections::TryReserveError;
use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{self, DecodeError};
use crate::frame::{self, Decoder, Kind, OVERHEAD_BYTES, Received, Text};
use crate::message::{ContainerStatus, Declaration, Refusal, RefusalKind, Reply, Request, RunEnd};

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
    body: Vec<u8>,
    /// The reply to it, as it was sent.
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
    /// Makes one that takes and gives messages of so many bytes (256 at least), and reserves the memory for it: about three
    /// times as much.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new(message_bytes_max: u32) -> Result<Self, TryReserveError> {
        let body_bytes = message_bytes_max.saturating_add(OVERHEAD_BYTES) as usize;
        let (mut body, mut reply, mut notice) = (Vec::new(), Vec::new(), Vec::new());
        body.try_reserve_exact(body_bytes)?;
        reply.try_reserve_exact(frame::frame_bytes_max(body_bytes))?;
        notice.try_reserve_exact(frame::frame_bytes_max(OVERHEAD_BYTES as usize))?;
        Ok(Self {
            decoder: Decoder::new(message_bytes_max)?,
            message_bytes_max,
            sequence: None,
            is_working: false,
            body,
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
                self.answer(&Reply::Refused(not_understood(error)));
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
    pub fn answer(&mut self, reply: &Reply) {
        let Some(sequence) = self.sequence.filter(|_| self.is_working) else {
            return;
        };
        if !self.encode(sequence, reply) && !self.encode_shortened(sequence, reply) {
            let refusal = refusal(RefusalKind::Device, "the answer does not fit a message");
            // This one does.
            self.encode(sequence, &Reply::Refused(refusal));
        }
        self.finish();
    }

    fn encode(&mut self, sequence: u32, reply: &Reply) -> bool {
        frame::begin(Kind::Reply, sequence, &mut self.body);
        codec::encode_reply(reply, &mut self.body, self.message_bytes_max).is_ok()
    }

    /// Leaves out what can be spared, if there is something.
    fn encode_shortened(&mut self, sequence: u32, reply: &Reply) -> bool {
        match reply {
            Reply::Container(container) => {
                self.encode(sequence, &Reply::Container(shortened(container)))
            }
            // The newest ones that fit.
            Reply::Records(ends) => (0..ends.len()).rev().any(|count| {
                let newest = ends.iter().take(count).cloned().collect();
                self.encode(sequence, &Reply::Records(newest))
            }),
            _ => false,
        }
    }

    fn finish(&mut self) {
        frame::finish(&mut self.body, &mut self.reply);
        self.is_working = false;
        self.outgoing = Outgoing::Reply;
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

/// A container without the texts that may be long.
fn shortened(container: &ContainerStatus) -> ContainerStatus {
    let declaration = &container.declaration;
    ContainerStatus {
        declaration: Declaration {
            name: declaration.name.clone(),
            image: declaration.image.clone(),
            args: None,
            env: Vec::new(),
            grants: Vec::new(),
            limits: declaration.limits.clone(),
            restart: declaration.restart,
            is_stopped: declaration.is_stopped,
            is_removed_after: declaration.is_removed_after,
            entry: declaration.entry.clone(),
            timeout_ms: declaration.timeout_ms,
        },
        digest: container.digest.clone(),
        health_message: String::new(),
        end: container.end.as_ref().map(|end| RunEnd {
            reason: end.reason.clone(),
            last_output: String::new(),
            ..*end
        }),
        ..*container
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
