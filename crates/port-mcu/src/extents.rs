//! [`ImageStore`] in flash: each image is one extent, a row of blocks, and is read where it lies.
//!
//! Which extents there are stands in the records and nowhere else. A block is erased right before it is used; what is
//! being written belongs to nobody until its record is, so that a power cut leaves it free. Where a new extent begins
//! moves on from one to the next, so that blocks wear alike.
//!
//! Never: two extents that overlap, or a move of an image that is pinned.

mod directory;
mod draft;
mod relocate;
mod space;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::flash::{Region, index};
use crate::images::{ImageRoom, ImageStore, ImageStoreError, StoredImage};
use crate::records::{Change, Records, RecordsError};

use directory::{Directory, Extent};
use draft::Draft;
use space::Span;

/// Images in flash that is mapped.
pub struct Extents {
    region: Region,
    directory: Directory,
    draft: Option<Draft>,
    /// The block from which on room for the next image is looked for.
    cursor: u32,
}

/// What was found when images were opened. Displayed, it is a line for the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surveyed {
    /// Images that there are.
    pub images: u32,
    /// Entries that could not be: garbage, outside of the region, or over another image. They were removed.
    pub entries_removed: u32,
}

impl fmt::Display for Surveyed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} images", self.images)?;
        if self.entries_removed > 0 {
            write!(
                formatter,
                "; {} images removed whose place was damaged or taken",
                self.entries_removed
            )?;
        }
        Ok(())
    }
}

impl Extents {
    /// Opens the images of a region, which must be mapped. Their directory is in `records`.
    ///
    /// # Errors
    /// [`ImageStoreError`], also if the flash is not mapped.
    pub fn open(
        region: Region,
        records: Box<dyn Records>,
    ) -> Result<(Self, Surveyed), ImageStoreError> {
        // SAFETY: no byte is read.
        let mapped = unsafe { region.in_place(0, 0) };
        mapped.map_err(|_| ImageStoreError::Device)?;
        let mut directory = Directory::new(&region, records);
        let surveyed = directory.survey()?;
        let cursor = directory.cursor()?;
        let store = Self {
            region,
            directory,
            draft: None,
            cursor,
        };
        Ok((store, surveyed))
    }

    /// Uses what is being written; whatever fails, it is given up.
    fn with_draft<R>(
        &mut self,
        use_draft: impl FnOnce(&mut Draft, &Region) -> Result<R, ImageStoreError>,
    ) -> Result<R, ImageStoreError> {
        let draft = self.draft.as_mut().ok_or(ImageStoreError::NotBegun)?;
        let used = use_draft(draft, &self.region);
        if used.is_err() {
            self.abandon();
        }
        used
    }

    fn blocks_of(&self, bytes: u32) -> u32 {
        bytes.div_ceil(self.region.block_bytes()).max(1)
    }
}

impl ImageStore for Extents {
    fn begin(
        &mut self,
        bytes_expected: u32,
        bytes_max: u32,
        pinned: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), ImageStoreError> {
        self.abandon();
        let needed = self.blocks_of(bytes_expected);
        let wanted = self.blocks_of(bytes_max).max(needed);
        let total = self.directory.blocks();
        let mut placed = self.directory.load(pinned)?;
        if !space::fits(&placed, total, needed) {
            relocate::join(&self.region, &mut self.directory, &mut placed, needed)?;
        }
        let Some(span) = space::choose(&placed, total, self.cursor, needed, wanted) else {
            let block_bytes = self.region.block_bytes();
            return Err(ImageStoreError::Full {
                needed_bytes: bytes_expected,
                largest_free_bytes: space::largest_free(&placed, total) * block_bytes,
                free_bytes: space::free(&placed, total) * block_bytes,
            });
        };
        self.draft = Some(Draft::new(&self.region, span));
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), ImageStoreError> {
        self.with_draft(|draft, region| draft.append(region, bytes))
    }

    fn fill(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ImageStoreError> {
        self.with_draft(|draft, region| draft.fill(region, offset, bytes))
    }

    fn skip(&mut self, bytes: u32) -> Result<(), ImageStoreError> {
        self.with_draft(|draft, region| draft.skip(region, bytes))
    }

    fn align(&mut self, alignment: u32) -> Result<(), ImageStoreError> {
        self.with_draft(|draft, region| draft.align(region, alignment))
    }

    fn written(&mut self) -> Result<(u32, &'static [u8]), ImageStoreError> {
        self.with_draft(|draft, region| {
            let (length, stored) = draft.written(region)?;
            let at = draft.span().start * region.block_bytes();
            // SAFETY: what is written stays until it is given up, as `ImageStore` says.
            let bytes = unsafe { region.in_place(at, stored) };
            Ok((length, bytes.map_err(|_| ImageStoreError::Device)?))
        })
    }

    fn commit(&mut self, key: &[u8], also: &[Change<'_>]) -> Result<(), ImageStoreError> {
        let length_bytes = self.with_draft(|draft, region| draft.finish(region))?;
        let blocks = self.blocks_of(length_bytes);
        let Some(draft) = self.draft.take() else {
            return Err(ImageStoreError::NotBegun);
        };
        let start = draft.span().start;
        let extent = Extent {
            span: Span { start, blocks },
            length_bytes,
        };
        self.cursor = (start + blocks) % self.directory.blocks();
        self.directory.put(key, &extent, self.cursor, also)
    }

    fn abandon(&mut self) {
        if let Some(draft) = self.draft.take() {
            // What was erased for it has worn.
            let used = draft.span().start + draft.blocks_erased();
            self.cursor = used % self.directory.blocks();
        }
    }

    fn image(&mut self, key: &[u8]) -> Result<Option<StoredImage>, ImageStoreError> {
        let Some(extent) = self.directory.find(key)? else {
            return Ok(None);
        };
        let block_bytes = self.region.block_bytes();
        // SAFETY: an image stays where it is until it is removed or moved, as `ImageStore` says.
        let bytes = unsafe {
            self.region
                .in_place(extent.span.start * block_bytes, extent.length_bytes)
        };
        Ok(Some(StoredImage {
            bytes: bytes.map_err(|_| ImageStoreError::Device)?,
            stored_bytes: extent.span.blocks * block_bytes,
        }))
    }

    fn next(&mut self, after: &[u8], key: &mut Vec<u8>) -> Result<bool, ImageStoreError> {
        self.directory.next(after, key)
    }

    fn remove(&mut self, key: &[u8], also: &[Change<'_>]) -> Result<(), ImageStoreError> {
        self.directory.remove(key, also)
    }

    fn room(&mut self) -> ImageRoom {
        let total = self.directory.blocks();
        let block_bytes = self.region.block_bytes();
        let Ok(placed) = self.directory.load(&|_| false) else {
            return ImageRoom::default();
        };
        let free = space::free(&placed, total);
        ImageRoom {
            used_bytes: total.saturating_sub(free) * block_bytes,
            total_bytes: total * block_bytes,
            largest_free_bytes: space::largest_free(&placed, total) * block_bytes,
        }
    }
}

/// Bytes that fail for want of memory are the records' error, whoever asks for them.
fn with_capacity<T>(count: usize) -> Result<Vec<T>, ImageStoreError> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(count)
        .map_err(|_| RecordsError::NoMemory)?;
    Ok(vec)
}

/// A unit's bytes within a buffer.
fn unit_of(region: &Region) -> usize {
    index(region.write_bytes())
}
