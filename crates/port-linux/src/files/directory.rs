//! Directories.

use std::any::Any;
use std::fs;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::AtFlags;
use thimble_abi::Errno;
use thimble_abi::wasi::filetype;
use thimble_runtime::port::{Directory, DirectoryReply, DirectoryRequest, Metadata, Opened, Times};

use super::attributes::{metadata, timestamps};
use super::file::HostFile;
use super::limited::{self, Create, Tracked};
use super::quota::{Changes, Quota};
use super::special::SpecialFile;
use super::{Request, Work, listing};
use crate::errno::{from_io, from_rustix};
use crate::pool::Pool;
use crate::reactor::Reactor;

/// A directory of the device.
pub(super) struct HostDirectory {
    dir: Arc<Dir>,
    reactor: Reactor,
    quota: Option<Quota>,
    work: Work<DirectoryReply>,
}

/// What a job does with a directory.
type Task = Box<dyn FnOnce(&Dir) -> Result<DirectoryReply, Errno> + Send>;

impl HostDirectory {
    /// The directory behind a descriptor, which must be open for reading.
    pub(super) fn new(
        descriptor: fs::File,
        pool: &Pool,
        reactor: &Reactor,
        quota: Option<&Quota>,
    ) -> Self {
        Self {
            dir: Arc::new(Dir::from_std_file(descriptor)),
            reactor: reactor.clone(),
            quota: quota.cloned(),
            work: Work::new(pool),
        }
    }

    fn task(&self, request: DirectoryRequest<'_>) -> Result<(Request, Task), Errno> {
        Ok(match request {
            DirectoryRequest::Metadata { path, follow } => {
                let path = path.to_owned();
                (
                    Request::Metadata,
                    Box::new(move |dir| {
                        attributes(dir, &path, follow).map(DirectoryReply::Metadata)
                    }),
                )
            }
            DirectoryRequest::ReadLink { path } => {
                let path = path.to_owned();
                (
                    Request::ReadLink,
                    Box::new(move |dir| read_link(dir, &path)),
                )
            }
            DirectoryRequest::Entries { cookie, count } => (
                Request::Entries,
                Box::new(move |dir| {
                    listing::entries(dir, cookie, count).map(DirectoryReply::Entries)
                }),
            ),
            DirectoryRequest::Sync => (
                Request::Sync,
                Box::new(|dir| {
                    rustix::fs::fsync(dir)
                        .map(|()| DirectoryReply::Done)
                        .map_err(from_rustix)
                }),
            ),
            DirectoryRequest::Open { .. } => (Request::Open, self.open_task(request)?),
            request => (Request::Change, change_task(request, self.quota.clone())?),
        })
    }

    fn open_task(&self, request: DirectoryRequest<'_>) -> Result<Task, Errno> {
        let DirectoryRequest::Open {
            path,
            follow,
            create,
            exclusive,
            truncate,
            directory,
            read,
            write,
            sync,
        } = request
        else {
            return Err(Errno::NotSupported);
        };
        let mut options = OpenOptions::new();
        // Making or cutting a file takes a descriptor that may write, whatever the guest's may.
        options.read(read).write(write || create || truncate);
        let create = match (create, exclusive) {
            (false, _) => Create::No,
            (true, false) => Create::IfAbsent,
            (true, true) => Create::Exclusive,
        };
        let quota = self.quota.clone();
        // What is counted is cut when it is known.
        options.truncate(truncate && quota.is_none());
        options.follow(if follow {
            FollowSymlinks::Yes
        } else {
            FollowSymlinks::No
        });
        // A named pipe or a device must not make the open wait; regular files do not mind.
        options.nonblock(true).sync(sync);
        let path = path.to_owned();
        let (pool, reactor) = (self.work.pool.clone(), self.reactor.clone());
        Ok(Box::new(move |dir| {
            let quota = quota.as_ref();
            // Nobody takes the name away before the file is known to be open.
            let changes = quota.map(Quota::begin);
            let file = limited::open(changes.as_ref(), dir, &path, &options, create)?;
            let cut = changes.as_ref().filter(|_| truncate);
            let places = (&pool, &reactor, quota);
            opened(file, directory, cut, places).map(DirectoryReply::Opened)
        }))
    }
}

