//! What a container uses.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;
use crate::container::State;

/// What a container uses, at a moment. Counters count from its last start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Stats {
    /// When this was read.
    #[schema(value_type = String, format = DateTime)]
    pub read_at: Timestamp,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: Option<State>,
    /// Processor time.
    pub cpu_ns: u64,
    /// Share of one processor since the last reading of a stream, in thousandths.
    pub cpu_thousandths: Option<u64>,
    /// Linear memory now.
    pub memory_bytes: u64,
    /// The most linear memory it had.
    pub memory_bytes_max: u64,
    /// Linear memory it may have.
    pub memory_bytes_limit: u64,
    /// Slices it ran.
    pub slices: u64,
    /// Bytes in its volumes.
    pub storage_bytes: u64,
    /// Bytes of output that are kept.
    pub log_bytes: u64,
    /// Lines of output that were lost.
    pub log_lines_lost: u64,
    /// Messages that entered its queue.
    pub bus_delivered: u64,
    /// Messages that gave way to newer ones.
    pub bus_dropped: u64,
    /// Messages that were refused.
    pub bus_refused: u64,
    /// Messages that wait.
    pub bus_waiting: u64,
    /// How often it was started again by itself.
    pub restarts: u32,
}
