//! Where a container's events come from: the bus, its pins, its timers.
//!
//! The oldest message and the oldest edge are taken ahead and held here until the guest receives them, so
//! that events of all sources are given in the order in which they happened.

use alloc::boxed::Box;
use core::task::Waker;

use crate::bus::{Bus, Delivery, Wakers};
use crate::port::{PinEdge, Ports};
use crate::sorted::Sorted;
use crate::time::Instant;

use super::Context;

/// What is held for a container between calls.
#[derive(Default)]
pub(super) struct Pending {
    /// The oldest message that was not received.
    pub(super) message: Option<Delivery>,
    /// The oldest edge that was not received.
    pub(super) edge: Option<Box<PinEdge>>,
    /// Pins whose edges it asked for.
    pub(super) watched: Sorted<(u32, u32)>,
    /// Whether it has ever subscribed: nobody else needs to ask the bus.
    pub(super) subscribed: bool,
    /// Room for the wakers of a message under way.
    pub(super) wakers: Wakers,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Timer,
    Message,
    Edge,
}

impl Context<'_> {
    /// Takes the next message and edge if none is held. If there are none, `waker` is woken when one
    /// comes. Gives the time of the next edge, where the board knows it.
    pub(super) fn look_ahead(&mut self, now: Instant, waker: &Waker) -> Option<Instant> {
        let id = self.state.id;
        if self.state.events.message.is_none() && self.state.events.subscribed {
            self.state.events.message = with_bus(self.ports, |bus| bus.take(id, waker)).flatten();
            if self
                .state
                .events
                .message
                .as_ref()
                .is_some_and(|delivery| delivery.lost > 0)
            {
                self.limit_reached("queue_messages");
            }
        }
        if self.state.events.edge.is_some() || self.state.events.watched.is_empty() {
            return None;
        }
        match self.ports.board.next_edge(id, now, waker) {
            Ok(edge) => {
                self.state.events.edge = Some(Box::new(edge));
                None
            }
            Err(next) => next,
        }
    }

    /// Which event happened first: the held ones, or a timer that fell due at `timer`.
    pub(super) fn oldest(&self, timer: Option<Instant>) -> Option<Source> {
        let Pending { message, edge, .. } = &self.state.events;
        let candidates = [
            (timer, Source::Timer),
            (
                message.as_ref().map(|delivery| delivery.message.at()),
                Source::Message,
            ),
            (edge.as_ref().map(|edge| edge.at), Source::Edge),
        ];
        let happened = candidates
            .into_iter()
            .filter_map(|(at, source)| Some((at?, source)));
        happened.min_by_key(|(at, _)| *at).map(|(_, source)| source)
    }
}

/// Uses the bus; `None` only if the port does not give it.
pub(super) fn with_bus<R>(ports: &Ports<'_>, use_bus: impl FnOnce(&mut Bus) -> R) -> Option<R> {
    let mut use_bus = Some(use_bus);
    let mut result = None;
    ports.bus.with_bus(&mut |bus| {
        if let Some(use_bus) = use_bus.take() {
            result = Some(use_bus(bus));
        }
    });
    result
}
