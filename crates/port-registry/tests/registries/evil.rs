//! Registries that break the rules: a clear error, and nothing in the store that is not complete.

use std::io::{Read, Write};
use std::time::Duration;

use thimble_image::{Descriptor, media_type};
use thimble_port_registry::{Registries, Settings};
use thimble_testkit::blobs::MemoryStore;
use thimble_testkit::random::Random;

use crate::images::{Told, assert_same, image, pull, settings};
use crate::scripted::{Asked, Reply, Scripted, Shop, answer, nested};

/// What a registry does instead of the right thing.
type Deed = fn(&Shop, &Asked, &Facts) -> Option<Reply>;

/// What deeds need to know.
#[derive(Clone)]
struct Facts {
    layer: Descriptor,
    layer_bytes: Vec<u8>,
    manifest_bytes: Vec<u8>,
}

struct Case {
    name: &'static str,
    deed: Deed,
    /// What the error says; `None` if the image arrives all the same.
    expected: Option<&'static str>,
    /// Bytes of the layer that are here already.
    part: usize,
}

const LAYER_BYTES: usize = 50_000;

fn is_manifest(asked: &Asked) -> bool {
    asked.path == "/v2/app/manifests/v1"
}

fn is_layer(asked: &Asked, facts: &Facts) -> bool {
    asked.path == format!("/v2/app/blobs/{}", facts.layer.digest)
}

const fn case(name: &'static str, deed: Deed, expected: Option<&'static str>) -> Case {
    Case {
        name,
        deed,
        expected,
        part: 0,
    }
}

const fn resumed(name: &'static str, deed: Deed, expected: Option<&'static str>) -> Case {
    Case {
        name,
        deed,
        expected,
        part: 20_000,
    }
}

