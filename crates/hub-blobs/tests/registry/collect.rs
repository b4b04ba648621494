//! What nothing needs goes, and nothing else.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use thimble_hub_blobs::{Collection, Keeper, ManifestName, Pins, Repository, Space, source_of};
use thimble_image::{Descriptor, Digest, Index, Manifest, media_type};

use crate::server::{BOTH, On, Store, noise};

const HOUR: Duration = Duration::from_secs(3600);

fn now_in(time: Duration, keeper: &dyn Keeper) -> Collection<'_> {
    Collection {
        keeper,
        grace: HOUR,
        now: SystemTime::now() + time,
    }
}

async fn put(space: &Space, bytes: &[u8]) -> Descriptor {
    let descriptor = Descriptor::of(media_type::WASM, bytes);
    let source = source_of(bytes.to_vec().into());
    space.put(descriptor.digest, source).await.unwrap();
    descriptor
}

async fn has(space: &Space, descriptor: &Descriptor) -> bool {
    space.size(&descriptor.digest).await.unwrap().is_some()
}

/// Pushes a manifest of this layer; its descriptor.
async fn push(space: &Space, repository: &Repository, layer: &Descriptor) -> Descriptor {
    let config = put(space, b"{}").await;
    let bytes = Manifest::new(config, vec![layer.clone()]).to_json();
    let descriptor = Descriptor::of(media_type::MANIFEST, &bytes);
    let name = ManifestName::Digest(descriptor.digest);
    let put = space.put_manifest(repository, &name, media_type::MANIFEST, bytes.into());
    put.await.unwrap();
    descriptor
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_old_and_needless_goes() {
    for on in BOTH {
        let store = Store::new(on).await;
        let space = store.space().await;
        let repository: Repository = "deep/app".parse().unwrap();
        let layer = put(&space, b"layer").await;
        let manifest = push(&space, &repository, &layer).await;
        let index = Index::new(vec![manifest.clone()]).to_json();
        let tag = ManifestName::Tag("v1".parse().unwrap());
        let put_index =
            space.put_manifest(&repository, &tag, media_type::INDEX, index.clone().into());
        put_index.await.unwrap();
        let stray = put(&space, b"stray").await;
        let id = space.begin_upload(&repository).await.unwrap();
        space
            .append(&repository, &id, None, source_of("half".into()))
            .await
            .unwrap();
        // Everything is young.
        let nothing = Pins::default();
        let collected = space
            .collect(&now_in(Duration::ZERO, &nothing))
            .await
            .unwrap();
        assert_eq!((collected.deleted, collected.uploads), (0, 0));
        assert!(has(&space, &stray).await);
        let later = now_in(2 * HOUR, &nothing);
        let told = space.survey(&later).await.unwrap();
        assert!(has(&space, &stray).await);
        let collected = space.collect(&later).await.unwrap();
        assert_eq!(told, collected);
        assert_eq!(
            (
                collected.deleted,
                collected.deleted_bytes,
                collected.uploads
            ),
            (1, 5, 1)
        );
        assert_eq!(collected.kept, 4);
        assert!(!has(&space, &stray).await);
        space.upload_offset(&repository, &id).await.unwrap_err();
        // The index goes; a pin keeps it, and all that it needs, although no repository has it.
        let index = Descriptor::of(media_type::INDEX, &index);
        for digest in [index.digest, manifest.digest] {
            let name = ManifestName::Digest(digest);
            space.delete_manifest(&repository, &name).await.unwrap();
        }
        let pins = Pins {
            documents: BTreeSet::from([index.digest]),
            blobs: BTreeSet::new(),
        };
        let pinned = now_in(2 * HOUR, &pins);
        assert_eq!(space.collect(&pinned).await.unwrap().deleted, 0);
        for needed in [&index, &manifest, &layer] {
            assert!(has(&space, needed).await);
        }
        // As a blob it keeps itself, and nothing that it names.
        let pins = Pins {
            documents: BTreeSet::new(),
            blobs: BTreeSet::from([index.digest]),
        };
        let pinned = now_in(2 * HOUR, &pins);
        assert_eq!(space.collect(&pinned).await.unwrap().deleted, 3);
        assert!(has(&space, &index).await);
        assert_eq!(space.collect(&later).await.unwrap().deleted, 1);
        assert_eq!(space.objects().await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_push_loses_what_it_needs_to_a_collection() {
    // Each round a manifest is pushed whose layer is old, while a collection runs. Whatever comes first: what was
    // accepted is whole afterwards.
    for on in BOTH {
        let store = Store::new(on).await;
        let space = store.space().await;
        let repository: Repository = "app".parse().unwrap();
        let mut accepted = 0;
        for round in 0..30_u8 {
            let layer = put(&space, &[round; 100]).await;
            let config = put(&space, b"{}").await;
            let bytes = Manifest::new(config.clone(), vec![layer.clone()]).to_json();
            let name = ManifestName::Tag("latest".parse().unwrap());
            let other_node = store.space().await;
            let nothing = Pins::default();
            let collection = now_in(2 * HOUR, &nothing);
            let (pushed, collected) = tokio::join!(
                async {
                    for _ in 0..round {
                        tokio::task::yield_now().await;
                    }
                    space
                        .put_manifest(
                            &repository,
                            &name,
                            media_type::MANIFEST,
                            bytes.clone().into(),
                        )
                        .await
                },
                other_node.collect(&collection),
            );
            collected.unwrap();
            if pushed.is_ok() {
                accepted += 1;
                assert!(has(&space, &layer).await, "round {round}");
                assert!(has(&space, &config).await, "round {round}");
            }
            let digest = ManifestName::Digest(Digest::of(&bytes));
            let _ = space.delete_manifest(&repository, &digest).await;
        }
        println!("{accepted} of 30 pushes were accepted on {on:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_power_cut_left_behind_is_removed() {
    let store = Store::new(On::Folder).await;
    let space = store.space().await;
    let kept = put(&space, &noise(1, 100)).await;
    let folder = store.folder.path().join("blobs/ns/a/blobs/sha256/00");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("0000#1"), "half").unwrap();
    let pins = Pins {
        documents: BTreeSet::new(),
        blobs: BTreeSet::from([kept.digest]),
    };
    let collection = now_in(2 * HOUR, &pins);
    // It is no blob, and is in nobody's way.
    assert_eq!(space.objects().await.unwrap().len(), 1);
    assert_eq!(space.collect(&collection).await.unwrap().remains, 1);
    assert!(!folder.join("0000#1").exists());
    assert!(has(&space, &kept).await);
}
