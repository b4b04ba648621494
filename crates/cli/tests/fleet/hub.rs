//! A hub of a few hundred lines: the devices' resources over mutual TLS 1.3, with an authority of its own, and whatever
//! trouble a test wants.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use p256::SecretKey;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use thimble_image::Digest;
use thimble_protocol::bundle::Writer;
use thimble_protocol::enrol::Issued;
use thimble_protocol::keyring::key_id;
use thimble_protocol::sign::{P256Signer, sign_manifest, sign_state};
use thimble_protocol::state::{DesiredState, Item, SealedSecret, SigningKey, UpdatePolicy};
use thimble_protocol::{
    DeviceId, ETag, EnrolReply, EnrolRequest, Manifest, Report, ReportReply, StateVersion,
    UnixSeconds,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode as _, EncodePem as _};

/// The code with which devices enrol here.
pub(crate) const CLAIM_CODE: &str = "let-me-in";
/// The only device.
pub(crate) const DEVICE: DeviceId = DeviceId([7; 16]);

/// A hub.
pub(crate) struct Hub {
    shared: Arc<Shared>,
    /// Whether it is on the network; its thread answers when that is so.
    online: mpsc::UnboundedSender<(bool, std::sync::mpsc::Sender<()>)>,
    pub(crate) ca_pem: String,
}

/// What requests and the test share.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    issuer: Issuer<'static, KeyPair>,
    signer: P256Signer,
    signing_key: SigningKey,
}

#[derive(Default)]
pub(crate) struct State {
    base: String,
    version: u64,
    envelope: Option<(ETag, Vec<u8>)>,
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    /// Those that are manifests.
    manifests: BTreeSet<Digest>,
    pub(crate) reports: Vec<Report>,
    pub(crate) reply: ReportReply,
    /// The device's key, from its request.
    pub(crate) device_key: Option<p256::PublicKey>,
    pub(crate) enrolments: u32,
    /// Blobs whose next answer stands still after so many bytes.
    pub(crate) cuts: BTreeMap<Digest, usize>,
    /// Where answers about blobs began.
    pub(crate) offsets: Vec<(Digest, usize)>,
    /// The device is not wanted any more.
    pub(crate) is_refusing: bool,
    pub(crate) polls: u32,
}

