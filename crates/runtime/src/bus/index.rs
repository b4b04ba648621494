//! Finds the subscriptions that a topic matches without looking at all of them.
//!
//! Filters are a tree of levels, with `+` and `#` as branches of their own. Prefixes are a map that is
//! asked once for each length a prefix has.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::config::ContainerId;
use crate::grant::TopicFilter;
use crate::sorted::{Sorted, push};

/// Levels of a subscription's filter: bounds the tree's depth and what a container can make others walk.
pub const FILTER_LEVELS_MAX: usize = 32;

/// What a container subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subscription {
    /// Topics that a filter matches.
    Filter(TopicFilter),
    /// Topics that begin with a text, as Ocre has it.
    Prefix {
        /// The text.
        prefix: Arc<str>,
        /// If not empty, a topic must match one of these as well.
        granted: Vec<TopicFilter>,
    },
}

impl Subscription {
    /// Whether a topic matches.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Filter(filter) => filter.matches(topic),
            Self::Prefix { prefix, granted } => {
                topic.starts_with(&**prefix) && allows(granted, topic)
            }
        }
    }
}

/// A subscription of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) container: ContainerId,
    pub(super) subscription: u32,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    filters: Node,
    prefixes: Sorted<Arc<str>, Vec<(Place, Vec<TopicFilter>)>>,
    /// How many prefixes there are of each length.
    prefix_lengths: Sorted<usize, usize>,
}

impl Index {
    pub(super) fn insert(&mut self, subscription: Subscription, place: Place) {
        match subscription {
            Subscription::Filter(filter) => self.filters.insert(filter.as_str().split('/'), place),
            Subscription::Prefix { prefix, granted } => {
                let len = prefix.len();
                let places = self.prefixes.get_or_insert_with(prefix, Vec::new);
                if places.is_empty() {
                    *self.prefix_lengths.get_or_insert_with(len, || 0) += 1;
                }
                push(places, (place, granted));
            }
        }
    }

    pub(super) fn remove(&mut self, subscription: &Subscription, place: Place) {
        match subscription {
            Subscription::Filter(filter) => {
                self.filters.remove(filter.as_str().split('/'), place);
            }
            Subscription::Prefix { prefix, .. } => {
                let Some(places) = self.prefixes.get_mut(prefix) else {
                    return;
                };
                places.retain(|(own, _)| *own != place);
                if places.is_empty() {
                    self.prefixes.remove(prefix);
                    self.forget_length(prefix.len());
                }
            }
        }
    }

    /// Adds the places whose subscription matches, in no order.
    pub(super) fn matches(&self, topic: &str, found: &mut Vec<Place>) {
        let hidden = topic.starts_with('$');
        self.filters.matches(Some(topic), hidden, found);
        let lengths = self.prefix_lengths.keys();
        for len in lengths.copied().take_while(|len| *len <= topic.len()) {
            let Some(places) = topic
                .get(..len)
                .and_then(|prefix| self.prefixes.get(prefix))
            else {
                continue;
            };
            found.extend(
                places
                    .iter()
                    .filter(|(_, granted)| allows(granted, topic))
                    .map(|(place, _)| *place),
            );
        }
    }

    fn forget_length(&mut self, len: usize) {
        if let Some(count) = self.prefix_lengths.get_mut(&len) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.prefix_lengths.remove(&len);
            }
        }
    }
}

/// One level of the filters' tree. Its depth is at most [`FILTER_LEVELS_MAX`], which bounds the recursion.
#[derive(Debug, Default)]
struct Node {
    /// Filters that end here.
    here: Vec<Place>,
    /// Filters that go on with `#`.
    rest: Vec<Place>,
    /// Filters that go on with `+`.
    any: Option<Box<Node>>,
    /// Filters that go on with this level.
    named: Sorted<Box<str>, Box<Node>>,
}

impl Node {
    fn insert<'a>(&mut self, mut levels: impl Iterator<Item = &'a str>, place: Place) {
        match levels.next() {
            None => push(&mut self.here, place),
            Some("#") => push(&mut self.rest, place),
            Some("+") => self.any.get_or_insert_default().insert(levels, place),
            Some(level) => match self.named.get_mut(level) {
                Some(node) => node.insert(levels, place),
                None => self
                    .named
                    .get_or_insert_with(level.into(), Box::default)
                    .insert(levels, place),
            },
        }
    }

    fn remove<'a>(&mut self, mut levels: impl Iterator<Item = &'a str>, place: Place) {
        match levels.next() {
            None => self.here.retain(|own| *own != place),
            Some("#") => self.rest.retain(|own| *own != place),
            Some("+") => {
                if let Some(node) = &mut self.any {
                    node.remove(levels, place);
                    if node.is_empty() {
                        self.any = None;
                    }
                }
            }
            Some(level) => {
                if let Some(node) = self.named.get_mut(level) {
                    node.remove(levels, place);
                    if node.is_empty() {
                        self.named.remove(level);
                    }
                }
            }
        }
    }

    /// `topic` is what is left of it, `None` past its last level. Wildcards pass over `hidden` topics.
    fn matches(&self, topic: Option<&str>, hidden: bool, found: &mut Vec<Place>) {
        if !hidden {
            found.extend_from_slice(&self.rest);
        }
        let Some(topic) = topic else {
            found.extend_from_slice(&self.here);
            return;
        };
        let (level, left) = topic
            .split_once('/')
            .map_or((topic, None), |(level, left)| (level, Some(left)));
        if let Some(node) = self.any.as_ref().filter(|_| !hidden) {
            node.matches(left, false, found);
        }
        if let Some(node) = self.named.get(level) {
            node.matches(left, false, found);
        }
    }

    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.rest.is_empty() && self.any.is_none() && self.named.is_empty()
    }
}

fn allows(granted: &[TopicFilter], topic: &str) -> bool {
    granted.is_empty() || granted.iter().any(|filter| filter.matches(topic))
}
