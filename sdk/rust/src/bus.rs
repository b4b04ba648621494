//! The message bus.

use crate::{Error, Result, host};

const RETAIN: i32 = 1;

/// Publishes a message and returns how many subscriptions got it. Grant: `bus.pub:TOPIC`.
///
/// # Errors
/// [`Error::NOT_PERMITTED`], [`Error::INVALID`] for a bad topic, [`Error::AGAIN`] if a queue was full.
pub fn publish(topic: &str, content_type: &str, payload: &[u8]) -> Result<u32> {
    Error::check(host::bus_publish(topic, content_type, payload, 0))
}

/// Publishes a message that later subscribers get as well. An empty payload removes it.
///
/// # Errors
/// As [`publish`], and [`Error::NO_SPACE`].
pub fn publish_retained(topic: &str, content_type: &str, payload: &[u8]) -> Result<u32> {
    Error::check(host::bus_publish(topic, content_type, payload, RETAIN))
}

/// Subscribes to a topic filter: `+` is one level, a final `#` all that follow. Grant: `bus.sub:FILTER`.
///
/// # Errors
/// [`Error::NOT_PERMITTED`], [`Error::INVALID`] for a bad filter, [`Error::NO_MEMORY`].
pub fn subscribe(filter: &str) -> Result<Subscription> {
    let id = host::bus_subscribe(filter);
    Error::check(id).map(|_| Subscription { id })
}

/// A subscription, ended when dropped.
#[derive(Debug)]
pub struct Subscription {
    id: i32,
}

impl Subscription {
    /// What [`crate::Message::subscription`] carries.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id.unsigned_abs()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let _ = host::bus_unsubscribe(self.id);
    }
}
