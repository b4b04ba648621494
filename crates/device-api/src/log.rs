//! A container's output.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// A line of output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Where.
    pub source: LogSource,
    /// What, without its end of line.
    pub text: String,
    /// Whether the line goes on in the next.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub partial: bool,
}

/// Where output was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// Standard output.
    Stdout,
    /// Standard error, and what the guest logs through the `thimble` module.
    Stderr,
}
