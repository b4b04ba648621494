//! Clients that lie, dawdle, leave or come all at once.

use std::time::Duration;

use axum::http::Uri;
use thimble_hub_blobs::Limits;
use thimble_image::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{ADA, BOTH, On, Server, basic, expect, header_of, noise, refused};

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_not_what_was_said_leaves_nothing() {
    for on in BOTH {
        let server = Server::start(on).await;
        // Small enough for one write, and large enough for parts.
        for length in [10, 11 << 20] {
            let digest = Digest::of(b"something else");
            let path = format!("/v2/a/app/blobs/uploads/?digest={digest}");
            let request = server.ask("POST", &path).body(noise(1, length));
            let message = refused(request, 400, "DIGEST_INVALID").await;
            assert!(message.contains(&digest.to_string()), "{message}");
            expect(
                server.ask("HEAD", &format!("/v2/a/app/blobs/{digest}")),
                404,
            )
            .await;
        }
        let space = server.store.space().await;
        assert_eq!(space.held_bytes().await.unwrap(), 0);
        assert_eq!(space.objects().await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_pushes_of_one_blob_are_one_blob() {
    for on in BOTH {
        let server = Server::start(on).await;
        let bytes = noise(7, 50_000);
        let digest = Digest::of(&bytes);
        let path = format!("/v2/a/app/blobs/uploads/?digest={digest}");
        let pushes = (0..100).map(|_| expect(server.ask("POST", &path).body(bytes.clone()), 201));
        futures_util::future::join_all(pushes).await;
        let got = expect(server.ask("GET", &format!("/v2/a/app/blobs/{digest}")), 200).await;
        assert_eq!(got.bytes().await.unwrap(), bytes);
        assert_eq!(
            server.store.space().await.held_bytes().await.unwrap(),
            50_000
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_cannot_leave_their_place() {
    let server = Server::start(On::Folder).await;
    let secret = server.store.folder.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    for path in [
        "/v2/a/../../secret/manifests/x",
        "/v2/a/%2e%2e/%2e%2e/secret/tags/list",
        "/v2/a/app/manifests/%2e%2e%2f%2e%2e",
        "/v2/a/app/manifests/..%2fsecret",
        "/v2/a/app/blobs/sha256:..%2f..%2f..%2fsecret",
        "/v2/a/app/blobs/uploads/..%2f..%2fsecret",
        "/v2/a%00/app/tags/list",
        "/v2/a/%ff/tags/list",
        "/v2/a/_tags/x/manifests/v1",
        "/v2/%2fetc/passwd/tags/list",
    ] {
        // Sent as it is: the client would tidy it up.
        let answer = raw(&server, &format!("GET {path} HTTP/1.1\r\n"), b"").await;
        let status = answer.split(' ').nth(1).unwrap();
        assert!(["400", "403", "404"].contains(&status), "{path}: {answer}");
        assert!(answer.contains("{\"errors\":["), "{path}: {answer}");
        path.parse::<Uri>().unwrap();
    }
}

/// Sends this with our name, and reads until the connection ends.
async fn raw(server: &Server, line: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(&server.host).await.unwrap();
    let head = format!(
        "{line}host: {}\r\nauthorization: {}\r\nconnection: close\r\n\r\n",
        server.host,
        basic(ADA)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_still_is_sent_away() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = Server::with(On::Folder, limits, None).await;
    let begun = expect(server.ask("POST", "/v2/a/app/blobs/uploads/"), 202).await;
    let location = header_of(&begun, "location");
    // Announces ten bytes and sends four.
    let line = format!("PATCH {location} HTTP/1.1\r\ncontent-length: 10\r\n");
    let answer = raw(&server, &line, b"four").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let standing = expect(server.ask("GET", &location), 204).await;
    assert_eq!(header_of(&standing, "range"), "0-3");
    let kind = "content-type: application/vnd.oci.image.manifest.v1+json";
    let line = format!("PUT /v2/a/app/manifests/v1 HTTP/1.1\r\n{kind}\r\ncontent-length: 10\r\n");
    let answer = raw(&server, &line, b"four").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_place_comes_again() {
    let limits = Limits {
        parallel_bodies_max: 0,
        idle_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let server = Server::with(On::Folder, limits, None).await;
    let path = format!("/v2/a/app/blobs/uploads/?digest={}", Digest::of(b"x"));
    let response = expect(server.ask("POST", &path).body("x"), 429).await;
    assert_eq!(header_of(&response, "retry-after"), "5");
    // Reading goes on.
    expect(server.ask("GET", "/v2/"), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_in_the_middle_can_go_on() {
    for on in BOTH {
        let server = Server::start(on).await;
        let begun = expect(server.ask("POST", "/v2/a/app/blobs/uploads/"), 202).await;
        let location = header_of(&begun, "location");
        let mut stream = TcpStream::connect(&server.host).await.unwrap();
        let head = format!(
            "PATCH {location} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-length: 10\r\n\r\nfour",
            basic(ADA)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        drop(stream);
        // The node notices some time later; until then the upload stands at nothing.
        loop {
            let standing = expect(server.ask("GET", &location), 204).await;
            if header_of(&standing, "range") == "0-3" {
                break;
            }
            tokio::task::yield_now().await;
        }
        let digest = Digest::of(b"four more!");
        let rest = server.ask("PUT", &format!("{location}?digest={digest}"));
        expect(rest.body(" more!"), 201).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_mean_nothing_are_named() {
    let server = Server::start(On::Folder).await;
    let digest = Digest::of(b"");
    for (method, path) in [
        ("POST", "/v2/".to_owned()),
        ("PUT", "/v2/a/app/tags/list".to_owned()),
        ("POST", "/v2/a/app/manifests/v1".to_owned()),
        ("PATCH", format!("/v2/a/app/blobs/{digest}")),
        ("GET", "/v2/a/app/blobs/uploads/".to_owned()),
        ("DELETE", format!("/v2/a/app/referrers/{digest}")),
        ("BREW", "/v2/a/app/manifests/v1".to_owned()),
    ] {
        let response = expect(server.ask(method, &path), 405).await;
        assert!(response.headers().contains_key("allow"), "{method} {path}");
    }
}
