//! The files of one log: appended to, rotated, repaired, and opened for readers.
//!
//! Records are written whole or, when the disk refuses, taken back. Every file is replaced, never emptied, so that a
//! reader that holds one open sees it unchanged.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::LogSettings;
use super::ring::{Place, length};

/// Opens a file to read and append, making it when it is missing.
pub(super) type Opener = Box<dyn Fn(&Path) -> io::Result<File> + Send + Sync>;

/// Lines that did not get into the files.
#[derive(Debug)]
pub(super) struct Refused {
    /// The bytes that did get there; whole lines.
    pub(super) written: usize,
    /// Why the others did not.
    pub(super) error: io::Error,
}

/// A file, and the part of it to read.
#[derive(Debug)]
pub(super) struct Extent {
    pub(super) file: File,
    pub(super) from: u64,
    pub(super) to: u64,
    /// Where the extent begins and ends in the log of this process, if it is known.
    pub(super) start: Option<Place>,
    pub(super) end: Option<Place>,
}

/// The last part of a file without a gap: which part of the log it holds, and where.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: Place,
    end: Place,
    from: u64,
}

/// The files of one log, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Files {
    current: Option<File>,
    /// The length of the current file.
    length: u64,
    /// Whether the current file ends within a line.
    torn: bool,
    rotated_bytes: u64,
    /// One for each file of this process's life, the current one last.
    runs: VecDeque<Run>,
    /// The number of files at most that was last made true.
    files_max: Option<u32>,
}

