//! Tells frames from text, byte by byte.
//!
//! Whatever comes in, it takes no more memory than was reserved, and after damage it finds the next frame that is whole. A
//! zero that was noise costs nothing: what follows is text unless it begins as a frame does.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;

use cobs::{DecodeResult, DecoderState};

use super::{Frame, GAP_MS_MAX, Kind, OVERHEAD_BYTES, parse};

/// Receives frames and text.
#[derive(Debug)]
pub struct Decoder {
    body: Vec<u8>,
    body_bytes_max: usize,
    state: State,
    last_ms: u64,
}

#[derive(Debug)]
enum State {
    /// Outside of frames.
    Text,
    /// A zero was there.
    Opened,
    /// And then this byte, which may be the first of a frame.
    Begun(u8),
    /// In the body of a frame.
    Body(DecoderState),
    /// In a frame that is too long or broken.
    Broken,
}

/// What a byte led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Nothing yet.
    Nothing,
    /// Text.
    Text(Text),
    /// A whole frame.
    Frame(Frame<'a>),
    /// A frame that was damaged or too long is dropped.
    Damaged,
}

/// One or two bytes of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    bytes: [u8; 2],
    is_pair: bool,
}

impl Text {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        if self.is_pair {
            &self.bytes
        } else {
            self.bytes.split_at(1).0
        }
    }

    const fn one(byte: u8) -> Self {
        Self {
            bytes: [byte, 0],
            is_pair: false,
        }
    }

    const fn pair(first: u8, second: u8) -> Self {
        Self {
            bytes: [first, second],
            is_pair: true,
        }
    }
}

impl Decoder {
    /// Makes one that takes messages of so many bytes, and reserves the memory for it.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new(message_bytes_max: u32) -> Result<Self, TryReserveError> {
        let body_bytes_max = message_bytes_max.saturating_add(OVERHEAD_BYTES) as usize;
        let mut body = Vec::new();
        body.try_reserve_exact(body_bytes_max)?;
        Ok(Self {
            body,
            body_bytes_max,
            state: State::Text,
            last_ms: 0,
        })
    }

    /// Takes a byte that came at this time.
    pub fn push(&mut self, byte: u8, now_ms: u64) -> Received<'_> {
        if now_ms.saturating_sub(self.last_ms) > GAP_MS_MAX {
            self.give_up();
        }
        self.last_ms = now_ms;
        match (&mut self.state, byte) {
            (State::Text, 0) => self.open(Received::Nothing),
            (State::Text, byte) => Received::Text(Text::one(byte)),
            (State::Opened, 0) => Received::Nothing,
            (State::Opened, byte) => {
                self.state = State::Begun(byte);
                Received::Nothing
            }
            (State::Begun(_) | State::Broken, 0) => self.open(Received::Damaged),
            (State::Begun(first), byte) => {
                let first = *first;
                self.second(first, byte)
            }
            (State::Body(_), byte) => self.body(byte),
            (State::Broken, _) => Received::Nothing,
        }
    }

    /// A frame that was cut off: what comes now is text again.
    fn give_up(&mut self) {
        if matches!(self.state, State::Body(_) | State::Broken) {
            self.state = State::Text;
        }
    }

    fn open(&mut self, received: Received<'static>) -> Received<'static> {
        self.state = State::Opened;
        received
    }

    /// The second byte after a zero: as the kind is never zero, it is the kind if this is a frame.
    fn second(&mut self, first: u8, byte: u8) -> Received<'_> {
        if Kind::from_byte(byte).is_none() || first == 1 {
            self.state = State::Text;
            return Received::Text(Text::pair(first, byte));
        }
        let mut cobs = DecoderState::Idle;
        // The first byte of a frame is no error.
        let _ = cobs.feed(first);
        self.body.clear();
        self.state = State::Body(cobs);
        self.body(byte)
    }

    fn body(&mut self, byte: u8) -> Received<'_> {
        let State::Body(cobs) = &mut self.state else {
            return Received::Nothing;
        };
        match cobs.feed(byte) {
            Ok(DecodeResult::DataContinue(byte)) if self.body.len() < self.body_bytes_max => {
                self.body.push(byte);
                Received::Nothing
            }
            Ok(DecodeResult::NoData | DecodeResult::DataStart) => Received::Nothing,
            Ok(DecodeResult::DataContinue(_)) => {
                self.state = State::Broken;
                Received::Nothing
            }
            Ok(DecodeResult::DataComplete) => self.complete(),
            // The zero came too early: the one that ended this frame was lost, or bytes of it were, and another begins.
            Err(_) => self.open(Received::Damaged),
        }
    }

    fn complete(&mut self) -> Received<'_> {
        // This zero may be the first of the next frame, if this one is damaged.
        self.state = State::Opened;
        match parse(&self.body) {
            Some(frame) => {
                self.state = State::Text;
                Received::Frame(frame)
            }
            None => Received::Damaged,
        }
    }
}
