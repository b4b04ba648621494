//! Sets of containers that are declared together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::spec::ContainerSpec;

/// An app, declared: what is not in it any more is removed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSpec {
    /// The containers by their name within the app: a-z, 0-9, `_` and `-`. On the device they are `APP.NAME`, and so are
    /// their volumes.
    pub containers: BTreeMap<String, ContainerSpec>,
}

/// What has to be done so that an app is as declared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// The app's name.
    pub app: String,
    /// What has to be done, in this order.
    pub changes: Vec<Change>,
}

impl Plan {
    /// Whether nothing has to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes
            .iter()
            .all(|change| change.kind == ChangeKind::Keep)
    }
}

/// What has to be done with one container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Its name on the device.
    pub container: String,
    /// What has to be done.
    pub kind: ChangeKind,
    /// What is different, as `path: from -> to`, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
}

/// What has to be done with a container of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Nothing.
    Keep,
    /// It is made.
    Create,
    /// It is changed while it runs.
    Update,
    /// It is removed and made anew; its volumes stay.
    Replace,
    /// It is started: it should run and does not.
    Start,
    /// It is removed; its volumes stay.
    Remove,
}

impl ChangeKind {
    /// The word that users read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Start => "start",
            Self::Remove => "remove",
        }
    }
}

/// An app as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AppStatus {
    /// Its name.
    pub name: String,
    /// How many of its containers run.
    pub running: u32,
    /// How many it has.
    pub containers: u32,
    /// How many are unhealthy, failed or in a crash loop.
    pub troubled: u32,
    /// What was declared, if it was asked for alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<AppSpec>,
}
