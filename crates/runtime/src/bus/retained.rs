//! Messages that are kept for later subscribers: one a topic, bounded in number and bytes, for all
//! containers together and for each.

use alloc::string::{String, ToString};

use crate::config::ContainerId;
use crate::sorted::Sorted;

use super::BusError;
use super::index::Subscription;
use super::message::Message;

/// Limits of retained messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetainedLimits {
    /// Messages of all containers.
    pub messages: u32,
    /// Bytes of all containers.
    pub bytes: u64,
    /// Messages of one container.
    pub messages_each: u32,
    /// Bytes of one container.
    pub bytes_each: u64,
}

impl Default for RetainedLimits {
    /// One container may use a quarter of it, so that it takes several to fill it.
    fn default() -> Self {
        Self {
            messages: 4096,
            bytes: 4 << 20,
            messages_each: 1024,
            bytes_each: 1 << 20,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Retained {
    limits: RetainedLimits,
    topics: Sorted<String, (ContainerId, Message)>,
    all: Use,
    each: Sorted<ContainerId, Use>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Use {
    messages: u32,
    bytes: u64,
}

impl Retained {
    pub(super) fn new(limits: RetainedLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Keeps a message in place of what its topic had; an empty payload keeps nothing.
    pub(super) fn keep(
        &mut self,
        publisher: ContainerId,
        message: &Message,
    ) -> Result<(), BusError> {
        let topic = message.topic_text();
        if message.payload().is_empty() {
            self.forget(topic);
            return Ok(());
        }
        let old = self
            .topics
            .get(topic)
            .map(|(owner, message)| (*owner, size(message)));
        let new = size(message);
        let spared = |whose: Option<ContainerId>| {
            old.filter(|(owner, _)| whose.is_none_or(|whose| whose == *owner))
        };
        let own = self.each.get(&publisher).copied().unwrap_or_default();
        let fits_all = fits(
            self.all,
            spared(None),
            new,
            self.limits.messages,
            self.limits.bytes,
        );
        let fits_own = fits(
            own,
            spared(Some(publisher)),
            new,
            self.limits.messages_each,
            self.limits.bytes_each,
        );
        if !fits_all || !fits_own {
            return Err(BusError::Retained);
        }
        self.forget(topic);
        for used in [
            &mut self.all,
            self.each.get_or_insert_with(publisher, Use::default),
        ] {
            used.messages = used.messages.saturating_add(1);
            used.bytes = used.bytes.saturating_add(new);
        }
        self.topics
            .insert(topic.to_string(), (publisher, message.clone()));
        Ok(())
    }

    /// What a new subscription gets, in order of topics, and who published it.
    pub(super) fn matching<'a>(
        &'a self,
        subscription: &'a Subscription,
    ) -> impl Iterator<Item = (ContainerId, &'a Message)> {
        self.topics
            .iter()
            .filter(|(topic, _)| subscription.matches(topic))
            .map(|(_, (owner, message))| (*owner, message))
    }

    pub(super) const fn len(&self) -> u32 {
        self.all.messages
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.all.bytes
    }

    fn forget(&mut self, topic: &str) {
        let Some((owner, message)) = self.topics.remove(topic) else {
            return;
        };
        let bytes = size(&message);
        let release = |used: &mut Use| {
            used.messages = used.messages.saturating_sub(1);
            used.bytes = used.bytes.saturating_sub(bytes);
        };
        release(&mut self.all);
        if let Some(used) = self.each.get_mut(&owner) {
            release(used);
            if used.messages == 0 {
                self.each.remove(&owner);
            }
        }
    }
}

fn fits(
    used: Use,
    spared: Option<(ContainerId, u64)>,
    new: u64,
    messages: u32,
    bytes: u64,
) -> bool {
    let (spared_messages, spared_bytes) = spared.map_or((0, 0), |(_, bytes)| (1, bytes));
    used.messages.saturating_sub(spared_messages) < messages
        && used.bytes.saturating_sub(spared_bytes).saturating_add(new) <= bytes
}

fn size(message: &Message) -> u64 {
    u64::try_from(message.len()).unwrap_or(u64::MAX)
}
