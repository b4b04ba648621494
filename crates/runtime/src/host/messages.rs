//! Publishing and subscribing, for every module that offers them.

use alloc::format;
use alloc::vec::Vec;

use thimble_abi::Errno;

use crate::bus::{BusError, Draft, Published, Subscription};
use crate::grant::{Grant, TopicFilter, check_topic};

use super::Context;
use super::events::with_bus;

/// Publishes a message on behalf of the container.
pub(super) fn publish(
    context: &mut Context<'_>,
    topic: &str,
    content_type: &str,
    payload: &[u8],
    retain: bool,
) -> Result<Published, Errno> {
    check_topic(topic).map_err(|_| Errno::Invalid)?;
    if !context.state.config.grants.publish(topic) {
        context.refuse(&format!("bus.pub:{topic}"));
        return Err(Errno::Permission);
    }
    let limit = usize::try_from(context.state.config.limits.message_bytes).unwrap_or(usize::MAX);
    if payload.len() > limit {
        context.limit_reached("message_bytes");
        return Err(Errno::MessageTooLong);
    }
    let draft = Draft::new(topic, content_type, payload, context.ports.clock.now());
    let id = context.state.id;
    let wakers = &mut context.state.events.wakers;
    let published = with_bus(context.ports, |bus| bus.publish(id, draft, retain, wakers));
    wakers.wake();
    match published {
        Some(Ok(published)) => Ok(published),
        Some(Err(_)) => {
            context.limit_reached("retained");
            Err(Errno::NoSpace)
        }
        None => Err(Errno::Io),
    }
}

/// Subscribes the container to a filter.
pub(super) fn subscribe_filter(context: &mut Context<'_>, filter: &str) -> Result<u32, Errno> {
    let filter = TopicFilter::parse(filter).map_err(|_| Errno::Invalid)?;
    if !context.state.config.grants.subscribe(&filter) {
        context.refuse(&format!("bus.sub:{filter}"));
        return Err(Errno::Permission);
    }
    // Mostly it is what was granted, word for word: one text for both.
    let grants = context.state.config.grants.as_slice();
    let granted = grants.iter().find_map(|grant| match grant {
        Grant::Subscribe(granted) if *granted == filter => Some(granted.clone()),
        _ => None,
    });
    subscribe(context, Subscription::Filter(granted.unwrap_or(filter)))
}

/// Subscribes the container to all topics that begin with `prefix`, as far as they are granted.
/// Subscribing again changes nothing.
pub(super) fn subscribe_prefix(context: &mut Context<'_>, prefix: &str) -> Result<u32, Errno> {
    let granted = granted(context, prefix);
    if granted.is_empty() {
        let rest = if prefix.ends_with('/') { "#" } else { "" };
        context.refuse(&format!("bus.sub:{prefix}{rest}"));
        return Err(Errno::Permission);
    }
    let id = context.state.id;
    let unlimited = !prefix.starts_with('$') && granted.iter().any(|filter| filter.as_str() == "#");
    let subscription = Subscription::prefix(prefix, if unlimited { Vec::new() } else { granted });
    match with_bus(context.ports, |bus| bus.subscribed(id, &subscription)).flatten() {
        Some(number) => Ok(number),
        None => subscribe(context, subscription),
    }
}

/// Ends a subscription and drops its messages.
pub(super) fn unsubscribe(context: &mut Context<'_>, number: u32) -> Result<(), Errno> {
    let id = context.state.id;
    if with_bus(context.ports, |bus| bus.unsubscribe(id, number)) != Some(true) {
        return Err(Errno::NoEntry);
    }
    let held = &mut context.state.events.message;
    if held
        .as_ref()
        .is_some_and(|delivery| delivery.subscription == number)
    {
        *held = None;
    }
    Ok(())
}

fn subscribe(context: &mut Context<'_>, subscription: Subscription) -> Result<u32, Errno> {
    let id = context.state.id;
    let config = &context.state.config;
    let subscribed = with_bus(context.ports, |bus| {
        bus.join(id, &config.limits, config.queue_policy);
        bus.subscribe(id, &config.limits, subscription)
    });
    match subscribed {
        Some(Ok(number)) => {
            context.state.events.subscribed = true;
            Ok(number)
        }
        Some(Err(BusError::Subscriptions { .. })) => {
            context.limit_reached("subscriptions");
            Err(Errno::NoMemory)
        }
        Some(Err(_)) => Err(Errno::Invalid),
        None => Err(Errno::Io),
    }
}

/// The granted filters that can match a topic beginning with `prefix`.
fn granted(context: &Context<'_>, prefix: &str) -> Vec<TopicFilter> {
    let filters = context
        .state
        .config
        .grants
        .as_slice()
        .iter()
        .filter_map(|grant| match grant {
            Grant::Subscribe(filter) => Some(filter),
            _ => None,
        });
    let mut granted: Vec<_> = filters
        .filter(|filter| can_match(filter, prefix))
        .cloned()
        .collect();
    granted.shrink_to_fit();
    granted
}

/// Whether a filter can match any topic that begins with `prefix`.
fn can_match(filter: &TopicFilter, prefix: &str) -> bool {
    if prefix.starts_with('$') && filter.as_str().starts_with(['+', '#']) {
        return false;
    }
    let mut patterns = filter.as_str().split('/');
    let mut levels = prefix.split('/').peekable();
    while let Some(level) = levels.next() {
        // The last level of the prefix may be only the beginning of the topic's.
        let is_last = levels.peek().is_none();
        match patterns.next() {
            Some("#") => return true,
            Some("+") => {}
            Some(pattern) if is_last => return pattern.starts_with(level),
            Some(pattern) if pattern == level => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::can_match;
    use crate::grant::TopicFilter;

    #[test]
    fn a_filter_can_match_a_prefix() {
        let yes = [
            ("#", "a"),
            ("a/#", "a"),
            ("a/#", "a/"),
            ("a/#", "a/b/c"),
            ("abc", "ab"),
            ("+/b", "x"),
            ("+/bc", "x/b"),
        ];
        let no = [
            ("b/#", "a"),
            ("a", "a/"),
            ("a/b", "a/c"),
            ("a", "ab"),
            ("+", "a/b"),
            ("#", "$SYS/"),
        ];
        for (filter, prefix) in yes {
            assert!(
                can_match(&TopicFilter::parse(filter).unwrap(), prefix),
                "{filter} {prefix}"
            );
        }
        for (filter, prefix) in no {
            assert!(
                !can_match(&TopicFilter::parse(filter).unwrap(), prefix),
                "{filter} {prefix}"
            );
        }
    }
}
