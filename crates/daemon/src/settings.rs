//! What the device's owner sets: the table `[daemon]` of `thimble.toml`, and those beside it.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::bridge::BridgeSettings;
use crate::fleet::FleetSettings;
use crate::telemetry::otlp::OtlpSettings;

/// The settings of the daemon.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Threads that run containers; one for each processor if it is not set.
    pub workers: Option<u16>,
    /// Folders that containers may be given with `-v /FOLDER:/PATH`. Nothing else of the device's files can be.
    pub folders: Vec<PathBuf>,
    /// What becomes of a device that cannot confine the daemon: `require`, `best-effort` or `off`.
    pub isolation: Isolation,
    /// The group whose members may use the socket.
    pub socket_group: Option<String>,
    /// Where figures for Prometheus are served without the socket, for example `127.0.0.1:9464`.
    pub metrics: Option<SocketAddr>,
    /// Whether a parent process starts the daemon again when it dies. Unset: unless a service manager does.
    pub supervisor: Option<bool>,
    /// A collector that figures are sent to.
    pub otlp: Option<OtlpSettings>,
    /// Brokers that the bus is joined with.
    pub bridge: Vec<BridgeSettings>,
    /// The hub of the fleet that the device belongs to: the table `[fleet]`, beside `[daemon]`.
    #[serde(skip)]
    pub fleet: Option<FleetSettings>,
}

/// What becomes of a device that cannot confine the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// The daemon does not start.
    Require,
    /// It says what is missing, and starts.
    #[default]
    BestEffort,
    /// Nothing is confined.
    Off,
}
