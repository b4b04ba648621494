//! Key-value data of containers on a disk: a folder per container, a file per key.
//!
//! A value is on the disk before its guest hears so: it is written to a temporary file, flushed, renamed
//! and the folder flushed. Whatever happens in between, the old value or the new one is there. A file
//! that is damaged all the same is set aside, told once, and does not stand in the way of others.
//!
//! The disk is touched on the pool's threads only, but for what is asked before containers run.

mod folder;
mod memory;
mod name;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use thimble_abi::Errno;
use thimble_runtime::port::{KeyValue, StoreReply, StoreRequest};

use crate::pool::{Job, Pool};
use folder::Folder;

pub use memory::MemoryStore;

/// Keys of one container: each is a file.
const KEYS_MAX: usize = 4096;

/// Key-value data below a folder.
pub struct FileStore {
    root: PathBuf,
    pool: Pool,
    containers: Mutex<HashMap<String, Container>>,
    damaged: Arc<Mutex<Vec<PathBuf>>>,
}

/// A container's data belong to this process.
#[derive(Debug)]
pub struct Claim {
    /// Locked for as long as it is open.
    _folder: std::fs::File,
}

struct Container {
    folder: Arc<Mutex<Folder>>,
    /// What is being done for it: one request at a time, since a guest makes one call at a time.
    under_way: Option<(Request, Job<Answer>)>,
}

type Answer = Result<StoreReply, Errno>;

/// A request that owns what it names.
#[derive(Clone, PartialEq, Eq)]
enum Request {
    Get {
        key: Vec<u8>,
    },
    Set {
        key: Vec<u8>,
        value: Vec<u8>,
        limit_bytes: u64,
    },
    Delete {
        key: Vec<u8>,
    },
}

impl FileStore {
    /// The data below `root`, which is made when the first key is set.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, pool: Pool) -> Self {
        Self {
            root: root.into(),
            pool,
            containers: Mutex::default(),
            damaged: Arc::default(),
        }
    }

    /// Files that were damaged and set aside since the last time this was asked.
    #[must_use]
    pub fn take_damaged(&self) -> Vec<PathBuf> {
        std::mem::take(&mut *self.damaged.lock())
    }

    /// Keeps other processes from using this container's data, until the claim is dropped or this process
    /// ends. Waits for the disk.
    ///
    /// # Errors
    /// [`std::io::ErrorKind::WouldBlock`] if another process has claimed it, else what the disk says.
    pub fn claim(&self, container: &str) -> std::io::Result<Claim> {
        let path = self.path(container);
        folder::create(&path)?;
        let folder = std::fs::File::open(path)?;
        rustix::fs::flock(
            &folder,
            rustix::fs::FlockOperation::NonBlockingLockExclusive,
        )?;
        Ok(Claim { _folder: folder })
    }

    /// Deletes all data of a container that is not running. Waits for the disk.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove(&self, container: &str) -> std::io::Result<()> {
        self.containers.lock().remove(container);
        match std::fs::remove_dir_all(self.path(container)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn path(&self, container: &str) -> PathBuf {
        self.root.join(name::encode(container.as_bytes()))
    }

    fn container(&self, name: &str) -> Container {
        let folder = Folder::new(self.path(name), Arc::clone(&self.damaged));
        Container {
            folder: Arc::new(Mutex::new(folder)),
            under_way: None,
        }
    }
}

impl KeyValue for FileStore {
    fn poll(
        &self,
        context: &mut Context<'_>,
        container: &str,
        request: StoreRequest<'_>,
    ) -> Poll<Answer> {
        let mut containers = self.containers.lock();
        if !containers.contains_key(container) {
            containers.insert(container.to_owned(), self.container(container));
        }
        let Some(container) = containers.get_mut(container) else {
            return Poll::Ready(Err(Errno::Io));
        };
        if let Some((started, job)) = &mut container.under_way {
            let Poll::Ready(answer) = job.poll(context.waker()) else {
                return Poll::Pending;
            };
            let ours = started.is(&request);
            container.under_way = None;
            // Another request was begun by a container of this name that was ended: nobody wants its answer.
            if ours {
                return Poll::Ready(answer.unwrap_or(Err(Errno::Io)));
            }
        }
        let request = Request::from(request);
        let (folder, work) = (Arc::clone(&container.folder), request.clone());
        let mut job = self
            .pool
            .start(context.waker(), move || work.carry_out(&mut folder.lock()));
        if let Poll::Ready(answer) = job.poll(context.waker()) {
            return Poll::Ready(answer.unwrap_or(Err(Errno::Io)));
        }
        container.under_way = Some((request, job));
        Poll::Pending
    }
}

impl Request {
    /// Whether this is the same request.
    fn is(&self, other: &StoreRequest<'_>) -> bool {
        match (self, other) {
            (Self::Get { key }, StoreRequest::Get { key: other })
            | (Self::Delete { key }, StoreRequest::Delete { key: other }) => key == other,
            (
                Self::Set {
                    key,
                    value,
                    limit_bytes,
                },
                StoreRequest::Set {
                    key: other_key,
                    value: other_value,
                    limit_bytes: other_limit,
                },
            ) => key == other_key && value == other_value && limit_bytes == other_limit,
            _ => false,
        }
    }

    fn carry_out(self, folder: &mut Folder) -> Answer {
        match self {
            Self::Get { key } => folder.get(&key).map(StoreReply::Value),
            Self::Set {
                key,
                value,
                limit_bytes,
            } => folder
                .set(&key, &value, limit_bytes)
                .map(|()| StoreReply::Done),
            Self::Delete { key } => folder.delete(&key).map(|()| StoreReply::Done),
        }
    }
}

impl From<StoreRequest<'_>> for Request {
    fn from(request: StoreRequest<'_>) -> Self {
        match request {
            StoreRequest::Get { key } => Self::Get { key: key.to_vec() },
            StoreRequest::Set {
                key,
                value,
                limit_bytes,
            } => Self::Set {
                key: key.to_vec(),
                value: value.to_vec(),
                limit_bytes,
            },
            StoreRequest::Delete { key } => Self::Delete { key: key.to_vec() },
        }
    }
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FileStore")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}
