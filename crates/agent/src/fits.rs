//! Whether what is to come has room, before anything stops.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::manifest::{Blob, Image};
use thimble_protocol::report::ReasonCode;
use thimble_protocol::{DeploymentId, Manifest};

use crate::event::Capacity;

/// A deployment that is to change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coming<'a> {
    pub(crate) deployment: DeploymentId,
    /// What is to run; absent, it goes.
    pub(crate) manifest: Option<&'a Manifest>,
}

/// What does not fit, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) deployment: DeploymentId,
    pub(crate) code: ReasonCode,
    pub(crate) text: String,
}

/// Returns the first that does not fit beside those before it, if everything that changes is stopped first.
pub(crate) fn misfit(coming: &[Coming<'_>], capacity: &Capacity) -> Option<Misfit> {
    let mut room = Room::new(coming, capacity);
    let arriving = coming
        .iter()
        .filter_map(|one| one.manifest.map(|manifest| (one.deployment, manifest)));
    for (deployment, manifest) in arriving {
        if let Some((code, text)) = room.take(manifest, capacity) {
            return Some(Misfit {
                deployment,
                code,
                text,
            });
        }
    }
    None
}

/// Whether some of the changes may be taken back alone: whichever of the two versions of each runs, there is room, and if what
/// is to go stays. If not, all are taken back together.
pub(crate) fn fits_mixed(coming: &[Coming<'_>], capacity: &Capacity) -> bool {
    let mut room = Room::new(coming, capacity);
    for one in coming {
        let freed = capacity
            .freed
            .iter()
            .find(|freed| freed.deployment == one.deployment);
        let before = freed.map_or((0, 0), |freed| {
            (freed.ram_bytes, u64::from(freed.containers))
        });
        let after = one.manifest.map_or((0, 0), |manifest| {
            (
                ram_needed(manifest, capacity),
                manifest.containers.len() as u64,
            )
        });
        let (ram_bytes, containers) = (before.0.max(after.0), before.1.max(after.1));
        let left = (
            room.ram_bytes.checked_sub(ram_bytes),
            room.containers.checked_sub(containers),
        );
        let (Some(ram_bytes), Some(containers)) = left else {
            return false;
        };
        room.ram_bytes = ram_bytes;
        room.containers = containers;
    }
    true
}

/// Memory that the containers of a manifest have at most.
fn ram_needed(manifest: &Manifest, capacity: &Capacity) -> u64 {
    let memory = manifest
        .containers
        .iter()
        .map(|container| container.limits.memory_bytes);
    memory
        .map(|bytes| bytes.unwrap_or(capacity.ram_default_bytes))
        .fold(0_u64, u64::saturating_add)
}

/// The blobs of an image, its signatures too.
pub fn blobs(image: &Image) -> impl Iterator<Item = Blob> + '_ {
    let own = [
        Blob {
            digest: image.manifest,
            bytes: image.manifest_bytes,
        },
        Blob {
            digest: image.config,
            bytes: image.config_bytes,
        },
        Blob {
            digest: image.layer,
            bytes: image.layer_bytes,
        },
    ];
    own.into_iter().chain(image.referrers.iter().copied())
}

/// What is left.
struct Room {
    ram_bytes: u64,
    storage_bytes: u64,
    containers: u64,
    counted: Vec<Digest>,
}

impl Room {
    fn new(coming: &[Coming<'_>], capacity: &Capacity) -> Self {
        let changes = |deployment| coming.iter().any(|one| one.deployment == deployment);
        let mut room = Self {
            ram_bytes: capacity.ram_bytes,
            storage_bytes: capacity.storage_bytes,
            containers: u64::from(capacity.containers),
            counted: Vec::new(),
        };
        for freed in capacity
            .freed
            .iter()
            .filter(|freed| changes(freed.deployment))
        {
            room.ram_bytes = room.ram_bytes.saturating_add(freed.ram_bytes);
            room.containers = room.containers.saturating_add(u64::from(freed.containers));
        }
        room
    }

    fn take(&mut self, manifest: &Manifest, capacity: &Capacity) -> Option<(ReasonCode, String)> {
        if let Some(offered) = &capacity.grants {
            let mut grants = manifest
                .containers
                .iter()
                .flat_map(|container| &container.grants);
            if let Some(grant) = grants.find(|grant| !is_offered(grant, offered)) {
                return Some((
                    ReasonCode::Unsupported,
                    format!("this device cannot give the grant `{grant}`"),
                ));
            }
        }
        let containers = manifest.containers.len() as u64;
        if containers > self.containers {
            let text = format!(
                "it needs {containers} containers, and {} could still be made",
                self.containers
            );
            return Some((ReasonCode::DoesNotFit, text));
        }
        let ram_bytes = ram_needed(manifest, capacity);
        if ram_bytes > self.ram_bytes {
            let text = format!(
                "it needs {ram_bytes} bytes of memory, and {} would be free",
                self.ram_bytes
            );
            return Some((ReasonCode::DoesNotFit, text));
        }
        let storage_bytes = self.count_missing(manifest, capacity);
        if storage_bytes > self.storage_bytes {
            let text = format!(
                "it needs {storage_bytes} bytes of storage, and {} are free",
                self.storage_bytes
            );
            return Some((ReasonCode::DoesNotFit, text));
        }
        self.containers -= containers;
        self.ram_bytes -= ram_bytes;
        self.storage_bytes -= storage_bytes;
        None
    }

    /// Bytes of blobs that are not here, each counted once.
    fn count_missing(&mut self, manifest: &Manifest, capacity: &Capacity) -> u64 {
        let mut bytes = 0_u64;
        for blob in manifest
            .containers
            .iter()
            .flat_map(|container| blobs(&container.image))
        {
            if capacity.missing.contains(&blob.digest) && !self.counted.contains(&blob.digest) {
                self.counted.push(blob.digest);
                bytes = bytes.saturating_add(u64::from(blob.bytes));
            }
        }
        bytes
    }
}

/// Whether a grant is one of those offered, or of a kind that is offered without a scope.
fn is_offered(grant: &str, offered: &[String]) -> bool {
    let kind = grant.split(':').next().unwrap_or(grant);
    offered.iter().any(|one| one == grant || one == kind)
}

#[cfg(test)]
mod tests;
