//! What the device is and what it offers, as the hub hears of it.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use thimble_abi::GrantKind;
use thimble_protocol::{Capabilities, UnixSeconds, limits};

use crate::device::{CONTAINERS_MAX, Device};
use crate::service::clock;

use super::settings::{ClockBelief, FleetSettings};

/// Where firmware says what the device is: of PCs, and of boards with a device tree.
const VENDOR_FILES: [&str; 1] = ["/sys/class/dmi/id/sys_vendor"];
const MODEL_FILES: [&str; 2] = ["/sys/class/dmi/id/product_name", "/proc/device-tree/model"];
const SERIAL_FILES: [&str; 3] = [
    "/sys/class/dmi/id/product_serial",
    "/proc/device-tree/serial-number",
    "/etc/machine-id",
];
/// Where the system says how much memory there is, and how much the daemon may have of it.
const MEMORY_FILE: &str = "/proc/meminfo";
const MEMORY_LIMIT_FILE: &str = "/sys/fs/cgroup/memory.max";

/// What only files outside the daemon's reach say: read before it is confined.
#[derive(Clone, Debug, Default)]
pub(super) struct Hardware {
    vendor: String,
    model: String,
    serial: String,
    /// Memory that containers may have together, unless the owner sets another number.
    ram_bytes: u64,
}

impl Hardware {
    /// Reads what there is.
    pub(super) fn read() -> Self {
        Self {
            vendor: first_of(&VENDOR_FILES),
            model: first_of(&MODEL_FILES),
            serial: first_of(&SERIAL_FILES),
            ram_bytes: memory_bytes() / 4 * 3,
        }
    }

    /// Memory that containers may have together.
    pub(super) fn ram_bytes(&self, settings: &FleetSettings) -> u64 {
        settings.memory_bytes.unwrap_or(self.ram_bytes)
    }

    /// Everything for the hub.
    pub(super) fn capabilities(&self, settings: &FleetSettings, device: &Device) -> Capabilities {
        let own = |set: &Option<String>, found: &str| {
            let text = set.as_deref().unwrap_or(found);
            let end = text.floor_char_boundary(limits::WORD_BYTES_MAX as usize);
            text.get(..end).unwrap_or_default().to_owned()
        };
        Capabilities {
            vendor: own(&settings.vendor, &self.vendor),
            model: own(&settings.model, &self.model),
            serial: own(&settings.serial, &self.serial),
            architecture: std::env::consts::ARCH.to_owned(),
            runtime: env!("CARGO_PKG_VERSION").to_owned(),
            engine: device.engine.name().to_owned(),
            cores: device.facts.workers,
            ram_bytes: self.ram_bytes(settings),
            storage_bytes: device.images.room_bytes().unwrap_or(0),
            containers_max: u32::try_from(CONTAINERS_MAX).unwrap_or(u32::MAX),
            grants: grants(),
            labels: settings
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        }
    }
}

/// What a container can be granted on Linux; there are no pins.
fn grants() -> Vec<String> {
    thimble_abi::grant::GRANTS
        .iter()
        .filter(|grant| !matches!(grant.kind, GrantKind::Gpio | GrantKind::Sensor))
        .map(|grant| grant.name.to_owned())
        .collect()
}

/// The wall clock, if it is believed.
pub(super) fn believed(belief: ClockBelief) -> Option<UnixSeconds> {
    let is_believed = match belief {
        ClockBelief::Synchronised => clock::is_synchronised(),
        ClockBelief::Always => true,
        ClockBelief::Never => false,
    };
    is_believed.then(unbelieved)
}

/// The wall clock, whether it is believed or not.
pub(super) fn unbelieved() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixSeconds(since.map_or(0, |since| since.as_secs()))
}

fn first_of(paths: &[&str]) -> String {
    let text = paths.iter().find_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let text = text.trim().to_owned();
        (!text.is_empty()).then_some(text)
    });
    text.unwrap_or_default()
}

/// The device's memory, or what the daemon may have of it.
fn memory_bytes() -> u64 {
    let total = fs::read_to_string(MEMORY_FILE).ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        kibibytes.checked_mul(1024)
    });
    let limit = fs::read_to_string(MEMORY_LIMIT_FILE)
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    [total, limit].into_iter().flatten().min().unwrap_or(0)
}
