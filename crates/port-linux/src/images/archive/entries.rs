//! Reads a tar archive entry by entry, without believing it.
//!
//! Extended headers are read here, with limits, and not by the library, which would hold as much of them as an archive
//! says. Sources: POSIX.1-2017, pax; GNU tar's manual, "Basic Tar Format".

use std::fmt;
use std::io::{self, ErrorKind, Read};

use tar::{Archive, Entries, Entry, EntryType, Header, PaxExtensions};

use super::blob::Progress;

/// Bytes of a path at most, as on Linux.
const PATH_BYTES_MAX: u64 = 4096;
/// Bytes of an extended header at most.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;

/// What is wrong with an entry of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryProblem {
    /// Its path begins at the root.
    Absolute,
    /// Its path has `..`.
    Outside,
    /// Its path, or a header about it, is longer than any.
    LongName,
    /// It is a link, where only files can be.
    Link,
    /// It is a device, a pipe, or something else that is no file.
    Special,
    /// It is stored with holes.
    Sparse,
    /// Two headers tell it different lengths.
    TwoLengths,
    /// A header about it cannot be read.
    Extension,
    /// It stands there twice.
    Twice,
    /// It has more bytes than it may.
    TooLarge,
    /// It lies where blobs are and is not named after a digest.
    NotDigest,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// Another name of a file, by its path in the same archive.
    HardLink(String),
    SymbolicLink,
    Special,
}

/// An entry of an archive.
pub(super) struct Item<'a, R: Read> {
    /// The path in its shortest form, without a slash at either end.
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) content: Entry<'a, R>,
}

/// Why there is no next entry.
pub(super) enum EntryError {
    /// The archive cannot be read.
    Read(io::Error),
    /// It has more entries than it may.
    TooMany,
    /// An entry is wrong.
    Entry { path: String, problem: EntryProblem },
}

/// The entries of an archive, in its order.
pub(super) struct Items<'a, R: Read> {
    entries: Entries<'a, R>,
    left: u64,
    progress: &'a Progress,
}

/// What extended headers say about the entry that follows.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl<'a, R: Read> Items<'a, R> {
    pub(super) fn new(
        archive: &'a mut Archive<R>,
        entries_max: u64,
        progress: &'a Progress,
    ) -> Result<Self, EntryError> {
        Ok(Self {
            entries: archive.entries().map_err(EntryError::Read)?.raw(true),
            left: entries_max,
            progress,
        })
    }

    /// The next entry, `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Item<'a, R>>, EntryError> {
        let mut extended = Extended::default();
        loop {
            let Some(entry) = self.entries.next() else {
                return Ok(None);
            };
            let mut entry = entry.map_err(|error| self.read_error(error))?;
            let end = entry.raw_file_position().saturating_add(entry.size());
            self.progress.content_end.set(end);
            self.left = self.left.checked_sub(1).ok_or(EntryError::TooMany)?;
            let name = shown(&entry.header().path_bytes());
            let wrong = |problem| EntryError::Entry {
                path: name.clone(),
                problem,
            };
            match entry.header().entry_type() {
                EntryType::GNULongName => {
                    extended.path = Some(text(&mut entry, PATH_BYTES_MAX + 1, wrong)?);
                }
                EntryType::GNULongLink => {
                    extended.link = Some(text(&mut entry, PATH_BYTES_MAX + 1, wrong)?);
                }
                EntryType::XHeader => {
                    let records = text(&mut entry, EXTENSION_BYTES_MAX, wrong)?;
                    extended.take(&records).map_err(wrong)?;
                }
                EntryType::XGlobalHeader => {
                    let records = text(&mut entry, EXTENSION_BYTES_MAX, wrong)?;
                    let mut global = Extended::default();
                    global.take(&records).map_err(wrong)?;
                    if global.path.is_some() || global.size.is_some() || global.sparse {
                        return Err(wrong(EntryProblem::Extension));
                    }
                }
                _ => return extended.item(entry).map(Some),
            }
        }
    }

    /// What the library calls by several names is that there is no more to read.
    fn read_error(&self, error: io::Error) -> EntryError {
        let is_end = self.progress.ended.get() && error.kind() == ErrorKind::Other;
        EntryError::Read(if is_end {
            ErrorKind::UnexpectedEof.into()
        } else {
            error
        })
    }
}

