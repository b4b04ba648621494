//! Damaged blobs and files, and lies.

use std::collections::BTreeSet;

use thimble_image::store::{BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Reference, media_type};

use super::super::{Damage, PruneMode, StoreError, StoreSettings, Trust};
use super::fixture::{Fixture, NAME, is_present, name, open, wanted};
use super::random::Random;

#[test]
fn a_damaged_blob_is_wanted_again() {
    let fixture = Fixture::new();
    let layer = fixture.layer();
    fixture.damage(&layer.digest);
    let session = fixture.store.session().unwrap();
    assert!(matches!(
        fixture.store.read_verified(&layer.digest, 1 << 20),
        Err(StoreError::Damaged { digest }) if digest == layer.digest
    ));
    assert_eq!(
        fixture.store.check().unwrap(),
        [Damage::Content {
            digest: layer.digest,
            images: vec![NAME.into()]
        }]
    );
    let quick = session.clone().with_trust(Trust::Size);
    assert!(is_present(&quick, &layer));
    let content = &fixture.universe.blobs[&layer.digest].1;
    session.write(&layer.media_type, content).unwrap();
    assert_eq!(fixture.store.notices().len(), 1);
    assert_eq!(fixture.store.check().unwrap(), []);
    assert!(is_present(&session, &layer));
}

#[test]
fn whoever_lies_about_a_size_harms_nothing() {
    let fixture = Fixture::new();
    let session = fixture.store.session().unwrap();
    for size in [0, 1 << 30] {
        let lie = Descriptor {
            size,
            ..fixture.layer()
        };
        assert!(matches!(
            session.admit(&lie),
            Err(StoreError::Size { announced, .. }) if announced == size
        ));
    }
    assert_eq!(fixture.store.check().unwrap(), []);
}

#[test]
fn nothing_is_pruned_while_a_document_in_use_is_damaged() {
    let fixture = Fixture::new();
    let before = fixture.disk.contents("blobs/sha256").len();
    fixture.damage(&fixture.root.digest);
    for mode in [PruneMode::DryRun, PruneMode::Remove] {
        let error = fixture.store.prune(mode).unwrap_err().to_string();
        assert!(error.contains(NAME), "{error}");
    }
    assert!(fixture.store.document(&fixture.root).is_err());
    assert!(fixture.store.tag(&name(), &fixture.root).is_err());
    assert_eq!(fixture.disk.contents("blobs/sha256").len(), before);
    let path = format!("blobs/sha256/{}", fixture.root.digest.hex());
    fixture.disk.tamper(&path, |content| content[3] ^= 1);
    fixture.store.prune(PruneMode::Remove).unwrap();
    // A pin that cannot be read may be of anything.
    fixture.store.pin("web", &fixture.root.digest).unwrap();
    fixture.disk.tamper("pins/web", Vec::clear);
    let error = fixture.store.prune(PruneMode::Remove).unwrap_err();
    assert!(error.to_string().contains("web"), "{error}");
    assert!(fixture.store.unpin("web").unwrap());
    fixture.store.untag(NAME).unwrap();
    fixture.store.prune(PruneMode::Remove).unwrap();
    assert_eq!(fixture.disk.contents("blobs/sha256").len(), 0);
}

#[test]
fn a_damaged_list_is_restored_from_its_backup() {
    let damages: [fn(&mut Vec<u8>); 4] = [
        Vec::clear,
        |content| content.truncate(40),
        |content| content.fill(0),
        |content| content.resize(5 << 20, b' '),
    ];
    for damage in damages {
        let mut fixture = Fixture::new();
        fixture.disk.tamper("index.json", damage);
        assert_eq!(
            fixture.store.find(&name()).unwrap(),
            Some(fixture.root.clone())
        );
        assert_eq!(fixture.store.notices().len(), 1);
        assert_eq!(fixture.reopen().unwrap(), Vec::<String>::new());
        assert!(
            fixture
                .disk
                .contents("")
                .contains_key("index.json.damaged-1")
        );
        fixture.disk.tamper("index.json.backup", damage);
        assert_eq!(fixture.reopen().unwrap(), Vec::<String>::new());
        let files = fixture.disk.contents("");
        assert_eq!(files["index.json.backup"], files["index.json"]);
        fixture.disk.tamper("index.json", damage);
        fixture.disk.tamper("index.json.backup", damage);
        let notices = fixture.reopen().unwrap();
        assert!(notices[0].contains("all names are lost"), "{notices:?}");
        assert_eq!(fixture.store.images().unwrap(), []);
        fixture.store.tag(&name(), &fixture.root).unwrap();
    }
}

