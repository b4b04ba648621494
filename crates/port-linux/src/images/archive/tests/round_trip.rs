//! What was saved is loaded again, from folders and from tar files, whole or in part.

use std::fs;

use thimble_image::{Descriptor, media_type};
use thimble_testkit::blobs::{MemoryError, MemoryStore};

use super::super::{Limits, LoadError, Loaded, ReachError, SaveError};
use super::super::{load_folder, load_tar, save_folder, save_tar};
use super::{gzip, image, index};

type Images = Vec<(Option<String>, Descriptor)>;

fn tar_of(images: &Images, store: &MemoryStore) -> Vec<u8> {
    let mut bytes = Vec::new();
    save_tar(&mut bytes, images, store).unwrap();
    bytes
}

fn load(bytes: &[u8]) -> (MemoryStore, Result<Vec<Loaded>, LoadError<MemoryError>>) {
    let store = MemoryStore::default();
    let loaded = load_tar(bytes, &store, &Limits::default());
    (store, loaded)
}

#[test]
fn through_a_tar_file_and_a_folder() {
    let store = MemoryStore::default();
    let images = vec![
        (Some("example.org/pump:1".to_owned()), image(&store, "a")),
        (None, image(&store, "b")),
        (
            Some("both".into()),
            index(&store, vec![image(&store, "a"), image(&store, "c")]),
        ),
    ];
    let bytes = tar_of(&images, &store);
    assert_eq!(tar_of(&images, &store), bytes, "not the same again");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layout");
    save_folder(&path, &images, &store).unwrap();
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "something is left over"
    );

    let (from_tar, loaded) = load(&bytes);
    let (from_gzip, compressed) = load(&gzip(&bytes));
    let from_folder = MemoryStore::default();
    let unpacked = load_folder(&path, &from_folder).unwrap();
    let loaded = loaded.unwrap();
    assert_eq!(loaded, compressed.unwrap());
    assert_eq!(loaded, unpacked);
    for ((name, root), loaded) in images.iter().zip(&loaded) {
        assert_eq!(&loaded.name, name);
        assert_eq!(loaded.root.digest, root.digest);
        // The store has learnt what these are.
        assert_eq!(
            from_tar.media_type(&root.digest).as_ref(),
            Some(&root.media_type)
        );
    }
    for other in [from_tar, from_gzip, from_folder] {
        assert_eq!(other.digests(), store.digests());
    }
}

#[test]
fn only_what_is_there_of_an_index() {
    let store = MemoryStore::default();
    let here = image(&store, "here");
    let gone = image(&store, "gone");
    let half = image(&store, "half");
    let root = index(&store, vec![here.clone(), gone.clone(), half.clone()]);
    store.remove(&gone.digest);
    // The manifest of this one is there, its module is not.
    let other = MemoryStore::default();
    image(&other, "here");
    for digest in store.digests() {
        let is_of_half =
            digest != half.digest && digest != root.digest && !other.digests().contains(&digest);
        if is_of_half {
            store.remove(&digest);
        }
    }
    let bytes = tar_of(&vec![(None, root.clone())], &store);
    let (loaded_store, loaded) = load(&bytes);
    assert_eq!(loaded.unwrap()[0].root.digest, root.digest);
    let found = loaded_store.digests();
    assert_eq!(found.len(), 4, "index, manifest, configuration, module");
    assert!(found.contains(&here.digest) && !found.contains(&half.digest));
}

#[test]
fn what_cannot_be_saved() {
    let store = MemoryStore::default();
    let root = image(&store, "a");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layout");
    let images = |root: &Descriptor| vec![(None, root.clone())];
    let saved = |root: &Descriptor| save_folder(&path, &images(root), &store).unwrap_err();

    let alone = store.add(media_type::WASM, b"x");
    assert!(matches!(
        saved(&alone),
        SaveError::Image(ReachError::NotImage { .. })
    ));
    let empty = index(&store, vec![]);
    assert!(matches!(
        saved(&empty),
        SaveError::Image(ReachError::Missing { .. })
    ));
    let broken = store.add(media_type::MANIFEST, b"{}");
    assert!(matches!(
        saved(&broken),
        SaveError::Image(ReachError::Document { .. })
    ));
    let lies = Descriptor {
        size: 3,
        ..root.clone()
    };
    assert!(matches!(
        saved(&lies),
        SaveError::Image(ReachError::Length { .. })
    ));
    let mut nested = root.clone();
    for _ in 0..8 {
        nested = index(&store, vec![nested]);
    }
    assert!(matches!(
        saved(&nested),
        SaveError::Image(ReachError::TooMany { .. })
    ));
    let gone = store.digests()[0];
    assert!(!path.exists());

    fs::create_dir(&path).unwrap();
    save_folder(&path, &images(&root), &store).expect("an empty folder will do");
    assert!(matches!(saved(&root), SaveError::Exists { .. }));
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = save_folder(&file, &images(&root), &store).unwrap_err();
    assert!(matches!(error, SaveError::Exists { .. }));

    store.remove(&gone);
    store.remove(&root.digest);
    assert!(matches!(
        save_tar(Vec::new(), &images(&root), &store),
        Err(SaveError::Image(ReachError::Missing { .. }))
    ));
    store.fail();
    assert!(matches!(
        save_tar(Vec::new(), &images(&root), &store),
        Err(SaveError::Store(MemoryError::Failed))
    ));
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "something is left over"
    );
}

#[test]
fn bytes_of_an_earlier_attempt_do_not_count() {
    let store = MemoryStore::default();
    let root = image(&store, "a");
    let bytes = tar_of(&vec![(None, root)], &store);
    let other = MemoryStore::default();
    for digest in store.digests() {
        other.add_partial(digest, b"garbage");
    }
    load_tar(&*bytes, &other, &Limits::default()).unwrap();
    assert_eq!(other.digests(), store.digests());
}

#[test]
fn what_is_here_already_need_not_come() {
    let store = MemoryStore::default();
    let root = image(&store, "a");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layout");
    save_folder(&path, &[(None, root)], &store).unwrap();
    fs::remove_dir_all(path.join("blobs/sha256")).unwrap();
    load_folder(&path, &store).unwrap();
    let error = load_folder(&path, &MemoryStore::default()).unwrap_err();
    assert!(error.to_string().contains("is not there"), "{error}");
}
