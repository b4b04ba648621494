//! Makes, moves, links and removes names. Each is one group of changes, checked in full before.

use alloc::string::String;

use thimble_abi::Errno;

use super::charge::Usage;
use super::entries::What;
use super::layout::{CHUNK_BYTES, Inode, Kind, Slot, VOLUMES};
use super::tree::Session;
use super::walk::{Follow, Last, Place};
use crate::shared::{Batch, Cursor};

/// What the loss of a name leads to, when the changes are made.
struct Lost {
    inode: u32,
    freed: Usage,
    next: Next,
}

enum Next {
    /// Nothing.
    Done,
    /// It is given up when it is closed.
    AtClose,
    /// What did not go into the same group is removed.
    Reclaim,
}

impl Session<'_> {
    /// Makes a file, a directory or a symbolic link at a place where there is nothing.
    pub(super) fn create(
        &mut self,
        directory: u32,
        name: &str,
        kind: Kind,
        content: &[u8],
    ) -> Result<u32, Errno> {
        self.living_directory(directory)?;
        let size = u32::try_from(content.len()).map_err(|_| Errno::NameTooLong)?;
        let cost = Usage::file(size);
        self.room(cost)?;
        let parent = if kind == Kind::Directory {
            directory
        } else {
            0
        };
        let mut inode = Inode::new(kind, parent, self.now_nanos());
        inode.size = size;
        inode.chunks = inode.chunks_of_size();
        let number = self.new_inode()?;
        let mut batch = Batch::default();
        if !content.is_empty() {
            batch.put(&self.keys.chunk(number, 0), content)?;
        }
        batch.put(&self.keys.inode(number), &inode.encode())?;
        self.add_name(&mut batch, directory, name, (number, kind))?;
        batch.apply(self.records)?;
        self.state.used.add(cost);
        Ok(number)
    }

    /// Makes the root of a volume.
    pub(super) fn create_volume(&mut self, name: &str) -> Result<u32, Errno> {
        let inode = Inode::new(Kind::Directory, VOLUMES, self.now_nanos());
        let number = self.new_inode()?;
        let mut batch = Batch::default();
        batch.put(&self.keys.inode(number), &inode.encode())?;
        self.add_name(&mut batch, VOLUMES, name, (number, inode.kind))?;
        batch.apply(self.records)?;
        Ok(number)
    }

    pub(super) fn make_directory(&mut self, base: u32, path: &str) -> Result<(), Errno> {
        let place = self.walk(base, path, Follow::Never)?;
        match place.last {
            Some(Last {
                name, found: None, ..
            }) => self
                .create(place.directory, &name, Kind::Directory, &[])
                .map(drop),
            _ => Err(Errno::Exists),
        }
    }

    pub(super) fn make_symlink(
        &mut self,
        base: u32,
        target: &str,
        path: &str,
    ) -> Result<(), Errno> {
        if target.starts_with('/') {
            return Err(Errno::NotCapable);
        }
        if target.is_empty() {
            return Err(Errno::NoEntry);
        }
        let length = u32::try_from(target.len()).unwrap_or(u32::MAX);
        let place = self.walk(base, path, Follow::Never)?;
        let name = free_name(place.last)?;
        if length > CHUNK_BYTES {
            return Err(Errno::NameTooLong);
        }
        self.create(place.directory, &name, Kind::Symlink, target.as_bytes())
            .map(drop)
    }

    pub(super) fn link(
        &mut self,
        (base, from): (u32, &str),
        (to_base, to): (u32, &str),
    ) -> Result<(), Errno> {
        let (number, kind) = self.walk(base, from, Follow::Never)?.existing()?;
        let place = self.walk(to_base, to, Follow::Never)?;
        let name = free_name(place.last)?;
        if kind == Kind::Directory {
            return Err(Errno::Permission);
        }
        self.living_directory(place.directory)?;
        self.room(Usage::NAME)?;
        let mut inode = self.inode(number)?;
        inode.links = inode.links.checked_add(1).ok_or(Errno::TooManyLinks)?;
        inode.changed_nanos = self.now_nanos();
        let mut batch = Batch::default();
        batch.put(&self.keys.inode(number), &inode.encode())?;
        self.add_name(&mut batch, place.directory, &name, (number, kind))?;
        batch.apply(self.records)?;
        self.state.used.add(Usage::NAME);
        Ok(())
    }

    pub(super) fn remove_file(&mut self, base: u32, path: &str) -> Result<(), Errno> {
        let place = self.walk(base, path, Follow::Never)?;
        let last = place.last.ok_or(Errno::IsDirectory)?;
        let named = last.found.ok_or(Errno::NoEntry)?;
        match named.what {
            What::Inode(_, Kind::Directory) => return Err(Errno::IsDirectory),
            _ if last.slash => return Err(Errno::NotDirectory),
            _ => {}
        }
        self.remove_name(place.directory, named.slot, named.what)
    }

    pub(super) fn remove_directory(&mut self, base: u32, path: &str) -> Result<(), Errno> {
        let place = self.walk(base, path, Follow::Never)?;
        // A directory cannot be removed by a name that it gives itself.
        let last = place.last.ok_or(Errno::Invalid)?;
        let named = last.found.ok_or(Errno::NoEntry)?;
        let What::Inode(number, Kind::Directory) = named.what else {
            return Err(Errno::NotDirectory);
        };
        if !self.is_empty(number)? {
            return Err(Errno::NotEmpty);
        }
        self.remove_name(place.directory, named.slot, named.what)
    }

    fn remove_name(&mut self, directory: u32, slot: Slot, what: What) -> Result<(), Errno> {
        let mut batch = Batch::default();
        batch.delete(self.keys.entry(directory, slot).as_bytes())?;
        let lost = self.lose(&mut batch, what)?;
        batch.apply(self.records)?;
        self.settle(&lost);
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        (base, from): (u32, &str),
        (to_base, to): (u32, &str),
    ) -> Result<(), Errno> {
        let source = self.walk(base, from, Follow::Never)?;
        let target = self.walk(to_base, to, Follow::Never)?;
        let (Some(old), Some(new)) = (&source.last, &target.last) else {
            return Err(Errno::Busy);
        };
        let named = old.found.ok_or(Errno::NoEntry)?;
        let What::Inode(number, kind) = named.what else {
            return Err(Errno::Io);
        };
        if kind != Kind::Directory && (old.slash || new.slash) {
            return Err(Errno::NotDirectory);
        }
        let replaced = self.check_rename((number, kind), &source, &target, new)?;
        if replaced == Some(What::Inode(number, kind)) {
            return Ok(());
        }
        self.living_directory(target.directory)?;
        let mut batch = Batch::default();
        let old_key = self.keys.entry(source.directory, named.slot);
        batch.delete(old_key.as_bytes())?;
        let lost = match new.found {
            Some(found) => {
                let (directory, slot) = (target.directory, found.slot);
                self.set_name(&mut batch, directory, slot, &new.name, (number, kind))?;
                Some(self.lose(&mut batch, found.what)?)
            }
            None => {
                self.add_name(&mut batch, target.directory, &new.name, (number, kind))?;
                None
            }
        };
        if kind == Kind::Directory && source.directory != target.directory {
            let mut inode = self.inode(number)?;
            inode.parent = target.directory;
            batch.put(&self.keys.inode(number), &inode.encode())?;
        }
        batch.apply(self.records)?;
        if let Some(lost) = lost {
            self.settle(&lost);
        }
        Ok(())
    }

    /// Whether something may be renamed to a place; what is there. In the order of Linux' checks.
    fn check_rename(
        &mut self,
        (number, kind): (u32, Kind),
        source: &Place,
        target: &Place,
        new: &Last,
    ) -> Result<Option<What>, Errno> {
        if kind == Kind::Directory && self.is_within(target.directory, number)? {
            return Err(Errno::Invalid);
        }
        let Some(found) = new.found else {
            return Ok(None);
        };
        let What::Inode(replaced, replaced_kind) = found.what else {
            return Err(Errno::Io);
        };
        let both = (kind == Kind::Directory, replaced_kind == Kind::Directory);
        if both.1 && self.is_within(source.directory, replaced)? {
            return Err(Errno::NotEmpty);
        }
        match both {
            _ if replaced == number => {}
            (true, false) => return Err(Errno::NotDirectory),
            (false, true) => return Err(Errno::IsDirectory),
            (true, true) if !self.is_empty(replaced)? => return Err(Errno::NotEmpty),
            _ => {}
        }
        Ok(Some(found.what))
    }

    /// Plans what becomes of an inode that loses a name.
    fn lose(&mut self, batch: &mut Batch<'_>, what: What) -> Result<Lost, Errno> {
        let What::Inode(number, _) = what else {
            return Ok(Lost {
                inode: 0,
                freed: Usage::NAME,
                next: Next::Done,
            });
        };
        let is_open = self.state.is_open(number);
        // What is damaged can at least be removed.
        let inode = self.inode_unless_damaged(number)?;
        let mut inode = inode.unwrap_or(Inode::new(Kind::File, 0, 0));
        inode.links = inode.links.saturating_sub(1);
        inode.changed_nanos = self.now_nanos();
        let mut lost = Lost {
            inode: number,
            freed: Usage::file(inode.size),
            next: Next::Done,
        };
        if inode.links > 0 {
            lost.freed = Usage::NAME;
        } else if is_open {
            lost.freed = Usage::default();
            lost.next = Next::AtClose;
        } else {
            let mut cursor = Cursor::new(self.keys.chunks(number));
            if batch.delete_all(&mut cursor, self.records)? {
                batch.delete(self.keys.inode(number).as_bytes())?;
                return Ok(lost);
            }
            lost.next = Next::Reclaim;
        }
        batch.put(&self.keys.inode(number), &inode.encode())?;
        Ok(lost)
    }

    fn settle(&mut self, lost: &Lost) {
        self.state.used.remove(lost.freed);
        match lost.next {
            Next::Done => {}
            Next::AtClose => self.state.unlinked(lost.inode),
            Next::Reclaim => {
                // The name is gone; what storage refuses to remove now goes when the files are opened the next time.
                let _ = self.reclaim(lost.inode);
            }
        }
    }
}

/// The name of a place where there is nothing.
///
/// # Errors
/// [`Errno::Exists`]; with a slash behind it [`Errno::NoEntry`] or [`Errno::NotDirectory`], as it names a directory.
fn free_name(last: Option<Last>) -> Result<String, Errno> {
    let last = last.ok_or(Errno::Exists)?;
    match last.found.map(|found| found.what) {
        None if last.slash => Err(Errno::NoEntry),
        None => Ok(last.name),
        Some(What::Damaged) => Err(Errno::Io),
        Some(What::Inode(_, kind)) if last.slash && kind != Kind::Directory => {
            Err(Errno::NotDirectory)
        }
        Some(What::Inode(..)) => Err(Errno::Exists),
    }
}