#[test]
fn what_other_tools_listed_stays() {
    let mut fixture = Fixture::new();
    let foreign = r#"{"mediaType":"a/b","digest":"sha512:00","size":3,"unknown":[1]}"#;
    fixture.disk.tamper("index.json", |content| {
        let text = String::from_utf8(std::mem::take(content)).unwrap();
        *content = text
            .replace("\"manifests\":[", &format!("\"manifests\":[{foreign},"))
            .into_bytes();
    });
    fixture.reopen().unwrap();
    let other = "d:1".parse::<Reference>().unwrap();
    fixture.store.tag(&other, &fixture.root).unwrap();
    fixture.store.untag("docker.io/library/d:1").unwrap();
    fixture.store.prune(PruneMode::Remove).unwrap();
    let list = fixture.disk.contents("")["index.json"].clone();
    assert!(String::from_utf8(list).unwrap().contains(foreign));
    assert_eq!(fixture.store.images().unwrap().len(), 1);
    // One that cannot be understood and may be ours leads anywhere.
    fixture.disk.tamper("index.json", |content| {
        let text = String::from_utf8(std::mem::take(content)).unwrap();
        *content = text.replace("sha512:", "sha256:").into_bytes();
    });
    assert!(fixture.store.prune(PruneMode::Remove).is_err());
}

#[test]
fn a_layout_of_another_version_is_refused() {
    let mut fixture = Fixture::new();
    fixture.disk.tamper("oci-layout", |content| {
        *content = br#"{"imageLayoutVersion":"2.0.0"}"#.to_vec();
    });
    assert!(matches!(fixture.reopen(), Err(StoreError::Layout(_))));
    fixture.disk.tamper("oci-layout", Vec::clear);
    assert_eq!(fixture.reopen().unwrap().len(), 1);
    assert_eq!(fixture.reopen().unwrap(), Vec::<String>::new());
}

#[test]
fn what_is_about_what_is_found_again() {
    let mut fixture = Fixture::new();
    let signature = fixture.universe.sign(&fixture.root, b"an envelope");
    fixture.pull(&signature);
    let found = fixture.store.referrers(&fixture.root.digest).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].digest, signature.digest);
    assert_eq!(found[0].media_type, media_type::MANIFEST);
    assert_eq!(
        found[0].artifact_type.as_deref(),
        Some(media_type::NOTARY_SIGNATURE)
    );
    for name in fixture.disk.contents("referrers").keys() {
        super::super::disk::Disk::unlink(&fixture.disk, &format!("referrers/{name}")).unwrap();
    }
    fixture.reopen().unwrap();
    assert_eq!(
        fixture.store.referrers(&fixture.root.digest).unwrap(),
        found
    );
    fixture.store.prune(PruneMode::Remove).unwrap();
    assert_eq!(
        fixture.store.referrers(&fixture.root.digest).unwrap(),
        found
    );
    // What a signature says is not believed because of a file's name.
    let lie = format!(
        "referrers/{}-{}",
        signature.digest.hex(),
        fixture.root.digest.hex()
    );
    let made =
        super::super::disk::Disk::open(&fixture.disk, &lie, super::super::disk::Open::MakeNew);
    drop(made.unwrap());
    assert_eq!(fixture.store.referrers(&signature.digest).unwrap(), []);
}

