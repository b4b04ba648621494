//! A registry on loopback, over a folder or over a real S3 server.

use std::sync::{Arc, Mutex};

use axum::http::header;
use base64ct::{Base64, Encoding};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::{Method, RequestBuilder, Response};
use tempfile::TempDir;
use thimble_hub_blobs::{
    Access, Action, Asker, Authorizer, Blobs, Change, Granted, Limits, Refusal, S3Settings, Space,
    Storage,
};
use thimble_image::Digest;
use tokio::net::TcpListener;

/// Where the content of a test lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Folder,
    S3,
}

/// Both of them.
pub(crate) const BOTH: [On; 2] = [On::Folder, On::S3];

/// The user of the name space `a`, who may do everything; `eve` may only read it; `bob` has `b`.
pub(crate) const ADA: (&str, &str) = ("ada", "secret");
pub(crate) const EVE: (&str, &str) = ("eve", "listens");
pub(crate) const BOB: (&str, &str) = ("bob", "other");

/// A store that lasts as long as the test.
pub(crate) struct Store {
    pub(crate) storage: Storage,
    pub(crate) folder: TempDir,
}

impl Store {
    pub(crate) async fn new(on: On) -> Self {
        let folder = TempDir::new().unwrap();
        let storage = match on {
            On::Folder => Storage::Folder(folder.path().join("blobs")),
            On::S3 => s3(folder.path()).await,
        };
        Self { storage, folder }
    }

    pub(crate) async fn open(&self, limits: Limits) -> Blobs {
        Blobs::open(&self.storage, limits).await.unwrap()
    }

    pub(crate) async fn space(&self) -> Space {
        let blobs = self.open(Limits::default()).await;
        blobs.space("a".parse().unwrap(), None)
    }
}

async fn s3(folder: &std::path::Path) -> Storage {
    std::fs::create_dir(folder.join("fleet")).unwrap();
    let files = s3s_fs::FileSystem::new(folder).unwrap();
    let mut service = s3s::service::S3ServiceBuilder::new(files);
    service.set_auth(s3s::auth::SimpleAuth::from_single("key", "hidden"));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Storage::S3(S3Settings {
        endpoint,
        bucket: "fleet".into(),
        region: "us-east-1".into(),
        access_key_id: "key".into(),
        secret_access_key: "hidden".into(),
        // This server makes one file name of a whole key, so that keys must be short.
        prefix: "h".into(),
        is_http_allowed: true,
    })
}

/// What was changed, by whom.
pub(crate) type Noted = Arc<Mutex<Vec<(String, Change)>>>;

/// Knows three users; the first part of a repository is the name space.
struct Users {
    bytes_max: Option<u64>,
    noted: Noted,
}

impl Authorizer for Users {
    fn authorize<'a>(
        &'a self,
        asker: Asker<'a>,
        access: Access<'a>,
    ) -> BoxFuture<'a, Result<Option<Granted>, Refusal>> {
        Box::pin(async move {
            let unknown = || Refusal::Unknown {
                challenge: "Basic realm=\"test\"".into(),
            };
            let said = asker
                .headers
                .get(header::AUTHORIZATION)
                .ok_or_else(unknown)?;
            let said = said
                .to_str()
                .ok()
                .and_then(|said| said.strip_prefix("Basic "));
            let said = Base64::decode_vec(said.ok_or_else(unknown)?).map_err(|_| unknown())?;
            let said = String::from_utf8(said).map_err(|_| unknown())?;
            let pair = said.split_once(':').ok_or_else(unknown)?;
            let (own, can_write) = match pair {
                ADA => ("a", true),
                EVE => ("a", false),
                BOB => ("b", true),
                _ => return Err(unknown()),
            };
            let Access::Repository { name, action } = access else {
                return Ok(None);
            };
            let (first, repository) = name.split_first().ok_or(Refusal::Denied)?;
            if first != own || action != Action::Pull && !can_write {
                return Err(Refusal::Denied);
            }
            Ok(Some(Granted {
                name_space: own.parse().unwrap(),
                repository,
                bytes_max: self.bytes_max,
                actor: pair.0.into(),
            }))
        })
    }

    fn record<'a>(
        &'a self,
        granted: &'a Granted,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        let noted = (granted.actor.clone(), change.clone());
        Box::pin(async move {
            self.noted.lock().unwrap().push(noted);
            Ok(())
        })
    }
}

