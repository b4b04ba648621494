//! Whom the hub tells what happens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Timestamp, is_default};

/// An address that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where events are posted.
    pub url: String,
    /// Which events: `rollout.paused`, or `rollout.*`; none means all.
    pub events: Vec<String>,
    /// Whether it is told nothing: it was switched off, or failed for too long.
    pub is_disabled: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// An address to tell.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Its name.
    pub name: String,
    /// Where events are posted: `https://…`.
    pub url: String,
    /// Which events; none means all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub events: Vec<String>,
    /// What bodies are signed with (HMAC-SHA256): 16 to 256 characters.
    pub secret: String,
}

/// What is to be different about a webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    /// Whether it is told nothing.
    pub disabled: bool,
}
