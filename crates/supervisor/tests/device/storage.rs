//! Storage in memory, and how it loses power. The only place that knows which storage the tests use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use thimble_port_mcu::images::{ImageRoom, ImageStore, ImageStoreError, StoredImage};
use thimble_port_mcu::machine::Lock;
use thimble_port_mcu::records::{Change, Records, RecordsError, RecordsRoom};
use thimble_supervisor::SharedRecords;

/// What flash holds.
#[derive(Clone, Default)]
pub(crate) struct Flash(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    images: BTreeMap<Vec<u8>, &'static [u8]>,
    /// Changes until power goes.
    fuse: Option<Fuse>,
    is_dark: bool,
    changes: u32,
    record_bytes_total: Option<usize>,
    image_bytes_total: Option<usize>,
}

/// When power goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuse {
    /// With the change of this number, from 0 on.
    pub(crate) at: u32,
    /// Whether that change is still made.
    pub(crate) is_made: bool,
}

/// Records and images of a flash.
pub(crate) fn storage(flash: &Flash) -> (SharedRecords, Box<dyn ImageStore>) {
    let records: Box<dyn Records> = Box::new(MemoryRecords(flash.clone()));
    let images = MemoryImages {
        flash: flash.clone(),
        begun: None,
    };
    (Arc::new(Lock::new(records)), Box::new(images))
}

impl Flash {
    /// Has power go soon.
    pub(crate) fn set_fuse(&self, fuse: Fuse) {
        self.0.lock().unwrap().fuse = Some(fuse);
    }

    /// Power is back; whether it was gone.
    pub(crate) fn restore(&self) -> bool {
        let mut contents = self.0.lock().unwrap();
        contents.fuse = None;
        std::mem::take(&mut contents.is_dark)
    }

    /// Changes that were made since this was last asked.
    pub(crate) fn take_changes(&self) -> u32 {
        std::mem::take(&mut self.0.lock().unwrap().changes)
    }

    /// All that is stored.
    pub(crate) fn dump(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let contents = self.0.lock().unwrap();
        let images = contents.images.iter();
        let images = images.map(|(key, bytes)| ([b"i", &key[..]].concat(), bytes.to_vec()));
        contents.records.clone().into_iter().chain(images).collect()
    }

    /// A flash of its own with the same content.
    pub(crate) fn copy(&self) -> Self {
        let contents = self.0.lock().unwrap();
        Self(Arc::new(Mutex::new(Contents {
            records: contents.records.clone(),
            images: contents.images.clone(),
            ..Contents::default()
        })))
    }

    /// Changes a record behind everybody's back.
    pub(crate) fn set_record(&self, key: &[u8], value: &[u8]) {
        let mut contents = self.0.lock().unwrap();
        contents.records.insert(key.to_vec(), value.to_vec());
    }

    /// Changes images behind everybody's back.
    pub(crate) fn spoil_images(&self, spoil: impl Fn(&mut Vec<u8>)) {
        let mut contents = self.0.lock().unwrap();
        for bytes in contents.images.values_mut() {
            let mut spoilt = bytes.to_vec();
            spoil(&mut spoilt);
            *bytes = spoilt.leak();
        }
    }

    /// Bytes that records can take.
    pub(crate) fn limit_records(&self, bytes: Option<usize>) {
        self.0.lock().unwrap().record_bytes_total = bytes;
    }

    /// Bytes that images can take.
    pub(crate) fn limit_images(&self, bytes: Option<usize>) {
        self.0.lock().unwrap().image_bytes_total = bytes;
    }
}

impl Contents {
    /// Counts a change: whether it is made, and whether who asked hears that it was.
    fn spend(&mut self) -> (bool, bool) {
        if self.is_dark {
            return (false, false);
        }
        self.changes += 1;
        let Some(fuse) = &mut self.fuse else {
            return (true, true);
        };
        if fuse.at > 0 {
            fuse.at -= 1;
            return (true, true);
        }
        self.is_dark = true;
        (fuse.is_made, false)
    }

