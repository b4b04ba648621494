//! Reading from registries: signing in, following, trying again.

use thimble_image::registry::{Pull, SignIn};
use thimble_image::{Descriptor, Manifest, media_type};
use thimble_testkit::blobs::{MemoryError, MemoryStore};

use crate::harness::{Answer, Asked, Outcome, drive, password, status, target, with};

/// A registry with one image: answers everything rightly.
struct Shop(MemoryStore, Descriptor);

impl Shop {
    fn new() -> Self {
        let store = MemoryStore::default();
        let config = store.add(media_type::WASM_CONFIG, b"{}");
        let layer = store.add(media_type::WASM, &[5; 1000]);
        let manifest = Manifest::new(config, vec![layer]);
        let root = store.add(media_type::MANIFEST, &manifest.to_json());
        Self(store, root)
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let name = asked.line.rsplit('/').next().unwrap();
        let digest = match name {
            "v1" => self.1.digest,
            other => match other.parse() {
                Ok(digest) => digest,
                Err(_) => return status(404),
            },
        };
        if !self.0.has(&digest) || asked.line.contains("/referrers/") {
            return status(404);
        }
        Answer::Full(200, Vec::new(), self.0.content(&digest).unwrap())
    }
}

fn pull(
    credentials: bool,
    peer: impl FnMut(usize, &Asked) -> Answer,
) -> (Outcome<MemoryError>, MemoryStore) {
    let here = MemoryStore::default();
    let reference = "registry.test/app:v1".parse().unwrap();
    let operation = Pull::new(target(), &reference, &[], &here);
    let outcome = drive(operation, credentials.then(password), peer);
    (outcome, here.clone())
}

#[test]
fn the_order_of_a_pull() {
    let shop = Shop::new();
    let (outcome, here) = pull(false, |_, asked| shop.answer(asked));
    outcome.result.as_ref().unwrap();
    let root = shop.1.digest;
    let kinds: Vec<_> = outcome
        .lines()
        .iter()
        .map(|line| line.split('/').nth(5).unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["manifests", "referrers", "manifests", "blobs", "blobs"]
    );
    assert!(outcome.lines()[2].ends_with(&format!("sha256-{}", root.hex())));
    assert!(here.has(&root));
}

#[test]
fn redirects() {
    for (location, expected) in [
        ("http://registry.test/elsewhere", "from https to http"),
        ("https://storage.test/blob", "no error"),
        ("", "it does not say where to"),
    ] {
        let shop = Shop::new();
        let mut origin = String::new();
        let (outcome, _) = pull(true, |_, asked| {
            if asked.line.contains("storage.test") {
                assert_eq!(asked.authorization, None);
                return shop.answer(&Asked {
                    line: origin.clone(),
                    ..asked.clone()
                });
            }
            if asked.authorization.is_none() {
                return with(401, &[("www-authenticate", "Basic realm=x")]);
            }
            if asked.line.contains("/blobs/") {
                origin.clone_from(&asked.line);
                return with(307, &[("location", location)]);
            }
            shop.answer(asked)
        });
        assert!(
            outcome.error().contains(expected),
            "{location}: {}",
            outcome.error()
        );
    }
}

#[test]
fn token_servers() {
    for (challenge, token, expected) in [
        (
            "Bearer realm=\"http://auth.test/\"",
            "",
            "its token server is not https",
        ),
        ("Bearer realm=\"/token\"", "", "its token server has no URL"),
        (
            "Bearer service=\"x\"",
            "",
            "it does not say where its token server is",
        ),
        ("Digest realm=\"x\"", "", "a sign-in by digest"),
        ("", "", "thimble login registry.test"),
        (
            "Bearer realm=\"https://auth.test/\"",
            "{\"token\":\"t\"}",
            "no error",
        ),
        (
            "Bearer realm=\"https://auth.test/\"",
            "{\"token\":\"no\"}",
            "thimble login registry.test",
        ),
        ("Bearer realm=\"https://auth.test/\"", "<html>", "web page"),
    ] {
        let shop = Shop::new();
        let (outcome, _) = pull(true, |_, asked| {
            if asked.line.contains("auth.test") {
                assert!(
                    asked
                        .authorization
                        .as_deref()
                        .unwrap()
                        .starts_with("Basic ")
                );
                assert!(asked.line.contains("scope=repository%3Aapp%3Apull"));
                return Answer::Full(200, Vec::new(), token.into());
            }
            if asked.authorization.as_deref() == Some("Bearer t") {
                return shop.answer(asked);
            }
            with(401, &[("www-authenticate", challenge)])
        });
        assert!(
            outcome.error().contains(expected),
            "{challenge}: {}",
            outcome.error()
        );
    }
}

