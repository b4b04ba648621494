//! What is to happen, in the order of time.
//!
//! A wheel of slots of about a second each: whatever comes later than in the present slot is only put down, and sorted when its
//! slot comes. What comes later than a turn of the wheel waits beside it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Milliseconds of a slot.
const SLOT_MS: u64 = 1024;
/// Slots of the wheel: 70 minutes.
const SLOTS: u64 = 4096;

/// Things to come. Of two at one time the one that was put in first comes first.
pub(crate) struct Queue<T> {
    /// What comes in the present slot, or was to come before.
    heap: BinaryHeap<Reverse<Entry<T>>>,
    slot: u64,
    slots: Vec<Vec<Entry<T>>>,
    /// By turn of the wheel.
    later: BTreeMap<u64, Vec<Entry<T>>>,
    number: u64,
}

struct Entry<T> {
    at_ms: u64,
    number: u64,
    what: T,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            slot: 0,
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            later: BTreeMap::new(),
            number: 0,
        }
    }

    pub(crate) fn put(&mut self, at_ms: u64, what: T) {
        self.number += 1;
        self.sort(Entry {
            at_ms,
            number: self.number,
            what,
        });
    }

    /// Takes what is next, if it comes until then.
    pub(crate) fn take(&mut self, until_ms: u64) -> Option<(u64, T)> {
        while self.heap.is_empty() {
            if (self.slot + 1) * SLOT_MS > until_ms {
                return None;
            }
            self.turn();
        }
        let Reverse(next) = self.heap.peek()?;
        if next.at_ms > until_ms {
            return None;
        }
        self.heap
            .pop()
            .map(|Reverse(entry)| (entry.at_ms, entry.what))
    }

    fn sort(&mut self, entry: Entry<T>) {
        let slot = entry.at_ms / SLOT_MS;
        if slot <= self.slot {
            self.heap.push(Reverse(entry));
        } else if slot - self.slot < SLOTS {
            self.slots[(slot % SLOTS) as usize].push(entry);
        } else {
            self.later.entry(slot / SLOTS).or_default().push(entry);
        }
    }

    /// Goes on to the next slot.
    fn turn(&mut self) {
        self.slot += 1;
        if self.slot.is_multiple_of(SLOTS) {
            for entry in self.later.remove(&(self.slot / SLOTS)).unwrap_or_default() {
                self.sort(entry);
            }
        }
        let entries = &mut self.slots[(self.slot % SLOTS) as usize];
        self.heap.extend(entries.drain(..).map(Reverse));
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

#[cfg(test)]
mod tests {
    use super::{Queue, SLOT_MS, SLOTS};
    use crate::random::Random;

    /// What is taken is what sorting all of it by time gives, whenever it is put in and however far one looks at once.
    #[test]
    fn all_of_it_comes_in_the_order_of_time() {
        let mut random = Random::of(1, 1);
        let (mut queue, mut model) = (Queue::new(), Vec::new());
        let mut now_ms = 0;
        let mut taken = 0;
        for number in 0..20_000_u64 {
            let ahead_ms = [0, 10, SLOT_MS, 60_000, SLOTS * SLOT_MS, 100_000_000][random.index(6)];
            let at_ms = now_ms + random.below(ahead_ms + 1);
            queue.put(at_ms, number);
            model.push((at_ms, number));
            let until_ms = now_ms + random.below(200_000);
            while random.chance(700) {
                model.sort_unstable();
                let next = model
                    .first()
                    .copied()
                    .filter(|(at_ms, _)| *at_ms <= until_ms);
                assert_eq!(queue.take(until_ms), next);
                let Some((at_ms, _)) = next else {
                    now_ms = until_ms;
                    break;
                };
                now_ms = at_ms;
                model.remove(0);
                taken += 1;
            }
        }
        assert!(taken > 10_000, "{taken}");
    }
}
