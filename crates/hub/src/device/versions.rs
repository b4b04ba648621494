//! Which version of its state each device is to have, in memory: what polls are answered from without asking the store.
//!
//! Filled when a node starts, kept by the store's wake-ups. About 64 bytes per device. A version never goes back. Polls that
//! wait are parked here, one per device: a second one of the same device ends the first.

use core::task::Waker;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use thimble_protocol::{DeviceId, StateVersion};

use super::park::Park;
use crate::authority::{DeviceIdentity, Standing, Standings, TenantId};

/// Bytes of a payload's digest that tell states of one version apart.
pub const DIGEST_BYTES: usize = 9;
/// Parts of the map with a lock each, so that polls on several threads seldom meet.
const SHARDS: usize = 64;

/// What this node knows of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    /// Which.
    pub identity: DeviceIdentity,
    /// The version that it is to have; 0 if it has no state yet.
    pub version: StateVersion,
    /// The first bytes of the SHA-256 of the state's payload.
    pub digest: [u8; DIGEST_BYTES],
    /// Whether it may come in.
    pub is_active: bool,
}

/// What a poll is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The tenant.
    pub tenant: TenantId,
    /// The version.
    pub version: StateVersion,
    /// The first bytes of the digest.
    pub digest: [u8; DIGEST_BYTES],
    /// Whether the device may come in.
    pub is_active: bool,
    /// Whether somebody waits for a report of it.
    pub is_report_wanted: bool,
    /// Rises when a poll that waits is to look again though nothing else here is new.
    pub nudges: u8,
}

/// Why a parked poll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unparked {
    /// Something about the device is new.
    Changed,
    /// A later poll of the device took its place.
    Displaced,
    /// The node stops.
    Stopping,
}

pub(super) struct Entry {
    pub(super) version: u64,
    tenant: u32,
    digest: [u8; DIGEST_BYTES],
    pub(super) is_active: bool,
    pub(super) is_report_wanted: bool,
    /// Rises when whoever waits is to look again though nothing here is new.
    pub(super) nudges: u8,
}

pub(super) struct Parked {
    pub(super) ticket: u64,
    pub(super) waker: Waker,
}

#[derive(Default)]
pub(super) struct Shard {
    pub(super) devices: HashMap<DeviceId, Entry>,
    pub(super) parked: HashMap<DeviceId, Parked>,
}

#[derive(Default)]
struct Tenants {
    ids: Vec<TenantId>,
    numbers: HashMap<TenantId, u32>,
}

/// The map. All of it is safe to use from many threads; no lock is held over anything that waits.
pub struct Versions {
    shards: Vec<Mutex<Shard>>,
    tenants: RwLock<Tenants>,
    /// Serial numbers of certificates that were revoked though their device was not.
    revoked_serials: RwLock<HashSet<Vec<u8>>>,
    tickets: AtomicU64,
    pub(super) parked: AtomicUsize,
    devices: AtomicUsize,
    pub(super) is_stopping: AtomicBool,
}

impl core::fmt::Debug for Versions {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Versions")
            .field("devices", &self.len())
            .field("parked", &self.parked())
            .finish_non_exhaustive()
    }
}

impl Default for Versions {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            tenants: RwLock::default(),
            revoked_serials: RwLock::default(),
            tickets: AtomicU64::new(1),
            parked: AtomicUsize::new(0),
            devices: AtomicUsize::new(0),
            is_stopping: AtomicBool::new(false),
        }
    }
}

