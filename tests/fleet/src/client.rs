//! A device as the hub sees it: a key, a certificate, a TLS connection, and HTTP/1.1 written by hand.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, version};
use thimble_protocol::enrol::Issued;
use thimble_protocol::{Capabilities, EnrolReply, EnrolRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Bytes of an answer at most; more is a hub gone mad.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A device's key and, once it is one of the fleet, what it was given.
pub struct Device {
    key: KeyPair,
    csr: Vec<u8>,
    /// What it says it is.
    pub capabilities: Capabilities,
    /// What it was given.
    pub issued: Option<Issued>,
}

impl Device {
    /// A device that has a key and a serial number, and is not one of the fleet.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(serial: &str) -> Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let csr = params.serialize_request(&key)?.der().to_vec();
        Ok(Self {
            key,
            csr,
            capabilities: Capabilities {
                vendor: "Thimble".to_owned(),
                model: "test-board".to_owned(),
                serial: serial.to_owned(),
                architecture: "x86_64".to_owned(),
                runtime: "0.1.0".to_owned(),
                engine: "wasmi".to_owned(),
                cores: 1,
                ram_bytes: 1 << 20,
                storage_bytes: 1 << 22,
                containers_max: 8,
                grants: vec!["fs".to_owned()],
                labels: Vec::new(),
            },
            issued: None,
        })
    }

    /// Its private key, PKCS #8.
    #[must_use]
    pub fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// Its certification request; the same each time.
    #[must_use]
    pub fn csr(&self) -> &[u8] {
        &self.csr
    }

    /// The request with which it enrols.
    #[must_use]
    pub fn enrol_request(&self, claim_code: Option<&str>) -> EnrolRequest {
        EnrolRequest {
            csr: self.csr.clone(),
            claim_code: claim_code.map(str::to_owned),
            capabilities: self.capabilities.clone(),
        }
    }

    /// TLS with its certificate, or without one if it has none.
    ///
    /// # Errors
    /// A certificate is none.
    pub fn tls(&self, root: &[u8]) -> Result<TlsConnector> {
        let chain = self.issued.iter().flat_map(|issued| issued.chain.first());
        let chain: Vec<_> = chain.cloned().map(CertificateDer::from).collect();
        let identity = (!chain.is_empty()).then(|| (chain, self.key_der()));
        connector(root, identity)
    }

    /// Enrols over a connection without a certificate.
    ///
    /// # Errors
    /// The hub cannot be reached, or does not take it.
    pub async fn enrol(
        &mut self,
        address: SocketAddr,
        root: &[u8],
        code: Option<&str>,
    ) -> Result<()> {
        let connector = connector(root, None)?;
        let mut connection = Connection::open(address, &connector, None).await?;
        let body = self.enrol_request(code).encode();
        let answer = connection.post("/d/v1/enrol", &body).await?;
        if answer.status != 200 {
            bail!("enrolment: {} {}", answer.status, answer.text());
        }
        match EnrolReply::decode(&answer.body).map_err(|error| anyhow!("{error}"))? {
            EnrolReply::Issued(issued) => self.issued = Some(issued),
            other => bail!("enrolment: {other:?}"),
        }
        Ok(())
    }
}

/// TLS 1.3 that believes a root, with a certificate chain and its key (PKCS #8) if there is one.
///
/// # Errors
/// A certificate or key is none.
pub fn connector(
    root: &[u8],
    identity: Option<(Vec<CertificateDer<'static>>, Vec<u8>)>,
) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root.to_vec()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key)))?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = rustls::client::Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// How many bytes it had, head and body.
    pub bytes: usize,
}

impl Answer {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The last part of a problem's type.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.header("content-type") != Some("application/problem+json") {
            return None;
        }
        let problem: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let kind = problem.get("type")?.as_str()?;
        // Every problem says what to do.
        let detail = problem.get("detail")?.as_str()?;
        (!detail.is_empty()).then(|| kind.rsplit(':').next().unwrap_or_default().to_owned())
    }
}

/// A connection that is kept.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects, from this address if one is given.
    ///
    /// # Errors
    /// The hub cannot be reached, or a handshake fails at this end.
    pub async fn open(
        address: SocketAddr,
        connector: &TlsConnector,
        from: Option<SocketAddr>,
    ) -> Result<Self> {
        let socket = match from {
            None => TcpStream::connect(address).await,
            Some(from) => {
                let socket = TcpSocket::new_v4()?;
                socket.set_reuseaddr(true)?;
                socket.bind(from).context("cannot take a source address")?;
                socket.connect(address).await
            }
        };
        let socket = socket.context("cannot connect")?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = connector.connect(name, socket).await.context("handshake")?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// The connection ended before it was complete, or it is no HTTP.
    pub async fn answer(&mut self) -> Result<Answer> {
        loop {
            if let Some((answer, bytes)) = parse(&self.buffer)? {
                self.buffer.drain(..bytes);
                return Ok(answer);
            }
            if self.buffer.len() > ANSWER_BYTES_MAX {
                bail!("the answer is too long");
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the connection ended after {} bytes", self.buffer.len());
            }
        }
    }

    /// Whether the hub ended the connection, once whatever it still says was read.
    pub async fn is_ended(&mut self) -> bool {
        let mut rest = Vec::new();
        // An end without `close_notify` is an end.
        let _ = self.stream.read_to_end(&mut rest).await;
        true
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.send(head.as_bytes()).await?;
        self.answer().await
    }

    /// Sends a message and waits for the answer.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn post(&mut self, target: &str, body: &[u8]) -> Result<Answer> {
        self.post_as(target, "application/cbor", body).await
    }

    /// Sends a body of a media type and waits for the answer.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn post_as(&mut self, target: &str, media_type: &str, body: &[u8]) -> Result<Answer> {
        let mut request = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        // The hub may have answered, and ended the connection, before all was sent.
        let sent = self.send(&request).await;
        match self.answer().await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(sent.err().unwrap_or(error)),
        }
    }
}

/// An answer at the beginning of these bytes, and how many of them it has; nothing if it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<(Answer, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = head.parse(bytes)? else {
        return Ok(None);
    };
    let status = head.code.unwrap_or_default();
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_ascii_lowercase(), value)
        })
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = match length {
        Some((_, text)) if status != 304 => text.parse::<usize>()?,
        _ => 0,
    };
    let Some(body) = bytes.get(head_bytes..head_bytes.saturating_add(length)) else {
        return Ok(None);
    };
    let answer = Answer {
        status,
        headers,
        body: body.to_vec(),
        bytes: head_bytes + length,
    };
    Ok(Some((answer, head_bytes + length)))
}
