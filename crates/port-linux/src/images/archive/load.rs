//! Loads the images of a layout into a store.
//!
//! A tar file is read once, from front to end: blobs go straight into the store under the digest that their path says,
//! whichever comes first, index or blobs. Of a folder only what an image consists of is read.

mod error;

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use thimble_image::descriptor::BLOB_BYTES_MAX;
use thimble_image::document::{DOCUMENT_BYTES_MAX, DocumentError};
use thimble_image::layout::{BLOBS_FOLDER, INDEX_FILE, MARKER_FILE, blob_path, check_marker};
use thimble_image::store::{Admission, BlobStore, CommitError};
use thimble_image::{Descriptor, Digest, Document};

use super::Limits;
use super::blob::{Bounded, CopyError, Presence, Progress, copy, is_present};
use super::entries::{EntryError, EntryProblem, Item, Items, Kind};
use super::reach::{ReachError, reachable};

pub use error::LoadError;

/// Bytes of the marker file at most.
const MARKER_BYTES_MAX: u64 = 4096;
/// Bytes read ahead of an archive.
const BUFFER_BYTES: usize = 64 << 10;
/// How containerd, and Docker with it, names an image in full; the other name is often only its tag.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// What a blob is while nobody has said it.
const UNKNOWN: &str = "application/octet-stream";

/// An image that a layout holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// What the layout calls it: a whole reference, a tag alone, or anything else.
    pub name: Option<String>,
    /// Its manifest or index, as the layout's index describes it.
    pub root: Descriptor,
}

/// Loads the images of a layout in a folder.
///
/// # Errors
/// [`LoadError`] says what is wrong; then some blobs may be in the store, and nothing else.
pub fn load_folder<S: BlobStore>(
    path: &Path,
    store: &S,
) -> Result<Vec<Loaded>, LoadError<S::Error>> {
    let marker = read_file(path, MARKER_FILE, MARKER_BYTES_MAX)?;
    check_marker(&marker).map_err(LoadError::Marker)?;
    let index = read_file(path, INDEX_FILE, DOCUMENT_BYTES_MAX)?;
    finish(store, &index, &mut |blob| import(path, store, blob))
}

/// Loads the images of a layout in a tar file, compressed with gzip or not.
///
/// # Errors
/// [`LoadError`] says what is wrong; then some blobs may be in the store, and nothing else.
pub fn load_tar<R: Read, S: BlobStore>(
    reader: R,
    store: &S,
    limits: &Limits,
) -> Result<Vec<Loaded>, LoadError<S::Error>> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, reader);
    let beginning = io::BufRead::fill_buf(&mut reader).map_err(LoadError::Read)?;
    if let Some(looks_like) = looks_like(beginning) {
        return Err(LoadError::NotArchive { looks_like });
    }
    let is_gzip = beginning.starts_with(&[0x1f, 0x8b]);
    let mut reader: Box<dyn Read + '_> = if is_gzip {
        Box::new(MultiGzDecoder::new(reader))
    } else {
        Box::new(reader)
    };
    let progress = Progress::default();
    let mut archive = tar::Archive::new(Bounded::new(
        &mut reader,
        limits.archive_bytes_max,
        &progress,
    ));
    let wrong = |error| entry_error(error, limits);
    let mut items = Items::new(&mut archive, limits.entries_max, &progress).map_err(wrong)?;
    let mut files = Files::default();
    while let Some(item) = items.next().map_err(wrong)? {
        files.take(item, store, limits)?;
    }
    let missing = |file| match files.is_docker {
        true => LoadError::DockerArchive,
        false => LoadError::NoLayout { file },
    };
    let marker = files.marker.as_ref().ok_or(missing(MARKER_FILE))?;
    check_marker(marker).map_err(LoadError::Marker)?;
    let index = files.index.as_ref().ok_or(missing(INDEX_FILE))?;
    finish(store, index, &mut |blob| obtained(store, blob))
}

/// The files of a layout beside its blobs.
#[derive(Default)]
struct Files {
    marker: Option<Vec<u8>>,
    index: Option<Vec<u8>>,
    /// Whether it has the file by which Docker's own archives are known.
    is_docker: bool,
}

