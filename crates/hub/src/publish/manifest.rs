//! What a deployment's revision is on a device: the version's containers, with what the revision says differently.

use std::collections::BTreeMap;

use thimble_hub_api::app::{ContainerSpec, Limits};
use thimble_hub_api::deployment::{DeploymentSpec, Settings, UpdateRules};
use thimble_protocol::ids::DeploymentId;
use thimble_protocol::manifest::{
    Container, Health, Image, Limits as WireLimits, Manifest, Mount, SecretVariable,
    UpdateRules as WireRules,
};

/// The name of settings for every container.
const EVERY: &str = "*";

/// A container of a version with all that a revision says differently.
#[derive(Clone, Debug)]
pub struct Layered {
    spec: ContainerSpec,
}

impl Layered {
    /// Layers what a revision says over a version's container; `overrides` are those that pick the device, by their place.
    #[must_use]
    pub fn new(container: &ContainerSpec, spec: &DeploymentSpec, overrides: &[usize]) -> Self {
        let mut layered = Self {
            spec: container.clone(),
        };
        layered.layer(&spec.containers);
        for index in overrides {
            if let Some(layer) = spec.overrides.get(*index) {
                layered.layer(&layer.containers);
            }
        }
        layered
    }

    fn layer(&mut self, containers: &BTreeMap<String, Settings>) {
        let name = self.spec.name.clone();
        for key in [EVERY, name.as_str()] {
            if let Some(settings) = containers.get(key) {
                self.set(settings);
            }
        }
    }

    fn set(&mut self, settings: &Settings) {
        let spec = &mut self.spec;
        if let Some(args) = &settings.args {
            spec.args = Some(args.clone());
        }
        // A variable has one value: the last that was said.
        for (variable, value) in &settings.env {
            spec.secret_env.remove(variable);
            spec.env.insert(variable.clone(), value.clone());
        }
        for (variable, secret) in &settings.secret_env {
            spec.env.remove(variable);
            spec.secret_env.insert(variable.clone(), secret.clone());
        }
        if let Some(grants) = &settings.grants {
            spec.grants.clone_from(grants);
        }
        let (old, new) = (&spec.limits, &settings.limits);
        spec.limits = Limits {
            memory_bytes: new.memory_bytes.or(old.memory_bytes),
            cpu_share_thousandths: new.cpu_share_thousandths.or(old.cpu_share_thousandths),
            storage_bytes: new.storage_bytes.or(old.storage_bytes),
            key_value_bytes: new.key_value_bytes.or(old.key_value_bytes),
            descriptors: new.descriptors.or(old.descriptors),
            sockets: new.sockets.or(old.sockets),
            timers: new.timers.or(old.timers),
            subscriptions: new.subscriptions.or(old.subscriptions),
        };
    }

    /// What it became.
    #[must_use]
    pub const fn spec(&self) -> &ContainerSpec {
        &self.spec
    }

    fn container(&self, image: Image) -> Container {
        let spec = &self.spec;
        let limits = spec.limits;
        Container {
            name: spec.name.clone(),
            image,
            args: spec.args.clone(),
            env: spec
                .env
                .iter()
                .map(|(variable, value)| format!("{variable}={value}"))
                .collect(),
            secret_env: spec
                .secret_env
                .iter()
                .map(|(variable, secret)| SecretVariable {
                    variable: variable.clone(),
                    secret: secret.clone(),
                })
                .collect(),
            grants: spec.grants.clone(),
            mounts: spec
                .mounts
                .iter()
                .map(|mount| Mount {
                    volume: mount.volume.clone(),
                    target: mount.target.clone(),
                    is_read_only: mount.read_only,
                })
                .collect(),
            listen: spec.listen.clone(),
            limits: WireLimits {
                memory_bytes: limits.memory_bytes,
                cpu_share_thousandths: limits.cpu_share_thousandths,
                storage_bytes: limits.storage_bytes,
                key_value_bytes: limits.key_value_bytes,
                descriptors: limits.descriptors,
                sockets: limits.sockets,
                timers: limits.timers,
                subscriptions: limits.subscriptions,
            },
            restart: spec.restart.clone(),
            health: spec.health.map(|health| Health {
                start_ms: health.start_ms,
                heartbeat_ms: health.heartbeat_ms,
            }),
            depends_on: spec.depends_on.clone(),
        }
    }
}

/// Puts a manifest together: the same parts give the same bytes.
#[must_use]
pub fn compile_manifest(
    deployment: DeploymentId,
    spec: &DeploymentSpec,
    containers: Vec<(Layered, Image)>,
    depends_on: Vec<DeploymentId>,
) -> Manifest {
    Manifest {
        deployment,
        app: spec.app.clone(),
        version: spec.version.clone(),
        containers: containers
            .into_iter()
            .map(|(layered, image)| layered.container(image))
            .collect(),
        update: rules(spec.update),
        depends_on,
    }
}

const fn rules(update: UpdateRules) -> WireRules {
    WireRules {
        consent_ms: update.consent_ms,
        ask_again_s: update.ask_again_s,
        probation_s: update.probation_s,
        hub_within_s: update.hub_within_s,
    }
}