impl Hub {
    pub(crate) fn start() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = parameters.self_signed(&key).unwrap();
        let issuer = Issuer::new(parameters, key);
        let server_key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&server_key, &issuer)
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![server.der().clone()],
                PrivateKeyDer::Pkcs8(server_key.serialize_der().into()),
            )
            .unwrap();
        let secret = SecretKey::from_slice(&[0x42; 32]).unwrap();
        let signer = P256Signer::new(&secret);
        let signing_key = signer.signing_key();
        assert_eq!(signing_key.id, key_id(&signing_key.point));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                base: format!("https://localhost:{}", address.port()),
                reply: ReportReply::default(),
                ..State::default()
            }),
            changed: watch::Sender::new(0),
            issuer,
            signer,
            signing_key,
        });
        let (online, told) = mpsc::unbounded_channel();
        let (acceptor, serving) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&shared));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(listener, address, acceptor, serving, told));
        });
        let der = x509_cert::Certificate::from_der(authority.der()).unwrap();
        Self {
            shared,
            online,
            ca_pem: der.to_pem(LineEnding::LF).unwrap(),
        }
    }

    fn set_online(&self, is_online: bool) {
        let (sender, done) = std::sync::mpsc::channel();
        self.online.send((is_online, sender)).unwrap();
        done.recv().unwrap();
    }

    /// Takes the hub off the network, with everything that is open.
    pub(crate) fn go_offline(&self) {
        self.set_online(false);
    }

    /// Brings it back.
    pub(crate) fn come_back(&self) {
        self.set_online(true);
    }

    pub(crate) fn url(&self) -> String {
        self.shared.state.lock().unwrap().base.clone()
    }

    /// Looks at what there is, or changes it.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.shared.state.lock().unwrap())
    }

    /// Adds a blob.
    pub(crate) fn add(&self, bytes: Vec<u8>) -> (Digest, u32) {
        let (digest, length) = (Digest::of(&bytes), u32::try_from(bytes.len()).unwrap());
        self.with(|state| state.blobs.insert(digest, bytes));
        (digest, length)
    }

    /// The state and everything there is, in a file for whoever has no network.
    pub(crate) fn bundle(&self) -> Vec<u8> {
        self.with(|state| {
            let (mut writer, mut bytes) = Writer::new();
            let (_, envelope) = state.envelope.as_ref().unwrap();
            bytes.extend(writer.state(DeviceId([1; 16]), envelope).unwrap());
            bytes.extend(writer.state(DEVICE, envelope).unwrap());
            for digest in &state.manifests {
                bytes.extend(writer.manifest(&state.blobs[digest]).unwrap());
            }
            for (digest, blob) in &state.blobs {
                if !state.manifests.contains(digest) {
                    bytes.extend(writer.blob(*digest, blob.len() as u64).unwrap());
                    writer.part(blob).unwrap();
                    bytes.extend(blob);
                }
            }
            bytes.extend(writer.end().unwrap());
            bytes
        })
    }

    /// Declares what the device is to be: these deployments, and nothing else.
    pub(crate) fn declare(&self, manifests: &[Manifest], secrets: Vec<SealedSecret>) -> u64 {
        self.declare_with(manifests, secrets, |_| {})
    }

    /// Sends a newer state that another key has signed.
    pub(crate) fn sign_as_a_stranger(&self) {
        let stranger = P256Signer::new(&SecretKey::from_slice(&[0x43; 32]).unwrap());
        let state = DesiredState {
            device: DEVICE,
            version: StateVersion(1_000),
            issued_at: UnixSeconds(1_700_000_000),
            items: Vec::new(),
            policy: UpdatePolicy::default(),
            secrets: Vec::new(),
            ladder: Vec::new(),
            recovery_urls: Vec::new(),
            next_keys: Vec::new(),
        };
        let etag = ETag::of(state.version, &state.encode());
        let envelope = sign_state(&state, &stranger).unwrap();
        self.with(|shared| shared.envelope = Some((etag, envelope)));
        self.shared.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn declare_with(
        &self,
        manifests: &[Manifest],
        secrets: Vec<SealedSecret>,
        change: impl FnOnce(&mut DesiredState),
    ) -> u64 {
        let items = manifests
            .iter()
            .map(|manifest| {
                let envelope = sign_manifest(manifest, &self.shared.signer).unwrap();
                let (digest, bytes) = self.add(envelope);
                self.with(|state| state.manifests.insert(digest));
                Item {
                    deployment: manifest.deployment,
                    manifest: digest,
                    manifest_bytes: bytes,
                    override_reason: None,
                }
            })
            .collect();
        let version = self.with(|state| {
            state.version += 1;
            state.version
        });
        let mut declared = DesiredState {
            device: DEVICE,
            version: StateVersion(version),
            issued_at: UnixSeconds(1_700_000_000),
            items,
            policy: UpdatePolicy::default(),
            secrets,
            ladder: Vec::new(),
            recovery_urls: Vec::new(),
            next_keys: Vec::new(),
        };
        change(&mut declared);
        let etag = ETag::of(declared.version, &declared.encode());
        let envelope = sign_state(&declared, &self.shared.signer).unwrap();
        self.with(|state| state.envelope = Some((etag, envelope)));
        self.shared.changed.send_modify(|count| *count += 1);
        version
    }
}

/// Serves connections while the hub is on the network.
async fn serve(
    listener: std::net::TcpListener,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    mut told: mpsc::UnboundedReceiver<(bool, std::sync::mpsc::Sender<()>)>,
) {
    listener.set_nonblocking(true).unwrap();
    let mut listener = Some(TcpListener::from_std(listener).unwrap());
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepting = async {
            match &listener {
                Some(listener) => listener.accept().await.unwrap().0,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            stream = accepting => {
                connections.spawn(connection(stream, acceptor.clone(), Arc::clone(&shared)));
            }
            message = told.recv() => {
                let Some((is_online, done)) = message else { return };
                if is_online {
                    let socket = tokio::net::TcpSocket::new_v4().unwrap();
                    socket.set_reuseaddr(true).unwrap();
                    socket.bind(address).unwrap();
                    listener = Some(socket.listen(64).unwrap());
                } else {
                    listener = None;
                    connections.shutdown().await;
                }
                done.send(()).unwrap();
            }
        }
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let has_certificate = stream.get_ref().1.peer_certificates().is_some();
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { answer(&shared, request, has_certificate).await }
    });
    // A test may end it in the middle.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

type Answer = Response<Cut>;

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
    has_certificate: bool,
) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let is_enrolment = path == "/d/v1/enrol";
    let is_refusing = shared.state.lock().unwrap().is_refusing;
    if (!has_certificate && !is_enrolment) || is_refusing {
        let body = br#"{"type":"about:blank","detail":"the certificate was revoked"}"#;
        return Ok(reply(403, body.to_vec()));
    }
    let response = match path.as_str() {
        "/d/v1/enrol" => enrol(shared, request).await,
        "/d/v1/state" => state(shared, request).await,
        "/d/v1/report" => report(shared, request).await,
        _ => match path.strip_prefix("/d/v1/blob/") {
            Some(digest) => return Ok(blob(shared, digest, &request)),
            None => reply(404, Vec::new()),
        },
    };
    Ok(response)
}

