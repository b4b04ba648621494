//! What is kept of deployments and apps, read.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use thimble_hub_api::app::ContainerSpec;
use thimble_hub_api::deployment::DeploymentSpec;
use thimble_hub_store::{
    AppVersion, Deployment, DeploymentId, DeploymentRevision, Match, Read, Scope, TenantId,
};

use super::PublishError;

/// What is kept of a version of an app: [`thimble_hub_store::AppVersion::document`].
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum VersionDocument {
    /// Its containers in an object, beside whatever else is kept.
    Object {
        /// Its containers, images by digest.
        containers: Vec<ContainerSpec>,
    },
    /// Its containers alone.
    List(Vec<ContainerSpec>),
}

/// A revision of a deployment, and the version of the app that it names.
#[derive(Clone, Debug)]
pub struct RevisionSpec {
    /// What the revision says.
    pub spec: DeploymentSpec,
    /// What the version consists of.
    pub containers: Vec<ContainerSpec>,
    /// Whose app it is.
    pub app_tenant: TenantId,
}

/// Reads a revision of a deployment.
///
/// # Errors
/// [`PublishError::NoRevision`], [`PublishError::Damaged`], and the store's.
pub async fn revision_spec(
    read: &mut Read,
    scope: &Scope,
    deployment: DeploymentId,
    revision: u64,
) -> Result<RevisionSpec, PublishError> {
    let matches = [
        Match::equals("deployment", &deployment),
        Match::equals("number", &revision),
    ];
    let found: Option<DeploymentRevision> = read.find(scope, &matches).await?;
    let found = found.ok_or(PublishError::NoRevision {
        deployment,
        revision,
    })?;
    let what = || format!("revision {revision} of deployment {deployment}");
    let version: AppVersion = read.one(scope, found.app_version).await?;
    let document: VersionDocument = parse(version.document, what)?;
    let containers = match document {
        VersionDocument::Object { containers } | VersionDocument::List(containers) => containers,
    };
    Ok(RevisionSpec {
        spec: parse(found.document, what)?,
        containers,
        app_tenant: version.tenant,
    })
}

/// Reads a document.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    document: Value,
    what: impl Fn() -> String,
) -> Result<T, PublishError> {
    serde_json::from_value(document).map_err(|error| PublishError::Damaged {
        what: what(),
        reason: error.to_string(),
    })
}

/// Whether this deployment is meant, by its name or its id.
pub(crate) fn is_meant(deployment: &Deployment, said: &str) -> bool {
    said == deployment.name || said.parse().ok() == Some(deployment.id)
}

/// Which deployment is meant: declarations name others by their name or their id.
pub(crate) fn named_or_of_id(
    names: &HashMap<String, DeploymentId>,
    said: &str,
) -> Option<DeploymentId> {
    names.get(said).copied().or_else(|| {
        let id: DeploymentId = said.parse().ok()?;
        names.values().any(|one| *one == id).then_some(id)
    })
}
