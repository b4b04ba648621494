//! Which rule a topic goes by, and what it is called on the other side.

use thimble_runtime::grant::{TopicError, TopicFilter, check_topic};

use super::settings::Rule;

/// A rule, ready to be used.
#[derive(Clone, Debug)]
pub(super) struct Route {
    filter: TopicFilter,
    from: String,
    to: String,
    /// What it subscribes to on its own side.
    pub(super) subscription: TopicFilter,
    /// Sent until it is acknowledged.
    pub(super) acknowledged: bool,
    /// Kept on the other side.
    pub(super) retain: bool,
}

impl Route {
    /// The route of a rule from the device to the broker.
    pub(super) fn outward(rule: &Rule) -> Result<Self, TopicError> {
        Self::new(rule, &rule.local_prefix, &rule.remote_prefix)
    }

    /// The route of a rule from the broker to the device.
    pub(super) fn inward(rule: &Rule) -> Result<Self, TopicError> {
        Self::new(rule, &rule.remote_prefix, &rule.local_prefix)
    }

    fn new(rule: &Rule, from: &str, to: &str) -> Result<Self, TopicError> {
        Ok(Self {
            filter: TopicFilter::parse(&rule.filter)?,
            from: from.to_owned(),
            to: to.to_owned(),
            subscription: TopicFilter::parse(&format!("{from}{}", rule.filter))?,
            acknowledged: rule.qos > 0,
            retain: rule.retain,
        })
    }

    /// What a topic is called on the other side; none if it does not go this way.
    fn rename(&self, topic: &str) -> Option<String> {
        let rest = topic.strip_prefix(&self.from)?;
        if !self.filter.matches(rest) {
            return None;
        }
        let renamed = format!("{}{rest}", self.to);
        check_topic(&renamed).ok().map(|()| renamed)
    }

    /// Whether this route could have put out a topic.
    pub(super) fn makes(&self, topic: &str) -> bool {
        topic
            .strip_prefix(&self.to)
            .is_some_and(|rest| self.filter.matches(rest))
    }
}

/// The first route a topic goes by, and its name on the other side.
pub(super) fn find<'a>(routes: &'a [Route], topic: &str) -> Option<(&'a Route, String)> {
    routes
        .iter()
        .find_map(|route| route.rename(topic).map(|renamed| (route, renamed)))
}

/// Whether some topic matches both filters.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (None, _) | (_, None) => return false,
            (Some("+"), _) | (_, Some("+")) => {}
            (Some(level), Some(same)) if level == same => {}
            _ => return false,
        }
    }
}