#[test]
fn a_token_server_that_sends_elsewhere_gets_no_password_there() {
    let (outcome, _) = pull(true, |_, asked| {
        if asked.line.contains("auth.test") {
            return with(302, &[("location", "https://evil.test/")]);
        }
        with(
            401,
            &[("www-authenticate", "Bearer realm=\"https://auth.test/\"")],
        )
    });
    assert!(outcome.error().contains("its token server sends elsewhere"));
    assert!(!outcome.lines().iter().any(|line| line.contains("evil")));
}

#[test]
fn attempts_without_progress_have_an_end() {
    let (outcome, _) = pull(false, |_, _| Answer::Broken);
    assert!(outcome.error().contains("5 times without getting further"));
    assert_eq!(outcome.asked.len(), 5);
    for (wait, longest) in outcome.waits.iter().zip([500, 1000, 2000, 4000]) {
        assert!(*wait <= longest, "{:?}", outcome.waits);
    }
    assert!(outcome.waits.iter().any(|wait| *wait > 0));
}

#[test]
fn progress_gives_more_attempts() {
    let shop = Shop::new();
    // Two bytes more each time, which takes 500 answers: more than a test allows, so the blob is short.
    let short = shop.0.add(media_type::WASM, &[1; 40]);
    let config = shop.0.add(media_type::WASM_CONFIG, b"{}");
    let manifest = Manifest::new(config, vec![short.clone()]);
    let root = shop.0.add(media_type::MANIFEST, &manifest.to_json());
    let shop = Shop(shop.0, root);
    let name = format!("blobs/{}", short.digest);
    let (outcome, here) = pull(false, |_, asked| {
        if !asked.line.ends_with(&name) {
            return shop.answer(asked);
        }
        let range = asked.headers.iter().find(|(name, _)| *name == "range");
        let Some((_, range)) = range else {
            return Answer::Full(200, Vec::new(), vec![1; 2]);
        };
        let first: usize = range
            .trim_start_matches("bytes=")
            .trim_end_matches('-')
            .parse()
            .unwrap();
        let range = format!("bytes {first}-39/40");
        Answer::Full(206, vec![("content-range", range)], vec![1; 2])
    });
    assert_eq!(outcome.error(), "no error");
    assert!(outcome.asked.len() > 20);
    assert!(here.has(&short.digest));
}

#[test]
fn retry_after_has_a_limit() {
    for (seconds, expected) in [("3", 3000), ("86400", 60_000)] {
        let shop = Shop::new();
        let (outcome, _) = pull(false, |at, asked| {
            if at == 0 {
                with(429, &[("retry-after", seconds)])
            } else {
                shop.answer(asked)
            }
        });
        assert_eq!(outcome.waits, [expected]);
    }
}

#[test]
fn sign_in_tells_who_answers() {
    for (answers, expected) in [
        (&[(200, "{}")][..], "no error"),
        (&[(200, "<html>")], "a web page answers"),
        (&[(404, "")], "no registry of the current protocol"),
        (&[(401, ""), (200, "{}")], "no error"),
        (&[(401, ""), (401, "")], "thimble login"),
        (&[(403, "")], "thimble login"),
    ] {
        let outcome = drive(SignIn::new(target()), Some(password()), |at, _| {
            let (status, body) = answers[at];
            let challenge = vec![("www-authenticate", String::from("Basic realm=x"))];
            Answer::Full(status, challenge, body.into())
        });
        assert!(outcome.error().contains(expected), "{}", outcome.error());
    }
}
