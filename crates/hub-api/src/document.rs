//! What is declared in files: one document each, for `apply` and for a repository.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::ContainerSpec;
use crate::deployment::DeploymentSpec;
use crate::device::Window;
use crate::is_default;
use crate::rollout::Policy;

/// Documents of one request at most.
pub const DOCUMENTS_MAX: usize = 256;

/// Something declared. Applying the same again changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(
    clippy::large_enum_variant,
    reason = "a request has 256 at most, for a moment"
)]
pub enum Document {
    /// An app with versions. A version that exists must be the same.
    App {
        /// Its name.
        name: String,
        /// What it is, for people.
        #[serde(default, skip_serializing_if = "is_default")]
        description: String,
        /// Its versions by their names.
        #[serde(default, skip_serializing_if = "is_default")]
        versions: BTreeMap<String, Vec<ContainerSpec>>,
    },
    /// A deployment. A change makes a revision.
    Deployment {
        /// Its name.
        name: String,
        /// What it is to be.
        spec: DeploymentSpec,
        /// How careful the rollout is that brings it to devices; without one no rollout begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollout: Option<Policy>,
    },
    /// What operators say of a device.
    Device {
        /// Its id or name.
        device: String,
        /// All its labels but its own.
        #[serde(default, skip_serializing_if = "is_default")]
        labels: BTreeMap<String, String>,
        /// When changes may begin.
        #[serde(default, skip_serializing_if = "is_default")]
        windows: Vec<Window>,
    },
    /// An address that is told what happens. Its secret is set by itself.
    Webhook {
        /// Its name.
        name: String,
        /// Where events are posted.
        url: String,
        /// Which events; none means all.
        #[serde(default, skip_serializing_if = "is_default")]
        events: Vec<String>,
    },
    /// A tenant below the one that is asked for.
    Tenant {
        /// Its name.
        name: String,
    },
}

impl Document {
    /// Its kind and name, for people: `app/reader`.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::App { name, .. } => format!("app/{name}"),
            Self::Deployment { name, .. } => format!("deployment/{name}"),
            Self::Device { device, .. } => format!("device/{device}"),
            Self::Webhook { name, .. } => format!("webhook/{name}"),
            Self::Tenant { name } => format!("tenant/{name}"),
        }
    }
}

/// Documents to bring into force, in the order that they need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// The documents, at most 256.
    pub documents: Vec<Document>,
    /// Only tells what would be done.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dry_run: bool,
}

/// What was or would be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// For each document, in the order of the request.
    pub changes: Vec<Change>,
}

/// What was or would be done for a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Which document: `app/reader`.
    pub subject: String,
    /// What was or would be done.
    pub kind: ChangeKind,
    /// What is different, for people.
    #[serde(default, skip_serializing_if = "is_default")]
    pub differences: Vec<String>,
}

/// What is done for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Nothing.
    Keep,
    /// It is made.
    Create,
    /// It is changed.
    Update,
}
