//! Regular files.

use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::{Errno as Os, ReadWriteFlags};
use thimble_abi::Errno;
use thimble_runtime::port::{File, FileReply, FileRequest, Position};

use super::attributes::{metadata, timestamps};
use super::limited::{Length, Refusal, Tracked};
use super::{Request, Work};
use crate::errno::from_rustix;
use crate::pool::Pool;

/// Bytes that one job reads or writes.
const JOB_BYTES: usize = 256 << 10;

/// Bytes that are copied from or to the page cache at once.
const CACHED_BYTES: usize = 1 << 20;

/// A regular file of the device.
pub(super) struct HostFile {
    file: Arc<Tracked>,
    work: Work<Done>,
    /// Whether the file system can say that a read would wait.
    tries_reads: bool,
    /// Whether the file system can say that a write would wait.
    tries_writes: bool,
}

/// What a job did.
enum Done {
    Bytes(Vec<u8>),
    Reply(FileReply),
}

impl HostFile {
    pub(super) fn new(file: Tracked, pool: &Pool) -> Self {
        Self {
            file: Arc::new(file),
            work: Work::new(pool),
            tries_reads: true,
            tries_writes: true,
        }
    }

    fn read(
        &mut self,
        context: &mut Context<'_>,
        offset: u64,
        buffer: &mut [u8],
    ) -> Poll<Result<FileReply, Errno>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(FileReply::Count(0)));
        }
        if self.tries_reads && !self.work.is_under_way() {
            let len = buffer.len().min(CACHED_BYTES);
            let cached = buffer.get_mut(..len).unwrap_or_default();
            match rustix::io::preadv2(
                self.file.file(),
                &mut [IoSliceMut::new(cached)],
                offset,
                ReadWriteFlags::NOWAIT,
            ) {
                Ok(count) => return Poll::Ready(Ok(FileReply::Count(count))),
                Err(Os::AGAIN | Os::INTR) => {}
                Err(Os::OPNOTSUPP | Os::NOSYS | Os::INVAL) => self.tries_reads = false,
                Err(error) => return Poll::Ready(Err(from_rustix(error))),
            }
        }
        let (file, len) = (Arc::clone(&self.file), buffer.len().min(JOB_BYTES));
        let job = self.work.poll(context, Request::Read, move || {
            let mut bytes = vec![0; len];
            let count = uninterrupted(|| rustix::io::pread(file.file(), &mut bytes, offset))?;
            bytes.truncate(count);
            Ok(Done::Bytes(bytes))
        });
        job.map(|done| match done? {
            Done::Bytes(bytes) => {
                let count = bytes.len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(&bytes) {
                    *to = *from;
                }
                Ok(FileReply::Count(count))
            }
            Done::Reply(_) => Err(Errno::Io),
        })
    }

    fn write(
        &mut self,
        context: &mut Context<'_>,
        position: Position,
        bytes: &[u8],
    ) -> Poll<Result<FileReply, Errno>> {
        if self.tries_writes && !self.work.is_under_way() {
            let cached = bytes.get(..bytes.len().min(CACHED_BYTES)).unwrap_or(bytes);
            let file = self.file.file();
            let written = self.file.try_change(length(position, cached), || {
                write(file, position, cached, ReadWriteFlags::NOWAIT)
            });
            match written {
                Ok(reply) => return Poll::Ready(Ok(reply)),
                Err(Refusal::Full) => return Poll::Ready(Err(Errno::NoSpace)),
                Err(Refusal::Busy | Refusal::Os(Os::AGAIN | Os::INTR)) => {}
                Err(Refusal::Os(Os::OPNOTSUPP | Os::NOSYS | Os::INVAL)) => {
                    self.tries_writes = false;
                }
                Err(Refusal::Os(error)) => return Poll::Ready(Err(from_rustix(error))),
            }
        }
        // A job under way has its own copy already.
        let len = if self.work.is_under_way() {
            0
        } else {
            bytes.len().min(JOB_BYTES)
        };
        let (file, copy) = (
            Arc::clone(&self.file),
            bytes.get(..len).unwrap_or_default().to_vec(),
        );
        self.job(context, Request::Write, move || {
            file.change(length(position, &copy), || {
                write(file.file(), position, &copy, ReadWriteFlags::empty())
            })
        })
    }

    fn job(
        &mut self,
        context: &mut Context<'_>,
        request: Request,
        work: impl FnOnce() -> Result<FileReply, Errno> + Send + 'static,
    ) -> Poll<Result<FileReply, Errno>> {
        self.work
            .poll(context, request, move || work().map(Done::Reply))
            .map(|done| match done? {
                Done::Reply(reply) => Ok(reply),
                Done::Bytes(_) => Err(Errno::Io),
            })
    }
}