impl Files {
    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.rotated_bytes.saturating_add(self.length)
    }

    /// Where that what the files hold of this process's life ends.
    pub(super) fn end(&self) -> Place {
        self.runs.back().map(|run| run.end).unwrap_or_default()
    }

    /// Where that what the files hold begins, if none of it is older than this process or was refused.
    pub(super) fn start(&self) -> Option<Place> {
        let start = self.runs.front()?.start;
        (self.end().offset - start.offset == self.bytes()).then_some(start)
    }

    /// Lets go of the descriptor; the next line opens the file again.
    pub(super) fn close(&mut self) {
        self.current = None;
    }

    /// Appends whole lines, which are at this place of the log, and keeps the limits.
    ///
    /// # Errors
    /// When the disk takes no more; the current file is closed then, and opened again by the next attempt.
    pub(super) fn append(
        &mut self,
        folder: &Path,
        settings: &LogSettings,
        opener: &Opener,
        lines: &[u8],
        place: Place,
    ) -> Result<(), Refused> {
        let mut rest = lines;
        let mut place = place;
        while !rest.is_empty() {
            let written = self.append_some(folder, settings, opener, rest, place);
            let (count, error) = match written {
                Ok(count) => (count, None),
                Err(refused) => (refused.written, Some(refused.error)),
            };
            let (done, left) = rest.split_at(count.min(rest.len()));
            place = place.after(done);
            rest = left;
            if let Some(error) = error {
                self.close();
                return Err(Refused {
                    written: lines.len() - rest.len(),
                    error,
                });
            }
        }
        Ok(())
    }

    fn append_some(
        &mut self,
        folder: &Path,
        settings: &LogSettings,
        opener: &Opener,
        lines: &[u8],
        place: Place,
    ) -> Result<usize, Refused> {
        let none = |error| Refused { written: 0, error };
        if self.current.is_none() || self.files_max != Some(settings.files_max) {
            self.open(folder, settings, opener).map_err(none)?;
        }
        let room = settings.file_bytes_max.saturating_sub(self.length);
        let mut count = whole_lines(lines, room);
        if count == 0 && self.length > 0 {
            self.rotate(folder, settings.files_max).map_err(none)?;
            self.open(folder, settings, opener).map_err(none)?;
        }
        if count == 0 {
            // At least one line: they were cut to fit, unless the limit has changed since.
            count = whole_lines(lines, settings.file_bytes_max);
            let first = lines.iter().position(|&byte| byte == b'\n');
            count = count.max(first.map_or(lines.len(), |end| end + 1));
        }
        self.write(lines.get(..count).unwrap_or(lines), place)
    }

    /// Writes whole lines with one system call, if the disk is well.
    fn write(&mut self, lines: &[u8], place: Place) -> Result<usize, Refused> {
        let none = |error| Refused { written: 0, error };
        let Some(file) = self.current.as_mut() else {
            return Err(none(ErrorKind::NotFound.into()));
        };
        if self.torn {
            file.write_all(b"\n").map_err(none)?;
            self.length += 1;
            self.torn = false;
        }
        let (count, error) = write_all(file, lines);
        let whole = if error.is_some() {
            whole_lines(lines, u64::try_from(count).unwrap_or(u64::MAX))
        } else {
            count
        };
        let written = lines.get(..whole).unwrap_or_default();
        let from = self.length;
        self.length += length(written);
        if whole < count && file.set_len(self.length).is_err() {
            self.length += u64::try_from(count - whole).unwrap_or(0);
            self.torn = true;
        }
        self.note(from, written, place);
        match error {
            None => Ok(whole),
            Some(error) => Err(Refused {
                written: whole,
                error,
            }),
        }
    }

    /// Notes which part of the log was just appended to the current file, and where.
    fn note(&mut self, from: u64, written: &[u8], place: Place) {
        if written.is_empty() {
            return;
        }
        if self.runs.back().is_none_or(|run| run.end != place) {
            self.runs.pop_back();
            self.runs.push_back(Run {
                start: place,
                end: place,
                from,
            });
        }
        if let Some(run) = self.runs.back_mut() {
            run.end = place.after(written);
        }
    }

    /// Opens the current file, and finds out what an earlier life, or somebody else, left in it.
    fn open(&mut self, folder: &Path, settings: &LogSettings, opener: &Opener) -> io::Result<()> {
        let path = path(folder, 0);
        let file = match opener(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                opener(&path)?
            }
            opened => opened?,
        };
        if self.files_max != Some(settings.files_max) {
            prune(folder, settings.files_max)?;
            self.files_max = Some(settings.files_max);
            self.rotated_bytes = rotated_bytes(folder, settings.files_max);
        }
        let mut found = file.metadata()?.len();
        if found != self.length || self.runs.is_empty() {
            let (kept, last) = without_zeros(&file, found)?;
            self.torn = last != b'\n';
            if kept < found {
                file.set_len(kept)?;
                found = kept;
            }
            self.length = found;
            // What is there now does not continue what was there.
            if let Some(run) = self.runs.back_mut() {
                run.start = run.end;
                run.from = found;
            }
        }
        self.current = Some(file);
        Ok(())
    }

    /// Gives every file the next number, forgets the last, and leaves no current one.
    fn rotate(&mut self, folder: &Path, files_max: u32) -> io::Result<()> {
        self.close();
        let moved = shift(folder, files_max);
        if moved.is_ok() {
            self.length = 0;
            self.torn = false;
            let end = self.end();
            self.runs.push_back(Run {
                start: end,
                end,
                from: 0,
            });
        }
        let files = if moved.is_ok() { files_max } else { 1 };
        while self.runs.len() > usize::try_from(files).unwrap_or(usize::MAX) {
            self.runs.pop_front();
        }
        self.rotated_bytes = rotated_bytes(folder, files_max);
        moved
    }

    /// Opens the files that hold what was written after a place, the oldest first.
    ///
    /// # Errors
    /// When one is there and cannot be opened.
    pub(super) fn after(&self, folder: &Path, place: Place) -> io::Result<Vec<Extent>> {
        let mut extents = Vec::new();
        let newest_first = self.runs.iter().rev();
        for (number, run) in (0_u32..).zip(newest_first) {
            if run.end.offset <= place.offset {
                break;
            }
            let Some(file) = open_to_read(&path(folder, number))? else {
                continue;
            };
            let start = if run.start.offset < place.offset {
                place
            } else {
                run.start
            };
            extents.push(Extent {
                file,
                from: run.from + (start.offset - run.start.offset),
                to: run.from + (run.end.offset - run.start.offset),
                start: Some(start),
                end: Some(run.end),
            });
        }
        extents.reverse();
        Ok(extents)
    }
}

