//! A real registry: what is pushed comes back.

use thimble_image::{Platform, media_type};
use thimble_port_registry::{
    BlobProgress, PullError, Registries, RegistrySettings, TransferError, Unwatched,
};
use thimble_testkit::blobs::MemoryStore;
use thimble_testkit::random::Random;
use thimble_testkit::registry::{Kind, Registry};

use crate::images::{Told, assert_same, image, index, pull, reference, settings, signature};

fn push(
    registries: &Registries,
    store: &MemoryStore,
    root: &thimble_image::Descriptor,
    to: &str,
) -> Told {
    let mut told = Told::default();
    registries
        .push(root, &[], &reference(to), &[], store, &mut told)
        .unwrap();
    told
}

#[test]
fn round_trip() {
    let server = Registry::start(Kind::Open);
    let registries = Registries::new(settings()).unwrap();
    let store = MemoryStore::default();
    let root = image(&store, &Random::new(1).bytes(100_000));
    let name = server.name("team/app:v1");
    let told = push(&registries, &store, &root, &name);
    assert_eq!(told.count(BlobProgress::Done), 2);
    let again = push(&registries, &store, &root, &name);
    assert_eq!(again.count(BlobProgress::Present), 2);

    assert_eq!(
        registries.resolve(&reference(&name)).unwrap().digest,
        root.digest
    );
    let here = MemoryStore::default();
    let mut told = Told::default();
    let found = pull(&registries, &name, &here, &mut told).unwrap();
    assert_eq!((&found.root, &found.manifest), (&root, &root));
    assert!(found.signatures.is_empty());
    assert_same(&here, &store, &root);
    assert_eq!(here.committed().last(), Some(&root.digest));
    assert_eq!(told.count(BlobProgress::Done), 2);
    let mut told = Told::default();
    let by_digest = format!("{}@{}", server.name("team/app"), root.digest);
    pull(&registries, &by_digest, &here, &mut told).unwrap();
    assert_eq!(told.count(BlobProgress::Present), 2);
}

#[test]
fn only_the_chosen_variant_of_an_index_is_fetched() {
    let server = Registry::start(Kind::Open);
    let registries = Registries::new(settings()).unwrap();
    let store = MemoryStore::default();
    let native = Platform {
        architecture: "arm64".into(),
        os: "linux".into(),
        variant: None,
    };
    let portable_image = image(&store, b"portable");
    let native_image = image(&store, b"native");
    let root = index(
        &store,
        &[
            (native_image.clone(), native.clone()),
            (portable_image.clone(), Platform::wasm()),
        ],
    );
    let name = server.name("app:multi");
    push(&registries, &store, &root, &name);
    for (preferred, chosen, left) in [
        (vec![], &portable_image, &native_image),
        (vec![native], &native_image, &portable_image),
    ] {
        let here = MemoryStore::default();
        let found = registries
            .pull(
                &reference(&name),
                &preferred,
                &here,
                &mut Unwatched,
                &mut |_| Ok(()),
            )
            .unwrap();
        assert_eq!((&found.root, found.manifest.digest), (&root, chosen.digest));
        assert_same(&here, &store, chosen);
        assert!(here.has(&root.digest) && !here.has(&left.digest));
        // Half an index goes back to where the other half is, and nowhere else.
        push(&registries, &here, &root, &server.name("app:again"));
        let elsewhere = reference(&server.name("elsewhere:v1"));
        let error = registries
            .push(&root, &[], &elsewhere, &[], &here, &mut Unwatched)
            .unwrap_err();
        assert!(
            error.to_string().contains("neither on this device nor"),
            "{error}"
        );
    }
}

#[test]
fn blobs_are_mounted_from_other_repositories() {
    let server = Registry::start(Kind::Open);
    let registries = Registries::new(settings()).unwrap();
    let store = MemoryStore::default();
    let root = image(&store, &Random::new(2).bytes(5000));
    push(&registries, &store, &root, &server.name("first:v1"));
    let mut told = Told::default();
    let to = reference(&server.name("second:v1"));
    let from = ["nowhere".to_owned(), "first".to_owned()];
    registries
        .push(&root, &[], &to, &from, &store, &mut told)
        .unwrap();
    assert_eq!(told.count(BlobProgress::Mounted), 2);
}

#[test]
fn large_blobs_go_up_in_pieces() {
    let server = Registry::start(Kind::Open);
    let registries = Registries::new(settings()).unwrap();
    let store = MemoryStore::default();
    let root = image(&store, &Random::new(3).bytes((20 << 20) + 17));
    let name = server.name("large:v1");
    push(&registries, &store, &root, &name);
    let here = MemoryStore::default();
    pull(&registries, &name, &here, &mut Told::default()).unwrap();
    assert_same(&here, &store, &root);
}

