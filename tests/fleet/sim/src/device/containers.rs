//! Containers of a device: what was made, what runs, and how it fares.

use thimble_image::Digest;
use thimble_protocol::report::ContainerStatus;

use super::Device;

/// A deployment that is on a device.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) deployment: usize,
    pub(crate) digest: Digest,
    pub(crate) is_running: bool,
    pub(crate) restarts: u32,
    pub(crate) state: &'static str,
    pub(crate) health: &'static str,
    /// Rises with every start: what was to come of an earlier one does not.
    pub(crate) life: u32,
}

impl Device {
    pub(crate) fn installed(&self, deployment: usize) -> Option<&Installed> {
        self.installed.iter().find(|one| one.deployment == deployment)
    }

    pub(crate) fn installed_mut(&mut self, deployment: usize) -> Option<&mut Installed> {
        self.installed.iter_mut().find(|one| one.deployment == deployment)
    }

    /// What runs of a deployment.
    pub(crate) fn running(&self, deployment: usize) -> Option<Digest> {
        self.installed(deployment)
            .filter(|one| one.is_running)
            .map(|one| one.digest)
    }

    /// What the driver says of a deployment's containers.
    pub(crate) fn containers(&self, deployment: usize) -> Vec<ContainerStatus> {
        let Some(one) = self.installed(deployment) else {
            return Vec::new();
        };
        vec![ContainerStatus {
            name: "main".into(),
            state: if one.is_running { one.state } else { "created" }.into(),
            health: one.health.into(),
            restarts: one.restarts,
            last_end: (one.restarts > 0).then(|| "trapped: unreachable".into()),
        }]
    }
}