impl Files {
    fn take<R: Read, S: BlobStore>(
        &mut self,
        item: Item<'_, R>,
        store: &S,
        limits: &Limits,
    ) -> Result<(), LoadError<S::Error>> {
        let Item {
            path,
            kind,
            mut content,
        } = item;
        let wrong = |problem| LoadError::Entry {
            path: path.clone(),
            problem,
        };
        match kind {
            Kind::File => {}
            Kind::Folder => return Ok(()),
            Kind::HardLink(_) | Kind::SymbolicLink => return Err(wrong(EntryProblem::Link)),
            Kind::Special => return Err(wrong(EntryProblem::Special)),
        }
        let (slot, bytes_max) = match path.as_str() {
            MARKER_FILE => (&mut self.marker, MARKER_BYTES_MAX),
            INDEX_FILE => (&mut self.index, DOCUMENT_BYTES_MAX),
            "manifest.json" => {
                self.is_docker = true;
                return Ok(());
            }
            _ => {
                let blobs = path.strip_prefix(BLOBS_FOLDER);
                let Some(name) = blobs.and_then(|rest| rest.strip_prefix('/')) else {
                    return Ok(());
                };
                let digest = Digest::from_hex(name).ok_or(wrong(EntryProblem::NotDigest))?;
                return receive(digest, &mut content, store, limits);
            }
        };
        if slot.is_some() {
            return Err(wrong(EntryProblem::Twice));
        }
        if content.size() > bytes_max {
            return Err(wrong(EntryProblem::TooLarge));
        }
        let mut bytes = Vec::new();
        content
            .read_to_end(&mut bytes)
            .map_err(|error| read_error(error, limits))?;
        if bytes.len() as u64 != content.size() {
            return Err(LoadError::Truncated);
        }
        *slot = Some(bytes);
        Ok(())
    }
}

/// Puts a blob of a tar file into the store.
fn receive<R: Read, S: BlobStore>(
    digest: Digest,
    content: &mut tar::Entry<'_, R>,
    store: &S,
    limits: &Limits,
) -> Result<(), LoadError<S::Error>> {
    let size = content.size();
    if size > limits.archive_bytes_max.min(BLOB_BYTES_MAX) {
        return Err(LoadError::TooMuch {
            what: "bytes, uncompressed",
            max: limits.archive_bytes_max,
        });
    }
    let blob = Descriptor::new(UNKNOWN, digest, size);
    match store.admit(&blob).map_err(LoadError::Store)? {
        Admission::Present => Ok(()),
        Admission::Wanted(writer) => copy(&mut Whole::new(content, size), writer)
            .map_err(|error| copy_error(digest, error, limits)),
    }
}

/// Whether a blob that an image needs came with the archive, or was here before. Asked with the media type that the
/// image gives it, so that the store knows from now on what it is.
fn obtained<S: BlobStore>(store: &S, blob: &Descriptor) -> Result<bool, LoadError<S::Error>> {
    match is_present(store, blob).map_err(LoadError::Store)? {
        Presence::Present => Ok(true),
        Presence::Absent => Ok(false),
        Presence::OtherLength => Err(LoadError::Image(ReachError::Length {
            digest: blob.digest,
            expected: blob.size,
        })),
    }
}

/// Puts a blob of a folder into the store, if the folder has it.
fn import<S: BlobStore>(
    folder: &Path,
    store: &S,
    blob: &Descriptor,
) -> Result<bool, LoadError<S::Error>> {
    let writer = match store.admit(blob).map_err(LoadError::Store)? {
        Admission::Present => return obtained(store, blob),
        Admission::Wanted(writer) => writer,
    };
    let path = folder.join(blob_path(&blob.digest));
    let file = match open_file(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(LoadError::Read(error)),
    };
    // One byte more than there should be: then the store sees that the length is wrong.
    let mut content = file.take(blob.size.saturating_add(1));
    copy(&mut content, writer)
        .map_err(|error| copy_error(blob.digest, error, &Limits::default()))?;
    Ok(true)
}

