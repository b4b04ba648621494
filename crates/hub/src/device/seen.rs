//! When devices were last heard of: gathered in memory, written every few seconds in one go.
//!
//! A poll costs a lock and no write to the store. What a node gathered and did not write is lost when it dies; devices come
//! again.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use thimble_protocol::UnixSeconds;

use super::fleet::Fleet;
use crate::authority::DeviceIdentity;

/// Rows of one write at most.
const ROWS_MAX: usize = 10_000;
/// Parts with a lock each.
const SHARDS: usize = 16;

/// The times that are not written yet.
#[derive(Debug)]
pub struct Seen {
    shards: Vec<Mutex<HashMap<DeviceIdentity, UnixSeconds>>>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Seen {
    /// A device was heard of.
    pub fn mark(&self, identity: DeviceIdentity, now: UnixSeconds) {
        let [.., last] = identity.device.0;
        if let Some(shard) = self.shards.get(usize::from(last) % SHARDS) {
            shard.lock().insert(identity, now);
        }
    }

    /// Writes what was gathered. What cannot be written is kept for the next time, unless something newer came.
    pub async fn flush(&self, fleet: &Arc<dyn Fleet>) {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(core::mem::take(&mut *shard.lock()));
        }
        for rows in all.chunks(ROWS_MAX) {
            if let Err(error) = fleet.seen(rows).await {
                tracing::warn!(
                    rows = rows.len(),
                    error = &error as &dyn std::error::Error,
                    "cannot write when devices were last heard of; it is tried again"
                );
                for (identity, at) in rows {
                    let [.., last] = identity.device.0;
                    if let Some(shard) = self.shards.get(usize::from(last) % SHARDS) {
                        shard.lock().entry(*identity).or_insert(*at);
                    }
                }
            }
        }
    }
}
