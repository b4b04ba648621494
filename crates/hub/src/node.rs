//! A node: everything of a hub that runs in one program, started and stopped together.

mod devices;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use thimble_hub_store::{Error as StoreError, Id as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{self, TlsError};
use crate::authority::VaultError;
use crate::authority::verifier::AnchorError;
use crate::collect::Collector;
use crate::device::{FleetError, ListenerError};
use crate::hub::Hub;
use crate::publish::Publisher;
use crate::rollouts::{Executor, Pace};
use crate::webhooks::{Deliverer, SenderError};

/// A node that runs.
#[derive(Debug)]
pub struct Node {
    hub: Arc<Hub>,
    operators: SocketAddr,
    devices: SocketAddr,
    stopping: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Why a node does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum NodeError {
    /// Operators cannot be listened to.
    Operators {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The operators' certificate cannot be used.
    Certificate(TlsError),
    /// A certificate of the devices' side cannot be read.
    DeviceCertificate {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// Devices cannot be listened to.
    Devices(ListenerError),
    /// TLS cannot be had as devices need it.
    Tls(rustls::Error),
    /// A key of the hub cannot be had.
    Vault(VaultError),
    /// An authority cannot be believed.
    Anchor(AnchorError),
    /// The fleet cannot be read.
    Fleet(FleetError),
    /// The settings name a tenant that is not there, or twice.
    NoSuchTenant {
        /// Its name.
        name: String,
    },
    /// Webhooks cannot be told.
    Webhooks(SenderError),
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for NodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operators { address, .. } => write!(
                formatter,
                "operators cannot be listened to at {address}: set operators.listen, if another program is there"
            ),
            Self::Certificate(_) => {
                formatter.write_str("the operators' certificate cannot be used")
            }
            Self::DeviceCertificate { path, .. } => write!(
                formatter,
                "{} does not hold what it should, in PEM",
                path.display()
            ),
            Self::Devices(_) => formatter.write_str("devices cannot be listened to"),
            Self::Tls(_) => formatter.write_str("TLS cannot be had as devices need it"),
            Self::Vault(_) => formatter.write_str("a key of the hub cannot be had"),
            Self::Anchor(_) => formatter.write_str("an authority cannot be believed"),
            Self::Fleet(_) => formatter.write_str("the fleet cannot be read"),
            Self::NoSuchTenant { name } => write!(
                formatter,
                "the settings name the tenant {name}, which is not there, or twice"
            ),
            Self::Webhooks(_) => formatter.write_str("webhooks cannot be told"),
            Self::Store(_) => formatter.write_str("the store failed"),
        }
    }
}

impl std::error::Error for NodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Operators { source, .. } => Some(source),
            Self::Certificate(source) => Some(source),
            Self::DeviceCertificate { source, .. } => Some(source),
            Self::Devices(source) => Some(source),
            Self::Tls(source) => Some(source),
            Self::Vault(source) => Some(source),
            Self::Anchor(source) => Some(source),
            Self::Fleet(source) => Some(source),
            Self::Webhooks(source) => Some(source),
            Self::Store(source) => Some(source),
            Self::NoSuchTenant { .. } => None,
        }
    }
}

impl From<StoreError> for NodeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Node {
    /// Starts everything: listeners of operators and devices, the executor of rollouts, the deliverer of webhooks, the
    /// collector of blobs.
    ///
    /// # Errors
    /// [`NodeError`] says what does not start, and what to do.
    pub async fn start(hub: Arc<Hub>) -> Result<Self, NodeError> {
        let stopping = CancellationToken::new();
        let mut tasks = Vec::new();
        let acceptor = api::acceptor(&hub.settings.operators).map_err(NodeError::Certificate)?;
        let address = hub.settings.operators.listen;
        let unheard = |source| NodeError::Operators { address, source };
        let listener = TcpListener::bind(address).await.map_err(unheard)?;
        let operators = listener.local_addr().map_err(unheard)?;
        let devices = devices::start(&hub, &stopping, &mut tasks).await?;
        let router = api::router(Arc::clone(&hub));
        let stop = stopping.clone();
        let of_operators = Arc::clone(&hub);
        tasks.push(tokio::spawn(async move {
            let settings = &of_operators.settings.operators;
            api::serve(listener, acceptor, router, settings, stop.cancelled_owned()).await;
        }));
        let executor = Executor::new(
            hub.store.clone(),
            Publisher::of(&hub),
            hub.clock(),
            // Two nodes never have the same name, and neither have two lives of one node.
            thimble_hub_store::EventId::fresh().to_string(),
            Pace::default(),
        );
        let stop = stopping.clone();
        tasks.push(tokio::spawn(async move {
            executor.run(stop.cancelled_owned()).await;
        }));
        let deliverer = Deliverer::new(Arc::clone(&hub)).map_err(NodeError::Webhooks)?;
        let stop = stopping.clone();
        tasks.push(tokio::spawn(async move {
            deliverer.run(stop.cancelled_owned()).await;
        }));
        let collector = Collector::new(Arc::clone(&hub));
        let stop = stopping.clone();
        tasks.push(tokio::spawn(async move {
            collector.run(stop.cancelled_owned()).await;
        }));
        Ok(Self {
            hub,
            operators,
            devices,
            stopping,
            tasks,
        })
    }

    /// What all parts share.
    #[must_use]
    pub const fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Where operators are listened to.
    #[must_use]
    pub const fn operators(&self) -> SocketAddr {
        self.operators
    }

    /// Where devices are listened to.
    #[must_use]
    pub const fn devices(&self) -> SocketAddr {
        self.devices
    }

    /// Stops: what was asked is answered, and what is being done is done or undone.
    pub async fn stop(self) {
        self.stopping.cancel();
        for task in self.tasks {
            if task.await.is_err() {
                tracing::error!("a part of the hub broke");
            }
        }
        self.hub.store.close().await;
    }
}
