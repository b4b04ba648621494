//! Leases: what a session uses, in a file that it keeps locked. A lease that is not locked is a dead session's.
//!
//! A lease need not survive a power cut, which ends every session.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use thimble_image::Digest;

use super::disk::{self, DiskFile, Open};
use super::lock::Held;
use super::{Inner, StoreError};

pub(super) const LEASES_FOLDER: &str = "leases";
/// Blobs that a session uses at most.
const DIGESTS_MAX: usize = 100_000;
/// Bytes of a lease at most: a digest, a size and what is between them, for each blob, some of them twice.
const LEASE_BYTES_MAX: u64 = 16 << 20;
/// Names that are tried for a lease.
const ATTEMPTS_MAX: u32 = 10_000;

/// What one session uses.
pub(super) struct Lease {
    inner: Arc<Inner>,
    path: String,
    file: Box<dyn DiskFile>,
    listed: Mutex<Listed>,
}

#[derive(Default)]
struct Listed {
    /// Length of the lines that are whole.
    bytes: u64,
    /// Bytes that are reserved for each.
    digests: BTreeMap<Digest, u64>,
}

/// What the sessions that live use: bytes reserved by digest.
pub(super) type Leased = BTreeMap<Digest, u64>;

impl Lease {
    pub(super) fn begin(inner: &Arc<Inner>) -> Result<Self, StoreError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // Under the lock, or a prune could take it for a dead session's before it is locked.
        let _held = inner.lock()?;
        for _ in 0..ATTEMPTS_MAX {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = format!("{LEASES_FOLDER}/{}-{number}", std::process::id());
            let file = match inner.disk.open(&path, Open::MakeNew) {
                Ok(file) => file,
                // Of a dead process, or of one that has the same number in another namespace.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(inner.fault("make", &path)(error)),
            };
            file.lock().map_err(inner.fault("lock", &path))?;
            return Ok(Self {
                inner: Arc::clone(inner),
                path,
                file,
                listed: Mutex::default(),
            });
        }
        Err(StoreError::TooMany {
            what: "sessions",
            max: ATTEMPTS_MAX.into(),
        })
    }

    pub(super) const fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Keeps these from being removed from now on, whether they are here or not.
    pub(super) fn add(&self, digests: &[Digest]) -> Result<(), StoreError> {
        let mut listed = self.listed.lock();
        let fresh: Vec<(Digest, u64)> = digests
            .iter()
            .filter(|digest| !listed.digests.contains_key(digest))
            .map(|digest| (*digest, 0))
            .collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let held = self.inner.lock()?;
        self.append(&held, &mut listed, &fresh)
    }

    /// Reserves room for a blob of which some bytes are here already.
    pub(super) fn reserve(&self, digest: &Digest, bytes: u64) -> Result<(), StoreError> {
        let mut listed = self.listed.lock();
        let held = self.inner.lock()?;
        self.inner.require_room(&held, digest, bytes)?;
        if listed.digests.get(digest).is_some_and(|own| *own >= bytes) {
            return Ok(());
        }
        self.append(&held, &mut listed, &[(*digest, bytes)])
    }

    fn append(
        &self,
        _held: &Held,
        listed: &mut Listed,
        lines: &[(Digest, u64)],
    ) -> Result<(), StoreError> {
        let text: String = lines
            .iter()
            .map(|(digest, bytes)| format!("{} {bytes}\n", digest.hex()))
            .collect();
        let bytes = text.len() as u64;
        let end = listed.bytes.saturating_add(bytes);
        if listed.digests.len() + lines.len() > DIGESTS_MAX || end > LEASE_BYTES_MAX {
            return Err(StoreError::TooMany {
                what: "blobs in a session",
                max: DIGESTS_MAX as u64,
            });
        }
        if let Err(error) = disk::write_all(&*self.file, listed.bytes, text.as_bytes()) {
            let _ = self.file.truncate(listed.bytes);
            return Err(self.inner.write_fault("write", &self.path, bytes, error));
        }
        listed.bytes = end;
        listed.digests.extend(lines.iter().copied());
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // If it stays, the next prune finds that it is a dead session's.
        let _ = self.inner.disk.unlink(&self.path);
    }
}

impl Inner {
    /// What the sessions that live use, and the leases of those that do not.
    pub(super) fn leases(&self, _held: &Held) -> Result<(Leased, Vec<String>), StoreError> {
        let mut leased = Leased::new();
        let mut dead = Vec::new();
        let names = self.disk.list(LEASES_FOLDER);
        for name in names.map_err(self.fault("list", LEASES_FOLDER))? {
            let path = disk::join(LEASES_FOLDER, &name);
            let Some(file) =
                disk::open_if_there(&*self.disk, &path).map_err(self.fault("open", &path))?
            else {
                continue;
            };
            if file.try_lock().map_err(self.fault("lock", &path))? {
                dead.push(path);
                continue;
            }
            let content = disk::read_whole(&*file, LEASE_BYTES_MAX)
                .map_err(self.fault("read", &path))?
                .ok_or_else(|| StoreError::Unreadable {
                    user: "a session".into(),
                    document: path.clone(),
                    reason: "it is too large".into(),
                })?;
            for (digest, bytes) in lines(&content) {
                let reserved = leased.entry(digest).or_default();
                *reserved = bytes.max(*reserved);
            }
        }
        Ok((leased, dead))
    }
}

/// The whole lines. What is not one was never acknowledged to its session.
fn lines(content: &[u8]) -> impl Iterator<Item = (Digest, u64)> {
    content
        .split_inclusive(|byte| *byte == b'\n')
        .filter_map(|line| {
            let line = str::from_utf8(line).ok()?.strip_suffix('\n')?;
            let (hex, bytes) = line.split_once(' ')?;
            Some((Digest::from_hex(hex)?, bytes.parse().ok()?))
        })
}
