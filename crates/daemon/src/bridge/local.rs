//! A bridge's side of the bus: what it takes from there, and what it puts there.
//!
//! The bus gives a member its own messages too. The bridge knows them by their place in its queue, which the
//! bus counts, and leaves them out; so nothing returns to the broker it came from.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;
use std::time::SystemTime;

use rumqttc::Publish;
use thimble_runtime::Limits;
use thimble_runtime::bus::{Bus, Draft, Message, Subscription, Wakers};

use super::connect::PACKET_BYTES_MAX;
use super::route::{self, Route};
use super::settings::{BridgeSettings, BridgeSettingsError, RULES_MAX};
use super::{BusPort, Shared};

/// Bytes of a payload that the bus gets, as of a guest's.
const PAYLOAD_BYTES_MAX: usize = 256 << 10;
/// Bytes of a packet beside its topic and payload.
const HEADER_BYTES_MAX: usize = 16;

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Its topic at the broker.
    pub(super) topic: String,
    /// What it says.
    pub(super) message: Message,
    /// Sent until it is acknowledged.
    pub(super) acknowledged: bool,
    /// Kept by the broker.
    pub(super) retain: bool,
}

/// The bridge on the bus; leaves it when it is dropped.
#[derive(Debug)]
pub(super) struct Member {
    port: BusPort,
    shared: Arc<Shared>,
    limits: Limits,
    out: Vec<Route>,
    inward: Vec<Route>,
    queue: Queue,
    /// What waited for a connection, and what was retained when it was made.
    backlog: VecDeque<Message>,
}

/// Which messages in the bridge's queue are its own.
#[derive(Debug, Default)]
struct Queue {
    /// Their numbers, counted as they enter the queue. Never more than the queue holds.
    own: VecDeque<u64>,
}

impl Queue {
    /// Takes the oldest message that is not the bridge's own.
    fn take(&mut self, bus: &mut Bus, port: &BusPort, waker: &Waker) -> Option<Message> {
        loop {
            let number = self.first(bus, port);
            let message = bus.take(port.id, waker)?.message;
            if self.own.front() != Some(&number) {
                return Some(message);
            }
            self.own.pop_front();
        }
    }

    /// Notes that the message that entered last is the bridge's own.
    fn note(&mut self, bus: &Bus, port: &BusPort) {
        self.first(bus, port);
        self.own.push_back(bus.counters(port.id).delivered);
    }

    /// The number of the oldest message; forgets those before, which gave way.
    fn first(&mut self, bus: &Bus, port: &BusPort) -> u64 {
        let waiting = u64::try_from(bus.waiting(port.id)).unwrap_or(u64::MAX);
        let first = bus
            .counters(port.id)
            .delivered
            .saturating_sub(waiting)
            .saturating_add(1);
        while self.own.front().is_some_and(|number| *number < first) {
            self.own.pop_front();
        }
        first
    }
}