const MANIFESTS: &[Case] = &[
    case(
        "html for a manifest",
        |_, asked, _| {
            is_manifest(asked).then(|| {
                answer(
                    200,
                    &[("Content-Type", "text/html")],
                    b"<html>log in</html>",
                )
            })
        },
        Some("it is a web page"),
    ),
    case(
        "html that says it is a manifest",
        |_, asked, _| {
            is_manifest(asked)
                .then(|| answer(200, &[("Content-Type", media_type::MANIFEST)], b"<html>"))
        },
        Some("it is a web page"),
    ),
    case(
        "html with an error",
        |_, asked, _| {
            is_manifest(asked).then(|| answer(403, &[("Content-Type", "text/html")], b"<html>no"))
        },
        Some("a web page, not the words of a registry"),
    ),
    case(
        "wrong media type",
        |_, asked, facts| {
            let headers = [("Content-Type", media_type::INDEX)];
            is_manifest(asked).then(|| answer(200, &headers, &facts.manifest_bytes))
        },
        Some("it was announced as"),
    ),
    case(
        "unknown media type",
        |_, asked, facts| {
            let headers = [("Content-Type", "image/png")];
            is_manifest(asked).then(|| answer(200, &headers, &facts.manifest_bytes))
        },
        Some("image/png is neither a manifest nor an index"),
    ),
    case(
        "another digest than announced",
        |_, asked, facts| {
            let digest = thimble_image::Digest::of(b"other").to_string();
            let headers = [
                ("Content-Type", media_type::MANIFEST),
                ("Docker-Content-Digest", digest.as_str()),
            ];
            is_manifest(asked).then(|| answer(200, &headers, &facts.manifest_bytes))
        },
        Some("damaged or forged"),
    ),
    case(
        "empty answer",
        |_, asked, _| {
            is_manifest(asked).then(|| answer(200, &[("Content-Type", media_type::MANIFEST)], b""))
        },
        Some("cannot be used"),
    ),
    case(
        "no answer at all",
        |_, asked, _| is_manifest(asked).then(|| Reply::Bytes(Vec::new())),
        Some("the connection ended too early"),
    ),
    case(
        "not http",
        |_, asked, _| is_manifest(asked).then(|| Reply::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())),
        Some("does not speak HTTP"),
    ),
    case(
        "announces a huge manifest",
        |_, asked, _| {
            is_manifest(asked).then(|| answer(200, &[("Content-Length", "99999999999")], b"{"))
        },
        Some("larger than 4194304 bytes"),
    ),
    case(
        "announces an absurd length",
        |_, asked, _| is_manifest(asked).then(|| answer(200, &[("Content-Length", "-1")], b"{")),
        Some("the registry"),
    ),
    case(
        "endless manifest",
        |_, asked, _| {
            let Reply::Bytes(head) = answer(
                200,
                &[
                    ("Transfer-Encoding", "identity"),
                    ("Content-Type", media_type::MANIFEST),
                ],
                b"",
            ) else {
                return None;
            };
            is_manifest(asked).then_some(Reply::Endless(head))
        },
        Some("larger than 4194304 bytes"),
    ),
    case(
        "endless error",
        |_, asked, _| {
            let Reply::Bytes(head) = answer(403, &[("Content-Length", "99999999999")], b"") else {
                return None;
            };
            is_manifest(asked).then_some(Reply::Endless(head))
        },
        Some("thimble login"),
    ),
    case(
        "huge head",
        |_, asked, _| {
            let long = "x".repeat(100_000);
            is_manifest(asked).then(|| answer(200, &[("X-Long", long.as_str())], b""))
        },
        Some("the head of its answer has more than"),
    ),
    case(
        "endless head",
        |_, asked, _| {
            is_manifest(asked).then(|| Reply::Endless(b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec()))
        },
        Some("the head of its answer has more than"),
    ),
    case(
        "stalls before the head",
        |_, asked, _| is_manifest(asked).then(|| Reply::Stall(Vec::new())),
        Some("nothing moved for too long"),
    ),
    case(
        "redirects in a circle",
        |_, asked, _| {
            is_manifest(asked).then(|| answer(302, &[("Location", "/v2/app/manifests/v1")], b""))
        },
        Some("more than 5 redirects"),
    ),
    case(
        "redirects nowhere",
        |_, asked, _| is_manifest(asked).then(|| answer(307, &[], b"")),
        Some("it does not say where to"),
    ),
    case(
        "redirects to another kind of place",
        |_, asked, _| {
            is_manifest(asked).then(|| answer(307, &[("Location", "file:///etc/passwd")], b""))
        },
        Some("neither http nor https"),
    ),
    case(
        "no room left",
        |_, asked, _| {
            let body = br#"{"errors":[{"code":"DENIED","message":"quota exceeded"}]}"#;
            is_manifest(asked).then(|| answer(403, &[], body))
        },
        Some("the registry refuses manifest"),
    ),
    case(
        "web page for the referrers",
        |_, asked, _| {
            let headers = [("Content-Type", "text/html")];
            asked
                .path
                .contains("/referrers/")
                .then(|| answer(200, &headers, b"<html>"))
        },
        None,
    ),
    case(
        "damaged referrers",
        |_, asked, _| {
            asked
                .path
                .contains("/referrers/")
                .then(|| answer(200, &[], b"{"))
        },
        Some("list of what refers to"),
    ),
    case(
        "terminal escapes in an error",
        |_, asked, _| {
            is_manifest(asked).then(|| {
                answer(
                    400,
                    &[],
                    b"{\"errors\":[{\"code\":\"X\",\"message\":\"a\\u001b[2Jb\"}]}",
                )
            })
        },
        Some("X: a [2Jb"),
    ),
    case(
        "trouble that passes",
        |_, asked, _| (is_manifest(asked) && asked.before < 3).then(|| answer(503, &[], b"")),
        None,
    ),
    case(
        "trouble that stays",
        |_, asked, _| is_manifest(asked).then(|| answer(503, &[], b"")),
        Some("status 503, 5 times"),
    ),
    case(
        "asked too often",
        |_, asked, _| is_manifest(asked).then(|| answer(429, &[("Retry-After", "0")], b"")),
        Some("5 times in vain"),
    ),
];

