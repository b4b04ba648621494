//! Everything that a name space holds, carried to another store.

use thimble_hub_blobs::{BlobError, ImportError, ManifestName, source_of};
use thimble_image::{Descriptor, Digest, Manifest, media_type};

use crate::server::{On, Store, noise};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_space_moves_from_a_folder_to_a_bucket() {
    let old = Store::new(On::Folder).await;
    let old = old.open(thimble_hub_blobs::Limits::default()).await;
    let old = old.space("a".parse().unwrap(), None);
    let repository = "deep/app".parse().unwrap();
    let module = noise(1, 7 << 20);
    let layer = Descriptor::of(media_type::WASM, &module);
    let config = Descriptor::of(media_type::EMPTY, b"{}");
    old.put(layer.digest, source_of(module.clone()))
        .await
        .unwrap();
    old.put(config.digest, source_of("{}".into()))
        .await
        .unwrap();
    let mut manifest = Manifest::new(config, vec![layer.clone()]);
    manifest.subject = Some(layer.clone());
    let bytes = manifest.to_json();
    let tag = ManifestName::Tag("V1".parse().unwrap());
    old.put_manifest(&repository, &tag, media_type::MANIFEST, bytes.into())
        .await
        .unwrap();
    // An upload in progress stays behind.
    old.begin_upload(&repository).await.unwrap();
    let store = Store::new(On::S3).await;
    let new = store.space().await;
    let objects = old.objects().await.unwrap();
    assert_eq!(objects.len(), 6);
    for object in &objects {
        let source = old.export(&object.path).await.unwrap();
        new.import(&object.path, source).await.unwrap();
    }
    assert_eq!(new.objects().await.unwrap(), objects);
    let found = new.resolve(&repository, &tag).await.unwrap();
    assert_eq!(found, old.resolve(&repository, &tag).await.unwrap());
    assert_eq!(new.repositories().await.unwrap(), [repository]);
    assert_eq!(
        new.read_whole(&layer.digest, 8 << 20).await.unwrap(),
        module
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_belongs_there_is_taken_in() {
    let store = Store::new(On::Folder).await;
    let space = store.space().await;
    for path in [
        "",
        "../b/blobs",
        "blobs/sha256/../../x",
        "uploads/x/session",
        "condemned",
        "repos/../x/_tags/v1",
        "repos/app/_tags/..",
        "repos/app/_tags/a/b",
        "repos/app/_other/x",
        "repos/app/_manifests/latest",
    ] {
        let taken = space.import(path, source_of("x".into())).await;
        assert!(matches!(taken, Err(ImportError::Path { .. })), "{path}");
        let given = space.export(path).await;
        assert!(matches!(given, Err(ImportError::Path { .. })), "{path}");
    }
    let hex = Digest::of(b"x").hex();
    let path = format!("blobs/sha256/{}/{hex}", &hex[..2]);
    let wrong = space.import(&path, source_of("y".into())).await;
    assert!(matches!(
        wrong,
        Err(ImportError::Blob(BlobError::Digest { .. }))
    ));
    space.import(&path, source_of("x".into())).await.unwrap();
}