/// Tells whether a blob is there, and may bring it.
type Obtain<'a, E> = dyn FnMut(&Descriptor) -> Result<bool, LoadError<E>> + 'a;

/// Checks that everything is there that the index lists.
fn finish<S: BlobStore>(
    store: &S,
    index: &[u8],
    obtain: &mut Obtain<'_, S::Error>,
) -> Result<Vec<Loaded>, LoadError<S::Error>> {
    let roots = match Document::parse(index, None).map_err(LoadError::Index)? {
        Document::Index(index) => index.manifests,
        Document::Manifest(manifest) => {
            return Err(LoadError::Index(DocumentError::Unsupported {
                media_type: manifest.media_type.unwrap_or_else(|| "a manifest".into()),
            }));
        }
    };
    if roots.is_empty() {
        return Err(LoadError::NoImage);
    }
    let mut loaded = Vec::with_capacity(roots.len());
    for root in roots {
        reachable(store, &root, obtain)?;
        let name = root.annotations.get(CONTAINERD_NAME).cloned();
        loaded.push(Loaded {
            name: name.or_else(|| root.ref_name().map(ToOwned::to_owned)),
            root,
        });
    }
    Ok(loaded)
}

/// A file of a folder that cannot make us wait.
fn open_file(path: &Path) -> io::Result<File> {
    let not_file = || {
        io::Error::new(
            ErrorKind::InvalidInput,
            format!("{} is not a file", path.display()),
        )
    };
    if !std::fs::metadata(path)?.is_file() {
        return Err(not_file());
    }
    File::open(path)
}

/// The content of a file of the layout itself.
fn read_file<E>(
    folder: &Path,
    name: &'static str,
    bytes_max: u64,
) -> Result<Vec<u8>, LoadError<E>> {
    let file = match open_file(&folder.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(LoadError::NoLayout { file: name });
        }
        Err(error) => return Err(LoadError::Read(error)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(LoadError::Read)?;
    if bytes.len() as u64 > bytes_max {
        return Err(LoadError::Entry {
            path: name.into(),
            problem: EntryProblem::TooLarge,
        });
    }
    Ok(bytes)
}

/// What a file is that cannot be a tar file, if that is known.
fn looks_like(beginning: &[u8]) -> Option<&'static str> {
    match beginning {
        [] => Some("an empty file"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("compressed with zstd; unpack it first"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("compressed with xz; unpack it first"),
        [b'B', b'Z', b'h', ..] => Some("compressed with bzip2; unpack it first"),
        [b'P', b'K', 3, 4, ..] => Some("a zip archive; pack it as tar"),
        [0, b'a', b's', b'm', ..] => Some("a WebAssembly module; run or build it as it is"),
        _ => None,
    }
}

/// Reads exactly as many bytes as were announced: fewer are an error.
struct Whole<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Whole<R> {
    const fn new(inner: R, size: u64) -> Self {
        Self { inner, left: size }
    }
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && !buffer.is_empty() && self.left > 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}

fn entry_error<E>(error: EntryError, limits: &Limits) -> LoadError<E> {
    match error {
        EntryError::Read(error) => read_error(error, limits),
        EntryError::TooMany => LoadError::TooMuch {
            what: "entries",
            max: limits.entries_max,
        },
        EntryError::Entry { path, problem } => LoadError::Entry { path, problem },
    }
}

fn copy_error<E>(digest: Digest, error: CopyError<E>, limits: &Limits) -> LoadError<E> {
    match error {
        CopyError::Read(error) => read_error(error, limits),
        CopyError::Store(error) | CopyError::Commit(CommitError::Device(error)) => {
            LoadError::Store(error)
        }
        CopyError::Commit(error) => LoadError::Blob { digest, error },
    }
}

fn read_error<E>(error: io::Error, limits: &Limits) -> LoadError<E> {
    match error.kind() {
        ErrorKind::FileTooLarge => LoadError::TooMuch {
            what: "bytes, uncompressed",
            max: limits.archive_bytes_max,
        },
        ErrorKind::UnexpectedEof => LoadError::Truncated,
        _ => LoadError::Read(error),
    }
}