    fn record_bytes(&self) -> usize {
        self.records
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }

    fn change(&mut self, changes: &[Change<'_>]) {
        for change in changes {
            match change {
                Change::Put { key, value } => {
                    self.records.insert(key.to_vec(), value.to_vec());
                }
                Change::Delete { key } => {
                    self.records.remove(*key);
                }
            }
        }
    }

    fn check_room(&self, changes: &[Change<'_>]) -> Result<(), RecordsError> {
        let needed: usize = changes
            .iter()
            .map(|change| match change {
                Change::Put { key, value } => key.len() + value.len(),
                Change::Delete { .. } => 0,
            })
            .sum();
        let total = self.record_bytes_total.unwrap_or(usize::MAX);
        let free = total.saturating_sub(self.record_bytes());
        if needed > free {
            return Err(RecordsError::Full {
                needed_bytes: needed as u32,
                free_bytes: free as u32,
            });
        }
        Ok(())
    }
}

struct MemoryRecords(Flash);

impl Records for MemoryRecords {
    fn record_bytes_max(&self) -> usize {
        1024
    }

    fn read(
        &mut self,
        key: &[u8],
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, RecordsError> {
        let contents = self.0.0.lock().unwrap();
        let Some(value) = contents.records.get(key) else {
            return Ok(None);
        };
        let rest = value.get(offset..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(Some(value.len()))
    }

    fn apply(&mut self, changes: &[Change<'_>]) -> Result<(), RecordsError> {
        let mut contents = self.0.0.lock().unwrap();
        contents.check_room(changes)?;
        let (is_made, is_heard) = contents.spend();
        if is_made {
            contents.change(changes);
        }
        if is_heard {
            Ok(())
        } else {
            Err(RecordsError::Device)
        }
    }

    fn next(
        &mut self,
        prefix: &[u8],
        after: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<Option<usize>, RecordsError> {
        let contents = self.0.0.lock().unwrap();
        let found = contents
            .records
            .iter()
            .find(|(key, _)| key.starts_with(prefix) && key.as_slice() > after);
        Ok(found.map(|(found, value)| {
            key.clear();
            key.extend_from_slice(found);
            value.len()
        }))
    }

    fn room(&self) -> RecordsRoom {
        let contents = self.0.0.lock().unwrap();
        RecordsRoom {
            used_bytes: contents.record_bytes() as u32,
            total_bytes: contents.record_bytes_total.unwrap_or(1 << 20) as u32,
            records: contents.records.len() as u32,
            ..RecordsRoom::default()
        }
    }
}

struct MemoryImages {
    flash: Flash,
    begun: Option<Begun>,
}

struct Begun {
    bytes: Vec<u8>,
    bytes_max: usize,
    left_out: Vec<bool>,
}

impl MemoryImages {
    fn room_for(&self) -> (usize, usize) {
        let contents = self.flash.0.lock().unwrap();
        let used = contents.images.values().map(|bytes| bytes.len()).sum();
        (used, contents.image_bytes_total.unwrap_or(1 << 20))
    }

    /// Writes, or gives up what was begun.
    fn write(
        &mut self,
        write: impl FnOnce(&mut Begun) -> Result<(), ImageStoreError>,
    ) -> Result<(), ImageStoreError> {
        let mut begun = self.begun.take().ok_or(ImageStoreError::NotBegun)?;
        if !self.flash.0.lock().unwrap().spend().1 {
            return Err(ImageStoreError::Device);
        }
        write(&mut begun)?;
        if begun.bytes.len() > begun.bytes_max {
            return Err(ImageStoreError::Full {
                needed_bytes: begun.bytes.len() as u32,
                largest_free_bytes: begun.bytes_max as u32,
                free_bytes: begun.bytes_max as u32,
            });
        }
        self.begun = Some(begun);
        Ok(())
    }
}

impl Begun {
    fn push(&mut self, bytes: &[u8], is_left_out: bool) {
        self.bytes.extend_from_slice(bytes);
        self.left_out.resize(self.bytes.len(), is_left_out);
    }
}

impl ImageStore for MemoryImages {
    fn begin(
        &mut self,
        bytes_expected: u32,
        bytes_max: u32,
        _: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), ImageStoreError> {
        self.begun = None;
        let (used, total) = self.room_for();
        let free = total.saturating_sub(used);
        if bytes_expected as usize > free {
            return Err(ImageStoreError::Full {
                needed_bytes: bytes_expected,
                largest_free_bytes: free as u32,
                free_bytes: free as u32,
            });
        }
        self.begun = Some(Begun {
            bytes: Vec::new(),
            bytes_max: free.min(bytes_max as usize),
            left_out: Vec::new(),
        });
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), ImageStoreError> {
        self.write(|begun| {
            begun.push(bytes, false);
            Ok(())
        })
    }

    fn fill(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ImageStoreError> {
        self.write(|begun| {
            let places = offset as usize..offset as usize + bytes.len();
            assert!(
                begun.left_out[places.clone()]
                    .iter()
                    .all(|left_out| *left_out)
            );
            begun.bytes[places.clone()].copy_from_slice(bytes);
            begun.left_out[places].fill(false);
            Ok(())
        })
    }

    fn skip(&mut self, bytes: u32) -> Result<(), ImageStoreError> {
        self.write(|begun| {
            begun.push(&vec![0xff; bytes as usize], true);
            Ok(())
        })
    }

    fn align(&mut self, alignment: u32) -> Result<(), ImageStoreError> {
        self.write(|begun| {
            let length = begun.bytes.len().next_multiple_of(alignment as usize);
            begun.push(&vec![0xff; length - begun.bytes.len()], false);
            Ok(())
        })
    }

    fn written(&mut self) -> Result<(u32, &'static [u8]), ImageStoreError> {
        let begun = self.begun.as_ref().ok_or(ImageStoreError::NotBegun)?;
        Ok((begun.bytes.len() as u32, begun.bytes.clone().leak()))
    }

    fn commit(&mut self, key: &[u8], also: &[Change<'_>]) -> Result<(), ImageStoreError> {
        let begun = self.begun.take().ok_or(ImageStoreError::NotBegun)?;
        assert!(begun.left_out.iter().all(|left_out| !left_out), "a gap");
        let mut contents = self.flash.0.lock().unwrap();
        contents.check_room(also)?;
        let (is_made, is_heard) = contents.spend();
        if is_made {
            contents.images.insert(key.to_vec(), begun.bytes.leak());
            contents.change(also);
        }
        if is_heard {
            Ok(())
        } else {
            Err(ImageStoreError::Device)
        }
    }

    fn abandon(&mut self) {
        self.begun = None;
    }

    fn image(&mut self, key: &[u8]) -> Result<Option<StoredImage>, ImageStoreError> {
        let contents = self.flash.0.lock().unwrap();
        Ok(contents.images.get(key).map(|bytes| StoredImage {
            bytes,
            stored_bytes: (bytes.len() as u32).next_multiple_of(4096),
        }))
    }

    fn next(&mut self, after: &[u8], key: &mut Vec<u8>) -> Result<bool, ImageStoreError> {
        let contents = self.flash.0.lock().unwrap();
        let found = contents.images.keys().find(|key| key.as_slice() > after);
        Ok(found.is_some_and(|found| {
            key.clear();
            key.extend_from_slice(found);
            true
        }))
    }

    fn remove(&mut self, key: &[u8], also: &[Change<'_>]) -> Result<(), ImageStoreError> {
        let mut contents = self.flash.0.lock().unwrap();
        let (is_made, is_heard) = contents.spend();
        if is_made {
            contents.images.remove(key);
            contents.change(also);
        }
        if is_heard {
            Ok(())
        } else {
            Err(ImageStoreError::Device)
        }
    }

    fn room(&mut self) -> ImageRoom {
        let (used, total) = self.room_for();
        ImageRoom {
            used_bytes: used as u32,
            total_bytes: total as u32,
            largest_free_bytes: total.saturating_sub(used) as u32,
        }
    }
}
