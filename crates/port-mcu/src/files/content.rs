//! What files hold: chunks that are written together with the inode, so that a power cut leaves what was before a write
//! or what is after it.

use thimble_abi::Errno;
use thimble_runtime::port::{Position, Times};

use super::charge::Usage;
use super::layout::{CHUNK_BYTES, Inode};
use super::tree::Session;
use crate::shared::{Batch, Cursor, errno};

/// Chunks that are written together, if the records take so many: an inode is written once for all of them.
const CHUNKS_MAX: usize = 4;

const CHUNK_LENGTH: usize = CHUNK_BYTES as usize;

impl Session<'_> {
    /// Reads what there is at an offset; how many bytes.
    pub(super) fn read(
        &mut self,
        number: u32,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, Errno> {
        let size = u64::from(self.inode(number)?.size);
        let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        let mut at = match u32::try_from(offset) {
            Ok(at) if count > 0 => at,
            _ => return Ok(0),
        };
        let mut rest = buffer.get_mut(..count).unwrap_or_default();
        while !rest.is_empty() {
            let (chunk, within) = place(at);
            let length = rest.len().min(CHUNK_LENGTH.saturating_sub(within));
            let (piece, after) = rest.split_at_mut_checked(length).ok_or(Errno::Io)?;
            self.read_chunk(number, chunk, within, piece)?;
            at = at.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
            rest = after;
        }
        Ok(count)
    }

    /// Fills a buffer from a chunk: with zeros where there is nothing.
    fn read_chunk(
        &mut self,
        number: u32,
        chunk: u32,
        within: usize,
        buffer: &mut [u8],
    ) -> Result<(), Errno> {
        let key = self.keys.chunk(number, chunk);
        let read = self.records.read(key.as_bytes(), within, buffer);
        let stored = read.map_err(errno)?.unwrap_or(0);
        if stored > CHUNK_LENGTH {
            return Err(Errno::Io);
        }
        let known = stored.saturating_sub(within);
        if let Some(missing) = buffer.get_mut(known..) {
            missing.fill(0);
        }
        Ok(())
    }

    /// Writes some bytes; how many, and the offset behind them.
    ///
    /// # Errors
    /// [`Errno::NoSpace`] and [`Errno::FileTooBig`]; nothing has changed then.
    pub(super) fn write(
        &mut self,
        number: u32,
        position: Position,
        bytes: &[u8],
    ) -> Result<(usize, u64), Errno> {
        let inode = self.inode(number)?;
        let offset = match position {
            Position::At(offset) => offset,
            Position::End => inode.size.into(),
        };
        if bytes.is_empty() {
            return Ok((0, offset));
        }
        let within = usize::try_from(offset % u64::from(CHUNK_BYTES)).unwrap_or(0);
        let one = CHUNK_LENGTH.saturating_sub(within);
        let many = one.saturating_add(CHUNK_LENGTH.saturating_mul(CHUNKS_MAX.saturating_sub(1)));
        let piece = bytes.get(..many).unwrap_or(bytes);
        let written = match self.write_piece(number, inode, offset, piece) {
            // Less may fit.
            Err(Errno::NoSpace | Errno::TooBig) if piece.len() > one => {
                let piece = bytes.get(..one).unwrap_or(bytes);
                self.write_piece(number, inode, offset, piece)?
            }
            written => written?,
        };
        let end = offset.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok((written, end))
    }

    fn write_piece(
        &mut self,
        number: u32,
        mut inode: Inode,
        offset: u64,
        bytes: &[u8],
    ) -> Result<usize, Errno> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let end = offset.saturating_add(length).max(inode.size.into());
        let growth = Usage::growth(inode.size.into(), end);
        self.room(growth)?;
        let end = u32::try_from(end).map_err(|_| Errno::FileTooBig)?;
        let mut at = u32::try_from(offset).map_err(|_| Errno::FileTooBig)?;
        if end > inode.size {
            self.trim(number, &mut inode)?;
        }
        let mut batch = Batch::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (chunk, within) = place(at);
            let room = CHUNK_LENGTH.saturating_sub(within);
            let (piece, after) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.write_chunk(&mut batch, number, (chunk, within), piece)?;
            inode.chunks = inode.chunks.max(chunk.saturating_add(1));
            at = at.saturating_add(u32::try_from(piece.len()).unwrap_or(u32::MAX));
            rest = after;
        }
        inode.size = end;
        self.touch(&mut inode);
        batch.put(&self.keys.inode(number), &inode.encode())?;
        batch.apply(self.records)?;
        self.state.used.add(growth);
        Ok(bytes.len())
    }

    /// Plans a chunk with new bytes at an offset, the others as they were.
    fn write_chunk<'a>(
        &mut self,
        batch: &mut Batch<'a>,
        number: u32,
        (chunk, within): (u32, usize),
        bytes: &'a [u8],
    ) -> Result<(), Errno> {
        let key = self.keys.chunk(number, chunk);
        let read = self.records.read(key.as_bytes(), 0, &mut []);
        let stored = read.map_err(errno)?.unwrap_or(0).min(CHUNK_LENGTH);
        if within == 0 && bytes.len() >= stored {
            return batch.put_borrowed(&key, bytes);
        }
        let end = within.saturating_add(bytes.len());
        let whole = batch.put_zeros(&key, stored.max(end))?;
        if let Some(old) = whole.get_mut(..stored) {
            self.records.read(key.as_bytes(), 0, old).map_err(errno)?;
        }
        for (to, from) in whole.iter_mut().skip(within).zip(bytes) {
            *to = *from;
        }
        Ok(())
    }

    /// Sets the length of a file.
    ///
    /// # Errors
    /// [`Errno::NoSpace`] and [`Errno::FileTooBig`]; nothing has changed then.
    pub(super) fn set_size(&mut self, number: u32, size: u64) -> Result<(), Errno> {
        let mut inode = self.inode(number)?;
        if size < u64::from(inode.size) {
            let size = u32::try_from(size).map_err(|_| Errno::Io)?;
            return self.cut(number, inode, size);
        }
        let growth = Usage::growth(inode.size.into(), size);
        self.room(growth)?;
        let size = u32::try_from(size).map_err(|_| Errno::FileTooBig)?;
        self.trim(number, &mut inode)?;
        inode.size = size;
        self.touch(&mut inode);
        let mut batch = Batch::default();
        batch.put(&self.keys.inode(number), &inode.encode())?;
        batch.apply(self.records)?;
        self.state.used.add(growth);
        Ok(())
    }

    /// Makes a file at least this long.
    ///
    /// # Errors
    /// As [`Session::set_size`].
    pub(super) fn allocate(&mut self, number: u32, end: u64) -> Result<(), Errno> {
        if end <= u64::from(self.inode(number)?.size) {
            return Ok(());
        }
        self.set_size(number, end)
    }

    /// Cuts a file: what is behind its new end never comes back, whenever the power goes.
    fn cut(&mut self, number: u32, mut inode: Inode, size: u32) -> Result<(), Errno> {
        let freed = Usage::growth(size.into(), inode.size.into());
        let mut batch = Batch::default();
        let (chunk, within) = place(size);
        let key = self.keys.chunk(number, chunk);
        let stored = self.records.read(key.as_bytes(), 0, &mut []);
        if within > 0 && stored.map_err(errno)?.is_some_and(|stored| stored > within) {
            let kept = batch.put_zeros(&key, within)?;
            self.records.read(key.as_bytes(), 0, kept).map_err(errno)?;
        }
        inode.size = size;
        self.touch(&mut inode);
        self.cut_chunks(&mut batch, number, &mut inode)?;
        batch.put(&self.keys.inode(number), &inode.encode())?;
        batch.apply(self.records)?;
        self.state.used.remove(freed);
        // The length is what was asked for; chunks that are still there are removed before the file grows again.
        let _ = self.trim(number, &mut inode);
        Ok(())
    }

    /// Removes chunks that a cut has left behind the end.
    pub(super) fn trim(&mut self, number: u32, inode: &mut Inode) -> Result<(), Errno> {
        while inode.chunks > inode.chunks_of_size() {
            let mut batch = Batch::default();
            self.cut_chunks(&mut batch, number, inode)?;
            batch.put(&self.keys.inode(number), &inode.encode())?;
            batch.apply(self.records)?;
        }
        Ok(())
    }

    /// Plans the removal of chunks behind the end, and notes it in the inode if these are all.
    fn cut_chunks(
        &mut self,
        batch: &mut Batch<'_>,
        number: u32,
        inode: &mut Inode,
    ) -> Result<(), Errno> {
        let end = inode.chunks_of_size();
        if inode.chunks <= end {
            return Ok(());
        }
        let chunks = self.keys.chunks(number);
        let mut cursor = match end.checked_sub(1) {
            Some(last) => Cursor::after(chunks, &self.keys.chunk(number, last))?,
            None => Cursor::new(chunks),
        };
        if batch.delete_all(&mut cursor, self.records)? {
            inode.chunks = end;
        }
        Ok(())
    }

    pub(super) fn set_times(&mut self, number: u32, times: Times) -> Result<(), Errno> {
        let mut inode = self.inode(number)?;
        inode.accessed_nanos = times.accessed_nanos.unwrap_or(inode.accessed_nanos);
        inode.modified_nanos = times.modified_nanos.unwrap_or(inode.modified_nanos);
        inode.changed_nanos = self.now_nanos();
        let mut batch = Batch::default();
        batch.put(&self.keys.inode(number), &inode.encode())?;
        batch.apply(self.records)
    }

    fn touch(&self, inode: &mut Inode) {
        let now_nanos = self.now_nanos();
        inode.modified_nanos = now_nanos;
        inode.changed_nanos = now_nanos;
    }
}

/// The chunk of an offset, and the offset in it.
fn place(offset: u32) -> (u32, usize) {
    let within = usize::try_from(offset % CHUNK_BYTES).unwrap_or(0);
    (offset / CHUNK_BYTES, within)
}
