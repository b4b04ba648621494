//! Files and directories of mounts.
//!
//! Paths are resolved by `cap-std`, below the mount's own descriptor: neither `..`, nor a symbolic link,
//! nor somebody who swaps one for the other meanwhile leads out of it. Whatever may have to wait for
//! storage is a job of the pool, which owns copies of all it needs; reads of what is in memory are not.

mod attributes;
mod directory;
mod file;
mod limited;
mod listing;
mod quota;
mod special;

use std::io;
use std::path::Path;
use std::task::{Context, Poll};

use rustix::fs::{Mode, OFlags};
use thimble_abi::Errno;
use thimble_runtime::port::Directory;

use crate::pool::{Job, Pool};
use crate::reactor::Reactor;

pub use quota::{NAME_BYTES, Quota};

/// Opens a directory of the device for a container. May wait for storage: not for use within a slice.
///
/// # Errors
/// When it is not there, is not a directory or cannot be read.
pub fn open_mount(path: &Path, pool: &Pool, reactor: &Reactor) -> io::Result<Box<dyn Directory>> {
    open(path, pool, reactor, None)
}

/// Opens a directory of the device for a container, whose files take no more than a quota allows; over it, what would
/// make them grow fails with [`Errno::NoSpace`]. Counts the directory if the quota does not know it. May wait for
/// storage: not for use within a slice.
///
/// The directory must be one that the quota knows, or lie outside of all that it knows. Links and renames between it
/// and directories of another quota, or of none, fail with [`Errno::CrossDevice`], as between file systems.
///
/// # Errors
/// When it is not there, is not a directory or cannot be read.
pub fn open_mount_limited(
    path: &Path,
    pool: &Pool,
    reactor: &Reactor,
    quota: &Quota,
) -> io::Result<Box<dyn Directory>> {
    quota.add_root(path)?;
    open(path, pool, reactor, Some(quota))
}

fn open(
    path: &Path,
    pool: &Pool,
    reactor: &Reactor,
    quota: Option<&Quota>,
) -> io::Result<Box<dyn Directory>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(Box::new(directory::HostDirectory::new(
        descriptor.into(),
        pool,
        reactor,
        quota,
    )))
}

/// What an object has under way in the pool: one job at a time.
struct Work<T> {
    pool: Pool,
    job: Option<(Request, Job<Result<T, Errno>>)>,
}

/// The kinds of requests that become jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    Open,
    Metadata,
    Change,
    ReadLink,
    Entries,
    Sync,
    Read,
    Write,
}

impl<T: Send + 'static> Work<T> {
    fn new(pool: &Pool) -> Self {
        Self {
            pool: pool.clone(),
            job: None,
        }
    }

    /// Whether a job is under way.
    const fn is_under_way(&self) -> bool {
        self.job.is_some()
    }

    /// The result of the job for this request, which is started if it is not under way.
    ///
    /// A pending request is repeated until it is done, so the job under way is the one asked for; were it
    /// another, it would have to end first.
    fn poll<F>(
        &mut self,
        context: &mut Context<'_>,
        request: Request,
        work: F,
    ) -> Poll<Result<T, Errno>>
    where
        F: FnOnce() -> Result<T, Errno> + Send + 'static,
    {
        if let Some((under_way, job)) = &mut self.job {
            let Poll::Ready(result) = job.poll(context.waker()) else {
                return Poll::Pending;
            };
            let is_this = *under_way == request;
            self.job = None;
            if is_this {
                return Poll::Ready(result.unwrap_or(Err(Errno::Io)));
            }
        }
        self.job = Some((request, self.pool.start(context.waker(), work)));
        Poll::Pending
    }
}
