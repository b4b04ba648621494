//! A map in one vector, sorted by key: what a container has few of, in little code and no byte to spare.
//!
//! Looking up takes a logarithm of comparisons; adding and removing moves what lies behind. So values are small, or in
//! boxes. Rust's own maps take a node for eleven at once, and ten times the code.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::borrow::Borrow;

/// Keys with their values, in order of the keys.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<K, V = ()> {
    items: Vec<(K, V)>,
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Sorted<K, V> {
    pub(crate) const fn new() -> Self {
        Self { items: Vec::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.items = Vec::new();
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.items.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.items.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.items.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.items.iter().map(|(_, value)| value)
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (K, V)> {
        self.items.into_iter()
    }
}

impl<K: Ord, V> Sorted<K, V> {
    /// Where a key is, or where it would be.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.items
            .binary_search_by(|(own, _)| own.borrow().cmp(key))
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.items.get(place).map(|(_, value)| value)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.items.get_mut(place).map(|(_, value)| value)
    }

    /// Sets the value of a key; whether it had none.
    pub(crate) fn insert(&mut self, key: K, value: V) -> bool {
        match self.place(&key) {
            Ok(place) => {
                if let Some((_, own)) = self.items.get_mut(place) {
                    *own = value;
                }
                false
            }
            Err(place) => {
                reserve_one(&mut self.items);
                self.items.insert(place, (key, value));
                true
            }
        }
    }

    /// The value of a key, which gets this one if it has none.
    pub(crate) fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                reserve_one(&mut self.items);
                self.items.insert(place, (key, value()));
                place
            }
        };
        // It was found there, or put there.
        &mut self.items[place].1
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        Some(self.items.remove(place).1)
    }
}

impl<K> Sorted<K> {
    /// Takes out the greatest.
    pub(crate) fn pop_last(&mut self) -> Option<K> {
        self.items.pop().map(|(key, ())| key)
    }
}

/// Adds to the end of a vector that mostly stays small.
pub(crate) fn push<T>(items: &mut Vec<T>, item: T) {
    reserve_one(items);
    items.push(item);
}

/// Room for one more, or for half as many again: a vector takes four at once.
fn reserve_one<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact(items.len() / 2 + 1);
    }
}
