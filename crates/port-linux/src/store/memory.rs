//! Key-value data that ends with the process: for containers without a name of their own.

use std::collections::{BTreeMap, HashMap};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use thimble_abi::Errno;
use thimble_runtime::port::{KeyValue, StoreReply, StoreRequest};

use super::KEYS_MAX;

/// Key-value data in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<HashMap<String, Pairs>>);

/// The keys and values of one container.
type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

impl KeyValue for MemoryStore {
    fn poll(
        &self,
        _context: &mut Context<'_>,
        container: &str,
        request: StoreRequest<'_>,
    ) -> Poll<Result<StoreReply, Errno>> {
        let mut containers = self.0.lock();
        let keys = containers.entry(container.to_owned()).or_default();
        Poll::Ready(match request {
            StoreRequest::Get { key } => keys
                .get(key)
                .cloned()
                .map(StoreReply::Value)
                .ok_or(Errno::NoEntry),
            StoreRequest::Set {
                key,
                value,
                limit_bytes,
            } => set(keys, key, value, limit_bytes),
            StoreRequest::Delete { key } => keys
                .remove(key)
                .map(|_| StoreReply::Done)
                .ok_or(Errno::NoEntry),
        })
    }
}

fn set(
    keys: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    key: &[u8],
    value: &[u8],
    limit_bytes: u64,
) -> Result<StoreReply, Errno> {
    let size = |key: &[u8], value: &[u8]| {
        u64::try_from(key.len().saturating_add(value.len())).unwrap_or(u64::MAX)
    };
    let others: u64 = keys
        .iter()
        .filter(|(own, _)| *own != key)
        .map(|(key, value)| size(key, value))
        .sum();
    let too_many = keys.len() >= KEYS_MAX && !keys.contains_key(key);
    if too_many || others.saturating_add(size(key, value)) > limit_bytes {
        return Err(Errno::NoSpace);
    }
    keys.insert(key.to_vec(), value.to_vec());
    Ok(StoreReply::Done)
}