const LAYERS: &[Case] = &[
    case(
        "other content of the right length",
        |_, asked, facts| is_layer(asked, facts).then(|| answer(200, &[], &vec![7; LAYER_BYTES])),
        Some("damaged or forged"),
    ),
    case(
        "announces too much",
        |_, asked, facts| {
            is_layer(asked, facts).then(|| answer(200, &[], &vec![7; LAYER_BYTES + 1]))
        },
        Some("has 50001 bytes where 50000 are announced"),
    ),
    case(
        "announces too little",
        |_, asked, facts| is_layer(asked, facts).then(|| answer(200, &[], b"short")),
        Some("has 5 bytes where 50000 are announced"),
    ),
    case(
        "endless layer",
        |_, asked, facts| {
            let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
            is_layer(asked, facts).then_some(Reply::Endless(head))
        },
        Some("where 50000 are announced"),
    ),
    case(
        "ends early every time",
        |_, asked, facts| {
            let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n".to_vec();
            bytes.extend_from_slice(&facts.layer_bytes[..1000]);
            is_layer(asked, facts).then_some(Reply::Bytes(bytes))
        },
        Some("the connection ended too early"),
    ),
    case(
        "ends early without saying how much there is",
        |_, asked, facts| {
            let mut bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
            bytes.extend_from_slice(&facts.layer_bytes[..1000]);
            is_layer(asked, facts).then_some(Reply::Bytes(bytes))
        },
        Some("has 1000 bytes where 50000 are announced"),
    ),
    case(
        "stalls in the middle once",
        |_, asked, facts| {
            let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n".to_vec();
            bytes.extend_from_slice(&facts.layer_bytes[..30_000]);
            (is_layer(asked, facts) && asked.before == 0).then_some(Reply::Stall(bytes))
        },
        None,
    ),
    case(
        "compresses what nobody asked for",
        |_, asked, facts| {
            is_layer(asked, facts).then(|| answer(200, &[("Content-Encoding", "gzip")], b""))
        },
        Some("it sends gzip"),
    ),
    case(
        "a part that nobody asked for",
        |_, asked, facts| {
            let headers = [("Content-Range", "bytes 0-49999/50000")];
            is_layer(asked, facts).then(|| answer(206, &headers, &facts.layer_bytes))
        },
        Some("another part than was asked for"),
    ),
    resumed("goes on where it was", |_, _, _| None, None),
    resumed(
        "sends everything instead of the rest",
        |_, asked, facts| is_layer(asked, facts).then(|| answer(200, &[], &facts.layer_bytes)),
        None,
    ),
    resumed(
        "knows no such part",
        |_, asked, facts| {
            (is_layer(asked, facts) && asked.header("range").is_some())
                .then(|| answer(416, &[], b""))
        },
        None,
    ),
    resumed(
        "sends another part",
        |_, asked, facts| {
            let headers = [("Content-Range", "bytes 10-49999/50000")];
            is_layer(asked, facts).then(|| answer(206, &headers, &facts.layer_bytes[10..]))
        },
        Some("another part than was asked for"),
    ),
    resumed(
        "sends a part without saying which",
        |_, asked, facts| {
            (is_layer(asked, facts) && asked.header("range").is_some())
                .then(|| answer(206, &[], &facts.layer_bytes[20_000..]))
        },
        None,
    ),
    resumed(
        "sends a wrong part that looks right",
        |_, asked, facts| {
            let headers = [("Content-Range", "bytes 20000-49999/50000")];
            (is_layer(asked, facts) && asked.header("range").is_some())
                .then(|| answer(206, &headers, &vec![7; 30_000]))
        },
        None,
    ),
];

#[test]
fn bad_manifests_are_refused() {
    MANIFESTS.iter().for_each(check);
}

#[test]
fn bad_layers_are_refused() {
    LAYERS.iter().for_each(check);
}

fn impatient() -> Registries {
    Registries::new(Settings {
        idle_timeout: Duration::from_secs(1),
        backoff: Duration::from_millis(1),
        ..settings()
    })
    .unwrap()
}

fn check(case: &Case) {
    let store = MemoryStore::default();
    let layer_bytes = Random::new(9).bytes(LAYER_BYTES);
    let root = image(&store, &layer_bytes);
    let facts = Facts {
        layer: Descriptor::of(media_type::WASM, &layer_bytes),
        manifest_bytes: store.content(&root.digest).unwrap(),
        layer_bytes,
    };
    let shop = Shop {
        store: store.clone(),
        root: root.clone(),
    };
    let (deed, known) = (case.deed, facts.clone());
    let server = Scripted::start(move |asked| {
        deed(&shop, asked, &known).unwrap_or_else(|| shop.answer(asked))
    });
    let here = MemoryStore::default();
    if case.part > 0 {
        here.add_partial(facts.layer.digest, &facts.layer_bytes[..case.part]);
    }
    let name = format!("{}/app:v1", server.address);
    let outcome = pull(&impatient(), &name, &here, &mut Told::default());
    match (case.expected, outcome) {
        (None, Ok(_)) => assert_same(&here, &store, &root),
        (Some(expected), Err(error)) => {
            let text = error.to_string();
            assert!(text.contains(expected), "{}: {text}", case.name);
            let is_clean = !here.has(&root.digest) && !here.has(&facts.layer.digest);
            assert!(is_clean, "{}: something is half installed", case.name);
        }
        (_, outcome) => panic!("{}: {outcome:?}", case.name),
    }
}

