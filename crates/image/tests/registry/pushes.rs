//! Writing to registries: uploads whole, in pieces, mounted and resumed; what refers to an image.

use thimble_image::registry::{BlobProgress, Delivery, Event, Push};
use thimble_image::{Descriptor, Index, Manifest, media_type};
use thimble_testkit::blobs::{MemoryError, MemoryStore};

use crate::harness::{Answer, Asked, Outcome, drive, status, target, with};

const MIB: usize = 1 << 20;

fn image(store: &MemoryStore, layer_bytes: usize) -> Descriptor {
    let layer = store.add(media_type::WASM, &vec![3; layer_bytes]);
    // The same twice is sent once.
    let manifest = Manifest::new(layer.clone(), vec![layer]);
    store.add(media_type::MANIFEST, &manifest.to_json())
}

fn push(
    store: &MemoryStore,
    root: Option<&Descriptor>,
    referrers: &[Descriptor],
    mount_from: &[&str],
    peer: impl FnMut(usize, &Asked) -> Answer,
) -> Outcome<MemoryError> {
    let delivery = Delivery {
        root: root.cloned(),
        referrers: referrers.to_vec(),
        to: "registry.test/app:v1".parse().unwrap(),
        mount_from: mount_from.iter().map(|name| String::from(*name)).collect(),
    };
    drive(Push::new(target(), delivery, store), None, peer)
}

/// Method and the end of the path, without the host and the digests.
fn shapes(outcome: &Outcome<MemoryError>) -> Vec<String> {
    let shape = |line: &&str| {
        let mut text = line.replace("https://registry.test/v2/app/", "");
        while let Some(at) = text.find("sha256") {
            let end = at
                + "sha256".len()
                + if text[at..].starts_with("sha256%3A") {
                    67
                } else {
                    65
                };
            text.replace_range(at..end, "D");
        }
        text
    };
    outcome.lines().iter().map(shape).collect()
}

const UPLOAD: &str = "/v2/app/blobs/uploads/1?s=t";

#[test]
fn a_small_blob_goes_up_at_once() {
    let store = MemoryStore::default();
    let root = image(&store, MIB);
    let outcome = push(&store, Some(&root), &[], &[], |at, _| match at {
        0 => status(404),
        1 => with(202, &[("location", UPLOAD)]),
        _ => status(201),
    });
    assert_eq!(outcome.error(), "no error");
    let expected = [
        "HEAD blobs/D",
        "POST blobs/uploads/",
        "PUT blobs/uploads/1?s=t&digest=D",
        "PUT manifests/v1",
    ];
    assert_eq!(shapes(&outcome), expected);
    assert_eq!(outcome.asked[2].length, MIB as u64);
    assert_eq!(outcome.asked[3].body, store.content(&root.digest).unwrap());
}

#[test]
fn a_large_blob_goes_up_in_pieces_as_long_as_the_registry_wants() {
    let store = MemoryStore::default();
    let root = image(&store, 20 * MIB);
    for (least, pieces) in [(None, 3), (Some("10485760"), 2), (Some("999999999999"), 1)] {
        let outcome = push(&store, Some(&root), &[], &[], |at, asked| {
            let mut headers = vec![("location", UPLOAD)];
            headers.extend(least.map(|least| ("oci-chunk-min-length", least)));
            match (at, asked.line.split(' ').next().unwrap()) {
                (0, _) => status(404),
                (_, "PUT") => status(201),
                _ => with(202, &headers),
            }
        });
        assert_eq!(outcome.error(), "no error");
        let patches: Vec<_> = outcome
            .asked
            .iter()
            .filter(|asked| asked.line.starts_with("PATCH"))
            .collect();
        assert_eq!(patches.len(), pieces);
        let sent: u64 = patches.iter().map(|asked| asked.length).sum();
        assert_eq!(sent, 20 * MIB as u64);
        let range = patches[0]
            .headers
            .iter()
            .find(|(name, _)| *name == "content-range")
            .unwrap();
        assert_eq!(range.1, format!("0-{}", patches[0].length - 1));
    }
}

#[test]
fn a_cut_piece_goes_on_where_the_registry_says() {
    let store = MemoryStore::default();
    let root = image(&store, 9 * MIB);
    for (answer, next) in [
        (
            with(204, &[("range", "0-999"), ("location", UPLOAD)]),
            "PATCH 1000",
        ),
        (with(204, &[("range", "0-9437183")]), "PUT 0"),
        (with(204, &[("range", "0-0")]), "HEAD 0"),
        (status(404), "HEAD 0"),
        (with(204, &[("range", "0-99999999999")]), "HEAD 0"),
    ] {
        let mut answer = Some(answer);
        let outcome = push(&store, Some(&root), &[], &[], |at, asked| match at {
            0 => status(404),
            1 => with(202, &[("location", UPLOAD)]),
            2 => Answer::Broken,
            3 => {
                assert!(asked.line.starts_with("GET "), "{}", asked.line);
                answer.take().unwrap()
            }
            4 => {
                let range = asked
                    .headers
                    .iter()
                    .find(|(name, _)| *name == "content-range");
                let start = range.map_or("0", |(_, range)| range.split('-').next().unwrap());
                let method = asked.line.split(' ').next().unwrap();
                assert_eq!(format!("{method} {start}"), next);
                status(403)
            }
            _ => panic!("{}", asked.line),
        });
        assert!(
            outcome.error().contains("thimble login"),
            "{}",
            outcome.error()
        );
    }
}

