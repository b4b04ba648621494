//! A deployment as the hub signs it, as what the daemon is declared.

use std::collections::BTreeMap;

use thimble_device_api::{
    AppSpec, ContainerSpec, Dependency, DependencyCondition, HealthAction, HealthSpec, LimitsSpec,
    Mount, MountKind,
};
use thimble_protocol::manifest::{Container, Image, Limits};
use thimble_protocol::report::ReasonCode;
use thimble_protocol::state::SealedSecret;
use thimble_protocol::{DeploymentId, Manifest};

use super::secrets::SECRETS_LABEL;

/// The label that says to which deployment a container belongs. Without it, it is none of the fleet's.
pub(super) const DEPLOYMENT_LABEL: &str = "thimble.fleet/deployment";
/// Why a manifest cannot be declared here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(super) enum SpecError {
    /// A variable has no `=`.
    Variable {
        /// The container.
        container: String,
        /// The variable.
        variable: String,
    },
    /// A secret that it names did not come with the state.
    NoSecret {
        /// The container.
        container: String,
        /// The secret.
        secret: String,
    },
}

impl std::fmt::Display for SpecError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable {
                container,
                variable,
            } => write!(
                formatter,
                "container {container}: the variable {variable:?} must be NAME=VALUE"
            ),
            Self::NoSecret { container, secret } => write!(
                formatter,
                "container {container}: the secret {secret} did not come with the state; set it at the hub"
            ),
        }
    }
}

impl std::error::Error for SpecError {}

impl SpecError {
    /// The same for programs.
    pub(super) const fn reason(&self) -> ReasonCode {
        match self {
            Self::Variable { .. } => ReasonCode::Invalid,
            Self::NoSecret { .. } => ReasonCode::Secret,
        }
    }
}

/// What the daemon is declared for a deployment.
pub(super) fn app(manifest: &Manifest, secrets: &[SealedSecret]) -> Result<AppSpec, SpecError> {
    let mut containers = BTreeMap::new();
    for declared in &manifest.containers {
        let spec = container(manifest.deployment, declared, Some(secrets))?;
        containers.insert(declared.name.clone(), spec);
    }
    Ok(AppSpec { containers })
}

/// An image's name with its digest, which is what counts.
pub(super) fn image(image: &Image) -> String {
    let name = image.reference.split('@').next().unwrap_or_default();
    format!("{name}@{}", image.manifest)
}

/// What a container is to be; without secrets, but for those.
pub(super) fn container(
    deployment: DeploymentId,
    declared: &Container,
    secrets: Option<&[SealedSecret]>,
) -> Result<ContainerSpec, SpecError> {
    let mut env = BTreeMap::new();
    for variable in &declared.env {
        let (name, value) = variable
            .split_once('=')
            .ok_or_else(|| SpecError::Variable {
                container: declared.name.clone(),
                variable: variable.clone(),
            })?;
        env.insert(name.to_owned(), value.to_owned());
    }
    let mut labels = BTreeMap::new();
    labels.insert(DEPLOYMENT_LABEL.to_owned(), deployment.to_string());
    if let Some(secrets) = secrets.filter(|_| !declared.secret_env.is_empty()) {
        labels.insert(SECRETS_LABEL.to_owned(), revisions(declared, secrets)?);
    }
    Ok(ContainerSpec {
        image: image(&declared.image),
        args: declared.args.clone(),
        env,
        grants: declared.grants.clone(),
        mounts: declared.mounts.iter().map(mount).collect(),
        listen: declared.listen.clone(),
        limits: limits(&declared.limits),
        restart: restart(&declared.restart),
        health: declared.health.map(|health| HealthSpec {
            start_ms: health.start_ms.into(),
            heartbeat_ms: health.heartbeat_ms.map(Into::into),
            action: HealthAction::Restart,
        }),
        depends_on: declared
            .depends_on
            .iter()
            .map(|name| Dependency {
                name: name.clone(),
                condition: DependencyCondition::Started,
            })
            .collect(),
        labels,
        ..ContainerSpec::default()
    })
}

/// The daemon knows `unless-stopped` as `always`: what somebody stopped stays stopped in both.
fn restart(policy: &str) -> Option<String> {
    match policy {
        "" => None,
        "unless-stopped" => Some("always".to_owned()),
        policy => Some(policy.to_owned()),
    }
}

fn mount(mount: &thimble_protocol::manifest::Mount) -> Mount {
    Mount {
        kind: MountKind::Volume,
        source: mount.volume.clone(),
        target: mount.target.clone(),
        read_only: mount.is_read_only,
    }
}

fn limits(limits: &Limits) -> LimitsSpec {
    LimitsSpec {
        memory_bytes: limits.memory_bytes,
        cpu_share_thousandths: limits.cpu_share_thousandths,
        storage_bytes: limits.storage_bytes,
        key_value_bytes: limits.key_value_bytes,
        descriptors: limits.descriptors,
        sockets: limits.sockets,
        timers: limits.timers,
        subscriptions: limits.subscriptions,
    }
}

/// `NAME=REVISION` of each secret of a container; the names and revisions are no secrets.
fn revisions(declared: &Container, secrets: &[SealedSecret]) -> Result<String, SpecError> {
    let mut texts = Vec::with_capacity(declared.secret_env.len());
    for variable in &declared.secret_env {
        let secret = secrets
            .iter()
            .find(|secret| secret.name == variable.secret)
            .ok_or_else(|| SpecError::NoSecret {
                container: declared.name.clone(),
                secret: variable.secret.clone(),
            })?;
        texts.push(format!(
            "{}={}:{}",
            variable.variable, secret.name, secret.revision
        ));
    }
    Ok(texts.join(","))
}