impl Directory for HostDirectory {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        request: DirectoryRequest<'_>,
    ) -> Poll<Result<DirectoryReply, Errno>> {
        let (kind, task) = match self.task(request) {
            Ok(task) => task,
            Err(errno) => return Poll::Ready(Err(errno)),
        };
        let dir = Arc::clone(&self.dir);
        self.work.poll(context, kind, move || task(&dir))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The tasks that change a directory.
fn change_task(request: DirectoryRequest<'_>, quota: Option<Quota>) -> Result<Task, Errno> {
    Ok(match request {
        DirectoryRequest::SetTimes {
            path,
            follow,
            times,
        } => {
            let path = path.to_owned();
            Box::new(move |dir| done(set_times(dir, &path, follow, times)))
        }
        DirectoryRequest::CreateDirectory { path } => {
            let path = path.to_owned();
            Box::new(move |dir| added(quota.as_ref(), || dir.create_dir(&path)))
        }
        DirectoryRequest::RemoveDirectory { path } => {
            // A slash at the end changes nothing: what is not a directory is refused anyway.
            let path = path.trim_end_matches('/').to_owned();
            Box::new(move |dir| {
                let remove = || dir.remove_dir(&path);
                done(limited::remove(quota.as_ref(), dir, &path, remove))
            })
        }
        DirectoryRequest::RemoveFile { path } => {
            let path = path.to_owned();
            Box::new(move |dir| {
                let remove = || dir.remove_file_or_symlink(&path);
                done(limited::remove(quota.as_ref(), dir, &path, remove))
            })
        }
        DirectoryRequest::Symlink { target, path } => {
            let (target, path) = (target.to_owned(), path.to_owned());
            Box::new(move |dir| added(quota.as_ref(), || DirExt::symlink(dir, &target, &path)))
        }
        DirectoryRequest::Rename {
            from,
            to_directory,
            to,
        } => {
            let target = other(to_directory, quota.as_ref())?;
            let (from, to) = (from.to_owned(), to.to_owned());
            Box::new(move |dir| {
                let target = target.as_deref().unwrap_or(dir);
                let places = ((dir, from.as_str()), (target, to.as_str()));
                let rename = || rename(dir, &from, target, &to);
                done(limited::rename(quota.as_ref(), places.0, places.1, rename))
            })
        }
        DirectoryRequest::Link {
            from,
            to_directory,
            to,
        } => {
            let target = other(to_directory, quota.as_ref())?;
            let (from, to) = (from.to_owned(), to.to_owned());
            Box::new(move |dir| {
                let target = target.as_deref().unwrap_or(dir);
                added(quota.as_ref(), || dir.hard_link(&from, target, &to))
            })
        }
        _ => return Err(Errno::NotSupported),
    })
}

/// A slash at the end of either path asks for a directory, as Linux has it; `cap-std` takes it away.
fn rename(dir: &Dir, from: &str, target: &Dir, to: &str) -> io::Result<()> {
    if from.ends_with('/') || to.ends_with('/') {
        let source = dir.symlink_metadata(from.trim_end_matches('/'))?;
        if !source.is_dir() {
            return Err(rustix::io::Errno::NOTDIR.into());
        }
    }
    dir.rename(from, target, to)
}

fn added(
    quota: Option<&Quota>,
    add: impl FnOnce() -> io::Result<()>,
) -> Result<DirectoryReply, Errno> {
    limited::add(quota, add).map(|()| DirectoryReply::Done)
}

fn done(result: io::Result<()>) -> Result<DirectoryReply, Errno> {
    result
        .map(|()| DirectoryReply::Done)
        .map_err(|error| from_io(&error))
}

/// The second directory of a request, which must be one of ours and have the first one's quota.
fn other(
    directory: Option<&dyn Directory>,
    quota: Option<&Quota>,
) -> Result<Option<Arc<Dir>>, Errno> {
    let Some(directory) = directory else {
        return Ok(None);
    };
    let directory = directory
        .as_any()
        .downcast_ref::<HostDirectory>()
        .ok_or(Errno::CrossDevice)?;
    let same = match (&directory.quota, quota) {
        (Some(theirs), Some(own)) => theirs.is(own),
        (theirs, own) => theirs.is_none() && own.is_none(),
    };
    if !same {
        return Err(Errno::CrossDevice);
    }
    Ok(Some(Arc::clone(&directory.dir)))
}

/// What a descriptor that was just opened is; a regular file is cut to no bytes with `cut`.
fn opened(
    file: fs::File,
    directory: bool,
    cut: Option<&Changes<'_>>,
    (pool, reactor, quota): (&Pool, &Reactor, Option<&Quota>),
) -> Result<Opened, Errno> {
    let stat = rustix::fs::fstat(&file).map_err(from_rustix)?;
    let metadata = metadata(&stat);
    match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        rustix::fs::FileType::Directory => Ok(Opened::Directory(Box::new(HostDirectory::new(
            file, pool, reactor, quota,
        )))),
        _ if directory => Err(Errno::NotDirectory),
        rustix::fs::FileType::RegularFile | rustix::fs::FileType::BlockDevice => {
            let is_regular = metadata.filetype == filetype::REGULAR_FILE;
            let quota = quota.filter(|_| is_regular);
            let file = Tracked::new(file, quota).map_err(from_rustix)?;
            let metadata = match cut.filter(|_| is_regular) {
                Some(changes) => self::metadata(&file.cut(changes).map_err(from_rustix)?),
                None => metadata,
            };
            Ok(Opened::File(Box::new(HostFile::new(file, pool)), metadata))
        }
        _ => Ok(Opened::File(
            Box::new(SpecialFile::new(file.into(), reactor)),
            metadata,
        )),
    }
}