impl Extended {
    /// Takes the records of a pax header.
    fn take(&mut self, records: &[u8]) -> Result<(), EntryProblem> {
        for record in PaxExtensions::new(records) {
            let record = record.map_err(|_| EntryProblem::Extension)?;
            let value = record.value_bytes();
            match record.key_bytes() {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value)
                        .ok()
                        .and_then(|size| size.parse().ok());
                    self.size = Some(size.ok_or(EntryProblem::Extension)?);
                }
                key if key.starts_with(b"GNU.sparse") => self.sparse = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// The entry that was meant.
    fn item<R: Read>(self, entry: Entry<'_, R>) -> Result<Item<'_, R>, EntryError> {
        let header = entry.header();
        let written = self
            .path
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let wrong = |problem| EntryError::Entry {
            path: shown(&written),
            problem,
        };
        if written.len() as u64 > PATH_BYTES_MAX {
            return Err(wrong(EntryProblem::LongName));
        }
        let size = header.entry_size().map_err(EntryError::Read)?;
        if self.size.is_some_and(|other| other != size) {
            return Err(wrong(EntryProblem::TwoLengths));
        }
        let path = normal(&written).map_err(wrong)?;
        let kind = match header.entry_type() {
            _ if self.sparse => return Err(wrong(EntryProblem::Sparse)),
            EntryType::GNUSparse => return Err(wrong(EntryProblem::Sparse)),
            EntryType::Regular if is_old_folder(header) => Kind::Folder,
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink => Kind::SymbolicLink,
            EntryType::Link => {
                let link = match self.link {
                    Some(link) => link,
                    None => header
                        .link_name_bytes()
                        .map(|name| name.into_owned())
                        .unwrap_or_default(),
                };
                Kind::HardLink(normal(&link).map_err(wrong)?)
            }
            _ => Kind::Special,
        };
        Ok(Item {
            path,
            kind,
            content: entry,
        })
    }
}

/// Before there was a type for folders, a slash at the end said it.
fn is_old_folder(header: &Header) -> bool {
    header.as_ustar().is_none() && header.path_bytes().ends_with(b"/")
}

/// The content of an extended header, without NULs at its end.
fn text<R: Read>(
    entry: &mut Entry<'_, R>,
    bytes_max: u64,
    wrong: impl Fn(EntryProblem) -> EntryError,
) -> Result<Vec<u8>, EntryError> {
    let size = entry.header().entry_size().map_err(EntryError::Read)?;
    if size > bytes_max {
        return Err(wrong(EntryProblem::LongName));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(EntryError::Read)?;
    if bytes.len() as u64 != size {
        return Err(EntryError::Read(ErrorKind::UnexpectedEof.into()));
    }
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    bytes.truncate(end);
    Ok(bytes)
}

/// A path in its shortest form. What is not UTF-8 becomes something that nobody looks for.
fn normal(path: &[u8]) -> Result<String, EntryProblem> {
    let path = String::from_utf8_lossy(path);
    if path.starts_with('/') {
        return Err(EntryProblem::Absolute);
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(EntryProblem::Outside),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// A path for messages: without control characters, and not longer than a line.
fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let mut shown: String = text
        .chars()
        .take(120)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().count() > 120 {
        shown.push('…');
    }
    shown
}

impl fmt::Display for EntryProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absolute => "its path begins with `/`",
            Self::Outside => "its path has `..`",
            Self::LongName => "its path or the header about it is too long",
            Self::Link => "it is a link; image layouts have none",
            Self::Special => "it is a device or a pipe",
            Self::Sparse => "it is stored with holes, which cannot be read",
            Self::TwoLengths => "two headers tell different lengths",
            Self::Extension => "the header about it cannot be read",
            Self::Twice => "it stands in the archive twice",
            Self::TooLarge => "it is larger than it may be",
            Self::NotDigest => "it is not named after a sha256 digest",
        })
    }
}
