//! What a client may not do to the listener.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::site::Site;

/// What a raw connection gets for some bytes, until it is closed.
async fn raw(site: &Site, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(site.url.trim_start_matches("http://"))
        .await
        .unwrap();
    // Whoever is cut off in between gets what was said until then.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn paths_and_methods_that_there_are_not_are_problems_too() {
    let site = Site::new().await;
    let path = site
        .json("GET", "/v1/nothing", &site.root, &Value::Null)
        .await;
    assert_eq!(path.problem(), "no-such-path");
    let method = site
        .json("PATCH", "/v1/health", &site.root, &Value::Null)
        .await;
    assert_eq!(method.problem(), "no-such-method");
    assert!(method.headers.contains_key("allow"), "{method:?}");
    let query = site
        .json("GET", "/v1/apps?limit=0", &site.root, &Value::Null)
        .await;
    assert_eq!(query.problem(), "invalid");
    let query = site
        .json("GET", "/v1/apps?colour=1", &site.root, &Value::Null)
        .await;
    assert_eq!(query.problem(), "malformed");
    let after = site
        .json("GET", "/v1/apps?after=x", &site.root, &Value::Null)
        .await;
    assert_eq!(after.problem(), "invalid");
}

#[tokio::test]
async fn heads_that_never_end_are_cut_off() {
    let site = Site::with(|settings| settings.operators.head_s = 1).await;
    // The connection is closed by the hub: otherwise this would not end.
    let answer = raw(&site, b"GET /v1/health HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    let nothing = raw(&site, b"").await;
    assert!(
        nothing.is_empty() || nothing.starts_with("HTTP/1.1 408"),
        "{nothing}"
    );
}

#[tokio::test]
async fn bodies_that_never_end_are_answered() {
    let site = Site::with(|settings| settings.operators.request_s = 1).await;
    let head = b"POST /v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let answer = raw(&site, head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("urn:thimble:problem:timeout"), "{answer}");
}

#[tokio::test]
async fn what_is_not_http_harms_nobody() {
    let site = Site::with(|settings| settings.operators.head_s = 1).await;
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..64 {
        let mut bytes = Vec::new();
        for _ in 0..(round * 7) {
            // xorshift64
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes.push(seed.to_le_bytes()[0]);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        let answer = raw(&site, &bytes).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{round}: {answer}"
        );
    }
    let large = format!(
        "GET /v1/health HTTP/1.1\r\nx: {}\r\n\r\n",
        "a".repeat(100_000)
    );
    let answer = raw(&site, large.as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    site.admin().health().await.unwrap();
}

#[tokio::test]
async fn one_address_has_only_so_many_connections() {
    let site = Site::with(|settings| settings.operators.connections_per_address_max = 4).await;
    let address = site.url.trim_start_matches("http://").to_owned();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(TcpStream::connect(&address).await.unwrap());
    }
    // The fifth is closed by the hub at once.
    let mut fifth = TcpStream::connect(&address).await.unwrap();
    let mut bytes = Vec::new();
    drop(fifth.read_to_end(&mut bytes).await);
    assert!(bytes.is_empty());
    drop(held);
    // Then there is room again, as soon as the hub has seen that they are gone.
    let answered = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let request = b"GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            if raw(&site, request).await.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    });
    answered.await.unwrap();
}

#[tokio::test]
async fn operators_are_served_over_tls_with_a_certificate_of_ones_own() {
    let place = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let write = |name: &str, text: String| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let certificate = write("hub.pem", certificate.pem());
    let key = write("hub.key", key.serialize_pem());
    let site = Site::with(|settings| {
        settings.operators.certificate = Some(certificate.clone());
        settings.operators.key = Some(key.clone());
    })
    .await;
    assert_eq!(site.admin().whoami().await.unwrap().user, "root");
    // Who does not speak TLS gets nothing, and whoever does not believe the hub sends it nothing.
    let address = site.url.trim_start_matches("https://localhost:");
    let mut stream = TcpStream::connect(format!("127.0.0.1:{address}"))
        .await
        .unwrap();
    stream
        .write_all(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP"));
    let strange = thimble_hub_api::Client::new(&thimble_hub_api::client::Settings {
        url: site.url.clone(),
        token: Some(site.root.clone()),
        tenant: None,
        trust: thimble_hub_api::client::Trust::Machine,
    });
    let refused = strange.unwrap().whoami().await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    // A key of somebody else is told at the start.
    let mut settings = site.hub.settings.operators.clone();
    settings.key = Some(write(
        "other.key",
        rcgen::KeyPair::generate().unwrap().serialize_pem(),
    ));
    let refused = crate::api::acceptor(&settings).err().unwrap();
    assert!(
        refused.to_string().contains("belong to each other"),
        "{refused}"
    );
}