fn attributes(dir: &Dir, path: &str, follow: bool) -> Result<Metadata, Errno> {
    if path.is_empty() {
        return rustix::fs::fstat(dir)
            .map(|stat| metadata(&stat))
            .map_err(from_rustix);
    }
    let found = if follow {
        dir.metadata(path)
    } else {
        dir.symlink_metadata(path)
    };
    found
        .map(|found| from_cap(&found))
        .map_err(|error| from_io(&error))
}

fn from_cap(found: &cap_std::fs::Metadata) -> Metadata {
    use cap_std::fs::MetadataExt;
    use rustix::fs::FileType;
    let nanos = |seconds: i64, nanos: i64| {
        u64::try_from(seconds.saturating_mul(1_000_000_000).saturating_add(nanos)).unwrap_or(0)
    };
    Metadata {
        device: found.dev(),
        inode: found.ino(),
        filetype: super::attributes::filetype(FileType::from_raw_mode(found.mode())),
        links: found.nlink(),
        size: found.size(),
        accessed_nanos: nanos(found.atime(), found.atime_nsec()),
        modified_nanos: nanos(found.mtime(), found.mtime_nsec()),
        changed_nanos: nanos(found.ctime(), found.ctime_nsec()),
    }
}

fn set_times(dir: &Dir, path: &str, follow: bool, times: Times) -> io::Result<()> {
    if path.is_empty() {
        rustix::fs::utimensat(dir, ".", &timestamps(times), AtFlags::empty())?;
        return Ok(());
    }
    let spec = |nanos: Option<u64>| {
        nanos.map(|nanos| {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(nanos);
            cap_fs_ext::SystemTimeSpec::Absolute(cap_std::time::SystemTime::from_std(time))
        })
    };
    let (accessed, modified) = (spec(times.accessed_nanos), spec(times.modified_nanos));
    if follow {
        dir.set_times(path, accessed, modified)
    } else {
        dir.set_symlink_times(path, accessed, modified)
    }
}

fn read_link(dir: &Dir, path: &str) -> Result<DirectoryReply, Errno> {
    let target = dir.read_link(path).map_err(|error| from_io(&error))?;
    target
        .into_os_string()
        .into_string()
        .map(DirectoryReply::Target)
        .map_err(|_| Errno::IllegalSequence)
}
