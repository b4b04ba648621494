//! What is deployed: deployments, their revisions, and what is wrong with each on which devices.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use thimble_image::Digest;
use thimble_protocol::manifest::{Container, Health, Image, Limits, UpdateRules};
use thimble_protocol::sign::{Signer, sign_manifest};
use thimble_protocol::{DeploymentId, Manifest};
use thimble_rollout::placement::{self, Needs};
use thimble_rollout::Selector;

use crate::random::mix;

/// What is wrong with a revision on a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// It crashes while it is watched.
    Crashes,
    /// It is not in health while it is watched.
    Unhealthy,
    /// It fails an hour after it was kept.
    FailsLater,
    /// It cannot be started.
    DoesNotStart,
    /// Its image is not trusted.
    Untrusted,
    /// Its blob cannot be had.
    Unavailable,
    /// Its blob is another one the first time.
    WrongOnce,
    /// Starting it takes minutes.
    Slow,
}

/// On which devices a revision has its fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Among {
    #[default]
    All,
    /// So many of a hundred, by chance.
    Percent(u64),
    /// Those of this hardware type.
    Hardware(String),
    /// These.
    Devices(Vec<u32>),
}

/// A deployment.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) name: String,
    pub(crate) id: DeploymentId,
    pub(crate) placed: placement::Deployment,
    pub(crate) rules: UpdateRules,
    pub(crate) depends_on: Vec<DeploymentId>,
}

/// A revision of a deployment.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) deployment: usize,
    pub(crate) revision: u64,
    pub(crate) digest: Digest,
    pub(crate) envelope: Arc<[u8]>,
    pub(crate) bytes: u32,
    pub(crate) manifest: Manifest,
    pub(crate) blobs: Vec<Digest>,
    pub(crate) fault: Fault,
    pub(crate) among: Among,
    /// Until when a blob of it that cannot be had cannot be had.
    pub(crate) missing_until_ms: u64,
}

/// All that can be deployed.
#[derive(Debug, Default)]
pub(crate) struct Apps {
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) versions: Vec<Version>,
    by_digest: HashMap<Digest, usize>,
    by_number: BTreeMap<(usize, u64), usize>,
    by_blob: HashMap<Digest, usize>,
}

/// The id of the deployment at this place.
pub(crate) fn deployment_id(place: usize) -> DeploymentId {
    DeploymentId([u8::try_from(place + 1).unwrap_or(u8::MAX); 16])
}

/// The place of the deployment with this id.
pub(crate) fn place_of(id: DeploymentId) -> usize {
    usize::from(id.0[0]).saturating_sub(1)
}

impl Apps {
    pub(crate) fn add(
        &mut self,
        name: &str,
        app: &str,
        selector: &str,
        priority: i32,
        rules: UpdateRules,
        depends_on: &[usize],
    ) -> Result<usize> {
        let place = self.deployments.len();
        let id = deployment_id(place);
        let depends_on: Vec<DeploymentId> =
            depends_on.iter().map(|place| deployment_id(*place)).collect();
        let needed = depends_on
            .iter()
            .map(|id| thimble_rollout::DeploymentId(id.0));
        self.deployments.push(Deployment {
            name: name.into(),
            id,
            placed: placement::Deployment {
                id: thimble_rollout::DeploymentId(id.0),
                app: app.into(),
                selector: Selector::parse(selector)?,
                priority,
                needs: Needs {
                    containers: 1,
                    ram_bytes: 65_536,
                    ..Needs::default()
                },
                depends_on: needed.collect(),
            },
            rules,
            depends_on,
        });
        Ok(place)
    }

    pub(crate) fn publish(
        &mut self,
        place: usize,
        revision: u64,
        fault: Fault,
        among: Among,
        signer: &dyn Signer,
    ) -> Result<()> {
        let deployment = self
            .deployments
            .get(place)
            .ok_or_else(|| anyhow!("there is no deployment {place}"))?;
        let manifest = manifest(deployment, revision);
        let envelope = sign_manifest(&manifest, signer)?;
        let digest = Digest::of(&envelope);
        let images = manifest.containers.iter().map(|container| &container.image);
        let blobs: Vec<Digest> = images
            .flat_map(thimble_agent::blobs)
            .map(|blob| blob.digest)
            .collect();
        let index = self.versions.len();
        self.by_digest.insert(digest, index);
        self.by_number.insert((place, revision), index);
        for blob in &blobs {
            self.by_blob.insert(*blob, index);
        }
        self.versions.push(Version {
            deployment: place,
            revision,
            digest,
            bytes: u32::try_from(envelope.len())?,
            envelope: envelope.into(),
            manifest,
            blobs,
            fault,
            among,
            missing_until_ms: u64::MAX,
        });
        Ok(())
    }

    pub(crate) fn number(&self, place: usize, revision: u64) -> Option<&Version> {
        self.versions.get(*self.by_number.get(&(place, revision))?)
    }

    pub(crate) fn index(&self, digest: Digest) -> Option<usize> {
        self.by_digest.get(&digest).copied()
    }

    pub(crate) fn found(&self, digest: Digest) -> Option<&Version> {
        self.versions.get(self.index(digest)?)
    }

    /// The version that a blob or a manifest belongs to.
    pub(crate) fn of_blob(&self, digest: Digest) -> Option<&Version> {
        let index = self.index(digest).or(self.by_blob.get(&digest).copied())?;
        self.versions.get(index)
    }

    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.deployments.iter().position(|one| one.name == name)
    }
}

impl Version {
    /// What is wrong with it on a device.
    pub(crate) fn fault_on(&self, device: u32, hardware: &str) -> Fault {
        let place = (self.deployment as u64) << 40;
        let is_among = match &self.among {
            Among::All => true,
            Among::Percent(percent) => {
                mix(place ^ (self.revision << 32) ^ u64::from(device)) % 100 < *percent
            }
            Among::Hardware(kind) => kind == hardware,
            Among::Devices(devices) => devices.contains(&device),
        };
        if is_among { self.fault } else { Fault::None }
    }
}

fn manifest(deployment: &Deployment, revision: u64) -> Manifest {
    let name = &deployment.name;
    let blob = |kind: &str| Digest::of(format!("{name} {revision} {kind}").as_bytes());
    let image = Image {
        reference: format!("{name}:{revision}"),
        manifest: blob("manifest"),
        manifest_bytes: 300,
        config: blob("config"),
        config_bytes: 200,
        layer: blob("layer"),
        layer_bytes: 20_000,
        referrers: Vec::new(),
    };
    let container = Container {
        name: "main".into(),
        image,
        args: None,
        env: Vec::new(),
        secret_env: Vec::new(),
        grants: Vec::new(),
        mounts: Vec::new(),
        listen: Vec::new(),
        limits: Limits {
            memory_bytes: Some(65_536),
            ..Limits::default()
        },
        restart: "always".into(),
        health: Some(Health {
            start_ms: 5_000,
            heartbeat_ms: None,
        }),
        depends_on: Vec::new(),
    };
    Manifest {
        deployment: deployment.id,
        app: deployment.placed.app.clone(),
        version: revision.to_string(),
        containers: vec![container],
        update: deployment.rules,
        depends_on: deployment.depends_on.clone(),
    }
}
