//! What is to happen, in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Things to come. Of two at one time the one that was put in first comes first.
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    number: u64,
}

struct Entry<T> {
    at_ms: u64,
    number: u64,
    what: T,
}

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            number: 0,
        }
    }

    pub(crate) fn put(&mut self, at_ms: u64, what: T) {
        self.number += 1;
        self.heap.push(Reverse(Entry {
            at_ms,
            number: self.number,
            what,
        }));
    }

    /// Takes what is next, if it comes until then.
    pub(crate) fn take(&mut self, until_ms: u64) -> Option<(u64, T)> {
        if self.heap.peek().is_none_or(|Reverse(entry)| entry.at_ms > until_ms) {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at_ms, entry.what))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.number).cmp(&(other.at_ms, other.number))
    }
}
