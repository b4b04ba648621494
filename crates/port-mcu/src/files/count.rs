//! What is done before a container's files are used: what a power cut left is removed, and what there is is counted.

use thimble_abi::Errno;

use super::charge::{Usage, content_bytes};
use super::layout::{Inode, VOLUMES};
use super::tree::Session;
use crate::shared::{Batch, Cursor, delete_prefix};

impl Session<'_> {
    /// Finishes what a power cut ended and counts. What is damaged costs a name, and stays.
    ///
    /// # Errors
    /// What the records say.
    #[inline(never)]
    pub(super) fn count(&mut self) -> Result<(), Errno> {
        self.finish_removal()?;
        let mut used = Usage::default();
        let mut cursor = Cursor::new(self.keys.inodes());
        while cursor.next(self.records)?.is_some() {
            let Ok(bytes) = cursor.rest().try_into() else {
                continue;
            };
            let number = u32::from_be_bytes(bytes);
            self.state.inode_next = self.state.inode_next.max(number.saturating_add(1));
            // That it is damaged is told to whoever opens it.
            let Some(mut inode) = self.inode_unless_damaged(number)? else {
                continue;
            };
            if inode.links == 0 {
                self.reclaim(number)?;
                continue;
            }
            self.trim(number, &mut inode)?;
            used.add(content(&inode));
        }
        self.skip_lost_chunks()?;
        let mut cursor = Cursor::new(self.keys.all_entries());
        while cursor.next(self.records)?.is_some() {
            if !cursor.rest().starts_with(&VOLUMES.to_be_bytes()) {
                used.add(Usage::NAME);
            }
        }
        self.state.used = used;
        Ok(())
    }

    /// Chunks whose inode was damaged so that not even its number is left must not become part of a new file.
    #[inline(never)]
    fn skip_lost_chunks(&mut self) -> Result<(), Errno> {
        let chunks = self.keys.all_chunks();
        loop {
            let known = self
                .keys
                .chunk(self.state.inode_next.saturating_sub(1), u32::MAX);
            let mut cursor = Cursor::after(chunks, &known)?;
            if cursor.next(self.records)?.is_none() {
                return Ok(());
            }
            let number = cursor.rest().first_chunk().copied().map(u32::from_be_bytes);
            let next = number.and_then(|number| number.checked_add(1));
            match next {
                Some(next) if next > self.state.inode_next => self.state.inode_next = next,
                _ => return Ok(()),
            }
        }
    }

    /// Removes all files. What a power cut leaves is removed before they are used again.
    ///
    /// # Errors
    /// What the records say; it is to be repeated.
    pub(super) fn remove_all(&mut self) -> Result<(), Errno> {
        let mut batch = Batch::default();
        batch.put(&self.keys.removing(), &[])?;
        batch.apply(self.records)?;
        self.finish_removal()
    }

    #[inline(never)]
    fn finish_removal(&mut self) -> Result<(), Errno> {
        let mark = self.keys.removing();
        if Cursor::new(mark).next(self.records)?.is_none() {
            return Ok(());
        }
        let kinds = [
            self.keys.all_entries(),
            self.keys.inodes(),
            self.keys.all_chunks(),
        ];
        for kind in kinds {
            delete_prefix(self.records, kind)?;
        }
        delete_prefix(self.records, self.keys.0)?;
        self.state.used = Usage::default();
        Ok(())
    }
}

fn content(inode: &Inode) -> Usage {
    Usage {
        files: 0,
        bytes: content_bytes(inode.size.into()),
    }
}
