//! Messages that were handed to the connection and are not done: sent again when there is a new one.

use std::collections::VecDeque;

use super::connect::{ONLINE, WINDOW_MESSAGES};
use super::local::Outgoing;

/// Bytes under way at which no further message is taken.
const WINDOW_BYTES: usize = 256 << 10;
/// How often a message is sent at most. A broker that ends the connection at each attempt does not want it.
const SENDS_MAX: u8 = 16;

/// The window. It counts from the oldest that is not done, so that no packet id is used twice at a time.
#[derive(Debug, Default)]
pub(super) struct Window {
    flights: VecDeque<Flight>,
}

/// A message under way.
#[derive(Debug)]
pub(super) struct Flight {
    what: What,
    packet: Option<u16>,
    done: bool,
    sends: u8,
}

#[derive(Debug)]
enum What {
    Message(Outgoing),
    /// That the device is online.
    Online(String),
}

/// How a message is to be sent.
#[derive(Debug)]
pub(super) struct Sending<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) acknowledged: bool,
    pub(super) retain: bool,
}

impl Flight {
    fn sending(&self) -> Sending<'_> {
        match &self.what {
            What::Message(outgoing) => Sending {
                topic: &outgoing.topic,
                payload: outgoing.message.payload(),
                acknowledged: outgoing.acknowledged,
                retain: outgoing.retain,
            },
            What::Online(topic) => Sending {
                topic,
                payload: ONLINE,
                acknowledged: true,
                retain: true,
            },
        }
    }

    /// Ends it; how many messages that makes.
    fn finish(&mut self) -> u64 {
        let counts = !self.done && matches!(self.what, What::Message(_));
        self.done = true;
        u64::from(counts)
    }
}

impl Window {
    /// Messages and bytes that may be added.
    pub(super) fn room(&self) -> (usize, usize) {
        let bytes: usize = self
            .flights
            .iter()
            .map(|flight| flight.sending().payload.len())
            .sum();
        (
            WINDOW_MESSAGES.saturating_sub(self.flights.len()),
            WINDOW_BYTES.saturating_sub(bytes),
        )
    }

    /// Begins anew on a new connection: nothing has been sent there. How many messages were given up.
    pub(super) fn reset(&mut self) -> u64 {
        self.flights
            .retain(|flight| !flight.done && matches!(flight.what, What::Message(_)));
        let kept = self.flights.len();
        for flight in &mut self.flights {
            flight.packet = None;
            flight.sends = flight.sends.saturating_add(1);
        }
        self.flights.retain(|flight| flight.sends < SENDS_MAX);
        u64::try_from(kept.saturating_sub(self.flights.len())).unwrap_or(u64::MAX)
    }

    /// Puts the message that the device is online in front.
    pub(super) fn announce(&mut self, topic: &str) {
        self.flights
            .push_front(Flight::new(What::Online(topic.to_owned())));
    }

    /// Adds a message.
    pub(super) fn add(&mut self, outgoing: Outgoing) -> Sending<'_> {
        let flight = self
            .flights
            .push_back_mut(Flight::new(What::Message(outgoing)));
        flight.sending()
    }

    /// All that are under way, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = Sending<'_>> {
        self.flights.iter().map(Flight::sending)
    }

    /// The next message was sent, with this packet id, 0 if nothing will acknowledge it. How many are done.
    pub(super) fn sent(&mut self, packet: u16) -> u64 {
        let next = self
            .flights
            .iter_mut()
            .find(|flight| flight.packet.is_none() && !flight.done);
        let Some(flight) = next else {
            return 0;
        };
        flight.packet = Some(packet);
        let done = if packet == 0 { flight.finish() } else { 0 };
        self.advance();
        done
    }

    /// A message was acknowledged. How many are done.
    pub(super) fn acknowledged(&mut self, packet: u16) -> u64 {
        let found = self
            .flights
            .iter_mut()
            .find(|flight| flight.packet == Some(packet) && !flight.done);
        let done = found.map_or(0, Flight::finish);
        self.advance();
        done
    }

    fn advance(&mut self) {
        while self.flights.front().is_some_and(|flight| flight.done) {
            self.flights.pop_front();
        }
    }
}

impl Flight {
    const fn new(what: What) -> Self {
        Self {
            what,
            packet: None,
            done: false,
            sends: 0,
        }
    }
}
