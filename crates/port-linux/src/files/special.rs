//! What is neither a regular file nor a directory: named pipes and devices in a mount.

use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::{File, FileReply, FileRequest};

use super::attributes::{metadata, timestamps};
use crate::errno::from_rustix;
use crate::reactor::Reactor;
use crate::streams::Pollable;

/// A named pipe or a device, open without blocking.
pub(super) struct SpecialFile(Pollable);

impl SpecialFile {
    pub(super) fn new(descriptor: OwnedFd, reactor: &Reactor) -> Self {
        Self(Pollable::nonblocking(descriptor, reactor))
    }
}

impl File for SpecialFile {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        request: FileRequest<'_>,
    ) -> Poll<Result<FileReply, Errno>> {
        match request {
            FileRequest::Read { buffer, .. } => {
                self.0.read(context, buffer).map_ok(FileReply::Count)
            }
            FileRequest::Write { bytes, .. } => self
                .0
                .write(context, bytes)
                .map_ok(|count| FileReply::Written { count, end: 0 }),
            FileRequest::Ready(interest) => {
                self.0.ready(context, interest).map_ok(FileReply::Ready)
            }
            FileRequest::Metadata => Poll::Ready(
                rustix::fs::fstat(self.0.descriptor())
                    .map(|stat| FileReply::Metadata(metadata(&stat)))
                    .map_err(from_rustix),
            ),
            FileRequest::SetTimes(times) => Poll::Ready(
                rustix::fs::futimens(self.0.descriptor(), &timestamps(times))
                    .map(|()| FileReply::Done)
                    .map_err(from_rustix),
            ),
            _ => Poll::Ready(Err(Errno::Invalid)),
        }
    }
}
