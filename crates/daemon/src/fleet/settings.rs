//! What the owner sets about the fleet: the table `[fleet]` of `thimble.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// The settings of the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetSettings {
    /// Where the hub's devices call: `https://HOST[:PORT]`.
    pub hub: String,
    /// A PEM file of the authorities that the hub's certificate comes from; the system's without it.
    pub ca: Option<PathBuf>,
    /// The code with which the device enrols. Without one, somebody has to approve the device.
    pub claim_code: Option<String>,
    /// A file with that code.
    pub claim_code_file: Option<PathBuf>,
    /// Labels that the hub knows as `device/NAME`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Who made the device.
    pub vendor: Option<String>,
    /// Its model; what the firmware says without it.
    pub model: Option<String>,
    /// Its serial number; what the firmware or the system says without it.
    pub serial: Option<String>,
    /// Memory that containers may have together, in bytes; three quarters of the device's without it.
    pub memory_bytes: Option<u64>,
    /// Keeps everything as it is until it is released with `thimble agent release`.
    #[serde(default)]
    pub hold: bool,
    /// Seconds within which the hub is first called after a start; 30 without it, so that a site whose power returns does not
    /// call as one.
    pub spread_s: Option<u32>,
    /// When the device's clock is believed.
    #[serde(default)]
    pub clock: ClockBelief,
    /// The program, and its arguments, that restarts the device. Without one it is never restarted.
    #[serde(default)]
    pub restart_device: Vec<String>,
}

/// When the device's clock is believed, which decides whether windows of time can be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockBelief {
    /// While the kernel says that it is synchronised.
    #[default]
    Synchronised,
    /// Always: the device has a clock with a battery.
    Always,
    /// Never.
    Never,
}
