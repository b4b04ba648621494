//! The message bus, seen from outside the containers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The topic, without wildcards.
    pub topic: String,
    /// The payload as text.
    pub payload: String,
    /// What the payload is.
    #[serde(default)]
    pub content_type: String,
    /// Keeps it for later subscribers; an empty payload forgets what was kept.
    #[serde(default)]
    pub retain: bool,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// Containers that got it.
    pub delivered: u32,
    /// Containers whose queue refused it.
    pub refused: u32,
}

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BusMessage {
    /// The topic.
    pub topic: String,
    /// What the payload is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// The payload; what is not UTF-8 is replaced.
    pub payload: String,
    /// Messages that were lost to this listener so far, because it did not read.
    #[serde(default)]
    pub lost: u64,
}

/// The bus and its bridges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BusStatus {
    /// Messages that are kept for later subscribers.
    pub retained_messages: u64,
    /// Their bytes.
    pub retained_bytes: u64,
    /// Bridges to brokers.
    pub bridges: Vec<BridgeStatus>,
}

/// A bridge to a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BridgeStatus {
    /// Its name in the settings.
    pub name: String,
    /// Whether it is connected.
    pub connected: bool,
    /// The last error, if there was one.
    pub last_error: Option<String>,
    /// Messages sent to the broker.
    pub sent: u64,
    /// Messages received from the broker.
    pub received: u64,
    /// Messages lost because the broker was away or slow.
    pub dropped: u64,
}
