//! The containers, in the order of their names.

use alloc::vec::Vec;

use crate::catalog::ImageDigest;
use crate::container::Entry;
use crate::denied::{Denied, Outcome};

/// The containers.
#[derive(Default)]
pub(crate) struct Entries(Vec<Entry>);

impl Entries {
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|entry| entry.name().cmp(name))
    }

    /// The container of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(self.place(name).ok()?)
    }

    /// The container of this name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find(&mut self, name: &str) -> Outcome<&mut Entry> {
        let place = self.place(name).map_err(|_| Denied::no_container(name))?;
        self.0
            .get_mut(place)
            .ok_or_else(|| Denied::no_container(name))
    }

    /// The container behind this name.
    pub(crate) fn after(&self, name: &str) -> Option<&Entry> {
        let place = match self.place(name) {
            Ok(place) => place + 1,
            Err(place) => place,
        };
        self.0.get(place)
    }

    /// Makes room for one more, so that [`Entries::insert`] cannot fail.
    ///
    /// # Errors
    /// There is no memory.
    pub(crate) fn reserve(&mut self) -> Outcome<()> {
        self.0.try_reserve_exact(1).map_err(|_| {
            Denied::new(
                thimble_serial::RefusalKind::NoRoom,
                "there is no memory for another container",
            )
        })
    }

    /// Adds a container, in the place of one of the same name.
    pub(crate) fn insert(&mut self, entry: Entry) {
        match self.place(entry.name()) {
            Ok(place) => {
                if let Some(before) = self.0.get_mut(place) {
                    *before = entry;
                }
            }
            Err(place) => self.0.insert(place, entry),
        }
    }

    /// Forgets a container.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Ok(place) = self.place(name) {
            self.0.remove(place);
            self.0.shrink_to_fit();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.0.iter_mut()
    }

    /// The images that something runs of: they must stay where they are.
    pub(crate) fn running_images(&self) -> Vec<ImageDigest> {
        self.0
            .iter()
            .filter(|entry| entry.run.is_some())
            .map(|entry| entry.digest)
            .collect()
    }

    /// Whether something runs of an image.
    pub(crate) fn runs_of(&self, digest: &ImageDigest) -> bool {
        self.0
            .iter()
            .any(|entry| entry.run.is_some() && entry.digest == *digest)
    }

    /// How many containers need an image.
    pub(crate) fn users_of(&self, digest: &ImageDigest) -> u32 {
        let users = self.0.iter().filter(|entry| entry.digest == *digest);
        u32::try_from(users.count()).unwrap_or(u32::MAX)
    }
}
