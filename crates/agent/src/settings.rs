//! What the agent is told once, and the time.

use thimble_protocol::{DeviceId, UnixSeconds};

/// What the agent is told when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which device this is, as the hub knows it.
    pub device: DeviceId,
    /// Spreads retries; any number, another one for each device.
    pub seed: u64,
    /// Milliseconds between two reports at least, for what happens to deployments.
    pub report_every_ms: u32,
    /// Milliseconds between two reports at least, for containers whose state or health changed by itself.
    pub containers_every_ms: u32,
}

impl Settings {
    /// Returns what most devices want: changes told within two seconds, containers' states at most once a minute.
    #[must_use]
    pub const fn new(device: DeviceId, seed: u64) -> Self {
        Self {
            device,
            seed,
            report_every_ms: 2_000,
            containers_every_ms: 60_000,
        }
    }
}

/// The time of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since some moment of this run of the device; it never goes back.
    pub ms: u64,
    /// The wall clock, if it is believed: set over the network, or kept by a battery.
    pub clock: Option<UnixSeconds>,
}