#[test]
fn what_is_not_the_blob_is_forgotten() {
    let fixture = Fixture::new();
    let session = fixture.store.session().unwrap();
    let content = Random::new(3).bytes(3000);
    let blob = Descriptor::of(media_type::WASM, &content);
    let mut writer = wanted(&session, &blob);
    writer.write(&content[..1000]).unwrap();
    assert!(matches!(
        writer.write(&content),
        Err(StoreError::TooLarge { .. })
    ));
    assert!(matches!(
        writer.commit(),
        Err(CommitError::Length {
            expected: 3000,
            found: 1000
        })
    ));
    let mut writer = wanted(&session, &blob);
    assert_eq!(writer.offset(), 0);
    writer.write(&[7; 3000]).unwrap();
    assert!(matches!(writer.commit(), Err(CommitError::Digest { .. })));
    let mut writer = wanted(&session, &blob);
    assert_eq!(writer.offset(), 0);
    writer.write(&content[..2000]).unwrap();
    drop(writer);
    // A power cut leaves zeros where the length was durable and the content was not.
    let path = format!("ingest/{}", blob.digest.hex());
    fixture
        .disk
        .tamper(&path, |content| content[1200..].fill(0));
    let mut writer = wanted(&session, &blob);
    assert_eq!(writer.offset(), 1200);
    writer.write(&content[1200..]).unwrap();
    writer.commit().unwrap();
    assert!(is_present(&session, &blob));
    let mut piece = [0; 70];
    assert_eq!(session.read(&blob.digest, 2990, &mut piece).unwrap(), 10);
    assert_eq!(piece[..10], content[2990..]);
}

#[test]
fn a_session_keeps_what_it_uses() {
    let fixture = Fixture::new();
    let session = fixture.store.session().unwrap();
    session.keep_image(&fixture.root).unwrap();
    let blob = Descriptor::of(media_type::WASM, &[1; 100]);
    let mut writer = wanted(&session, &blob);
    writer.write(&[1; 50]).unwrap();
    drop(writer);
    fixture.store.untag(NAME).unwrap();
    let other = open(&fixture.disk, StoreSettings::default()).unwrap();
    assert_eq!(other.prune(PruneMode::Remove).unwrap().bytes, 0);
    drop(session);
    let needed: BTreeSet<_> = fixture
        .universe
        .needed(&fixture.root.digest)
        .into_iter()
        .collect();
    let pruned = other.prune(PruneMode::Remove).unwrap();
    assert_eq!((pruned.blobs, pruned.ingests), (needed.len() as u64, 1));
    assert_eq!(other.usage().unwrap().bytes, 0);
    let session = other.session().unwrap();
    assert!(matches!(
        session.keep(&fixture.root.digest),
        Err(StoreError::Missing { .. })
    ));
    assert!(matches!(
        other.pin("web", &fixture.root.digest),
        Err(StoreError::Missing { .. })
    ));
    for owner in ["", &"w".repeat(81)] {
        assert!(matches!(
            other.pin(owner, &fixture.root.digest),
            Err(StoreError::Owner { .. })
        ));
    }
}

#[test]
fn images_are_found_by_tag_and_digest() {
    let fixture = Fixture::new();
    let find = |name: &str| fixture.store.find(&name.parse().unwrap()).unwrap();
    let digest = fixture.root.digest;
    assert_eq!(find(NAME), Some(fixture.root.clone()));
    assert_eq!(find("localhost:5000/a/b:2"), None);
    assert_eq!(find(&format!("other@{digest}")), Some(fixture.root.clone()));
    let other = fixture.universe.roots[1].digest;
    let wrong: Reference = format!("a@{other}").parse().unwrap();
    assert!(matches!(
        fixture.store.tag(&wrong, &fixture.root),
        Err(StoreError::OtherDigest { .. })
    ));
    assert!(matches!(
        fixture.store.tag(&name(), &fixture.universe.roots[1]),
        Err(StoreError::Missing { .. })
    ));
}
