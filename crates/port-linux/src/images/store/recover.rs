//! Opening a store: making what is missing, and repairing what a power cut or a bad disk has left.

use thimble_image::layout::{self, BLOBS_FOLDER, INDEX_FILE, LayoutError, MARKER, MARKER_FILE};

use super::disk;
use super::index::{BACKUP_FILE, ImageList, ListFile};
use super::ingest::INGEST_FOLDER;
use super::lease::LEASES_FOLDER;
use super::lock::Held;
use super::pins::PINS_FOLDER;
use super::{Inner, StoreError};

/// What is above the blobs.
const BLOBS_PARENT: &str = "blobs";
/// Bytes of the marker file at most.
const MARKER_BYTES_MAX: u64 = 4096;
/// Damaged files that are kept for people to look at.
const DAMAGED_MAX: u32 = 100;

impl Inner {
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        let held = self.lock()?;
        let is_marked = self.has_marker(&held)?;
        let mut made = false;
        for folder in [
            BLOBS_PARENT,
            BLOBS_FOLDER,
            INGEST_FOLDER,
            LEASES_FOLDER,
            PINS_FOLDER,
        ] {
            made |= self.make_folder(folder)?;
        }
        if made || !is_marked {
            self.sync_folder(BLOBS_PARENT)?;
            self.sync_folder("")?;
        }
        self.require_referrers(&held)?;
        self.load_list_locked(&held)?;
        self.mend_backup(&held)?;
        if !is_marked {
            self.replace("", MARKER_FILE, MARKER.as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn make_folder(&self, folder: &str) -> Result<bool, StoreError> {
        self.disk
            .make_folder(folder)
            .map_err(|error| self.write_fault("make", folder, 0, error))
    }

    pub(super) fn sync_folder(&self, folder: &str) -> Result<(), StoreError> {
        self.disk
            .sync_folder(folder)
            .map_err(self.fault("flush", folder))
    }

    /// Whether the folder says that it is a layout. A damaged marker is as good as none.
    fn has_marker(&self, _held: &Held) -> Result<bool, StoreError> {
        let file = disk::open_if_there(&*self.disk, MARKER_FILE);
        let Some(file) = file.map_err(self.fault("open", MARKER_FILE))? else {
            return Ok(false);
        };
        let content = disk::read_whole(&*file, MARKER_BYTES_MAX);
        let content = content.map_err(self.fault("read", MARKER_FILE))?;
        match layout::check_marker(&content.unwrap_or_default()) {
            Ok(()) => Ok(true),
            Err(LayoutError::Malformed { .. }) => {
                self.notice(format!("`{MARKER_FILE}` was damaged and was written anew"));
                Ok(false)
            }
            Err(error) => Err(StoreError::Layout(error)),
        }
    }

    /// Makes the list anew from its backup, because it is missing or damaged.
    pub(super) fn restore_list(
        &self,
        held: &Held,
        is_damaged: bool,
    ) -> Result<ImageList, StoreError> {
        let backup = self.read_list(BACKUP_FILE)?;
        let mut story = String::new();
        if is_damaged {
            let kept = self.set_aside(INDEX_FILE)?;
            story = format!("the list of images was damaged and is now `{kept}`; ");
        }
        let mut list = match backup {
            ListFile::Good(list, _) => {
                story += "the images are listed from its backup";
                list
            }
            ListFile::Damaged => {
                let kept = self.set_aside(BACKUP_FILE)?;
                story += &format!(
                    "its backup was damaged too and is now `{kept}`: all names are lost, pull or load the images again"
                );
                ImageList::default()
            }
            ListFile::Missing if is_damaged || !self.lengths(BLOBS_FOLDER)?.is_empty() => {
                story += "the list of images is lost without backup: pull or load the images again before you prune";
                ImageList::default()
            }
            ListFile::Missing => ImageList::default(),
        };
        let mut lost = Vec::new();
        // The backup may be one edit older, and what it names may be pruned.
        let mut failure = None;
        list.retain(
            |root| match self.disk.entry(&layout::blob_path(&root.digest)) {
                Ok(Some(_)) => true,
                Ok(None) => {
                    lost.push(root.ref_name().unwrap_or("(no name)").to_owned());
                    false
                }
                Err(error) => {
                    failure = Some(error);
                    true
                }
            },
        );
        if let Some(error) = failure {
            return Err(self.fault("list", BLOBS_FOLDER)(error));
        }
        if !lost.is_empty() {
            story += &format!(", but for {}, whose blobs are gone", lost.join(", "));
        }
        self.store_list(held, &list)?;
        if !story.is_empty() {
            self.notice(story);
        }
        Ok(list)
    }

    /// Makes the backup equal to the list, if it is not.
    pub(super) fn mend_backup(&self, _held: &Held) -> Result<(), StoreError> {
        let ListFile::Good(_, content) = self.read_list(INDEX_FILE)? else {
            return Ok(());
        };
        match self.read_list(BACKUP_FILE)? {
            ListFile::Good(_, backup) if backup == content => Ok(()),
            _ => self.replace("", BACKUP_FILE, &content),
        }
    }

    /// Gives a damaged file another name, for people to look at; answers that name.
    fn set_aside(&self, name: &str) -> Result<String, StoreError> {
        let mut kept = String::new();
        for number in 1..=DAMAGED_MAX {
            kept = format!("{name}.damaged-{number}");
            let entry = self.disk.entry(&kept);
            if entry.map_err(self.fault("look up", &kept))?.is_none() {
                break;
            }
        }
        self.disk
            .rename(name, &kept)
            .map_err(self.fault("rename", name))?;
        self.sync_folder("")?;
        Ok(kept)
    }
}
