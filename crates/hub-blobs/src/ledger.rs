//! How much each name space holds: counted from time to time, and kept up to date in between.
//!
//! Another node's uploads are seen at the next count, so that several nodes together can exceed a quota by what they
//! take in within [`RECOUNT_AFTER`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::ObjectStore;
use tokio::time::Instant;

use crate::error::BlobError;
use crate::names::NameSpace;
use crate::place;

/// How long a count holds.
const RECOUNT_AFTER: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Ledger(Mutex<HashMap<NameSpace, Count>>);

#[derive(Clone, Copy)]
struct Count {
    bytes: u64,
    counted_at: Instant,
}

/// Room that was taken, and is given back unless it is kept.
pub(crate) struct Room<'a> {
    ledger: &'a Ledger,
    store: &'a dyn ObjectStore,
    name_space: &'a NameSpace,
    bytes_max: Option<u64>,
    taken_bytes: u64,
}

impl Ledger {
    /// No room yet, in a name space that may hold this much.
    pub(crate) const fn room<'a>(
        &'a self,
        store: &'a dyn ObjectStore,
        name_space: &'a NameSpace,
        bytes_max: Option<u64>,
    ) -> Room<'a> {
        Room {
            ledger: self,
            store,
            name_space,
            bytes_max,
            taken_bytes: 0,
        }
    }

    /// Notes that this much is gone.
    pub(crate) fn give_back(&self, name_space: &NameSpace, bytes: u64) {
        if let Some(count) = self.counts().get_mut(name_space) {
            count.bytes = count.bytes.saturating_sub(bytes);
        }
    }

    /// Counts anew at the next occasion.
    pub(crate) fn forget(&self, name_space: &NameSpace) {
        self.counts().remove(name_space);
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, HashMap<NameSpace, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room<'_> {
    /// Takes this much more.
    pub(crate) async fn take(&mut self, bytes: u64) -> Result<(), BlobError> {
        let Some(bytes_max) = self.bytes_max else {
            return Ok(());
        };
        if self.try_take(bytes, bytes_max) == Some(0) {
            return Ok(());
        }
        // The count is missing or old, or others may have deleted something.
        let bytes_held = held_bytes(self.store, self.name_space).await?;
        self.ledger.counts().insert(
            self.name_space.clone(),
            Count {
                bytes: bytes_held,
                counted_at: Instant::now(),
            },
        );
        match self.try_take(bytes, bytes_max) {
            Some(0) => Ok(()),
            over => Err(BlobError::Quota {
                bytes_max,
                over_bytes: over.unwrap_or(bytes),
            }),
        }
    }

    /// Takes it if there is a count and room; otherwise how much too much it is.
    fn try_take(&mut self, bytes: u64, bytes_max: u64) -> Option<u64> {
        let mut counts = self.ledger.counts();
        let count = counts.get_mut(self.name_space)?;
        if count.counted_at.elapsed() > RECOUNT_AFTER {
            return None;
        }
        let wanted = count.bytes.saturating_add(bytes);
        if wanted > bytes_max {
            return Some(wanted - bytes_max);
        }
        count.bytes = wanted;
        self.taken_bytes = self.taken_bytes.saturating_add(bytes);
        Some(0)
    }

    /// It is filled, and not given back.
    pub(crate) fn keep(mut self) {
        self.taken_bytes = 0;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if self.taken_bytes > 0 {
            self.ledger.give_back(self.name_space, self.taken_bytes);
        }
    }
}

/// The bytes that a name space holds, uploads included.
pub(crate) async fn held_bytes(
    store: &dyn ObjectStore,
    name_space: &NameSpace,
) -> Result<u64, BlobError> {
    store
        .list(Some(&place::space(name_space)))
        .try_fold(0_u64, |sum, object| async move {
            Ok(sum.saturating_add(object.size))
        })
        .await
        .map_err(BlobError::from)
}
