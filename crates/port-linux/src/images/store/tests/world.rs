//! A store on the model disk beside what must be true of it.

use std::collections::{BTreeMap, BTreeSet};

use thimble_image::store::{Admission, BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest, Reference};

use super::super::{ImageStore, PruneMode, Session, StoreError, StoreSettings, Writer};
use super::model_disk::ModelDisk;
use super::random::Random;
use super::universe::Universe;

/// Flush that often, so that it happens.
const SYNC_BYTES: u64 = 256;

/// A name's image, and what was here of what it needs when it got the name.
pub(super) type Named = (Digest, BTreeSet<Digest>);
pub(super) type Names = BTreeMap<String, Named>;

/// What is to be seen, and what a power cut may make of it where an edit failed.
pub(super) struct Durable {
    pub(super) now: Names,
    pub(super) possible: Vec<Names>,
}

impl Durable {
    const fn new() -> Self {
        Self {
            now: Names::new(),
            possible: Vec::new(),
        }
    }

    /// Decides between what may be, by what is to be seen.
    fn settle(&mut self, seen: &BTreeMap<String, BTreeSet<Digest>>, what: &str) {
        let is_seen = |names: &Names| {
            names.len() == seen.len()
                && names
                    .iter()
                    .zip(seen)
                    .all(|((name, (root, _)), (own, roots))| name == own && roots.contains(root))
        };
        if is_seen(&self.now) {
            return;
        }
        // The last of several with the same images: what they needed before may be pruned since.
        let found = self.possible.iter().rev().find(|names| is_seen(names));
        let expected = || format!("{:?} or {:?}", self.now, self.possible);
        let found = found.unwrap_or_else(|| panic!("{what} are {seen:?}, not {}", expected()));
        self.now = found.clone();
    }

    fn edit<T>(
        &mut self,
        result: Result<T, StoreError>,
        change: impl FnOnce(&mut Names),
    ) -> Result<T, StoreError> {
        let before = self.now.clone();
        let mut after = before.clone();
        change(&mut after);
        if result.is_ok() {
            self.now = after;
            self.possible.clear();
        } else {
            self.possible.extend([before, after]);
        }
        result
    }
}

/// A session, and what it must and what it may keep, where admitting failed.
pub(super) struct User {
    session: Session,
    leased: BTreeSet<Digest>,
    perhaps: BTreeSet<Digest>,
}