#[test]
fn signatures_travel_with_the_image() {
    let server = Registry::start(Kind::Open);
    let registries = Registries::new(settings()).unwrap();
    let store = MemoryStore::default();
    let root = image(&store, b"signed");
    let first = signature(&store, &root, b"first envelope");
    let second = signature(&store, &root, b"second envelope");
    let name = server.name("signed:v1");
    let to = reference(&name);
    registries
        .push(
            &root,
            std::slice::from_ref(&first),
            &to,
            &[],
            &store,
            &mut Unwatched,
        )
        .unwrap();
    // Twice, so that an entry that is there already stays one.
    for _ in 0..2 {
        registries
            .push_referrers(std::slice::from_ref(&second), &to, &store, &mut Unwatched)
            .unwrap();
    }
    let listed = registries
        .referrers(&to, &root.digest, Some(media_type::NOTARY_SIGNATURE))
        .unwrap();
    assert_eq!(listed.len(), 2);
    let here = MemoryStore::default();
    let layer = thimble_image::Digest::of(b"signed");
    let error = registries
        .pull(&to, &[], &here, &mut Unwatched, &mut |found| {
            assert_eq!(found.signatures.len(), 2);
            assert!(found.signatures.iter().all(|entry| here.has(&entry.digest)));
            assert!(!here.has(&layer) && !here.has(&root.digest));
            Err("not trusted".into())
        })
        .unwrap_err();
    assert_eq!(error, PullError::Refused("not trusted".into()));
    assert!(!here.has(&layer) && !here.has(&root.digest));
    let found = pull(&registries, &name, &here, &mut Told::default()).unwrap();
    let digests: Vec<_> = found.signatures.iter().map(|entry| entry.digest).collect();
    assert_eq!(digests, [first.digest, second.digest]);
    assert_same(&here, &store, &first);
}

#[test]
fn what_is_not_there_is_said_so() {
    let server = Registry::start(Kind::Open);
    let registries = Registries::new(settings()).unwrap();
    let name = server.name("nobody/nothing:v9");
    let error = registries.resolve(&reference(&name)).unwrap_err();
    assert!(matches!(error, TransferError::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("nobody/nothing:v9"), "{error}");
}

#[test]
fn tls_is_checked() {
    let server = Registry::start(Kind::Tls);
    let store = MemoryStore::default();
    let root = image(&store, &Random::new(4).bytes(70_000));
    // The certificate names both.
    for host in [server.host(), format!("127.0.0.1:{}", server.port())] {
        let name = format!("{host}/secure:v1");
        let with = |own| {
            let mut settings = settings();
            settings.registries.insert(host.clone(), own);
            Registries::new(settings).unwrap()
        };
        let registries = with(RegistrySettings {
            ca_files: vec![server.authority()],
            ..RegistrySettings::default()
        });
        push(&registries, &store, &root, &name);
        let here = MemoryStore::default();
        pull(&registries, &name, &here, &mut Told::default()).unwrap();
        assert_same(&here, &store, &root);

        let registries = with(RegistrySettings {
            https: true,
            ..RegistrySettings::default()
        });
        let error = registries.resolve(&reference(&name)).unwrap_err();
        assert!(
            error.to_string().contains("nobody this device trusts"),
            "{error}"
        );
    }
}

#[test]
fn two_threads_share_a_layer() {
    let server = Registry::start(Kind::Open);
    let registries = Registries::new(settings()).unwrap();
    let store = MemoryStore::default();
    let layer = Random::new(5).bytes(3 << 20);
    let shared = store.add(media_type::WASM, &layer);
    let roots = ["one", "two"].map(|name| {
        let config = store.add(
            media_type::WASM_CONFIG,
            format!("{{\"author\":\"{name}\"}}").as_bytes(),
        );
        let manifest = thimble_image::Manifest::new(config, vec![shared.clone()]);
        let root = store.add(media_type::MANIFEST, &manifest.to_json());
        push(
            &registries,
            &store,
            &root,
            &server.name(&format!("{name}:v1")),
        );
        (name, root)
    });
    let here = MemoryStore::default();
    let done: usize = std::thread::scope(|scope| {
        let (registries, server, here, shared) = (&registries, &server, &here, &shared);
        let threads = roots.each_ref().map(|(name, _)| {
            scope.spawn(move || {
                let mut told = Told::default();
                let name = server.name(&format!("{name}:v1"));
                pull(registries, &name, here, &mut told).unwrap();
                let is_shared = |(blob, progress): &&(thimble_image::Descriptor, _)| {
                    blob.digest == shared.digest && *progress == BlobProgress::Done
                };
                told.blobs.iter().filter(is_shared).count()
            })
        });
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(done, 1, "the shared layer came once");
    for (_, root) in &roots {
        assert_same(&here, &store, root);
    }
}

#[test]
fn a_mirror_is_asked_first_and_may_fail() {
    let (mirror, server) = (Registry::start(Kind::Open), Registry::start(Kind::Open));
    let store = MemoryStore::default();
    let root = image(&store, b"mirrored");
    let direct = Registries::new(settings()).unwrap();
    push(&direct, &store, &root, &mirror.name("app:at-mirror"));
    push(&direct, &store, &root, &server.name("app:at-home"));
    let mut mirrored = settings();
    let own = RegistrySettings {
        mirrors: vec![mirror.host()],
        ..RegistrySettings::default()
    };
    mirrored.registries.insert(server.host(), own);
    let registries = Registries::new(mirrored).unwrap();
    for (tag, notes) in [("at-mirror", 0), ("at-home", 1)] {
        let here = MemoryStore::default();
        let mut told = Told::default();
        let name = server.name(&format!("app:{tag}"));
        pull(&registries, &name, &here, &mut told).unwrap();
        assert_same(&here, &store, &root);
        assert_eq!(told.notes.len(), notes, "{:?}", told.notes);
    }
}