/// Opens every file as it is now, the oldest first.
///
/// # Errors
/// When one is there and cannot be opened.
pub(super) fn everything(folder: &Path, files_max: u32) -> io::Result<Vec<Extent>> {
    let mut extents = Vec::new();
    for number in (0..files_max).rev() {
        let Some(file) = open_to_read(&path(folder, number))? else {
            continue;
        };
        extents.push(Extent {
            from: 0,
            to: file.metadata()?.len(),
            file,
            start: None,
            end: None,
        });
    }
    Ok(extents)
}

/// The bytes of all files of a log that nobody has written to yet.
pub(super) fn bytes_found(folder: &Path, files_max: u32) -> u64 {
    (0..files_max).map(|number| size(folder, number)).sum()
}

/// Deletes all files of a log.
///
/// # Errors
/// When one cannot be deleted; the others are, as far as possible.
pub(super) fn delete(folder: &Path) -> io::Result<()> {
    prune(folder, 0)?;
    match fs::remove_dir(folder) {
        // Somebody has put something else there; that is theirs.
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Opens a file of a log as the daemon does: never anything but a regular file.
///
/// # Errors
/// When it cannot be opened or made, or something else has its name.
pub(super) fn open_to_append(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(ErrorKind::InvalidInput.into())
    }
}

fn open_to_read(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    match options.open(path) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn path(folder: &Path, number: u32) -> PathBuf {
    match number {
        0 => folder.join("current.log"),
        _ => folder.join(format!("current.{number}.log")),
    }
}

/// The number of the file of that name.
fn number(name: &OsStr) -> Option<u32> {
    let middle = name.to_str()?.strip_prefix("current")?;
    match middle.strip_suffix(".log")? {
        "" => Some(0),
        number => number.strip_prefix('.')?.parse().ok(),
    }
}

fn size(folder: &Path, number: u32) -> u64 {
    fs::symlink_metadata(path(folder, number)).map_or(0, |metadata| metadata.len())
}

fn rotated_bytes(folder: &Path, files_max: u32) -> u64 {
    (1..files_max).map(|number| size(folder, number)).sum()
}

/// Deletes the files whose number is not below the limit.
fn prune(folder: &Path, files_max: u32) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut result = Ok(());
    for entry in entries {
        let entry = entry?;
        let old = number(&entry.file_name()).is_some_and(|number| number >= files_max);
        if old && !entry.file_type()?.is_dir() {
            result = result.and(fs::remove_file(entry.path()));
        }
    }
    result
}

/// Renames each file to the next number, and deletes the one that is too many.
fn shift(folder: &Path, files_max: u32) -> io::Result<()> {
    let there = |result: io::Result<()>| match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    if files_max <= 1 {
        return there(fs::remove_file(path(folder, 0)));
    }
    for number in (0..files_max - 1).rev() {
        there(fs::rename(path(folder, number), path(folder, number + 1)))?;
    }
    Ok(())
}

/// The length of a file without the zeros that a power cut left at its end, and the last byte before them.
fn without_zeros(file: &File, length: u64) -> io::Result<(u64, u8)> {
    let mut block = [0; 256];
    let mut end = length;
    while end > 0 {
        let size = end.min(256);
        let begin = end - size;
        let part = block.get_mut(..usize::try_from(size).unwrap_or(256));
        let part = part.unwrap_or_default();
        file.read_exact_at(part, begin)?;
        if let Some(last) = part.iter().rposition(|&byte| byte != 0) {
            let byte = part.get(last).copied().unwrap_or_default();
            return Ok((begin + u64::try_from(last).unwrap_or(0) + 1, byte));
        }
        end = begin;
    }
    Ok((0, b'\n'))
}

/// The length of the whole lines that fit.
fn whole_lines(lines: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let fitting = lines.get(..room.min(lines.len())).unwrap_or_default();
    let last = fitting.iter().rposition(|&byte| byte == b'\n');
    last.map_or(0, |end| end + 1)
}

/// Writes as much as the disk takes.
fn write_all(file: &mut File, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut count = 0;
    while let Some(rest) = bytes.get(count..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return (count, Some(ErrorKind::WriteZero.into())),
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (count, Some(error)),
        }
    }
    (count, None)
}
