//! Quotas and full disks.

use thimble_image::store::{BlobStore, BlobWriter};
use thimble_image::{Descriptor, media_type};

use super::super::{Session, Shortage, StoreError, StoreSettings};
use super::fixture::{Fixture, NAME, is_present, open, wanted};
use super::model_disk::ModelDisk;
use super::random::Random;

#[test]
fn the_quota_counts_what_others_are_writing() {
    let disk = ModelDisk::new(Random::new(1));
    let settings = StoreSettings {
        quota_bytes: Some(1000),
        reserve_bytes: 500,
    };
    let store = open(&disk, settings).unwrap();
    let (first, second) = (store.session().unwrap(), store.session().unwrap());
    let blob = |byte: u8, bytes: usize| Descriptor::of(media_type::WASM, &vec![byte; bytes]);
    let large = blob(1, 600);
    let mut writer = wanted(&first, &large);
    writer.write(&[1; 100]).unwrap();
    let refused = |session: &Session, blob: &Descriptor, available: u64, shortage: Shortage| {
        let Err(StoreError::NoRoom {
            wanted_bytes,
            available_bytes,
            why,
        }) = session.admit(blob)
        else {
            panic!("{} has room", blob.size)
        };
        assert_eq!((available_bytes, why), (available, shortage));
        assert_eq!(wanted_bytes, blob.size);
        assert!(!disk.contents("ingest").contains_key(&blob.digest.hex()));
    };
    refused(&second, &blob(2, 401), 400, Shortage::Quota);
    assert!(!is_present(&second, &blob(2, 400)));
    drop((first, writer, second));
    // The sessions are gone, and what the one has written counts still.
    let third = store.session().unwrap();
    refused(&third, &blob(3, 901), 900, Shortage::Quota);
    // The session notes what it uses.
    let line_bytes = 67;
    disk.set_free_bytes(1300 + line_bytes);
    refused(&third, &blob(3, 850), 800, Shortage::Disk);
    let mut writer = wanted(&third, &large);
    assert_eq!(writer.offset(), 100);
    writer.write(&[1; 500]).unwrap();
    writer.commit().unwrap();
    let usage = store.usage().unwrap();
    assert_eq!((usage.blobs, usage.bytes, usage.ingest_bytes), (1, 600, 0));
}

#[test]
fn a_disk_that_fills_up_loses_nothing() {
    let fixture = Fixture::new();
    let before = fixture.disk.contents("blobs/sha256");
    let session = fixture.store.session().unwrap();
    let content = Random::new(3).bytes(9000);
    let blob = Descriptor::of(media_type::WASM, &content);
    let mut writer = wanted(&session, &blob);
    fixture.disk.set_free_bytes(3000);
    let Err(StoreError::NoRoom {
        wanted_bytes, why, ..
    }) = writer.write(&content)
    else {
        panic!("9000 bytes fit into 3000")
    };
    assert_eq!((wanted_bytes, why), (6000, Shortage::Disk));
    assert_eq!(writer.offset(), 3000);
    assert!(matches!(
        fixture.store.untag(NAME),
        Err(StoreError::NoRoom { .. })
    ));
    assert_eq!(fixture.store.images().unwrap().len(), 1);
    fixture.disk.set_free_bytes(1 << 30);
    writer.write(&content[3000..]).unwrap();
    writer.commit().unwrap();
    let after = fixture.disk.contents("blobs/sha256");
    assert!(before.iter().all(|(name, content)| after[name] == *content));
}