impl Versions {
    /// How many devices are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.devices.load(Ordering::Relaxed)
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many polls wait.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.parked.load(Ordering::Relaxed)
    }

    /// Makes room for so many devices at once.
    pub fn reserve(&self, devices: usize) {
        for shard in &self.shards {
            shard.lock().devices.reserve(devices / SHARDS);
        }
    }

    /// Takes what is known of a device now, and ends its parked poll if that is new. An older version than the known one is
    /// passed over: wake-ups may overtake each other.
    pub fn set(&self, device: &KnownDevice) {
        let tenant = self.number(device.identity.tenant);
        let id = device.identity.device;
        let mut shard = self.shard(id).lock();
        let woken = match shard.devices.get_mut(&id) {
            Some(entry) => {
                let is_newer = device.version.0 > entry.version;
                if is_newer {
                    entry.version = device.version.0;
                    entry.digest = device.digest;
                }
                let is_other = entry.is_active != device.is_active;
                entry.is_active = device.is_active;
                entry.tenant = tenant;
                is_newer || is_other
            }
            None => {
                let entry = Entry {
                    version: device.version.0,
                    tenant,
                    digest: device.digest,
                    is_active: device.is_active,
                    is_report_wanted: false,
                    nudges: 0,
                };
                shard.devices.insert(id, entry);
                self.devices.fetch_add(1, Ordering::Relaxed);
                true
            }
        };
        if woken {
            self.unpark(&mut shard, id);
        }
    }

    /// A device may no longer come in: its parked poll ends, and its connections with their next request.
    pub fn revoke(&self, id: DeviceId) {
        let mut shard = self.shard(id).lock();
        if let Some(entry) = shard.devices.get_mut(&id) {
            entry.is_active = false;
        }
        self.unpark(&mut shard, id);
    }

    /// One certificate of a device is no longer good: whoever waits with it looks again. Nothing if that is known.
    pub fn revoke_serial(&self, id: DeviceId, serial: &[u8]) {
        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        let serial = serial.get(zeros..).unwrap_or_default().to_vec();
        if !self.revoked_serials.write().insert(serial) {
            return;
        }
        let mut shard = self.shard(id).lock();
        if let Some(entry) = shard.devices.get_mut(&id) {
            entry.nudges = entry.nudges.wrapping_add(1);
        }
        self.unpark(&mut shard, id);
    }

    /// A device that is known is to have another version; who may come in stays as it is.
    pub fn set_version(&self, device: &KnownDevice) {
        let id = device.identity.device;
        let mut shard = self.shard(id).lock();
        let Some(entry) = shard.devices.get_mut(&id) else {
            return;
        };
        if device.version.0 > entry.version {
            entry.version = device.version.0;
            entry.digest = device.digest;
            self.unpark(&mut shard, id);
        }
    }

    /// A device is no longer there.
    pub fn remove(&self, id: DeviceId) {
        let mut shard = self.shard(id).lock();
        if shard.devices.remove(&id).is_some() {
            self.devices.fetch_sub(1, Ordering::Relaxed);
        }
        self.unpark(&mut shard, id);
    }

    /// Somebody waits for a report of a device: it is told so by the answer to its poll.
    pub fn want_report(&self, id: DeviceId) {
        let mut shard = self.shard(id).lock();
        if let Some(entry) = shard.devices.get_mut(&id) {
            entry.is_report_wanted = true;
        }
        self.unpark(&mut shard, id);
    }

    /// A report came.
    pub fn reported(&self, id: DeviceId) {
        if let Some(entry) = self.shard(id).lock().devices.get_mut(&id) {
            entry.is_report_wanted = false;
        }
    }

    /// What is known of a device.
    #[must_use]
    pub fn known(&self, id: DeviceId) -> Option<Known> {
        let shard = self.shard(id).lock();
        let entry = shard.devices.get(&id)?;
        let tenant = *self.tenants.read().ids.get(entry.tenant as usize)?;
        Some(Known {
            tenant,
            version: StateVersion(entry.version),
            digest: entry.digest,
            is_active: entry.is_active,
            is_report_wanted: entry.is_report_wanted,
            nudges: entry.nudges,
        })
    }

    /// Waits until something of what was `seen` of a device is no longer so: its version, whether it may come in, whether it is
    /// asked for a report.
    #[must_use]
    pub fn park(&self, id: DeviceId, seen: &Known) -> Park<'_> {
        Park {
            versions: self,
            id,
            seen: seen.version,
            nudges: seen.nudges,
            ticket: self.tickets.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The node stops: every parked poll ends, and later ones end at once.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.unpark_all();
    }

    fn unpark_all(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let parked = core::mem::take(&mut shard.parked);
            self.parked.fetch_sub(parked.len(), Ordering::Relaxed);
            drop(shard);
            for parked in parked.into_values() {
                parked.waker.wake();
            }
        }
    }

    fn unpark(&self, shard: &mut Shard, id: DeviceId) {
        if let Some(parked) = shard.parked.remove(&id) {
            self.parked.fetch_sub(1, Ordering::Relaxed);
            parked.waker.wake();
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is smaller than the number of shards, of which there are always so many"
    )]
    pub(super) fn shard(&self, id: DeviceId) -> &Mutex<Shard> {
        // The last byte of a UUID is random in every version that is in use.
        let [.., last] = id.0;
        &self.shards[usize::from(last) % SHARDS]
    }

    fn number(&self, tenant: TenantId) -> u32 {
        if let Some(number) = self.tenants.read().numbers.get(&tenant) {
            return *number;
        }
        let mut tenants = self.tenants.write();
        if let Some(number) = tenants.numbers.get(&tenant) {
            return *number;
        }
        let number = u32::try_from(tenants.ids.len()).unwrap_or(u32::MAX);
        tenants.ids.push(tenant);
        tenants.numbers.insert(tenant, number);
        number
    }
}

impl Standings for Versions {
    fn standing(&self, identity: &DeviceIdentity, serial: &[u8]) -> Standing {
        if self.revoked_serials.read().contains(serial) {
            return Standing::Revoked;
        }
        match self.known(identity.device) {
            Some(known) if known.is_active && known.tenant == identity.tenant => Standing::Active,
            Some(_) => Standing::Revoked,
            None => Standing::Unknown,
        }
    }
}