impl Member {
    /// Joins the bus.
    pub(super) fn join(
        settings: &BridgeSettings,
        port: BusPort,
        shared: Arc<Shared>,
    ) -> Result<Self, BridgeSettingsError> {
        settings.check()?;
        let limits = Limits {
            subscriptions: u32::try_from(RULES_MAX).unwrap_or(u32::MAX),
            queue_messages: settings.queue_messages,
            queue_bytes: settings.queue_bytes,
            ..Limits::default()
        };
        let routes = |rules: &[super::Rule], route: fn(&super::Rule) -> Result<Route, _>| {
            // They were parsed by the check.
            rules.iter().filter_map(|rule| route(rule).ok()).collect()
        };
        let mut member = Self {
            out: routes(&settings.out, Route::outward),
            inward: routes(&settings.r#in, Route::inward),
            port,
            shared,
            limits,
            queue: Queue::default(),
            backlog: VecDeque::new(),
        };
        member.rejoin();
        // What is retained is sent as it is when there is a connection.
        member.backlog = VecDeque::new();
        Ok(member)
    }

    /// Readies what a new connection has to send: what waited, then what is retained now.
    pub(super) fn rejoin(&mut self) {
        let with_bus = Arc::clone(&self.port.with_bus);
        with_bus(&mut |bus| {
            while let Some(message) = self.queue.take(bus, &self.port, Waker::noop()) {
                self.backlog.push_back(message);
            }
            self.trim();
            let counters = bus.counters(self.port.id);
            // A bus tells a subscriber what is retained, and only a new one.
            bus.detach(self.port.id);
            self.queue = Queue::default();
            self.count(
                |status| &mut status.dropped,
                counters.dropped.saturating_add(counters.refused),
            );
            for route in &self.out {
                let subscription = Subscription::Filter(route.subscription.clone());
                // The check bounds the rules and their levels.
                let _ = bus.subscribe(self.port.id, &self.limits, subscription);
            }
            self.replay(bus);
        });
    }

    /// Takes so many messages of about so many bytes. True if none is left; the bridge is woken when one comes.
    pub(super) fn take(
        &mut self,
        mut messages: usize,
        mut bytes: usize,
        taken: &mut Vec<Outgoing>,
    ) -> bool {
        let waker = self.shared.arrived.waker();
        let with_bus = Arc::clone(&self.port.with_bus);
        let mut refused = 0;
        let mut empty = false;
        with_bus(&mut |bus| {
            while messages > 0 && bytes > 0 {
                let waiting = self.backlog.pop_front();
                let next = waiting.or_else(|| self.queue.take(bus, &self.port, &waker));
                let Some(message) = next else {
                    empty = true;
                    return;
                };
                let Some(outgoing) = outgoing(&self.out, message) else {
                    refused += 1;
                    continue;
                };
                messages -= 1;
                bytes = bytes.saturating_sub(outgoing.message.len());
                taken.push(outgoing);
            }
        });
        self.count(|status| &mut status.refused, refused);
        empty
    }

    /// Puts a message of the broker on the bus.
    pub(super) fn receive(&mut self, publish: &Publish) {
        let found = route::find(&self.inward, &publish.topic)
            .filter(|_| publish.payload.len() <= PAYLOAD_BYTES_MAX);
        let Some((route, topic)) = found else {
            return self.count(|status| &mut status.refused, 1);
        };
        let retain = route.retain;
        let mut wakers = Wakers::default();
        let mut published = false;
        let with_bus = Arc::clone(&self.port.with_bus);
        with_bus(&mut |bus| {
            let draft = Draft::new(&topic, "", &publish.payload, (self.port.now)());
            let before = bus.counters(self.port.id).delivered;
            published = bus
                .publish(self.port.id, draft, retain, &mut wakers)
                .is_ok();
            if bus.counters(self.port.id).delivered > before {
                self.queue.note(bus, &self.port);
            }
        });
        wakers.wake();
        if published {
            self.count(|status| &mut status.received, 1);
        } else {
            self.count(|status| &mut status.refused, 1);
        }
    }

    /// Adds to one of the counters.
    pub(super) fn count(&self, counter: fn(&mut super::BridgeStatus) -> &mut u64, by: u64) {
        if by > 0 {
            let mut status = self.shared.status.lock();
            let counter = counter(&mut status);
            *counter = counter.saturating_add(by);
        }
    }

    /// Moves what the bus retains into the backlog, but what waits there already and what may be the broker's.
    fn replay(&mut self, bus: &mut Bus) {
        let place = |message: &Message| message.joined().as_ptr().addr();
        let known: BTreeSet<usize> = self.backlog.iter().map(place).collect();
        while let Some(message) = self.queue.take(bus, &self.port, Waker::noop()) {
            let own = self
                .inward
                .iter()
                .any(|route| route.retain && route.makes(message.topic_text()));
            if !own && !known.contains(&place(&message)) {
                self.backlog.push_back(message);
            }
        }
    }

    /// Drops the oldest of the backlog until it is what a queue may be.
    fn trim(&mut self) {
        let messages_max = usize::try_from(self.limits.queue_messages).unwrap_or(usize::MAX);
        let bytes_max = usize::try_from(self.limits.queue_bytes).unwrap_or(usize::MAX);
        let mut bytes: usize = self.backlog.iter().map(Message::len).sum();
        let mut dropped = 0;
        while self.backlog.len() > messages_max || bytes > bytes_max {
            let Some(message) = self.backlog.pop_front() else {
                break;
            };
            bytes = bytes.saturating_sub(message.len());
            dropped += 1;
        }
        self.count(|status| &mut status.dropped, dropped);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let id = self.port.id;
        (self.port.with_bus)(&mut |bus| {
            let queue = bus.counters(id);
            bus.detach(id);
            let mut status = self.shared.status.lock();
            status.dropped = status
                .dropped
                .saturating_add(queue.dropped)
                .saturating_add(queue.refused);
            if status.connected {
                status.connected = false;
                status.since = SystemTime::now();
            }
            if std::thread::panicking() {
                status.last_error = Some("the bridge failed; restart the daemon".to_owned());
            }
        });
    }
}

/// Which message goes to the broker; none if it cannot.
fn outgoing(routes: &[Route], message: Message) -> Option<Outgoing> {
    let (route, topic) = route::find(routes, message.topic_text())?;
    let bytes = topic
        .len()
        .saturating_add(message.payload().len())
        .saturating_add(HEADER_BYTES_MAX);
    // A broker may end the connection at either, and would again when it is sent anew.
    if bytes > PACKET_BYTES_MAX || !is_text(&topic) {
        return None;
    }
    Some(Outgoing {
        topic,
        message,
        acknowledged: route.acknowledged,
        retain: route.retain,
    })
}

/// Whether a broker takes a topic's signs (MQTT 3.1.1, section 1.5.3).
fn is_text(topic: &str) -> bool {
    !topic.chars().any(|sign| {
        let code = u32::from(sign);
        sign.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
    })
}
