//! Whoever stands between a device and its hub, with the hub's own certificate and the device's key: the worst that a
//! network can be. It passes everything on, and says again what the hub once said when a test wants that.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thimble_hub::authority::{MasterKey, TrustDomain, Vault};
use thimble_hub_store::{Options, Store};
use thimble_protocol::EnrolReply;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::Hub;
use crate::client::{Answer, Connection, connector};
use crate::node::now;

/// What a proxy does with questions for the state.
#[derive(Clone, Debug, Default)]
pub enum Replay {
    /// It passes them on.
    #[default]
    Nothing,
    /// It answers them with this.
    This(Answer),
}

#[derive(Debug)]
struct Shared {
    hub: std::net::SocketAddr,
    root: Vec<u8>,
    device: Mutex<Option<PathBuf>>,
    replay: Mutex<Replay>,
    states: Mutex<Vec<Answer>>,
    replayed: Mutex<u32>,
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Stands at a port before the first node of a hub, whose certificate it has.
    ///
    /// # Errors
    /// The hub's keys cannot be read, or the port is taken.
    pub async fn start(hub: &Hub, port: u16) -> Result<Self> {
        let (certificate, key, root) = stolen(hub).await?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let shared = Arc::new(Shared {
            hub: (Ipv4Addr::LOCALHOST, hub.devices_port(0)).into(),
            root,
            device: Mutex::default(),
            replay: Mutex::default(),
            states: Mutex::default(),
            replayed: Mutex::default(),
        });
        let task = tokio::spawn(serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::clone(&shared),
        ));
        Ok(Self { shared, task })
    }

    /// The device in this folder is the one that calls: the proxy has its key.
    ///
    /// # Panics
    /// A thread broke that held a lock.
    pub fn steal(&self, folder: &Path) {
        *self.shared.device.lock().unwrap() = Some(folder.to_owned());
    }

    /// From now on it answers so.
    ///
    /// # Panics
    /// A thread broke that held a lock.
    pub fn set(&self, replay: Replay) {
        *self.shared.replay.lock().unwrap() = replay;
    }

    /// The states that the hub has given so far.
    ///
    /// # Panics
    /// A thread broke that held a lock.
    #[must_use]
    pub fn states(&self) -> Vec<Answer> {
        self.shared.states.lock().unwrap().clone()
    }

    /// How often it said something again.
    ///
    /// # Panics
    /// A thread broke that held a lock.
    #[must_use]
    pub fn replayed(&self) -> u32 {
        *self.shared.replayed.lock().unwrap()
    }
}

/// The hub's certificate with its key, and its root.
async fn stolen(hub: &Hub) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>, Vec<u8>)> {
    let folder = hub.folder().join("hub");
    let address = match &hub.database {
        Some(address) => address.clone(),
        None => format!("sqlite:{}", folder.join("hub.db").display()),
    };
    let store = Store::open(&address, Options::default()).await?;
    let master = MasterKey::read(&folder.join("master.key"))?;
    let vault = Vault::new(store.clone(), master, TrustDomain::new("thimble")?);
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let (certificate, key) = vault.server_certificate(&names, now()).await?;
    let root = vault.device_authority(now()).await?.root().to_vec();
    store.close().await;
    Ok((certificate, PrivateKeyDer::from(key), root))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            // A device may go away in the middle.
            let _ = connection(stream, acceptor, &shared).await;
        });
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, shared: &Shared) -> Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut hub: Option<Connection> = None;
    let mut bytes = Vec::new();
    loop {
        let request = loop {
            if let Some((is_state, length)) = parse(&bytes)? {
                let request: Vec<u8> = bytes.drain(..length).collect();
                break (is_state, request);
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let (is_state, request) = request;
        let replay = shared.replay.lock().unwrap().clone();
        let answer = match replay {
            Replay::This(answer) if is_state => {
                *shared.replayed.lock().unwrap() += 1;
                answer
            }
            _ => {
                let connection = match &mut hub {
                    Some(connection) => connection,
                    None => hub.insert(shared.call().await?),
                };
                connection.send(&request).await?;
                connection.answer().await?
            }
        };
        if is_state && answer.status == 200 {
            shared.states.lock().unwrap().push(answer.clone());
        }
        stream.write_all(&wire(&answer)).await?;
        stream.flush().await?;
    }
}

impl Shared {
    /// Calls the hub as the device, once that has a certificate.
    async fn call(&self) -> Result<Connection> {
        let folder = self.device.lock().unwrap().clone();
        let folder = folder.context("no device was stolen")?.join("daemon/fleet");
        let identity = fs::read(folder.join("enrolment")).ok().and_then(|bytes| {
            let Ok(EnrolReply::Issued(issued)) = EnrolReply::decode(&bytes) else {
                return None;
            };
            let chain = issued.chain.into_iter().map(CertificateDer::from).collect();
            Some((chain, fs::read(folder.join("device.key")).ok()?))
        });
        Connection::open(self.hub, &connector(&self.root, identity)?, None).await
    }
}

/// Whether a request asks for the state, and how many bytes it has; nothing if it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<(bool, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = head.parse(bytes)? else {
        return Ok(None);
    };
    let mut fields = head.headers.iter();
    let length = fields.find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body_bytes = match length {
        Some(header) => std::str::from_utf8(header.value)?.parse()?,
        None => 0,
    };
    let whole = head_bytes + body_bytes;
    let is_state = head
        .path
        .is_some_and(|path| path.starts_with("/d/v1/state"));
    Ok((bytes.len() >= whole).then_some((is_state, whole)))
}

/// An answer as it is sent.
fn wire(answer: &Answer) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} Said\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    [text.as_bytes(), &answer.body].concat()
}
