//! The message bus: subscriptions, retained messages and one bounded queue per container.
//!
//! A message is stored once, however many containers receive it. A container with several subscriptions
//! that match gets it once, under the subscription it made first. A container that does not take its
//! messages loses its own, counted, and harms nobody else.
//!
//! # Invariants
//!
//! Pure: no lock and no clock. Nothing is woken from inside: wakers are handed to the caller, who wakes
//! them when it has let go of the bus ([`Wakers`]).

mod index;
mod member;
mod message;
mod retained;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::task::Waker;

use crate::config::ContainerId;
use crate::grant::TopicFilter;
use crate::limits::Limits;
use crate::sorted::Sorted;
use crate::time::Instant;

use index::{Index, Place};
use member::Member;
use retained::Retained;

pub use index::{FILTER_LEVELS_MAX, Subscription};
pub use member::{Counters, Delivery, QueuePolicy};
pub use message::{Draft, Message};
pub use retained::RetainedLimits;

/// Gives host calls the bus that all containers share; a port wraps it in whatever lock it needs.
pub trait BusAccess: Sync {
    /// Uses the bus; short, and never from inside itself.
    fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus));
}

/// Containers to wake, once the bus is no longer held: a waker may take the scheduler's lock.
#[derive(Debug, Default)]
pub struct Wakers(Vec<Waker>);

impl Wakers {
    /// Wakes them all. Never call this inside [`BusAccess::with_bus`].
    pub fn wake(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

/// What became of a message that was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Containers that got it.
    pub delivered: u32,
    /// Containers whose queue refused it.
    pub refused: u32,
}

/// Why the bus did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BusError {
    /// The container has as many subscriptions as it may have.
    Subscriptions {
        /// How many that is.
        limit: u32,
    },
    /// The filter has more levels than the bus looks at.
    Levels {
        /// How many it may have.
        limit: usize,
    },
    /// There is no room to retain another message.
    Retained,
}

impl core::fmt::Display for BusError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Subscriptions { limit } => write!(
                formatter,
                "the container has its {limit} subscriptions already"
            ),
            Self::Levels { limit } => write!(formatter, "the filter has more than {limit} levels"),
            Self::Retained => formatter.write_str("no room to retain another message"),
        }
    }
}

impl core::error::Error for BusError {}

/// The bus.
#[derive(Debug, Default)]
pub struct Bus {
    members: Sorted<ContainerId, Box<Member>>,
    index: Index,
    retained: Retained,
    /// Matches of the message under way; kept to spare an allocation for each.
    matches: Vec<Place>,
    scratch: Vec<u8>,
}

impl Bus {
    /// A bus with other limits for retained messages than the usual.
    #[must_use]
    pub fn new(limits: RetainedLimits) -> Self {
        Self {
            retained: Retained::new(limits),
            ..Self::default()
        }
    }

    /// Publishes a message: gives it to every container that subscribed to it, and keeps it for later
    /// subscribers if `retain`. Retaining an empty payload forgets what was kept.
    ///
    /// # Errors
    /// [`BusError::Retained`] when there is no room to keep it; nobody gets it then.
    pub fn publish(
        &mut self,
        publisher: ContainerId,
        draft: Draft<'_>,
        retain: bool,
        wakers: &mut Wakers,
    ) -> Result<Published, BusError> {
        self.matches.clear();
        self.index.matches(draft.topic, &mut self.matches);
        // By container, the subscription it made first in front.
        // Mostly they are; the standard library's sort takes 3 KB of flash.
        if !self.matches.is_sorted() {
            let matches = core::mem::take(&mut self.matches);
            self.matches = BinaryHeap::from(matches).into_sorted_vec();
        }
        self.matches.dedup_by_key(|place| place.container);
        if self.matches.is_empty() && !retain {
            return Ok(Published::default());
        }
        let message = Message::store(draft, &mut self.scratch);
        if retain {
            self.retained.keep(publisher, &message)?;
        }
        let mut published = Published::default();
        for place in &self.matches {
            let Some(member) = self.members.get_mut(&place.container) else {
                continue;
            };
            if place.container == publisher && !member.hears_own {
                continue;
            }
            if member.push(place.subscription, &message, &mut wakers.0) {
                published.delivered = published.delivered.saturating_add(1);
            } else {
                published.refused = published.refused.saturating_add(1);
            }
        }
        Ok(published)
    }

    /// Makes a member of the bus, or changes the limits and the policy of one. Whoever has an id of its own can be a
    /// member, a container or not; it is one until [`Bus::detach`].
    pub fn join(&mut self, id: ContainerId, limits: &Limits, policy: QueuePolicy) {
        self.members
            .get_or_insert_with(id, || Box::new(Member::new(limits)))
            .set_limits(limits, policy);
    }

    /// Whether there is a member of this id.
    #[must_use]
    pub fn has_member(&self, id: ContainerId) -> bool {
        self.members.contains(&id)
    }

    /// Changes the limits and the policy of a member, if there is one. Where the oldest messages give way, they do so
    /// at once; subscriptions beyond a limit stay.
    pub fn set_limits(&mut self, id: ContainerId, limits: &Limits, policy: QueuePolicy) {
        if let Some(member) = self.members.get_mut(&id) {
            member.set_limits(limits, policy);
        }
    }

