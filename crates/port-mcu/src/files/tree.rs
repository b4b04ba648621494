//! The files of one container while somebody uses them: what is open, what it costs, and access to the records.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::Metadata;

use super::NowNanos;
use super::charge::{Quota, Usage};
use super::layout::{Inode, Keys, Kind};
use crate::machine::Lock;
use crate::records::Records;
use crate::shared::{Batch, Cursor, SharedRecords, errno};

/// The files of a container. All its volumes share it, and so all that is open.
pub(super) struct Tree {
    pub(super) keys: Keys,
    records: SharedRecords,
    state: Lock<State>,
    now_nanos: NowNanos,
}

/// What is known of a container's files beside the records.
pub(super) struct State {
    pub(super) quota: Quota,
    pub(super) used: Usage,
    /// Larger than any inode there is or was since they were counted.
    pub(super) inode_next: u32,
    open: Vec<Open>,
}

/// An inode that somebody has open.
struct Open {
    inode: u32,
    handles: u32,
    /// Whether it has lost its last name.
    unlinked: bool,
}

/// An open inode; closed when this is dropped, and given up then if it has no name.
pub(super) struct Handle {
    pub(super) tree: Arc<Tree>,
    pub(super) inode: u32,
}

/// A moment in which a container's files are read and changed.
pub(super) struct Session<'a> {
    pub(super) keys: Keys,
    pub(super) records: &'a mut dyn Records,
    pub(super) state: &'a mut State,
    now_nanos: &'a NowNanos,
    /// For names' records, read one after the other.
    pub(super) scratch: Vec<u8>,
}

impl Tree {
    pub(super) const fn new(
        keys: Keys,
        records: SharedRecords,
        quota: Quota,
        now_nanos: NowNanos,
    ) -> Self {
        Self {
            keys,
            records,
            state: Lock::new(State {
                quota,
                used: Usage { bytes: 0, files: 0 },
                inode_next: 1,
                open: Vec::new(),
            }),
            now_nanos,
        }
    }

