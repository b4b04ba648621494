//! A container's side of the bus: its subscriptions and its queue.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::task::Waker;

use crate::limits::Limits;
use crate::sorted::Sorted;

use super::BusError;
use super::index::Subscription;
use super::message::Message;

/// Bytes that a queued message costs beyond its own: so that many empty messages are not free.
const ENTRY_BYTES: usize = 64;

/// What happens when a message arrives at a full queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueuePolicy {
    /// The oldest messages give way: the container sees the present. No publisher feels it.
    #[default]
    DropOldest,
    /// The new message is refused, which its publisher is told.
    RefuseNewest,
}

/// What has happened to a container's queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that entered the queue.
    pub delivered: u64,
    /// Messages that gave way to newer ones.
    pub dropped: u64,
    /// Messages that were refused.
    pub refused: u64,
}

/// A message in a container's queue.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The subscription it matched.
    pub subscription: u32,
    /// The message.
    pub message: Message,
    /// How many messages of this container were dropped or refused until it was taken.
    pub lost: u64,
}

/// A container on the bus.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) policy: QueuePolicy,
    pub(super) counters: Counters,
    /// Whether it gets what it publishes itself.
    pub(super) hears_own: bool,
    queue: VecDeque<(u32, Message)>,
    queue_bytes: usize,
    messages_max: usize,
    bytes_max: usize,
    subscriptions: Sorted<u32, Subscription>,
    last_number: u32,
    waker: Option<Waker>,
}

impl Member {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            policy: QueuePolicy::default(),
            counters: Counters::default(),
            hears_own: true,
            queue: VecDeque::new(),
            queue_bytes: 0,
            messages_max: size(limits.queue_messages),
            bytes_max: size(limits.queue_bytes),
            subscriptions: Sorted::new(),
            last_number: 0,
            waker: None,
        }
    }

    pub(super) fn set_limits(&mut self, limits: &Limits, policy: QueuePolicy) {
        self.policy = policy;
        self.messages_max = size(limits.queue_messages);
        self.bytes_max = size(limits.queue_bytes);
        while policy == QueuePolicy::DropOldest
            && (self.queue.len() > self.messages_max || self.queue_bytes > self.bytes_max)
        {
            if !self.drop_oldest() {
                return;
            }
        }
    }

    pub(super) fn subscribe(
        &mut self,
        limit: u32,
        subscription: Subscription,
    ) -> Result<u32, BusError> {
        let full = BusError::Subscriptions { limit };
        if u32::try_from(self.subscriptions.len()).unwrap_or(u32::MAX) >= limit {
            return Err(full);
        }
        // Guests read numbers as positive i32.
        let number = self
            .last_number
            .checked_add(1)
            .filter(|number| i32::try_from(*number).is_ok())
            .ok_or(full)?;
        self.last_number = number;
        self.subscriptions.insert(number, subscription);
        Ok(number)
    }

    pub(super) fn number_of(&self, subscription: &Subscription) -> Option<u32> {
        self.subscriptions
            .iter()
            .find(|(_, own)| *own == subscription)
            .map(|(number, _)| *number)
    }

    pub(super) fn unsubscribe(&mut self, number: u32) -> Option<Subscription> {
        let subscription = self.subscriptions.remove(&number)?;
        let queue_bytes = &mut self.queue_bytes;
        self.queue.retain(|(of, message)| {
            let keep = *of != number;
            if !keep {
                *queue_bytes = queue_bytes.saturating_sub(cost(message));
            }
            keep
        });
        Some(subscription)
    }

    /// Queues a message; false if it was refused.
    pub(super) fn push(
        &mut self,
        subscription: u32,
        message: &Message,
        wakers: &mut Vec<Waker>,
    ) -> bool {
        let cost = cost(message);
        if cost > self.bytes_max || self.messages_max == 0 {
            self.counters.refused += 1;
            return false;
        }
        while self.queue.len() >= self.messages_max
            || self.queue_bytes.saturating_add(cost) > self.bytes_max
        {
            if self.policy == QueuePolicy::RefuseNewest || !self.drop_oldest() {
                self.counters.refused += 1;
                return false;
            }
        }
        self.queue_bytes += cost;
        self.queue.push_back((subscription, message.clone()));
        self.counters.delivered += 1;
        wakers.extend(self.waker.take());
        true
    }

    pub(super) fn take(&mut self, waker: &Waker) -> Option<Delivery> {
        let Some((subscription, message)) = self.pop() else {
            match &mut self.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
            return None;
        };
        self.waker = None;
        let lost = self.counters.dropped.saturating_add(self.counters.refused);
        Some(Delivery {
            subscription,
            message,
            lost,
        })
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) const fn queue_bytes(&self) -> usize {
        self.queue_bytes
    }

    pub(super) fn into_subscriptions(self) -> Sorted<u32, Subscription> {
        self.subscriptions
    }

    fn drop_oldest(&mut self) -> bool {
        let dropped = self.pop().is_some();
        self.counters.dropped += u64::from(dropped);
        dropped
    }

    fn pop(&mut self) -> Option<(u32, Message)> {
        let (subscription, message) = self.queue.pop_front()?;
        self.queue_bytes = self.queue_bytes.saturating_sub(cost(&message));
        Some((subscription, message))
    }
}

fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn cost(message: &Message) -> usize {
    message.len().saturating_add(ENTRY_BYTES)
}
