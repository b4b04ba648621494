//! The list of images: `index.json` and its backup. What other tools wrote into it is kept as it is.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thimble_image::Descriptor;
use thimble_image::descriptor::REF_NAME;
use thimble_image::document::{DOCUMENT_BYTES_MAX, INDEX_ENTRIES_MAX};
use thimble_image::layout::INDEX_FILE;
use thimble_image::media_type;

use super::disk;
use super::lock::Held;
use super::{Inner, StoreError, StoredImage};

/// The second copy.
pub(super) const BACKUP_FILE: &str = "index.json.backup";

/// The images of a store, each entry as it was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageList {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    manifests: Vec<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    annotations: Option<Box<RawValue>>,
}

impl Default for ImageList {
    fn default() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type::INDEX.into()),
            manifests: Vec::new(),
            annotations: None,
        }
    }
}

impl ImageList {
    /// Reads a list; nothing if it is damaged.
    pub(super) fn parse(content: &[u8]) -> Option<Self> {
        let list: Self = serde_json::from_slice(content).ok()?;
        (list.schema_version == 2).then_some(list)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // Text, a number, and JSON that was parsed before: nothing that JSON cannot hold.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What each entry points at, or the text of one that is not understood.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<Descriptor, &str>> {
        self.manifests
            .iter()
            .map(|entry| serde_json::from_str(entry.get()).map_err(|_| entry.get()))
    }

    pub(super) fn images(&self) -> Vec<StoredImage> {
        let images = self.entries().flatten().filter_map(|mut root| {
            let name = root.annotations.remove(REF_NAME)?;
            Some(StoredImage { name, root })
        });
        images.collect()
    }

    /// Keeps the entries for which this holds, and those that are not understood.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Descriptor) -> bool) {
        self.manifests.retain(|entry| {
            serde_json::from_str(entry.get()).map_or(true, |entry: Descriptor| keep(&entry))
        });
    }

    /// Gives an image a name that no other has then.
    pub(super) fn set(&mut self, name: &str, root: &Descriptor) -> Result<(), StoreError> {
        self.remove(name);
        let mut entry = root.clone();
        entry.annotations.insert(REF_NAME.into(), name.into());
        let too_many = StoreError::TooMany {
            what: "names of images",
            max: INDEX_ENTRIES_MAX as u64,
        };
        let Ok(entry) = serde_json::value::to_raw_value(&entry) else {
            return Err(too_many);
        };
        self.manifests.push(entry);
        let bytes = self.to_json().len() as u64;
        if self.manifests.len() > INDEX_ENTRIES_MAX || bytes > DOCUMENT_BYTES_MAX {
            return Err(too_many);
        }
        Ok(())
    }

    /// Takes a name away; answers whose it was.
    pub(super) fn remove(&mut self, name: &str) -> Option<Descriptor> {
        let mut found = None;
        self.manifests.retain(|entry| {
            let Ok(mut entry) = serde_json::from_str::<Descriptor>(entry.get()) else {
                return true;
            };
            if entry.ref_name() != Some(name) {
                return true;
            }
            entry.annotations.remove(REF_NAME);
            found = Some(entry);
            false
        });
        found
    }
}

/// What stands in a file that should be a list.
pub(super) enum ListFile {
    Good(ImageList, Vec<u8>),
    Missing,
    Damaged,
}

impl Inner {
    /// The images as they are at this moment.
    pub(super) fn load_list(&self) -> Result<ImageList, StoreError> {
        match self.read_list(INDEX_FILE)? {
            ListFile::Good(list, _) => Ok(list),
            ListFile::Missing | ListFile::Damaged => self.load_list_locked(&self.lock()?),
        }
    }

    /// The images, for an edit. A damaged list is repaired first.
    pub(super) fn load_list_locked(&self, held: &Held) -> Result<ImageList, StoreError> {
        match self.read_list(INDEX_FILE)? {
            ListFile::Good(list, _) => Ok(list),
            ListFile::Missing => self.restore_list(held, false),
            ListFile::Damaged => self.restore_list(held, true),
        }
    }

    pub(super) fn store_list(&self, _held: &Held, list: &ImageList) -> Result<(), StoreError> {
        let content = list.to_json();
        for name in [INDEX_FILE, BACKUP_FILE] {
            self.replace("", name, &content)?;
        }
        Ok(())
    }

    pub(super) fn read_list(&self, path: &str) -> Result<ListFile, StoreError> {
        let file = disk::open_if_there(&*self.disk, path).map_err(self.fault("open", path))?;
        let Some(file) = file else {
            return Ok(ListFile::Missing);
        };
        let content = disk::read_whole(&*file, DOCUMENT_BYTES_MAX);
        let Some(content) = content.map_err(self.fault("read", path))? else {
            return Ok(ListFile::Damaged);
        };
        Ok(match ImageList::parse(&content) {
            Some(list) => ListFile::Good(list, content),
            None => ListFile::Damaged,
        })
    }

    /// Replaces a small file durably.
    pub(super) fn replace(
        &self,
        folder: &str,
        name: &str,
        content: &[u8],
    ) -> Result<(), StoreError> {
        disk::replace(&*self.disk, folder, name, content).map_err(|error| {
            let path = disk::join(folder, name);
            self.write_fault("replace", &path, content.len() as u64, error)
        })
    }
}