#[test]
fn indexes_inside_each_other_have_an_end() {
    for (levels, expected) in [
        (4, None),
        (5, Some("more than 4 indexes inside each other")),
    ] {
        let store = MemoryStore::default();
        let leaf = image(&store, b"leaf");
        let root = nested(&store, levels, &leaf);
        let shop = DeepShop(store.clone(), root);
        let server = Scripted::start(move |asked| shop.answer(asked));
        let name = format!("{}/app:v1", server.address);
        let outcome = pull(
            &impatient(),
            &name,
            &MemoryStore::default(),
            &mut Told::default(),
        );
        match (expected, outcome) {
            (None, Ok(_)) => {}
            (Some(expected), Err(error)) => {
                assert!(error.to_string().contains(expected), "{error}")
            }
            (_, outcome) => panic!("{levels}: {outcome:?}"),
        }
    }
}

/// Serves every document of a store.
struct DeepShop(MemoryStore, Descriptor);

impl DeepShop {
    fn answer(&self, asked: &Asked) -> Reply {
        let name = asked.path.rsplit('/').next().unwrap();
        let digest = name.parse().unwrap_or(self.1.digest);
        match self.0.content(&digest) {
            Some(bytes) if !asked.path.contains("referrers") => answer(200, &[], &bytes),
            _ => answer(404, &[], b""),
        }
    }
}

#[test]
fn a_bad_signature_keeps_nobody_from_the_image() {
    let store = MemoryStore::default();
    let root = image(&store, b"layer");
    let elsewhere = Descriptor::of(media_type::MANIFEST, b"elsewhere");
    let stray = crate::images::signature(&store, &elsewhere, b"envelope");
    let entry = |digest: &Descriptor| Descriptor {
        artifact_type: Some(media_type::NOTARY_SIGNATURE.into()),
        ..digest.clone()
    };
    let lost = Descriptor::of(media_type::MANIFEST, b"lost");
    let list = thimble_image::Index::new(vec![entry(&stray), entry(&lost)]).to_json();
    let shop = Shop {
        store: store.clone(),
        root: root.clone(),
    };
    let stray_bytes = store.content(&stray.digest).unwrap();
    let server = Scripted::start(move |asked| {
        if asked.path.contains("/referrers/") {
            return answer(200, &[("Content-Type", media_type::INDEX)], &list);
        }
        if asked.path.ends_with(&stray.digest.to_string()) {
            return answer(200, &[], &stray_bytes);
        }
        shop.answer(asked)
    });
    let here = MemoryStore::default();
    let mut told = Told::default();
    let name = format!("{}/app:v1", server.address);
    let found = pull(&impatient(), &name, &here, &mut told).unwrap();
    assert!(found.signatures.is_empty());
    assert_same(&here, &store, &root);
    assert_eq!(told.notes.len(), 2, "{:?}", told.notes);
}

#[test]
fn a_registry_that_stops_listening_is_left() {
    let store = MemoryStore::default();
    // More than the buffers of both sides hold.
    let root = image(&store, &Random::new(10).bytes(24 << 20));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut deaf = Vec::new();
        for mut client in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n")
                && client.read(&mut byte).is_ok_and(|count| count > 0)
            {
                head.push(byte[0]);
            }
            let reply = match head.split(|byte| *byte == b' ').next() {
                Some(b"HEAD") => answer(404, &[], b""),
                Some(b"POST") => answer(202, &[("Location", "/v2/app/up")], b""),
                Some(b"GET") => answer(204, &[("Range", "0-0")], b""),
                // It keeps the connection, and reads nothing from it.
                _ => {
                    deaf.push(client);
                    continue;
                }
            };
            if let Reply::Bytes(bytes) = reply {
                let _ = client.write_all(&bytes);
            }
        }
    });
    let to = crate::images::reference(&format!("{address}/app:v1"));
    let error = impatient()
        .push(&root, &[], &to, &[], &store, &mut Told::default())
        .unwrap_err();
    assert!(
        error.to_string().contains("nothing moved for too long"),
        "{error}"
    );
}
