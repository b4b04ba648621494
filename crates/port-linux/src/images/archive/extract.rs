//! Finds a module in layers that are archives, as Docker's wasm images have it.
//!
//! Nothing is unpacked: the uppermost layer that has the file, or hides it, decides (OCI image specification 1.1,
//! image layer filesystem changeset: whiteouts). Links are refused, but for a hard link to a file of the same layer.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufReader, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use thimble_image::program::TarLayer;
use thimble_image::store::BlobStore;

use super::Limits;
use super::blob::{BlobReader, Bounded, Progress};
use super::entries::{EntryError, EntryProblem, Item, Items, Kind};

/// What the name of an entry begins with that hides the file of the rest of its name.
const WHITEOUT: &str = ".wh.";
/// The name of an entry that hides everything in its folder.
const OPAQUE: &str = ".wh..wh..opq";

/// Why a module is not found in layers.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExtractError<E> {
    /// No layer has it.
    NotFound {
        /// Its path.
        path: String,
    },
    /// An upper layer removes it.
    Removed {
        /// Its path.
        path: String,
    },
    /// It, or a folder on the way, is something else than it should be.
    NotFile {
        /// The path.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A hard link leads nowhere, or to another link.
    HardLink {
        /// Its path.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// A layer has an entry that no layer can have.
    Entry {
        /// Its path.
        path: String,
        /// What is wrong.
        problem: EntryProblem,
    },
    /// A layer has more entries or bytes than it may, or the module is too large.
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many may be.
        max: u64,
    },
    /// A layer ends in the middle.
    Truncated,
    /// A layer is not a tar archive, or not compressed as it says.
    Damaged(io::Error),
    /// The store failed.
    Store(E),
}

/// Reads the file at `path` out of layers, uppermost first. The path has no slash at its beginning.
///
/// # Errors
/// [`ExtractError`] says why there is no such file.
pub fn extract_module<S: BlobStore>(
    layers: &[TarLayer],
    path: &str,
    store: &S,
    limits: &Limits,
) -> Result<Vec<u8>, ExtractError<S::Error>> {
    for layer in layers {
        let wanted = Wanted { path, limits };
        let seen = scan(layer, store, &wanted)?;
        if let Some((path, kind)) = seen.obstacle {
            return Err(ExtractError::NotFile { path, kind });
        }
        match seen.found {
            Some(Found::File(bytes)) => return Ok(bytes),
            Some(Found::HardLink(target)) => return linked(layer, store, &wanted, target),
            Some(Found::Other(kind)) => {
                return Err(ExtractError::NotFile {
                    path: path.to_owned(),
                    kind,
                });
            }
            None => {}
        }
        if seen.hides {
            return Err(ExtractError::Removed {
                path: path.to_owned(),
            });
        }
    }
    Err(ExtractError::NotFound {
        path: path.to_owned(),
    })
}

/// The file that a hard link of the same layer stands for.
fn linked<S: BlobStore>(
    layer: &TarLayer,
    store: &S,
    wanted: &Wanted<'_>,
    target: String,
) -> Result<Vec<u8>, ExtractError<S::Error>> {
    let at_target = Wanted {
        path: &target,
        ..*wanted
    };
    match scan(layer, store, &at_target)?.found {
        Some(Found::File(bytes)) => Ok(bytes),
        _ => Err(ExtractError::HardLink {
            path: wanted.path.to_owned(),
            target,
        }),
    }
}

/// What is looked for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    path: &'a str,
    limits: &'a Limits,
}