/// A registry that listens.
pub(crate) struct Server {
    pub(crate) store: Store,
    pub(crate) host: String,
    pub(crate) client: reqwest::Client,
    pub(crate) noted: Noted,
}

impl Server {
    pub(crate) async fn start(on: On) -> Self {
        Self::with(on, Limits::default(), None).await
    }

    pub(crate) async fn with(on: On, limits: Limits, bytes_max: Option<u64>) -> Self {
        let store = Store::new(on).await;
        let blobs = store.open(limits).await;
        let noted = Noted::default();
        let host = listen(blobs, bytes_max, Arc::clone(&noted)).await;
        // The client is made with TLS, even if nothing here is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            store,
            host,
            client: reqwest::Client::new(),
            noted,
        }
    }

    /// The host of another node over the same store.
    pub(crate) async fn second_node(&self) -> String {
        let blobs = self.store.open(Limits::default()).await;
        listen(blobs, None, Arc::clone(&self.noted)).await
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        self.ask_as(ADA, method, path)
    }

    pub(crate) fn ask_as(&self, who: (&str, &str), method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client
            .request(method, format!("http://{}{path}", self.host))
            .header("authorization", basic(who))
    }

    /// Stores a blob at once.
    pub(crate) async fn put_blob(&self, name: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = format!("/v2/{name}/blobs/uploads/?digest={digest}");
        let request = self.ask("POST", &path).body(bytes.to_vec());
        expect(request, 201).await;
        digest
    }

    /// Stores a manifest under a tag.
    pub(crate) async fn put_manifest(&self, name: &str, tag: &str, bytes: &[u8], kind: &str) {
        let request = self.ask("PUT", &format!("/v2/{name}/manifests/{tag}"));
        let request = request.header("content-type", kind).body(bytes.to_vec());
        expect(request, 201).await;
    }
}

async fn listen(blobs: Blobs, bytes_max: Option<u64>, noted: Noted) -> String {
    let router = thimble_hub_blobs::router(blobs, Arc::new(Users { bytes_max, noted }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, router).await });
    host
}

pub(crate) fn basic((user, password): (&str, &str)) -> String {
    let pair = format!("{user}:{password}");
    format!("Basic {}", Base64::encode_string(pair.as_bytes()))
}

/// Sends it, and expects this status.
pub(crate) async fn expect(request: RequestBuilder, status: u16) -> Response {
    let response = request.send().await.unwrap();
    if response.status().as_u16() != status {
        let (found, url) = (response.status(), response.url().clone());
        let text = response.text().await.unwrap();
        assert_eq!(found.as_u16(), status, "{url}: {text}");
        unreachable!("they differ");
    }
    response
}

/// Sends it, and expects this status and this code in the error.
pub(crate) async fn refused(request: RequestBuilder, status: u16, code: &str) -> String {
    let text = expect(request, status).await.text().await.unwrap();
    let error: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(error["errors"][0]["code"], code, "{text}");
    error["errors"][0]["message"].as_str().unwrap().to_owned()
}

pub(crate) fn header_of(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    let value = value.unwrap_or_else(|| unreachable!("no {name} in {:?}", response.headers()));
    value.to_str().unwrap().to_owned()
}

/// So many bytes that look like nothing, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    };
    let words = length.div_ceil(8);
    let mut bytes: Vec<u8> = (0..words).flat_map(|_| next()).collect();
    bytes.truncate(length);
    bytes.into()
}
