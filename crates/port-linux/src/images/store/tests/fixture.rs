//! A store with one image on the disk in memory.

use thimble_image::store::{Admission, BlobStore};
use thimble_image::{Descriptor, Digest, Reference};

use super::super::{ImageStore, Session, StoreError, StoreSettings, Writer};
use super::model_disk::ModelDisk;
use super::random::Random;
use super::universe::Universe;

pub(super) const NAME: &str = "localhost:5000/a/b:1";

pub(super) struct Fixture {
    pub(super) disk: ModelDisk,
    pub(super) universe: Universe,
    pub(super) store: ImageStore,
    pub(super) root: Descriptor,
}

pub(super) fn open(disk: &ModelDisk, settings: StoreSettings) -> Result<ImageStore, StoreError> {
    ImageStore::on(Box::new(disk.clone()), settings, 1000)
}

pub(super) fn name() -> Reference {
    NAME.parse().unwrap()
}

pub(super) fn wanted(session: &Session, blob: &Descriptor) -> Writer {
    match session.admit(blob).unwrap() {
        Admission::Wanted(writer) => writer,
        Admission::Present => panic!("{} is here", blob.digest),
    }
}

pub(super) fn is_present(session: &Session, blob: &Descriptor) -> bool {
    matches!(session.admit(blob).unwrap(), Admission::Present)
}

impl Fixture {
    /// A store with one image, and others that may be put into it.
    pub(super) fn new() -> Self {
        let disk = ModelDisk::new(Random::new(1));
        let mut universe = Universe::new(&mut Random::new(2));
        let root = universe.roots[0].clone();
        universe.sign(&root, b"an envelope");
        let store = open(&disk, StoreSettings::default()).unwrap();
        let fixture = Self {
            disk,
            universe,
            store,
            root,
        };
        fixture.pull(&fixture.root);
        fixture.store.tag(&name(), &fixture.root).unwrap();
        fixture
    }

    pub(super) fn pull(&self, root: &Descriptor) {
        let session = self.store.session().unwrap();
        for digest in self.universe.needed(&root.digest) {
            let (blob, content) = &self.universe.blobs[&digest];
            session.write(&blob.media_type, content).unwrap();
        }
    }

    pub(super) fn layer(&self) -> Descriptor {
        let digest = self.universe.needed(&self.root.digest)[1];
        self.universe.blobs[&digest].0.clone()
    }

    pub(super) fn damage(&self, digest: &Digest) {
        let path = format!("blobs/sha256/{}", digest.hex());
        self.disk.tamper(&path, |content| content[3] ^= 1);
    }

    pub(super) fn reopen(&mut self) -> Result<Vec<String>, StoreError> {
        self.store = open(&self.disk, StoreSettings::default())?;
        Ok(self.store.notices())
    }
}
