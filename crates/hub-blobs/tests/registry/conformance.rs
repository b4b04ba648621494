//! What the distribution specification asks of a registry, request by request.

use serde_json::{Value, json};
use thimble_hub_blobs::{Change, ManifestName};
use thimble_image::{Descriptor, Digest, Index, Manifest, media_type};

use crate::server::{BOB, BOTH, EVE, Server, expect, header_of, refused};

/// A manifest with one layer, and what it needs pushed.
async fn image(server: &Server, name: &str, layer: &[u8]) -> Manifest {
    let config = server.put_blob(name, b"{}").await;
    let digest = server.put_blob(name, layer).await;
    Manifest::new(
        Descriptor::new(media_type::EMPTY, config, 2),
        vec![Descriptor::new(
            media_type::WASM,
            digest,
            layer.len() as u64,
        )],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_pushed_and_pulled() {
    for on in BOTH {
        let server = Server::start(on).await;
        expect(server.ask("GET", "/v2/"), 200).await;
        let digest = server.put_blob("a/app", b"0123456789").await;
        let path = format!("/v2/a/app/blobs/{digest}");
        let head = expect(server.ask("HEAD", &path), 200).await;
        assert_eq!(header_of(&head, "content-length"), "10");
        assert_eq!(
            header_of(&head, "docker-content-digest"),
            digest.to_string()
        );
        let whole = expect(server.ask("GET", &path), 200).await;
        assert_eq!(whole.bytes().await.unwrap(), "0123456789");
        for (range, part, shown) in [
            ("bytes=0-3", "0123", "bytes 0-3/10"),
            ("bytes=8-", "89", "bytes 8-9/10"),
            ("bytes=-1", "9", "bytes 9-9/10"),
        ] {
            let request = server.ask("GET", &path).header("range", range);
            let response = expect(request, 206).await;
            assert_eq!(header_of(&response, "content-range"), shown);
            assert_eq!(response.bytes().await.unwrap(), part);
        }
        let outside = server.ask("GET", &path).header("range", "bytes=10-");
        let outside = expect(outside, 416).await;
        assert_eq!(header_of(&outside, "content-range"), "bytes */10");
        let known = server
            .ask("GET", &path)
            .header("if-none-match", format!("\"{digest}\""));
        expect(known, 304).await;
        let none = format!("/v2/a/app/blobs/{}", Digest::of(b"none"));
        refused(server.ask("GET", &none), 404, "BLOB_UNKNOWN").await;
        expect(server.ask("HEAD", &none), 404).await;
        // It goes by itself; the specification lets a registry say so.
        refused(server.ask("DELETE", &path), 405, "UNSUPPORTED").await;
        expect(server.ask("HEAD", &path), 200).await;
        // An empty blob is a blob.
        let empty = server.put_blob("a/app", b"").await;
        let response = expect(server.ask("GET", &format!("/v2/a/app/blobs/{empty}")), 200).await;
        assert_eq!(response.bytes().await.unwrap().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_are_named_by_tag_and_digest() {
    for on in BOTH {
        let server = Server::start(on).await;
        let manifest = image(&server, "a/app", b"layer").await;
        let bytes = manifest.to_json();
        let digest = Digest::of(&bytes);
        server
            .put_manifest("a/app", "v1", &bytes, media_type::MANIFEST)
            .await;
        for name in ["v1".to_owned(), digest.to_string()] {
            let path = format!("/v2/a/app/manifests/{name}");
            let head = expect(server.ask("HEAD", &path), 200).await;
            assert_eq!(header_of(&head, "content-length"), bytes.len().to_string());
            assert_eq!(
                header_of(&head, "docker-content-digest"),
                digest.to_string()
            );
            let got = expect(server.ask("GET", &path), 200).await;
            assert_eq!(header_of(&got, "content-type"), media_type::MANIFEST);
            assert_eq!(got.bytes().await.unwrap(), bytes);
        }
        // Another repository of the same name space does not have it.
        let other = format!("/v2/a/other/manifests/{digest}");
        refused(server.ask("GET", &other), 404, "MANIFEST_UNKNOWN").await;
        // What it needs stays as long as it is there.
        let layer = format!("/v2/a/app/blobs/{}", Digest::of(b"layer"));
        refused(server.ask("DELETE", &layer), 405, "UNSUPPORTED").await;
        expect(server.ask("HEAD", &layer), 200).await;
        expect(server.ask("DELETE", "/v2/a/app/manifests/v1"), 202).await;
        refused(
            server.ask("GET", "/v2/a/app/manifests/v1"),
            404,
            "MANIFEST_UNKNOWN",
        )
        .await;
        let by_digest = format!("/v2/a/app/manifests/{digest}");
        expect(server.ask("HEAD", &by_digest), 200).await;
        server
            .put_manifest("a/app", "v2", &bytes, media_type::MANIFEST)
            .await;
        let noted = server.noted.lock().unwrap().clone();
        let names: Vec<_> = noted
            .into_iter()
            .map(|(actor, change)| match change {
                Change::Pushed { name, .. } => (actor, "pushed", name),
                Change::Deleted { name } => (actor, "deleted", name),
            })
            .collect();
        let tag = |tag: &str| ManifestName::Tag(tag.parse().unwrap());
        let expected = [
            ("pushed", tag("v1")),
            ("deleted", tag("v1")),
            ("pushed", tag("v2")),
        ];
        assert_eq!(
            names,
            expected.map(|(what, name)| ("ada".to_owned(), what, name))
        );
        // With the manifest its tags go.
        expect(server.ask("DELETE", &by_digest), 202).await;
        refused(
            server.ask("GET", "/v2/a/app/manifests/v2"),
            404,
            "MANIFEST_UNKNOWN",
        )
        .await;
        refused(server.ask("DELETE", &by_digest), 404, "MANIFEST_UNKNOWN").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_is_refused_for_what_it_is_not() {
    let server = Server::start(crate::server::On::Folder).await;
    let manifest = image(&server, "a/app", b"layer").await;
    let absent = Descriptor::of(media_type::WASM, b"absent");
    let wrong_size = Descriptor::new(media_type::WASM, Digest::of(b"layer"), 6);
    let with = |layer: Descriptor| {
        let manifest = Manifest::new(manifest.config.clone(), vec![layer]);
        String::from_utf8(manifest.to_json()).unwrap()
    };
    let own = String::from_utf8(manifest.to_json()).unwrap();
    let index = Index::new(vec![Descriptor::new(
        media_type::MANIFEST,
        Digest::of(b"layer"),
        5,
    )]);
    let index = String::from_utf8(index.to_json()).unwrap();
    let huge = " ".repeat((4 << 20) + 1);
    for (kind, body, status, code) in [
        (
            media_type::MANIFEST,
            with(absent),
            404,
            "MANIFEST_BLOB_UNKNOWN",
        ),
        (media_type::MANIFEST, with(wrong_size), 400, "SIZE_INVALID"),
        (media_type::INDEX, own.clone(), 400, "MANIFEST_INVALID"),
        (
            media_type::DOCKER_MANIFEST,
            own.clone(),
            400,
            "MANIFEST_INVALID",
        ),
        ("text/html", own.clone(), 400, "MANIFEST_INVALID"),
        ("", own.clone(), 400, "MANIFEST_INVALID"),
        (media_type::MANIFEST, "{}".into(), 400, "MANIFEST_INVALID"),
        (
            media_type::MANIFEST,
            "<html>".into(),
            400,
            "MANIFEST_INVALID",
        ),
        (
            media_type::MANIFEST,
            "[".repeat(100_000),
            400,
            "MANIFEST_INVALID",
        ),
        (media_type::MANIFEST, huge, 413, "SIZE_INVALID"),
        // A blob is no manifest, even if it is there.
        (media_type::INDEX, index, 404, "MANIFEST_BLOB_UNKNOWN"),
    ] {
        let request = server.ask("PUT", "/v2/a/app/manifests/x");
        let request = request.header("content-type", kind).body(body);
        refused(request, status, code).await;
    }
    let other = format!("/v2/a/app/manifests/{}", Digest::of(b"other"));
    let request = server
        .ask("PUT", &other)
        .header("content-type", media_type::MANIFEST);
    refused(request.body(own), 400, "DIGEST_INVALID").await;
    refused(
        server.ask("GET", "/v2/a/app/manifests/x"),
        404,
        "MANIFEST_UNKNOWN",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_come_in_pages() {
    for on in BOTH {
        let server = Server::start(on).await;
        refused(
            server.ask("GET", "/v2/a/app/tags/list"),
            404,
            "NAME_UNKNOWN",
        )
        .await;
        let bytes = image(&server, "a/app", b"layer").await.to_json();
        for tag in ["c", "a", "B", "d"] {
            server
                .put_manifest("a/app", tag, &bytes, media_type::MANIFEST)
                .await;
        }
        let mut path = "/v2/a/app/tags/list?n=3".to_owned();
        let mut pages = Vec::new();
        loop {
            let response = expect(server.ask("GET", &path), 200).await;
            let link = response.headers().get("link").cloned();
            let page: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            assert_eq!(page["name"], "a/app");
            pages.push(page["tags"].clone());
            let Some(link) = link else { break };
            let link = link.to_str().unwrap();
            let (next, relation) = link.split_once('>').unwrap();
            assert_eq!(relation, "; rel=\"next\"");
            path = next.strip_prefix('<').unwrap().to_owned();
        }
        assert_eq!(json!(pages), json!([["B", "a", "c"], ["d"]]));
        let none = expect(server.ask("GET", "/v2/a/app/tags/list?n=0"), 200).await;
        let none: Value = serde_json::from_slice(&none.bytes().await.unwrap()).unwrap();
        assert_eq!(none["tags"], json!([]));
        let wrong = server.ask("GET", "/v2/a/app/tags/list?n=many");
        refused(wrong, 400, "PAGINATION_NUMBER_INVALID").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_are_listed_and_filtered() {
    for on in BOTH {
        let server = Server::start(on).await;
        let subject = image(&server, "a/app", b"layer").await.to_json();
        let subject = Descriptor::of(media_type::MANIFEST, &subject);
        let path = format!("/v2/a/app/referrers/{}", subject.digest);
        // Nobody asks whether the subject is there.
        let empty: Value = list(&server, &path).await;
        assert_eq!(empty["manifests"], json!([]));
        let mut digests = Vec::new();
        for (kind, note) in [
            ("application/x.sbom", "one"),
            ("application/x.signature", "two"),
        ] {
            let mut about = image(&server, "a/app", note.as_bytes()).await;
            about.artifact_type = Some(kind.into());
            about.subject = Some(subject.clone());
            about.annotations.insert("note".into(), note.into());
            let bytes = about.to_json();
            let digest = Digest::of(&bytes);
            let request = server.ask("PUT", &format!("/v2/a/app/manifests/{digest}"));
            let request = request
                .header("content-type", media_type::MANIFEST)
                .body(bytes);
            let response = expect(request, 201).await;
            assert_eq!(
                header_of(&response, "oci-subject"),
                subject.digest.to_string()
            );
            digests.push(digest);
        }
        let all = list(&server, &path).await;
        assert_eq!(all["mediaType"], media_type::INDEX);
        assert_eq!(all["manifests"].as_array().unwrap().len(), 2);
        let filtered = format!("{path}?artifactType=application/x.sbom");
        let response = expect(server.ask("GET", &filtered), 200).await;
        assert_eq!(header_of(&response, "oci-filters-applied"), "artifactType");
        let found: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let found = found["manifests"].as_array().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["artifactType"], "application/x.sbom");
        assert_eq!(found[0]["annotations"]["note"], "one");
        let about = format!("/v2/a/app/manifests/{}", digests[0]);
        expect(server.ask("DELETE", &about), 202).await;
        assert_eq!(list(&server, &filtered).await["manifests"], json!([]));
    }
}

async fn list(server: &Server, path: &str) -> Value {
    let response = expect(server.ask("GET", path), 200).await;
    assert_eq!(header_of(&response, "content-type"), media_type::INDEX);
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_gets_what_is_not_theirs() {
    for on in BOTH {
        let server = Server::start(on).await;
        let bytes = image(&server, "a/app", b"secret layer").await.to_json();
        server
            .put_manifest("a/app", "v1", &bytes, media_type::MANIFEST)
            .await;
        let digest = Digest::of(b"secret layer");
        let anonymous = server.client.get(format!("http://{}/v2/", server.host));
        let anonymous = expect(anonymous, 401).await;
        assert_eq!(
            header_of(&anonymous, "www-authenticate"),
            "Basic realm=\"test\""
        );
        // Whether it exists or not, the answer is the same.
        for path in [
            "/v2/a/app/manifests/v1",
            "/v2/a/none/manifests/v1",
            "/v2/a/app/tags/list",
        ] {
            refused(server.ask_as(BOB, "GET", path), 403, "DENIED").await;
        }
        let of_b = format!("/v2/b/app/blobs/{digest}");
        refused(server.ask_as(BOB, "GET", &of_b), 404, "BLOB_UNKNOWN").await;
        for from in ["a/app", "a/none", "b/app", "..", "%00"] {
            let path = format!("/v2/b/app/blobs/uploads/?mount={digest}&from={from}");
            expect(server.ask_as(BOB, "POST", &path), 202).await;
        }
        let path = format!("/v2/b/app/blobs/uploads/?mount={digest}");
        expect(server.ask_as(BOB, "POST", &path), 202).await;
        // Who may only read, reads.
        expect(server.ask_as(EVE, "GET", "/v2/a/app/manifests/v1"), 200).await;
        for (method, path) in [
            ("POST", "/v2/a/app/blobs/uploads/".to_owned()),
            ("PUT", "/v2/a/app/manifests/v1".to_owned()),
            ("DELETE", "/v2/a/app/manifests/v1".to_owned()),
        ] {
            refused(server.ask_as(EVE, method, &path), 403, "DENIED").await;
        }
        // Inside of a name space a blob is taken over.
        let path = format!("/v2/a/more/blobs/uploads/?mount={digest}&from=a/app");
        let mounted = expect(server.ask("POST", &path), 201).await;
        assert_eq!(
            header_of(&mounted, "location"),
            format!("/v2/a/more/blobs/{digest}")
        );
    }
}