    /// Does something with the files, if nobody else uses the records.
    pub(super) fn try_with<T>(
        &self,
        work: impl FnOnce(&mut Session<'_>) -> Result<T, Errno>,
    ) -> Option<Result<T, Errno>> {
        let (Ok(mut records), Ok(mut state)) = (self.records.take(), self.state.take()) else {
            return None;
        };
        let mut session = Session {
            keys: self.keys,
            records: &mut **records,
            state: &mut state,
            now_nanos: &self.now_nanos,
            scratch: Vec::new(),
        };
        session.sweep();
        Some(work(&mut session))
    }

    /// Does something with the files, or asks to be called again: somebody further up the stack uses the records.
    pub(super) fn poll<T>(
        &self,
        context: &mut Context<'_>,
        work: impl FnOnce(&mut Session<'_>) -> Result<T, Errno>,
    ) -> Poll<Result<T, Errno>> {
        self.try_with(work).map_or_else(
            || {
                context.waker().wake_by_ref();
                Poll::Pending
            },
            Poll::Ready,
        )
    }

    pub(super) fn set_quota(&self, quota: Quota) {
        if let Ok(mut state) = self.state.take() {
            state.quota = quota;
        }
    }

    pub(super) fn used(&self) -> Option<Usage> {
        self.state.take().ok().map(|state| state.used)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let left = match self.tree.state.take() {
            Ok(mut state) => state.close(self.inode),
            Err(_) => return,
        };
        if left {
            // If the records are in use now, whoever uses the files next gives it up, or who opens them first.
            let _ = self.tree.try_with(|_| Ok(()));
        }
    }
}

impl State {
    /// Counts somebody who has an inode open.
    pub(super) fn opened(&mut self, inode: u32, unlinked: bool) -> Result<(), Errno> {
        if let Some(open) = self.open.iter_mut().find(|open| open.inode == inode) {
            open.handles = open.handles.saturating_add(1);
            return Ok(());
        }
        self.open.try_reserve(1).map_err(|_| Errno::NoMemory)?;
        self.open.push(Open {
            inode,
            handles: 1,
            unlinked,
        });
        Ok(())
    }

    /// Counts somebody less; whether nobody is left of an inode without a name.
    fn close(&mut self, inode: u32) -> bool {
        let Some(place) = self.open.iter().position(|open| open.inode == inode) else {
            return false;
        };
        let Some(open) = self.open.get_mut(place) else {
            return false;
        };
        open.handles = open.handles.saturating_sub(1);
        if open.handles > 0 {
            return false;
        }
        if open.unlinked {
            return true;
        }
        self.open.swap_remove(place);
        false
    }

    pub(super) fn is_open(&self, inode: u32) -> bool {
        self.open.iter().any(|open| open.inode == inode)
    }

    pub(super) fn unlinked(&mut self, inode: u32) {
        if let Some(open) = self.open.iter_mut().find(|open| open.inode == inode) {
            open.unlinked = true;
        }
    }
}

impl Session<'_> {
    pub(super) fn now_nanos(&self) -> u64 {
        (self.now_nanos)()
    }

    /// # Errors
    /// [`Errno::NoSpace`] if the quota has no room for this.
    pub(super) fn room(&self, more: Usage) -> Result<(), Errno> {
        self.state.used.room(self.state.quota, more)
    }

    /// An inode.
    ///
    /// # Errors
    /// [`Errno::Io`] if it is damaged or not there.
    pub(super) fn inode(&mut self, number: u32) -> Result<Inode, Errno> {
        self.inode_unless_damaged(number)?.ok_or(Errno::Io)
    }

    /// An inode, or `None` if it is damaged or not there.
    ///
    /// # Errors
    /// What the records say.
    pub(super) fn inode_unless_damaged(&mut self, number: u32) -> Result<Option<Inode>, Errno> {
        let (mut bytes, length) = Inode::buffer();
        let key = self.keys.inode(number);
        let read = self.records.read(key.as_bytes(), 0, &mut bytes);
        let whole = read.map_err(errno)? == Some(length);
        Ok(Inode::decode(&bytes).filter(|_| whole))
    }

    /// A directory that has not been removed.
    ///
    /// # Errors
    /// [`Errno::NoEntry`] if it has been.
    pub(super) fn living_directory(&mut self, number: u32) -> Result<Inode, Errno> {
        let inode = self.inode(number)?;
        match inode.kind {
            Kind::Directory if inode.links > 0 => Ok(inode),
            Kind::Directory => Err(Errno::NoEntry),
            Kind::File | Kind::Symlink => Err(Errno::Io),
        }
    }

    pub(super) fn metadata(&mut self, number: u32) -> Result<Metadata, Errno> {
        let inode = self.inode(number)?;
        Ok(Metadata {
            device: 0,
            inode: number.into(),
            filetype: inode.kind.filetype(),
            links: inode.links.into(),
            size: inode.size.into(),
            accessed_nanos: inode.accessed_nanos,
            modified_nanos: inode.modified_nanos,
            changed_nanos: inode.changed_nanos,
        })
    }

    /// A number that no inode has.
    pub(super) fn new_inode(&mut self) -> Result<u32, Errno> {
        let number = self.state.inode_next;
        self.state.inode_next = number.checked_add(1).ok_or(Errno::NoSpace)?;
        Ok(number)
    }

    /// Removes an inode without a name, and its content first: a power cut leaves an inode that is found again.
    pub(super) fn reclaim(&mut self, number: u32) -> Result<(), Errno> {
        loop {
            let mut batch = Batch::default();
            let mut cursor = Cursor::new(self.keys.chunks(number));
            let all = batch.delete_all(&mut cursor, self.records)?;
            if all {
                batch.delete(self.keys.inode(number).as_bytes())?;
            }
            batch.apply(self.records)?;
            if all {
                return Ok(());
            }
        }
    }

    /// Gives up what has neither a name nor anybody who has it open.
    fn sweep(&mut self) {
        while let Some(place) = self.state.open.iter().position(|open| open.handles == 0) {
            let number = self.state.open.swap_remove(place).inode;
            let size = self.inode(number).map_or(0, |inode| inode.size);
            // What storage refuses now is tried again when the files are opened the next time; it costs until then.
            if self.reclaim(number).is_ok() {
                self.state.used.remove(Usage::file(size));
            }
        }
    }
}