fn reply(status: u16, body: Vec<u8>) -> Answer {
    Response::builder()
        .status(status)
        .header("next-poll", "1")
        .body(Cut {
            bytes: Some(body.into()),
            is_cut: false,
        })
        .unwrap()
}

/// The public key of a device, as a certificate has it.
struct DevicePoint(Vec<u8>);

impl rcgen::PublicKeyData for DevicePoint {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

async fn enrol(shared: &Shared, request: Request<Incoming>) -> Answer {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let asked = EnrolRequest::decode(&body).unwrap();
    if asked.claim_code.as_deref() != Some(CLAIM_CODE)
        && shared.state.lock().unwrap().enrolments == 0
    {
        return reply(403, br#"{"detail":"there is no such claim code"}"#.to_vec());
    }
    let request = x509_cert::request::CertReq::from_der(&asked.csr).unwrap();
    let key = request
        .info
        .public_key
        .subject_public_key
        .raw_bytes()
        .to_vec();
    let certificate = CertificateParams::new(Vec::<String>::new())
        .unwrap()
        .signed_by(&DevicePoint(key.clone()), &shared.issuer)
        .unwrap();
    let mut state = shared.state.lock().unwrap();
    state.enrolments += 1;
    state.device_key = Some(p256::PublicKey::from_sec1_bytes(&key).unwrap());
    let issued = Issued {
        device: DEVICE,
        chain: vec![certificate.der().to_vec()],
        authorities: Vec::new(),
        keys: vec![shared.signing_key.clone()],
        hub: state.base.clone(),
    };
    reply(200, EnrolReply::Issued(issued).encode())
}

async fn state(shared: &Shared, request: Request<Incoming>) -> Answer {
    shared.state.lock().unwrap().polls += 1;
    let known = request
        .headers()
        .get("if-none-match")
        .map(|tag| tag.to_str().unwrap().to_owned());
    let waits = request
        .uri()
        .query()
        .and_then(|query| query.strip_prefix("wait=")?.parse().ok());
    let mut changed = shared.changed.subscribe();
    let newer = || {
        let state = shared.state.lock().unwrap();
        let (etag, envelope) = state.envelope.clone()?;
        (known.as_deref() != Some(etag.to_string().as_str())).then_some((etag, envelope))
    };
    let waiting = async {
        loop {
            if let Some(found) = newer() {
                return found;
            }
            changed.changed().await.unwrap();
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(waits.unwrap_or(0)), waiting).await;
    match found {
        Err(_) => reply(304, Vec::new()),
        Ok((etag, envelope)) => {
            let mut response = reply(200, envelope);
            let etag = etag.to_string().parse().unwrap();
            response.headers_mut().insert("etag", etag);
            response
        }
    }
}

async fn report(shared: &Shared, request: Request<Incoming>) -> Answer {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let report = Report::decode(&body).unwrap();
    let mut state = shared.state.lock().unwrap();
    let reply_bytes = ReportReply {
        sequence: report.sequence,
        ..state.reply.clone()
    }
    .encode();
    state.reports.push(report);
    reply(200, reply_bytes)
}

fn blob(shared: &Shared, digest: &str, request: &Request<Incoming>) -> Answer {
    let digest: Digest = digest.parse().unwrap();
    let begin: usize = request
        .headers()
        .get("range")
        .and_then(|range| {
            range
                .to_str()
                .ok()?
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    let mut state = shared.state.lock().unwrap();
    let Some(bytes) = state.blobs.get(&digest).cloned() else {
        return reply(404, Vec::new());
    };
    state.offsets.push((digest, begin));
    let part = bytes[begin..].to_vec();
    let mut builder = Response::builder()
        .status(if begin > 0 { 206 } else { 200 })
        .header("content-length", part.len());
    if begin > 0 {
        let range = format!("bytes {begin}-{}/{}", bytes.len() - 1, bytes.len());
        builder = builder.header("content-range", range);
    }
    let body = match state.cuts.remove(&digest) {
        None => Cut {
            bytes: Some(part.into()),
            is_cut: false,
        },
        Some(length) => Cut {
            bytes: Some(part[..length].to_vec().into()),
            is_cut: true,
        },
    };
    builder.body(body).unwrap()
}

/// A body that may stand still before its end, as when the network is gone.
pub(crate) struct Cut {
    bytes: Option<Bytes>,
    is_cut: bool,
}

impl hyper::body::Body for Cut {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(match self.bytes.take() {
            Some(bytes) => Some(Ok(hyper::body::Frame::data(bytes))),
            None if self.is_cut => return std::task::Poll::Pending,
            None => None,
        })
    }
}
