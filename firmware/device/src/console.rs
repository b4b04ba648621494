//! The console: text that people type, and frames that tools send, on one line.

use alloc::collections::TryReserveError;
use alloc::string::String;
use core::mem;

use thimble_runtime::Instant;
use thimble_runtime::port::Clock as _;
use thimble_serial::shell::Shell;
use thimble_serial::{Request, ServerEvent, ServerLink};
use thimble_supervisor::Supervisor;

use crate::clock::DeviceClock;
use crate::marks::Marks;

const NANOS_PER_MILLISECOND: u64 = 1_000_000;

/// Bytes that are sent before containers run again: 3 ms at 115,200 baud.
const PIECE_BYTES: usize = 32;

/// Both sides of the line.
pub(crate) struct Console {
    shell: Shell,
    link: ServerLink,
    /// A tool's request that was received.
    request: Option<Request>,
    /// Text that waits to be sent.
    text: String,
    /// What is being sent.
    sending: Sending,
    /// Bytes of it that were sent.
    sent_bytes: usize,
}

enum Sending {
    Nothing,
    Frame,
    Text(String),
}

impl Console {
    /// A console that begins with this text.
    ///
    /// # Errors
    /// There is no memory for messages of this size.
    #[inline(never)]
    pub(crate) fn new(message_bytes_max: u32, greeting: &str) -> Result<Self, TryReserveError> {
        let shell = Shell::new();
        let mut text = String::from(greeting);
        shell.start(&mut text);
        Ok(Self {
            shell,
            link: ServerLink::new(message_bytes_max)?,
            request: None,
            text,
            sending: Sending::Nothing,
            sent_bytes: 0,
        })
    }

    /// Takes what came over the line.
    #[inline(never)]
    pub(crate) fn receive(&mut self, bytes: &[u8], now_ms: u64) {
        for byte in bytes {
            match self.link.receive(*byte, now_ms) {
                Some(ServerEvent::Text(typed)) => {
                    for byte in typed.bytes() {
                        self.shell.feed(*byte, &mut self.text);
                    }
                }
                Some(ServerEvent::Request(request)) => self.request = Some(request),
                Some(ServerEvent::Outgoing) | None => {}
            }
        }
    }

    /// Whether [`Console::carry_out`] has something to do.
    pub(crate) fn has_work(&self, now_ms: u64) -> bool {
        self.request.is_some() || self.shell.wake_at_ms().is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// Whether a tool's request waits.
    pub(crate) fn is_asked(&self) -> bool {
        self.request.is_some()
    }

    /// Says what was measured; whether that was anything.
    pub(crate) fn say(&mut self, marks: &mut Marks) -> bool {
        let before = self.text.len();
        marks.told(&mut self.text);
        self.text.len() > before
    }

    /// When it has, by itself.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let at_ms = self.shell.wake_at_ms()?;
        Some(Instant::from_nanos(
            at_ms.saturating_mul(NANOS_PER_MILLISECOND),
        ))
    }

    /// Has what was asked for done: by a tool, and by whoever types.
    pub(crate) fn carry_out(&mut self, supervisor: &mut Supervisor, clock: &DeviceClock) {
        self.carry_out_sent(supervisor, clock);
        self.carry_out_typed(supervisor, clock);
    }

    // One function each: requests and replies are large, and would lie beside each other on the stack.
    #[inline(never)]
    fn carry_out_sent(&mut self, supervisor: &mut Supervisor, clock: &DeviceClock) {
        if let Some(request) = self.request.take() {
            let reply = supervisor.handle(request, clock.now());
            self.link.answer(reply);
        }
    }

    #[inline(never)]
    fn take_typed(&mut self, clock: &DeviceClock) {
        self.request = self.shell.next_request(clock.uptime_ms());
    }

    #[inline(never)]
    fn carry_out_typed(&mut self, supervisor: &mut Supervisor, clock: &DeviceClock) {
        self.take_typed(clock);
        if let Some(request) = self.request.take() {
            let reply = supervisor.handle(request, clock.now());
            self.shell.reply(&reply, clock.uptime_ms(), &mut self.text);
        }
    }

    /// Whether something is being sent. Nothing may be received or carried out meanwhile: it would change what is sent.
    pub(crate) fn is_sending(&self) -> bool {
        !matches!(self.sending, Sending::Nothing)
            || !self.text.is_empty()
            || !self.link.outgoing().is_empty()
    }

    /// What is to be sent next: a few bytes, since containers wait meanwhile.
    pub(crate) fn outgoing(&mut self) -> Option<&[u8]> {
        if matches!(self.sending, Sending::Nothing) {
            self.sent_bytes = 0;
            if !self.link.outgoing().is_empty() {
                self.sending = Sending::Frame;
            } else if !self.text.is_empty() {
                self.sending = Sending::Text(mem::take(&mut self.text));
            }
        }
        let rest = self.whole()?.get(self.sent_bytes..)?;
        Some(rest.get(..PIECE_BYTES).unwrap_or(rest))
    }

    /// A frame or a text, of which some may be sent.
    fn whole(&self) -> Option<&[u8]> {
        match &self.sending {
            Sending::Nothing => None,
            Sending::Frame => Some(self.link.outgoing()),
            Sending::Text(text) => Some(text.as_bytes()),
        }
    }

    /// It was sent.
    pub(crate) fn sent(&mut self) {
        self.sent_bytes = self.sent_bytes.saturating_add(PIECE_BYTES);
        if self
            .whole()
            .is_some_and(|whole| self.sent_bytes < whole.len())
        {
            return;
        }
        if matches!(self.sending, Sending::Frame) {
            self.link.sent();
        }
        self.sending = Sending::Nothing;
    }
}
