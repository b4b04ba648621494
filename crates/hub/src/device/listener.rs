//! Takes connections in: as many as the limits allow, and handshakes a few at a time.
//!
//! When a whole fleet comes back at once, those whose turn it is not wait in the system's queue, so that every handshake that
//! was begun ends in time; devices try again with jitter.

use core::fmt;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;
use rustls::{ServerConfig, version};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection;
use super::counts::Counts;
use super::side::{Clock, DeviceSide};
use crate::authority::{DeviceVerifier, ServerCertificate};

/// Bytes of a TLS record's content at most: what a microcontroller has room for.
pub const FRAGMENT_BYTES: usize = 4096;
/// Connections that wait in the system's queue.
const BACKLOG: u32 = 4096;
/// How long taking connections in pauses when the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Why there is no listener.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenerError {
    /// The address cannot be listened on.
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// TLS cannot be set up.
    Tls(rustls::Error),
}

impl fmt::Display for ListenerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, .. } => write!(
                formatter,
                "cannot listen for devices on {address}: choose another address in the settings, or end what has it"
            ),
            Self::Tls(_) => formatter.write_str("cannot set up TLS for devices"),
        }
    }
}

impl core::error::Error for ListenerError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Address { source, .. } => Some(source),
            Self::Tls(source) => Some(source),
        }
    }
}

/// Where devices call.
pub struct Listener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    side: Arc<DeviceSide>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Listener")
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

/// The hub's clock, as TLS asks for it: one time for the handshake and for all that follows.
struct HubTime(Clock);

impl fmt::Debug for HubTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HubTime")
    }
}

impl TimeProvider for HubTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = Duration::from_secs((self.0)().0);
        Some(UnixTime::since_unix_epoch(seconds))
    }
}

/// TLS as devices find it: version 1.3 with ring, small records, no sessions to take up again (a ticket would pass by the
/// check of the certificate), a certificate of the device unless it only enrols.
///
/// # Errors
/// The provider has no cipher suite of TLS 1.3.
pub fn tls(
    certificate: Arc<ServerCertificate>,
    verifier: Arc<DeviceVerifier>,
    provider: Arc<CryptoProvider>,
    clock: Clock,
) -> Result<ServerConfig, rustls::Error> {
    let time = Arc::new(HubTime(clock));
    let mut config = ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    config.max_fragment_size = Some(FRAGMENT_BYTES);
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

impl Listener {
    /// Listens on an address.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn bind(
        address: SocketAddr,
        tls: ServerConfig,
        side: Arc<DeviceSide>,
    ) -> Result<Self, ListenerError> {
        let listener =
            listen(address).map_err(|source| ListenerError::Address { address, source })?;
        Ok(Self {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            side,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves devices until `stopping`; then answers what was asked, parked polls at once, and ends.
    pub async fn serve(self, stopping: CancellationToken) {
        let tasks = TaskTracker::new();
        let settings = &self.side.settings;
        let handshakes = Arc::new(Semaphore::new(
            settings.handshakes_max.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let handshakes_of = Arc::new(Counts::default());
        let connections_of = Arc::new(Counts::default());
        let flush = tasks.spawn(flush_seen(Arc::clone(&self.side), stopping.clone()));
        loop {
            let Some((begun, socket, address)) = self.next(&handshakes, &stopping).await else {
                break;
            };
            let ip = address.ip();
            // Whoever is over a limit is closed at once: an answer would cost a handshake.
            if self.side.connections() >= settings.connections_max {
                continue;
            }
            let Some(counted) = connections_of.one_more(ip, settings.connections_per_address_max)
            else {
                continue;
            };
            let Some(counted_handshake) =
                handshakes_of.one_more(ip, settings.handshakes_per_address_max)
            else {
                continue;
            };
            // Answers are small and waited for.
            let _ = socket.set_nodelay(true);
            let (side, acceptor) = (Arc::clone(&self.side), self.acceptor.clone());
            let stopping = stopping.clone();
            tasks.spawn(async move {
                let _counted = counted;
                let begun = (begun, counted_handshake);
                connection::run(side, acceptor, socket, ip, begun, stopping).await;
            });
        }
        drop(self.listener);
        self.side.versions.stop();
        tasks.close();
        tasks.wait().await;
        let _ = flush.await;
        self.side.flush_seen().await;
    }

    /// The next connection, when there is room for a handshake; nothing when the node stops.
    async fn next(
        &self,
        handshakes: &Arc<Semaphore>,
        stopping: &CancellationToken,
    ) -> Option<(tokio::sync::OwnedSemaphorePermit, TcpStream, SocketAddr)> {
        let next = async {
            let begun = Arc::clone(handshakes).acquire_owned().await.ok()?;
            loop {
                match self.listener.accept().await {
                    Ok((socket, address)) => return Some((begun, socket, address)),
                    Err(error) => {
                        // A connection that ended before it was taken, or no descriptors: neither ends the listener.
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "cannot take a connection in"
                        );
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            next = next => next,
            () = stopping.cancelled() => None,
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn flush_seen(side: Arc<DeviceSide>, stopping: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(side.settings.seen_flush) => side.flush_seen().await,
            () = stopping.cancelled() => return,
        }
    }
}
