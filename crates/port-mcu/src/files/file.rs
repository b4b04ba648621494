//! Files as the runtime asks for them.

use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::{File, FileReply, FileRequest};

use super::tree::{Handle, Session};

/// An open file: no more than which one it is.
pub(super) struct RecordFile(Handle);

impl RecordFile {
    pub(super) const fn new(handle: Handle) -> Self {
        Self(handle)
    }
}

impl File for RecordFile {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        request: FileRequest<'_>,
    ) -> Poll<Result<FileReply, Errno>> {
        let inode = self.0.inode;
        self.0
            .tree
            .poll(context, |session| carry_out(session, inode, request))
    }
}

#[inline(never)]
fn carry_out(
    session: &mut Session<'_>,
    inode: u32,
    request: FileRequest<'_>,
) -> Result<FileReply, Errno> {
    let done = match request {
        FileRequest::Read { offset, buffer } => {
            return session.read(inode, offset, buffer).map(FileReply::Count);
        }
        FileRequest::Write { position, bytes } => {
            let (count, end) = session.write(inode, position, bytes)?;
            return Ok(FileReply::Written { count, end });
        }
        FileRequest::Metadata => return session.metadata(inode).map(FileReply::Metadata),
        FileRequest::SetSize(size) => session.set_size(inode, size),
        FileRequest::Allocate { offset, len } => {
            session.allocate(inode, offset.saturating_add(len))
        }
        FileRequest::SetTimes(times) => session.set_times(inode, times),
        // Whatever was written is on storage already.
        FileRequest::Sync { .. } => Ok(()),
        _ => Err(Errno::NotSupported),
    };
    done.map(|()| FileReply::Done)
}