pub(super) struct World {
    pub(super) disk: ModelDisk,
    pub(super) universe: Universe,
    /// Two, as if in two processes.
    pub(super) stores: Vec<ImageStore>,
    pub(super) sessions: Vec<User>,
    pub(super) writers: BTreeMap<Digest, Writer>,
    pub(super) tags: Durable,
    pub(super) pins: Durable,
    pub(super) random: Random,
    /// Blobs of which somebody was told that they are durable.
    committed: BTreeSet<Digest>,
    had_power_cut: bool,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let universe = Universe::new(&mut random);
        Self {
            disk: ModelDisk::new(Random::new(random.next())),
            universe,
            stores: Vec::new(),
            sessions: Vec::new(),
            writers: BTreeMap::new(),
            tags: Durable::new(),
            pins: Durable::new(),
            random,
            committed: BTreeSet::new(),
            had_power_cut: false,
        }
    }

    pub(super) fn open(&mut self) -> Result<(), StoreError> {
        while self.stores.len() < 2 {
            let disk = Box::new(self.disk.clone());
            let store = ImageStore::on(disk, StoreSettings::default(), SYNC_BYTES)?;
            self.stores.push(store);
        }
        Ok(())
    }

    pub(super) fn store(&mut self) -> ImageStore {
        self.random.pick(&self.stores).clone()
    }

    pub(super) fn present(&self) -> BTreeSet<Digest> {
        let blobs = self.disk.contents("blobs/sha256");
        blobs
            .keys()
            .map(|hex| Digest::from_hex(hex).unwrap())
            .collect()
    }

    /// A session, perhaps a new one.
    pub(super) fn session(&mut self) -> Result<usize, StoreError> {
        if self.sessions.is_empty() || self.random.below(4) == 0 {
            let session = self.store().session()?;
            self.sessions.push(User {
                session,
                leased: BTreeSet::new(),
                perhaps: BTreeSet::new(),
            });
        }
        Ok(self.random.below(self.sessions.len()))
    }

    /// Stores a blob, or some of it.
    pub(super) fn ingest(
        &mut self,
        session: usize,
        digest: &Digest,
        whole: bool,
    ) -> Result<(), StoreError> {
        let (blob, content) = self.universe.blobs[digest].clone();
        let mut writer = match self.writers.remove(digest) {
            Some(writer) => writer,
            None => {
                let user = &mut self.sessions[session];
                user.perhaps.insert(*digest);
                let admission = user.session.admit(&blob)?;
                user.leased.insert(*digest);
                match admission {
                    Admission::Present => return Ok(()),
                    Admission::Wanted(writer) => writer,
                }
            }
        };
        let begin = writer.offset() as usize;
        let end = if whole {
            content.len()
        } else {
            begin + self.random.below(content.len() + 1 - begin)
        };
        for piece in content[begin..end].chunks(100) {
            writer.write(piece)?;
        }
        if !whole {
            if self.random.below(2) == 0 {
                self.writers.insert(*digest, writer);
            }
            return Ok(());
        }
        match writer.commit() {
            Ok(()) => {
                self.committed.insert(*digest);
                Ok(())
            }
            Err(CommitError::Device(error)) => Err(error),
            // What a power cut left of it was not what had been written; the next attempt begins anew.
            Err(error @ CommitError::Digest { .. }) => {
                assert!(begin > 0 && self.had_power_cut, "{error}");
                self.ingest(session, digest, true)
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn pull(&mut self, root: &Descriptor, part: bool) -> Result<(), StoreError> {
        let session = self.session()?;
        for digest in self.universe.needed(&root.digest) {
            if part && self.random.below(6) == 0 {
                continue;
            }
            self.ingest(session, &digest, true)?;
        }
        Ok(())
    }

    pub(super) fn tag(&mut self, name: &str, root: &Descriptor) -> Result<(), StoreError> {
        let reference: Reference = name.parse().unwrap();
        let store = self.store();
        // Not everything that is here of it: some may be here for others, and its manifest not.
        let mut needed = store.inner.require_complete(root);
        let result = store.tag(&reference, root);
        if needed.is_err() {
            needed = store.inner.require_complete(root);
        }
        let needed = needed.unwrap_or_default().into_iter().collect();
        let named = (root.digest, needed);
        let name = reference.to_string();
        self.tags.edit(result, |names| {
            names.insert(name, named);
        })
    }

    pub(super) fn untag(&mut self, name: &str) -> Result<(), StoreError> {
        let name = name.parse::<Reference>().unwrap().to_string();
        let before = self.tags.now.get(&name).map(|named| named.0);
        let result = self.store().untag(&name);
        if let Ok(root) = &result {
            assert_eq!(root.as_ref().map(|root| root.digest), before);
        }
        self.tags
            .edit(result, |names| {
                names.remove(&name);
            })
            .map(|_| ())
    }

    pub(super) fn pin(&mut self, owner: &str, root: &Descriptor) -> Result<(), StoreError> {
        let store = self.store();
        if self.pins.now.contains_key(owner) {
            return Ok(());
        }
        // Not everything that is here of it: some may be here for others, and its manifest not.
        let Ok(needed) = store.inner.require_complete(root) else {
            return Ok(());
        };
        let named = (root.digest, needed.into_iter().collect());
        let result = store.pin(owner, &root.digest);
        self.pins.edit(result, |pins| {
            pins.insert(owner.into(), named);
        })
    }

    pub(super) fn unpin(&mut self, owner: &str) -> Result<(), StoreError> {
        let result = self.store().unpin(owner);
        self.pins
            .edit(result, |pins| {
                pins.remove(owner);
            })
            .map(|_| ())
    }

    /// Prunes, and checks that exactly what is in use is left.
    pub(super) fn prune(&mut self) -> Result<(), StoreError> {
        let before = self.present();
        let names = || self.tags.now.values().chain(self.pins.now.values());
        let users = || self.sessions.iter();
        let leased: BTreeSet<Digest> = users().flat_map(|user| user.leased.clone()).collect();
        let perhaps: BTreeSet<Digest> = users().flat_map(|user| user.perhaps.clone()).collect();
        let kept = |leased: &BTreeSet<Digest>| {
            let roots = names().map(|named| named.0).chain(leased.iter().copied());
            let kept = self.universe.reach(roots, &before);
            before
                .intersection(&kept)
                .copied()
                .collect::<BTreeSet<Digest>>()
        };
        let (least, most) = (kept(&leased), kept(&perhaps));
        let store = self.stores[0].clone();
        let announced = store.prune(PruneMode::DryRun)?;
        assert_eq!(self.present(), before);
        let result = store.prune(PruneMode::Remove);
        let after = self.present();
        assert!(after.is_superset(&least), "too much is gone");
        self.committed.retain(|digest| after.contains(digest));
        let pruned = result?;
        // A prune makes sure that what it goes by is durable.
        self.tags.possible.clear();
        self.pins.possible.clear();
        assert_eq!(pruned, announced);
        assert!(after.is_subset(&most), "something is left over");
        let ingests = self.disk.contents("ingest");
        for hex in ingests.keys() {
            assert!(
                perhaps.contains(&Digest::from_hex(hex).unwrap()),
                "{hex} is left over"
            );
        }
        assert_eq!(self.disk.contents("leases").len(), self.sessions.len());
        Ok(())
    }

    /// Ends every process, and opens the store again.
    pub(super) fn restart(&mut self, power_cut: bool) {
        self.disk.stop();
        self.writers.clear();
        self.sessions.clear();
        self.stores.clear();
        self.disk.restart(power_cut);
        self.had_power_cut |= power_cut;
        self.open().expect("the store opens after a power cut");
        for store in &self.stores {
            assert_eq!(store.notices(), Vec::<String>::new());
        }
        self.verify();
        if power_cut {
            self.tags.possible.clear();
            self.pins.possible.clear();
        }
    }

    /// Checks everything that must be true, with a disk that works.
    pub(super) fn verify(&mut self) {
        let store = self.stores[0].clone();
        let images = store.images().unwrap();
        let tags = images
            .into_iter()
            .map(|image| (image.name, BTreeSet::from([image.root.digest])));
        self.tags.settle(&tags.collect(), "the names");
        let pins = store.pins().unwrap();
        let pins = pins
            .into_iter()
            .map(|(owner, pins)| (owner, pins.into_iter().collect()));
        self.pins.settle(&pins.collect(), "the pins");
        for (hex, content) in self.disk.contents("blobs/sha256") {
            assert_eq!(
                Digest::of(&content).hex(),
                hex,
                "a damaged blob was taken for good"
            );
        }
        let present = self.present();
        let missing: Vec<_> = self.committed.difference(&present).collect();
        assert!(missing.is_empty(), "{missing:?} are lost");
        for (name, (_, needed)) in self.tags.now.iter().chain(&self.pins.now) {
            let missing: Vec<_> = needed.difference(&present).collect();
            assert!(missing.is_empty(), "{name} has lost {missing:?}");
        }
        let present = present
            .iter()
            .filter(|digest| self.universe.documents.contains_key(digest));
        for root in present {
            let document = &self.universe.documents[root];
            if let Some(subject) = document.subject() {
                let referrers = store.referrers(&subject.digest).unwrap();
                let found = referrers.iter().any(|referrer| referrer.digest == *root);
                assert!(found, "{root} is about {} in vain", subject.digest);
            }
        }
    }
}
