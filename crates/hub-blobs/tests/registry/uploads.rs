//! Uploads in pieces: cut, taken up by another node, given up.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::RequestBuilder;
use thimble_hub_blobs::{BlobError, Limits, SourceError, source_of};
use thimble_image::Digest;

use crate::server::{ADA, BOTH, On, Server, Store, basic, expect, header_of, noise, refused};

fn at(request: RequestBuilder, first: usize, bytes: Bytes) -> RequestBuilder {
    let range = format!("{first}-{}", first + bytes.len() - 1);
    request.header("content-range", range).body(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_goes_on_with_an_upload() {
    for on in BOTH {
        let server = Server::start(on).await;
        let bytes = noise(1, 300_000);
        let digest = Digest::of(&bytes);
        let begun = expect(server.ask("POST", "/v2/a/app/blobs/uploads/"), 202).await;
        let location = header_of(&begun, "location");
        let standing = expect(server.ask("GET", &location), 204).await;
        assert_eq!(header_of(&standing, "range"), "0-0");
        let first = at(server.ask("PATCH", &location), 0, bytes.slice(..100_000));
        assert_eq!(header_of(&expect(first, 202).await, "range"), "0-99999");
        // The first node is gone: nobody asks it any more.
        let second = server.second_node().await;
        let ask = |method: &str| {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            server
                .client
                .request(method, format!("http://{second}{location}"))
                .header("authorization", basic(ADA))
        };
        assert_eq!(
            header_of(&expect(ask("GET"), 204).await, "range"),
            "0-99999"
        );
        // Not where it stands, neither before nor after.
        for first in [0, 50_000, 100_001] {
            let wrong = at(ask("PATCH"), first, bytes.slice(..10));
            let wrong = expect(wrong, 416).await;
            assert_eq!(header_of(&wrong, "range"), "0-99999");
            assert_eq!(header_of(&wrong, "location"), location);
        }
        let next = at(ask("PATCH"), 100_000, bytes.slice(100_000..200_000));
        expect(next, 202).await;
        let last = server
            .client
            .put(format!("http://{second}{location}?digest={digest}"))
            .header("authorization", basic(ADA));
        expect(at(last, 200_000, bytes.slice(200_000..)), 201).await;
        let path = format!("/v2/a/app/blobs/{digest}");
        let got = expect(server.ask("GET", &path), 200).await;
        assert_eq!(got.bytes().await.unwrap(), bytes);
        refused(server.ask("GET", &location), 404, "BLOB_UPLOAD_UNKNOWN").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_a_cut_is_kept() {
    for on in BOTH {
        let store = Store::new(on).await;
        let space = store.space().await;
        let repository = "app".parse().unwrap();
        let bytes = noise(2, 20 << 20);
        let id = space.begin_upload(&repository).await.unwrap();
        let cut = SourceError::Cut {
            reason: "test".into(),
        };
        let pieces = [Ok(bytes.slice(..9 << 20)), Err(cut.clone())];
        let appended = space
            .append(&repository, &id, None, stream::iter(pieces).boxed())
            .await;
        assert!(matches!(appended, Err(BlobError::Source(error)) if error == cut));
        let other_node = store.space().await;
        let offset = other_node.upload_offset(&repository, &id).await.unwrap();
        assert_eq!(offset, 9 << 20);
        let rest = source_of(bytes.slice(9 << 20..));
        let end = other_node
            .append(&repository, &id, Some(offset), rest)
            .await;
        assert_eq!(end.unwrap(), 20 << 20);
        let digest = Digest::of(&bytes);
        let length = other_node.finish_upload(&repository, &id, digest).await;
        assert_eq!(length.unwrap(), 20 << 20);
        let whole = space.read_whole(&digest, 20 << 20).await.unwrap();
        assert_eq!(Digest::of(&whole), digest);
        // Nothing is left but the blob.
        assert_eq!(space.held_bytes().await.unwrap(), 20 << 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_belongs_to_its_repository_and_its_name_space() {
    let server = Server::start(On::Folder).await;
    let begun = expect(server.ask("POST", "/v2/a/app/blobs/uploads/"), 202).await;
    let location = header_of(&begun, "location");
    let id = location.rsplit('/').next().unwrap();
    let other = format!("/v2/a/other/blobs/uploads/{id}");
    refused(server.ask("GET", &other), 404, "BLOB_UPLOAD_UNKNOWN").await;
    let of_b = format!("/v2/b/app/blobs/uploads/{id}");
    let request = server.ask_as(crate::server::BOB, "GET", &of_b);
    refused(request, 404, "BLOB_UPLOAD_UNKNOWN").await;
    expect(server.ask("DELETE", &location), 204).await;
    refused(
        server.ask("PATCH", &location).body("x"),
        404,
        "BLOB_UPLOAD_UNKNOWN",
    )
    .await;
    refused(server.ask("DELETE", &location), 404, "BLOB_UPLOAD_UNKNOWN").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_ends_with_its_digest_or_not_at_all() {
    let server = Server::start(On::Folder).await;
    let begun = expect(server.ask("POST", "/v2/a/app/blobs/uploads/"), 202).await;
    let location = header_of(&begun, "location");
    refused(
        server.ask("PUT", &location).body("x"),
        400,
        "DIGEST_INVALID",
    )
    .await;
    let garbled = server
        .ask("PATCH", &location)
        .header("content-range", "x")
        .body("x");
    refused(garbled, 400, "BLOB_UPLOAD_INVALID").await;
    let unequal = server
        .ask("PATCH", &location)
        .header("content-range", "0-9")
        .body("x");
    refused(unequal, 400, "BLOB_UPLOAD_INVALID").await;
    let other = Digest::of(b"y");
    let ended = server
        .ask("PUT", &format!("{location}?digest={other}"))
        .body("x");
    refused(ended, 400, "DIGEST_INVALID").await;
    refused(server.ask("GET", &location), 404, "BLOB_UPLOAD_UNKNOWN").await;
    expect(server.ask("HEAD", &format!("/v2/a/app/blobs/{other}")), 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_and_bytes_have_limits() {
    for on in BOTH {
        let limits = Limits {
            uploads_max: 2,
            blob_bytes_max: 1000,
            ..Limits::default()
        };
        let server = Server::with(on, limits, Some(2500)).await;
        let path = "/v2/a/app/blobs/uploads/";
        let first = header_of(&expect(server.ask("POST", path), 202).await, "location");
        let second = header_of(&expect(server.ask("POST", path), 202).await, "location");
        refused(server.ask("POST", path), 429, "TOOMANYREQUESTS").await;
        let long = server.ask("PATCH", &first).body(noise(3, 1001));
        refused(long, 413, "SIZE_INVALID").await;
        expect(server.ask("PATCH", &first).body(noise(3, 1000)), 202).await;
        let more = server.ask("PATCH", &first).body("x");
        refused(more, 413, "SIZE_INVALID").await;
        let at_once = Digest::of(&noise(4, 1001));
        let at_once = format!("{path}?digest={at_once}");
        refused(
            server.ask("POST", &at_once).body(noise(4, 1001)),
            413,
            "SIZE_INVALID",
        )
        .await;
        // The session's own record counts a few bytes too.
        expect(server.ask("PATCH", &second).body(noise(5, 1000)), 202).await;
        let digest = Digest::of(&noise(6, 900));
        let full = format!("{path}?digest={digest}");
        let message = refused(server.ask("POST", &full).body(noise(6, 900)), 403, "DENIED").await;
        assert!(message.contains("2500 bytes"), "{message}");
        // What is given up makes room.
        expect(server.ask("DELETE", &second), 204).await;
        expect(server.ask("POST", &full).body(noise(6, 900)), 201).await;
        // Storing it again takes no more room.
        expect(server.ask("POST", &full).body(noise(6, 900)), 201).await;
    }
}