/// What a layer has at the path.
enum Found {
    File(Vec<u8>),
    HardLink(String),
    Other(&'static str),
}

/// What a layer says about the path.
#[derive(Default)]
struct Seen {
    found: Option<Found>,
    /// Something on the way that is not a folder.
    obstacle: Option<(String, &'static str)>,
    /// Whether what lower layers have does not count.
    hides: bool,
}

/// Reads a layer from front to end; of entries with the same path the last one counts, as when it is unpacked.
fn scan<S: BlobStore>(
    layer: &TarLayer,
    store: &S,
    wanted: &Wanted<'_>,
) -> Result<Seen, ExtractError<S::Error>> {
    let failure = RefCell::new(None);
    let blob = BufReader::new(BlobReader::new(store, layer.blob.digest, &failure));
    let mut reader: Box<dyn Read + '_> = if layer.gzip {
        Box::new(MultiGzDecoder::new(blob))
    } else {
        Box::new(blob)
    };
    let seen = read(&mut reader, wanted);
    drop(reader);
    seen.map_err(|error| match (failure.take(), error) {
        (Some(error), _) => ExtractError::Store(error),
        (None, ScanError::Module) => ExtractError::TooMuch {
            what: "bytes in its module",
            max: wanted.limits.module_bytes_max,
        },
        (None, ScanError::Entry(error)) => entry_error(error, wanted.limits),
    })
}

enum ScanError {
    Entry(EntryError),
    /// The module is too large.
    Module,
}

impl From<EntryError> for ScanError {
    fn from(error: EntryError) -> Self {
        Self::Entry(error)
    }
}

fn read(reader: &mut dyn Read, wanted: &Wanted<'_>) -> Result<Seen, ScanError> {
    let limits = wanted.limits;
    let progress = Progress::default();
    let mut archive = tar::Archive::new(Bounded::new(reader, limits.archive_bytes_max, &progress));
    let mut items = Items::new(&mut archive, limits.entries_max, &progress)?;
    let mut seen = Seen::default();
    while let Some(item) = items.next()? {
        seen.take(item, wanted)?;
    }
    Ok(seen)
}

impl Seen {
    fn take<R: Read>(&mut self, item: Item<'_, R>, wanted: &Wanted<'_>) -> Result<(), ScanError> {
        let (folder, name) = item.path.rsplit_once('/').unwrap_or(("", &item.path));
        if name == OPAQUE {
            self.hides |= is_above(folder, wanted.path);
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            let path = match folder {
                "" => hidden.to_owned(),
                folder => format!("{folder}/{hidden}"),
            };
            self.hides |= path == wanted.path || is_above(&path, wanted.path);
        } else if item.path == wanted.path {
            self.found = Some(found(item, wanted.limits)?);
        } else if is_above(&item.path, wanted.path) {
            let same = |(path, _): &(String, _)| *path == item.path;
            match item.kind {
                // What stood there before is replaced when it is unpacked.
                Kind::Folder if self.obstacle.as_ref().is_some_and(same) => self.obstacle = None,
                Kind::Folder => {}
                Kind::SymbolicLink => self.obstacle = Some((item.path, SYMBOLIC_LINK)),
                _ => self.obstacle = Some((item.path, "not a folder")),
            }
        }
        Ok(())
    }
}

const SYMBOLIC_LINK: &str =
    "a symbolic link, which is not followed; the image must name the file itself";

/// Whether a path is that of a folder above another. Nothing is the folder above all.
fn is_above(folder: &str, path: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn found<R: Read>(item: Item<'_, R>, limits: &Limits) -> Result<Found, ScanError> {
    let mut content = item.content;
    match item.kind {
        Kind::File => {}
        Kind::HardLink(target) => return Ok(Found::HardLink(target)),
        Kind::Folder => return Ok(Found::Other("a folder")),
        Kind::SymbolicLink => return Ok(Found::Other(SYMBOLIC_LINK)),
        Kind::Special => return Ok(Found::Other("a device or a pipe")),
    }
    let size = content.size();
    if size > limits.module_bytes_max {
        return Err(ScanError::Module);
    }
    // Grows with what really comes, not with what the header says.
    let mut bytes = Vec::new();
    let read_error = |error| ScanError::Entry(EntryError::Read(error));
    content.read_to_end(&mut bytes).map_err(read_error)?;
    if bytes.len() as u64 == size {
        Ok(Found::File(bytes))
    } else {
        Err(read_error(ErrorKind::UnexpectedEof.into()))
    }
}

fn entry_error<E>(error: EntryError, limits: &Limits) -> ExtractError<E> {
    match error {
        EntryError::Entry { path, problem } => ExtractError::Entry { path, problem },
        EntryError::TooMany => ExtractError::TooMuch {
            what: "entries in a layer",
            max: limits.entries_max,
        },
        EntryError::Read(error) => match error.kind() {
            ErrorKind::FileTooLarge => ExtractError::TooMuch {
                what: "bytes in a layer, uncompressed",
                max: limits.archive_bytes_max,
            },
            ErrorKind::UnexpectedEof => ExtractError::Truncated,
            _ => ExtractError::Damaged(error),
        },
    }
}

impl<E: fmt::Display> fmt::Display for ExtractError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { path } => {
                write!(formatter, "no layer of the image has the file `{path}`")
            }
            Self::Removed { path } => {
                write!(
                    formatter,
                    "an upper layer of the image removes the file `{path}`"
                )
            }
            Self::NotFile { path, kind } => write!(formatter, "`{path}` in the image is {kind}"),
            Self::HardLink { path, target } => write!(
                formatter,
                "`{path}` in the image is a hard link to `{target}`, which is no file of the same layer"
            ),
            Self::Entry { path, problem } => {
                write!(
                    formatter,
                    "the entry `{path}` of a layer is wrong: {problem}"
                )
            }
            Self::TooMuch { what, max } => {
                write!(formatter, "the image has more than {max} {what}")
            }
            Self::Truncated => {
                formatter.write_str("a layer of the image ends in the middle; build it again")
            }
            Self::Damaged(error) => {
                write!(formatter, "a layer of the image cannot be read: {error}")
            }
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl<E: std::error::Error> std::error::Error for ExtractError<E> {}