#[test]
fn lies_about_uploads() {
    let store = MemoryStore::default();
    let root = image(&store, 9 * MIB);
    for (taken, expected) in [
        (
            with(202, &[("range", "0-99999999")]),
            "it says it has 100000000 bytes",
        ),
        (
            with(202, &[("range", "5-9")]),
            "it says it has the bytes 5-9",
        ),
        (
            with(202, &[("location", "http://registry.test/")]),
            "from https to http",
        ),
        (
            with(202, &[("location", "gopher://x/")]),
            "neither http nor https",
        ),
        (
            with(307, &[("location", "https://evil.test/")]),
            "not meant for another place",
        ),
    ] {
        let mut taken = Some(taken);
        let outcome = push(&store, Some(&root), &[], &[], |at, _| match at {
            0 => status(404),
            1 => with(202, &[("location", UPLOAD)]),
            _ => taken.take().unwrap(),
        });
        assert!(outcome.error().contains(expected), "{}", outcome.error());
    }
    let outcome = push(&store, Some(&root), &[], &[], |at, _| match at {
        0 => status(404),
        _ => status(202),
    });
    assert!(outcome.error().contains("it does not say where to"));
    let other = thimble_image::Digest::of(b"other");
    let other = format!("{other}");
    let outcome = push(&store, Some(&root), &[], &[], |at, _| match at {
        0 => status(200),
        _ => with(201, &[("docker-content-digest", &other)]),
    });
    assert!(
        outcome.error().contains("damaged or forged"),
        "{}",
        outcome.error()
    );
}

#[test]
fn other_repositories_are_tried_in_turn() {
    let store = MemoryStore::default();
    let root = image(&store, MIB);
    let outcome = push(
        &store,
        Some(&root),
        &[],
        &["app", "one", "two"],
        |at, asked| {
            let is_mount = asked.line.contains("mount=");
            match at {
                0 => status(404),
                1 => with(202, &[("location", UPLOAD)]),
                2 => {
                    assert!(is_mount && asked.line.ends_with("from=two"));
                    status(201)
                }
                _ => status(201),
            }
        },
    );
    assert_eq!(outcome.error(), "no error");
    assert_eq!(outcome.asked.len(), 4);
    let is_mounted = |event: &Event| {
        matches!(
            event,
            Event::Blob {
                progress: BlobProgress::Mounted,
                ..
            }
        )
    };
    assert!(outcome.events.iter().any(is_mounted));
}

#[test]
fn a_registry_that_looks_for_subjects_is_told_nothing_more() {
    let store = MemoryStore::default();
    let root = image(&store, 10);
    let signature = {
        let envelope = store.add(media_type::COSE, b"envelope");
        let mut manifest = Manifest::new(envelope.clone(), vec![envelope]);
        manifest.subject = Some(root.clone());
        manifest.artifact_type = Some(media_type::NOTARY_SIGNATURE.into());
        store.add(media_type::MANIFEST, &manifest.to_json())
    };
    let subject = format!("{}", root.digest);
    let outcome = push(
        &store,
        None,
        core::slice::from_ref(&signature),
        &[],
        |at, _| match at {
            0 => status(200),
            _ => with(201, &[("oci-subject", &subject)]),
        },
    );
    assert_eq!(shapes(&outcome), ["HEAD blobs/D", "PUT manifests/D"]);

    // One that does not: somebody else's entry stays.
    let other = Descriptor::of(media_type::MANIFEST, b"other");
    let list = Index::new(vec![other.clone()]).to_json();
    let outcome = push(
        &store,
        None,
        core::slice::from_ref(&signature),
        &[],
        |at, _| match at {
            0 => status(200),
            2 => Answer::Full(200, Vec::new(), list.clone()),
            _ => status(201),
        },
    );
    assert_eq!(outcome.error(), "no error");
    let written = thimble_image::Document::parse(&outcome.asked[3].body, None).unwrap();
    let entries: Vec<_> = written.children().map(|entry| entry.digest).collect();
    assert_eq!(entries, [other.digest, signature.digest]);
    let kind = written.children().nth(1).unwrap().artifact_type.as_deref();
    assert_eq!(kind, Some(media_type::NOTARY_SIGNATURE));
}

#[test]
fn what_cannot_be_pushed() {
    let store = MemoryStore::default();
    let root = image(&store, 10);
    store.damage(root.digest, b"damaged");
    let outcome = push(&store, Some(&root), &[], &[], |_, _| status(200));
    assert!(
        outcome.error().contains("damaged on this device"),
        "{}",
        outcome.error()
    );
    assert!(outcome.asked.is_empty());
}