impl File for HostFile {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        request: FileRequest<'_>,
    ) -> Poll<Result<FileReply, Errno>> {
        let file = Arc::clone(&self.file);
        match request {
            FileRequest::Read { offset, buffer } => self.read(context, offset, buffer),
            FileRequest::Write { position, bytes } => self.write(context, position, bytes),
            FileRequest::Metadata => self.job(context, Request::Metadata, move || {
                rustix::fs::fstat(file.file())
                    .map(|stat| FileReply::Metadata(metadata(&stat)))
                    .map_err(from_rustix)
            }),
            FileRequest::SetSize(size) => self.job(context, Request::Change, move || {
                file.change(Length::Exactly(size), || {
                    rustix::fs::ftruncate(file.file(), size)
                })
                .map(|()| FileReply::Done)
            }),
            FileRequest::Allocate { offset, len } => {
                self.job(context, Request::Change, move || {
                    let end = offset.saturating_add(len);
                    file.change(Length::AtLeast(end), || {
                        rustix::fs::fallocate(file.file(), FallocateFlags::empty(), offset, len)
                    })
                    .map(|()| FileReply::Done)
                })
            }
            FileRequest::SetTimes(times) => self.job(context, Request::Change, move || {
                rustix::fs::futimens(file.file(), &timestamps(times))
                    .map(|()| FileReply::Done)
                    .map_err(from_rustix)
            }),
            FileRequest::Sync { attributes } => self.job(context, Request::Sync, move || {
                let synced = if attributes {
                    rustix::fs::fsync(file.file())
                } else {
                    rustix::fs::fdatasync(file.file())
                };
                synced.map(|()| FileReply::Done).map_err(from_rustix)
            }),
            _ => Poll::Ready(Err(Errno::NotSupported)),
        }
    }
}

/// Writes at a place or at the end, wherever that is at that moment.
fn write(
    file: &fs::File,
    position: Position,
    bytes: &[u8],
    flags: ReadWriteFlags,
) -> rustix::io::Result<FileReply> {
    let slices = [IoSlice::new(bytes)];
    match position {
        Position::At(offset) => {
            let count = rustix::io::pwritev2(file, &slices, offset, flags)?;
            let end = offset.saturating_add(u64::try_from(count).unwrap_or(0));
            Ok(FileReply::Written { count, end })
        }
        Position::End => {
            // This offset moves the descriptor's own position, which nothing else uses.
            let count =
                rustix::io::pwritev2(file, &slices, u64::MAX, flags | ReadWriteFlags::APPEND)?;
            let end = rustix::fs::seek(file, SeekFrom::Current(0))?;
            Ok(FileReply::Written { count, end })
        }
    }
}

/// What a write makes of a file's length.
fn length(position: Position, bytes: &[u8]) -> Length {
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    match position {
        // Writing nothing leaves the length alone, wherever.
        _ if bytes.is_empty() => Length::AtLeast(0),
        Position::At(offset) => Length::AtLeast(offset.saturating_add(len)),
        Position::End => Length::Longer(len),
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Os::INTR) => {}
            result => return result.map_err(from_rustix),
        }
    }
}
