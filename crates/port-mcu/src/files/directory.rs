//! Directories as the runtime asks for them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::{Directory, DirectoryReply, DirectoryRequest, Metadata, Opened};

use super::entries::What;
use super::file::RecordFile;
use super::layout::Kind;
use super::tree::{Handle, Session};
use super::walk::{Follow, Place};

/// A directory of a volume.
pub(super) struct RecordDirectory {
    handle: Handle,
    /// The root of its volume.
    root: u32,
}

/// How to open.
#[derive(Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the runtime's request has them, each with a meaning of its own"
)]
struct How {
    follow: bool,
    create: bool,
    exclusive: bool,
    truncate: bool,
    directory: bool,
    write: bool,
}

impl RecordDirectory {
    pub(super) const fn new(handle: Handle, root: u32) -> Self {
        Self { handle, root }
    }

    #[inline(never)]
    fn open(
        &self,
        context: &mut Context<'_>,
        path: &str,
        how: How,
    ) -> Poll<Result<DirectoryReply, Errno>> {
        let base = self.handle.inode;
        let tree = &self.handle.tree;
        let opened = tree.poll(context, |session| {
            let (inode, kind) = session.open(base, path, how)?;
            let metadata = session.metadata(inode)?;
            session.state.opened(inode, metadata.links == 0)?;
            Ok((inode, kind, metadata))
        });
        opened.map_ok(|(inode, kind, metadata)| {
            let handle = Handle {
                tree: Arc::clone(tree),
                inode,
            };
            DirectoryReply::Opened(self.opened(handle, kind, metadata))
        })
    }

    fn opened(&self, handle: Handle, kind: Kind, metadata: Metadata) -> Opened {
        if kind == Kind::Directory {
            Opened::Directory(Box::new(Self::new(handle, self.root)))
        } else {
            Opened::File(Box::new(RecordFile::new(handle)), metadata)
        }
    }

    /// The inode of a request's second directory, which must be of the same volume.
    fn other(&self, directory: Option<&dyn Directory>) -> Result<u32, Errno> {
        let Some(directory) = directory else {
            return Ok(self.handle.inode);
        };
        let other = directory
            .as_any()
            .downcast_ref::<Self>()
            .ok_or(Errno::CrossDevice)?;
        let same = Arc::ptr_eq(&other.handle.tree, &self.handle.tree) && other.root == self.root;
        if same {
            Ok(other.handle.inode)
        } else {
            Err(Errno::CrossDevice)
        }
    }

    /// Carries out what does not open anything.
    #[inline(never)]
    fn carry_out(
        &self,
        session: &mut Session<'_>,
        request: DirectoryRequest<'_>,
    ) -> Result<DirectoryReply, Errno> {
        let base = self.handle.inode;
        let done = match request {
            DirectoryRequest::Metadata { path, follow } => {
                let (inode, _) = session.look_up(base, path, follow)?;
                return session.metadata(inode).map(DirectoryReply::Metadata);
            }
            DirectoryRequest::ReadLink { path } => {
                let (link, kind) = session.walk(base, path, Follow::BeforeSlash)?.existing()?;
                if kind != Kind::Symlink {
                    return Err(Errno::Invalid);
                }
                return session.target(link).map(DirectoryReply::Target);
            }
            DirectoryRequest::Entries { cookie, count } => {
                return session
                    .list(base, cookie, count)
                    .map(DirectoryReply::Entries);
            }
            DirectoryRequest::SetTimes {
                path,
                follow,
                times,
            } => {
                let (inode, _) = session.look_up(base, path, follow)?;
                session.set_times(inode, times)
            }
            DirectoryRequest::CreateDirectory { path } => session.make_directory(base, path),
            DirectoryRequest::RemoveDirectory { path } => session.remove_directory(base, path),
            DirectoryRequest::RemoveFile { path } => session.remove_file(base, path),
            DirectoryRequest::Symlink { target, path } => session.make_symlink(base, target, path),
            DirectoryRequest::Rename {
                from,
                to_directory,
                to,
            } => session.rename((base, from), (self.other(to_directory)?, to)),
            DirectoryRequest::Link {
                from,
                to_directory,
                to,
            } => session.link((base, from), (self.other(to_directory)?, to)),
            // Whatever was done is on storage already.
            DirectoryRequest::Sync => Ok(()),
            _ => Err(Errno::NotSupported),
        };
        done.map(|()| DirectoryReply::Done)
    }
}

impl Directory for RecordDirectory {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        request: DirectoryRequest<'_>,
    ) -> Poll<Result<DirectoryReply, Errno>> {
        match request {
            DirectoryRequest::Open {
                path,
                follow,
                create,
                exclusive,
                truncate,
                directory,
                write,
                ..
            } => {
                let how = How {
                    follow,
                    create,
                    exclusive: create && exclusive,
                    truncate,
                    directory,
                    write,
                };
                self.open(context, path, how)
            }
            request => self
                .handle
                .tree
                .poll(context, |session| self.carry_out(session, request)),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Session<'_> {
    /// The inode at a path, or the directory itself if there is none.
    fn look_up(&mut self, base: u32, path: &str, follow: bool) -> Result<(u32, Kind), Errno> {
        let follow = if follow {
            Follow::Always
        } else {
            Follow::BeforeSlash
        };
        self.walk(base, path, follow)?.existing()
    }

    /// Finds, makes and cuts what is to be opened.
    fn open(&mut self, base: u32, path: &str, how: How) -> Result<(u32, Kind), Errno> {
        let follow = match how {
            How {
                exclusive: true, ..
            } => Follow::Never,
            // No file is made by a name that asks for a directory, wherever it leads.
            How { create: true, .. } if path.ends_with('/') => Follow::Never,
            How { follow: true, .. } => Follow::Always,
            How { follow: false, .. } => Follow::BeforeSlash,
        };
        let place = self.walk(base, path, follow)?;
        if let Some(made) = self.make(&place, how)? {
            return Ok((made, Kind::File));
        }
        if how.exclusive {
            return Err(Errno::Exists);
        }
        let (inode, kind) = place.existing()?;
        match kind {
            Kind::Directory if how.create || how.write || how.truncate => Err(Errno::IsDirectory),
            Kind::Directory => Ok((inode, kind)),
            Kind::Symlink => Err(Errno::Loop),
            Kind::File if how.directory => Err(Errno::NotDirectory),
            Kind::File => {
                if how.truncate {
                    self.set_size(inode, 0)?;
                }
                Ok((inode, kind))
            }
        }
    }

    /// Makes a file if there is none and there shall be one.
    #[inline(never)]
    fn make(&mut self, place: &Place, how: How) -> Result<Option<u32>, Errno> {
        match &place.last {
            Some(last) if how.create && last.slash => Err(Errno::IsDirectory),
            Some(last) if how.create => match last.found.map(|found| found.what) {
                None => self
                    .create(place.directory, &last.name, Kind::File, &[])
                    .map(Some),
                Some(What::Inode(..) | What::Damaged) => Ok(None),
            },
            _ => Ok(None),
        }
    }
}