    /// Chooses whether a member gets what it publishes itself, as it does at first. Who passes messages on from
    /// elsewhere does not want them back.
    pub fn set_hears_own(&mut self, id: ContainerId, hears_own: bool) {
        if let Some(member) = self.members.get_mut(&id) {
            member.hears_own = hears_own;
        }
    }

    /// Subscribes a container and queues the retained messages that match. The subscription's number
    /// counts from 1 in each container and is never used twice there.
    ///
    /// # Errors
    /// [`BusError::Subscriptions`] and [`BusError::Levels`].
    pub fn subscribe(
        &mut self,
        container: ContainerId,
        limits: &Limits,
        subscription: Subscription,
    ) -> Result<u32, BusError> {
        // A container that subscribes is running, so there is nobody to wake.
        self.subscribe_waking(container, limits, subscription, &mut Wakers::default())
    }

    /// Like [`Bus::subscribe`], for a member that may wait for its messages elsewhere meanwhile.
    ///
    /// # Errors
    /// [`BusError::Subscriptions`] and [`BusError::Levels`].
    pub fn subscribe_waking(
        &mut self,
        container: ContainerId,
        limits: &Limits,
        subscription: Subscription,
        wakers: &mut Wakers,
    ) -> Result<u32, BusError> {
        if let Subscription::Filter(filter) = &subscription
            && filter.as_str().split('/').count() > FILTER_LEVELS_MAX
        {
            return Err(BusError::Levels {
                limit: FILTER_LEVELS_MAX,
            });
        }
        let member = self
            .members
            .get_or_insert_with(container, || Box::new(Member::new(limits)));
        let number = member.subscribe(limits.subscriptions, subscription.clone())?;
        for (_, message) in self.retained.matching(&subscription) {
            member.push(number, message, &mut wakers.0);
        }
        self.index.insert(
            subscription,
            Place {
                container,
                subscription: number,
            },
        );
        Ok(number)
    }

    /// The number of a container's equal subscription, if it has one.
    #[must_use]
    pub fn subscribed(&self, container: ContainerId, subscription: &Subscription) -> Option<u32> {
        self.members.get(&container)?.number_of(subscription)
    }

    /// Ends a subscription and drops its messages that wait. False if there is none of this number.
    pub fn unsubscribe(&mut self, container: ContainerId, number: u32) -> bool {
        let Some(subscription) = self
            .members
            .get_mut(&container)
            .and_then(|member| member.unsubscribe(number))
        else {
            return false;
        };
        self.index.remove(
            &subscription,
            Place {
                container,
                subscription: number,
            },
        );
        true
    }

    /// Chooses what happens when a container's queue is full.
    pub fn set_policy(&mut self, container: ContainerId, policy: QueuePolicy) {
        if let Some(member) = self.members.get_mut(&container) {
            member.policy = policy;
        }
    }

    /// Takes a container's oldest message. If there is none, `waker` is handed out when one arrives.
    pub fn take(&mut self, container: ContainerId, waker: &Waker) -> Option<Delivery> {
        self.members.get_mut(&container)?.take(waker)
    }

    /// What has happened to a container's queue so far.
    #[must_use]
    pub fn counters(&self, container: ContainerId) -> Counters {
        self.members
            .get(&container)
            .map(|member| member.counters)
            .unwrap_or_default()
    }

    /// Messages that wait for a container.
    #[must_use]
    pub fn waiting(&self, container: ContainerId) -> usize {
        self.members
            .get(&container)
            .map_or(0, |member| member.waiting())
    }

    /// Messages that wait for a container, and their bytes as its limit counts them.
    #[must_use]
    pub fn queued(&self, container: ContainerId) -> (usize, usize) {
        self.members
            .get(&container)
            .map_or((0, 0), |member| (member.waiting(), member.queue_bytes()))
    }

    /// Messages that are kept for later subscribers.
    #[must_use]
    pub const fn retained_len(&self) -> u32 {
        self.retained.len()
    }

    /// Bytes of the messages that are kept for later subscribers.
    #[must_use]
    pub const fn retained_bytes(&self) -> u64 {
        self.retained.bytes()
    }

    /// The messages kept for later subscribers that a subscription matches, in order of topics, each with who
    /// published it.
    pub fn retained<'a>(
        &'a self,
        subscription: &'a Subscription,
    ) -> impl Iterator<Item = (ContainerId, &'a Message)> {
        self.retained.matching(subscription)
    }

    /// Removes a container, its subscriptions and its queue. What it retained stays.
    pub fn detach(&mut self, container: ContainerId) {
        let Some(member) = self.members.remove(&container) else {
            return;
        };
        for (number, subscription) in member.into_subscriptions().into_iter() {
            self.index.remove(
                &subscription,
                Place {
                    container,
                    subscription: number,
                },
            );
        }
    }
}

impl Subscription {
    /// A subscription to every topic that begins with `prefix`. Where `granted` is not empty, only
    /// topics that one of these filters matches are delivered.
    #[must_use]
    pub fn prefix(prefix: &str, granted: Vec<TopicFilter>) -> Self {
        Self::Prefix {
            prefix: prefix.into(),
            granted,
        }
    }
}

impl<'a> Draft<'a> {
    /// Puts one together.
    #[must_use]
    pub const fn new(
        topic: &'a str,
        content_type: &'a str,
        payload: &'a [u8],
        at: Instant,
    ) -> Self {
        Self {
            topic,
            content_type,
            payload,
            at,
        }
    }
}
