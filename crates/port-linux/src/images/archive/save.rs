//! Saves images as a layout, in a folder or in a tar file. The same images always give the same bytes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};
use thimble_image::descriptor::REF_NAME;
use thimble_image::layout::{BLOBS_FOLDER, INDEX_FILE, MARKER, MARKER_FILE, blob_path};
use thimble_image::store::BlobStore;
use thimble_image::{Descriptor, Digest, Index};

use super::blob::{BlobReader, Presence, is_present};
use super::reach::{ReachError, reachable};

/// Why images cannot be saved.
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveError<E> {
    /// There is something already where the folder should be.
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// It cannot be written.
    Write(io::Error),
    /// An image is not complete or cannot be read.
    Image(ReachError<E>),
    /// The store failed.
    Store(E),
}

/// Saves images as a layout in a folder, which must not be there or be empty. It appears when it is complete.
///
/// Each image may have a name. Signatures are images of their own here, without a name. Of an index, what is in the
/// store is saved: variants that were never pulled are left out.
///
/// # Errors
/// [`SaveError`] says what is wrong; then there is no folder.
pub fn save_folder<S: BlobStore>(
    path: &Path,
    images: &[(Option<String>, Descriptor)],
    store: &S,
) -> Result<(), SaveError<S::Error>> {
    let layout = Layout::of(images, store)?;
    let exists = || SaveError::Exists {
        path: path.to_owned(),
    };
    let is_free = match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() != ErrorKind::NotADirectory,
    };
    if !is_free {
        return Err(exists());
    }
    let partial = beside(path);
    fs::create_dir(&partial).map_err(SaveError::Write)?;
    let saved = layout.write_folder(&partial, store).and_then(|()| {
        fs::rename(&partial, path).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => exists(),
            _ => SaveError::Write(error),
        })
    });
    if saved.is_err() {
        // What is wrong is told already; a folder that nobody can remove is no news.
        drop(fs::remove_dir_all(&partial));
    }
    saved
}

/// Saves images as a layout in a tar file; see [`save_folder`].
///
/// # Errors
/// [`SaveError`] says what is wrong; what was written by then is of no use.
pub fn save_tar<W: Write, S: BlobStore>(
    writer: W,
    images: &[(Option<String>, Descriptor)],
    store: &S,
) -> Result<(), SaveError<S::Error>> {
    let layout = Layout::of(images, store)?;
    let mut tar = Builder::new(writer);
    let mut put = |path: &str, content: &[u8]| {
        tar.append(
            &header(path, EntryType::Regular, content.len() as u64)?,
            content,
        )
    };
    put(MARKER_FILE, MARKER.as_bytes()).map_err(SaveError::Write)?;
    put(INDEX_FILE, &layout.index).map_err(SaveError::Write)?;
    for folder in ["blobs/".to_owned(), format!("{BLOBS_FOLDER}/")] {
        header(&folder, EntryType::Directory, 0)
            .and_then(|header| tar.append(&header, io::empty()))
            .map_err(SaveError::Write)?;
    }
    for (digest, blob) in &layout.blobs {
        let failure = RefCell::new(None);
        let content = BlobReader::new(store, *digest, &failure).take(blob.size);
        header(&blob_path(digest), EntryType::Regular, blob.size)
            .and_then(|header| tar.append(&header, content))
            .map_err(|error| copy_error(error, &failure))?;
    }
    let mut writer = tar.into_inner().map_err(SaveError::Write)?;
    writer.flush().map_err(SaveError::Write)
}

/// What a layout consists of.
struct Layout {
    index: Vec<u8>,
    blobs: BTreeMap<Digest, Descriptor>,
}

impl Layout {
    fn of<S: BlobStore>(
        images: &[(Option<String>, Descriptor)],
        store: &S,
    ) -> Result<Self, SaveError<S::Error>> {
        let mut blobs = BTreeMap::new();
        let mut roots = Vec::with_capacity(images.len());
        for (name, root) in images {
            blobs.append(&mut reachable(store, root, &mut |blob| here(store, blob))?);
            let mut root = root.clone();
            root.annotations.remove(REF_NAME);
            if let Some(name) = name {
                root.annotations.insert(REF_NAME.to_owned(), name.clone());
            }
            roots.push(root);
        }
        Ok(Self {
            index: Index::new(roots).to_json(),
            blobs,
        })
    }

    fn write_folder<S: BlobStore>(
        &self,
        folder: &Path,
        store: &S,
    ) -> Result<(), SaveError<S::Error>> {
        fs::create_dir_all(folder.join(BLOBS_FOLDER)).map_err(SaveError::Write)?;
        for digest in self.blobs.keys() {
            let failure = RefCell::new(None);
            let mut content = BlobReader::new(store, *digest, &failure);
            File::create_new(folder.join(blob_path(digest)))
                .and_then(|mut file| io::copy(&mut content, &mut file))
                .map_err(|error| copy_error(error, &failure))?;
        }
        fs::write(folder.join(INDEX_FILE), &self.index)
            .and_then(|()| fs::write(folder.join(MARKER_FILE), MARKER))
            .map_err(SaveError::Write)
    }
}

/// Whether the store has a blob.
fn here<S: BlobStore>(store: &S, blob: &Descriptor) -> Result<bool, SaveError<S::Error>> {
    match is_present(store, blob).map_err(SaveError::Store)? {
        Presence::Present => Ok(true),
        Presence::Absent => Ok(false),
        Presence::OtherLength => Err(SaveError::Image(ReachError::Length {
            digest: blob.digest,
            expected: blob.size,
        })),
    }
}

/// A header that says nothing about this machine, this user or this time.
fn header(path: &str, kind: EntryType, size: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(if kind == EntryType::Directory {
        0o755
    } else {
        0o644
    });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// A path in the same folder, under which it is written first.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

fn copy_error<E>(error: io::Error, failure: &RefCell<Option<E>>) -> SaveError<E> {
    match failure.take() {
        Some(error) => SaveError::Store(error),
        None => SaveError::Write(error),
    }
}

impl<E> From<ReachError<E>> for SaveError<E> {
    fn from(error: ReachError<E>) -> Self {
        match error {
            ReachError::Store(error) => Self::Store(error),
            error => Self::Image(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for SaveError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists { path } => write!(
                formatter,
                "{} is there already and not an empty folder; choose another place or remove it",
                path.display()
            ),
            Self::Write(error) => write!(formatter, "the archive cannot be written: {error}"),
            Self::Image(error) => error.fmt(formatter),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl<E: std::error::Error> std::error::Error for SaveError<E> {}
