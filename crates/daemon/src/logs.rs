//! Logs of containers: the last lines in memory, more in rotated files, both with limits.
//!
//! What a guest writes is copied into a small buffer, and one thread makes lines of it for all containers. A guest that
//! writes faster than that waits for room; a disk that takes no more costs lines, which are counted, and never time.
//!
//! # Files
//! A log is a folder with `current.log` and its predecessors `current.1.log`, `current.2.log`, … the youngest first. A
//! line is a record as Kubernetes' container runtime interface defines it ("CRI log format", design proposal *CRI: Log
//! management for container stdout/stderr streams*), so that collectors for Kubernetes read it:
//!
//! ```text
//! 2026-11-23T21:17:44.123456789Z stdout F a whole line
//! 2026-11-23T21:17:44.123456789Z stderr P the first part of a line that was longer than a line may be
//! ```
//!
//! The time is when the end of the line was written, in UTC. Bytes of the text are kept as they are. Nothing is synced:
//! a power cut costs the last seconds, and what it leaves of a line is read as a line. Lines are in the order in which
//! they were written, even when the clock jumps; a query for lines since a time begins with the first line of that time
//! or later, and goes on with all that follow.

mod files;
mod follow;
mod intake;
mod lines;
mod record;
mod ring;
mod split;
mod stream;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use thimble_runtime::port::Stream;

pub use follow::Follower;
pub use lines::Lines;
use lines::Parts;
use ring::Place;
use stream::LogStream;
use writer::{Log, Running, Surroundings};

/// The longest line that can be kept in one piece.
pub const LINE_BYTES_CEILING: u32 = 64 * 1024;

/// The shortest line at which may be cut.
pub const LINE_BYTES_FLOOR: u32 = 16;

/// The smallest file, which holds some lines of the shortest kind.
pub const FILE_BYTES_FLOOR: u64 = 256;

/// The most files of one log.
pub const FILES_CEILING: u32 = 100;

/// The most memory that the last lines of one log may have.
pub const RING_BYTES_CEILING: u32 = 1024 * 1024;

/// What one log may use. Numbers outside of what makes sense count as the nearest that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The size at which a file is followed by a new one.
    pub file_bytes_max: u64,
    /// The number of files, the current one included; with none, lines are kept in memory only.
    pub files_max: u32,
    /// The memory for the last lines.
    pub ring_bytes_max: u32,
    /// The length at which a line is split; all but the last part are marked partial.
    pub line_bytes_max: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            file_bytes_max: 1024 * 1024,
            files_max: 2,
            ring_bytes_max: 16 * 1024,
            line_bytes_max: 16 * 1024,
        }
    }
}

impl LogSettings {
    fn clamped(self) -> Self {
        let file_bytes_max = self.file_bytes_max.max(FILE_BYTES_FLOOR);
        let frame = u64::try_from(record::FRAME_BYTES_MAX).unwrap_or(0);
        let fits = u32::try_from(file_bytes_max - frame).unwrap_or(u32::MAX);
        Self {
            file_bytes_max,
            files_max: self.files_max.min(FILES_CEILING),
            ring_bytes_max: self.ring_bytes_max.min(RING_BYTES_CEILING),
            line_bytes_max: self
                .line_bytes_max
                .clamp(LINE_BYTES_FLOOR, LINE_BYTES_CEILING)
                .min(fits),
        }
    }
}

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error, and what the runtime has to say.
    Stderr,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When its end was written, by the wall clock.
    pub at: Timestamp,
    /// Where it comes from.
    pub source: Source,
    /// The text without its line feed; what is not UTF-8 is replaced.
    pub text: String,
    /// Whether the line goes on in the next one of the same source, or is damaged.
    pub partial: bool,
}

/// Which lines to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Begin with the first line of this time or later.
    pub since: Option<Timestamp>,
    /// Leave out lines that are later.
    pub until: Option<Timestamp>,
    /// The last so many of these lines only.
    pub tail: Option<usize>,
    /// Whether a follower ends when the run does, or at once if none goes on.
    pub stop_at_end: bool,
}

/// Writes the logs of all containers. Dropping the last clone writes what was handed over, and ends.
#[derive(Clone)]
pub struct LogService(Arc<Running>);

impl LogService {
    /// Makes the service; its thread starts with the first byte.
    ///
    /// # Errors
    /// None yet: what may fail happens with the first byte, and costs lines.
    pub fn start() -> io::Result<Self> {
        Self::start_with(Surroundings {
            now_nanos: Box::new(wall_clock),
            opener: Box::new(files::open_to_append),
        })
    }

    fn start_with(surroundings: Surroundings) -> io::Result<Self> {
        Ok(Self(Arc::new(writer::run(surroundings)?)))
    }

    /// Prepares the log of one container. Nothing is opened or made before its first byte.
    #[must_use]
    pub fn open(&self, folder: PathBuf, settings: LogSettings) -> ContainerLog {
        let desk = Arc::clone(&self.0.0);
        ContainerLog(Arc::new(Log::new(desk, folder, settings.clamped())))
    }

    /// Waits until everything that was handed over is in the files, or is counted as dropped. Blocks.
    pub fn flush(&self) {
        self.0.0.flush();
    }
}

/// The log of one container.
#[derive(Clone)]
pub struct ContainerLog(Arc<Log>);

impl ContainerLog {
    /// A stream for a guest to write to, for a run that begins now.
    #[must_use]
    pub fn stream(&self, source: Source) -> Box<dyn Stream> {
        self.0.front.lock().at_rest = false;
        Box::new(LogStream {
            log: Arc::clone(&self.0),
            source,
        })
    }

    /// Adds a line of the runtime; drops it, and counts it, when there is no room. Never waits.
    pub fn line(&self, source: Source, text: &str) {
        let log = &self.0;
        let mut front = log.front.lock();
        if front.closed {
            return;
        }
        let lines = record::count(text.as_bytes()).saturating_add(1);
        if !front.intake.lines(log.desk.now_nanos(), source, text) {
            front.overflowed = front.overflowed.saturating_add(lines);
            log.drop_lines(lines);
        } else if !log.hand_over(&mut front) {
            log.drop_lines(lines);
        }
    }

    /// Marks the end of a run: its last line ends here, and so do followers that asked for it.
    pub fn ended(&self) {
        let log = &self.0;
        let mut front = log.front.lock();
        front.at_rest = true;
        if front.queued || front.unfinished {
            if front.intake.end(log.desk.now_nanos()) {
                front.ends_announced += 1;
                log.hand_over(&mut front);
            }
        } else {
            front.ends_announced += 1;
            front.ends_told = front.ends_announced;
            front.end = front.ring.end();
        }
        drop(front);
        log.changed.notify_waiters();
    }

    /// The lines that a query asks for, as they are now. Blocks for the disk, now and while the lines are read.
    #[must_use]
    pub fn read(&self, query: &Query) -> Lines {
        self.0.select(query).0
    }

    /// The lines that a query asks for, and then every new one. Does not block.
    #[must_use]
    pub fn follow(&self, query: &Query) -> Follower {
        Follower::new(Arc::clone(&self.0), query.clone())
    }

    /// Lines that were lost, because the disk refused them or there was no room in memory.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Bytes in files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let front = self.0.front.lock();
        let (known, files_max) = (front.bytes, front.settings.files_max);
        drop(front);
        known.unwrap_or_else(|| files::bytes_found(&self.0.folder, files_max))
    }

    /// Changes the limits, for what is written from now on.
    pub fn set_settings(&self, settings: LogSettings) {
        let mut front = self.0.front.lock();
        front.settings = settings.clamped();
        let ring_bytes_max = usize::try_from(front.settings.ring_bytes_max);
        front.ring.shrink(ring_bytes_max.unwrap_or(usize::MAX));
    }

    /// Takes no more lines; followers end when they have told what there is.
    pub fn close(&self) {
        self.0.close();
    }

    /// Closes the log and deletes its files. Blocks.
    ///
    /// # Errors
    /// When a file cannot be deleted; the others are, as far as possible.
    pub fn remove(self) -> io::Result<()> {
        self.0.close();
        let mut back = self.0.back.lock();
        *back = None;
        let mut front = self.0.front.lock();
        front.removed = true;
        front.ring.clear();
        front.bytes = Some(0);
        drop(front);
        self.0.changed.notify_waiters();
        files::delete(&self.0.folder)
    }
}

impl Log {
    /// What a query asks for, and the place behind it.
    fn select(&self, query: &Query) -> (Lines, Place) {
        let mut back = self.back.lock();
        self.settle(&mut back);
        let front = self.front.lock();
        let files_max = front.settings.files_max;
        let (start, end) = (front.ring.start(), front.ring.end());
        let removed = front.removed;
        drop(front);
        let mut parts = Parts::default();
        // Nothing is published while the back is locked: the ring can only become shorter.
        let written = back.as_ref().map(|back| back.written()).unwrap_or_default();
        let oldest = back.as_ref().and_then(|back| back.written_from());
        let all_in_memory =
            written == end && oldest.is_some_and(|oldest| start.offset <= oldest.offset);
        let only_tail = query.since.is_none() && query.until.is_none();
        let in_memory = usize::try_from(end.lines - start.lines).unwrap_or(usize::MAX);
        let enough = only_tail && query.tail.is_some_and(|tail| tail <= in_memory);
        if files_max > 0 && !removed && !enough && !all_in_memory {
            parts.files(files::everything(&self.folder, files_max));
            parts.ends(written);
        }
        parts.ring(&self.front.lock().ring);
        drop(back);
        (Lines::select(parts, query, self.desk.now()), end)
    }

    /// What was written since a place, and the place behind it.
    fn after(&self, place: Place) -> (Lines, Place) {
        let back = self.back.lock();
        if self.front.lock().removed {
            return (Lines::new(Parts::default(), self.desk.now()), place);
        }
        let mut parts = Parts::since(place);
        if let Some(back) = back.as_deref() {
            parts.files(back.files.after(&self.folder, place));
        }
        let front = self.front.lock();
        parts.ring(&front.ring);
        let end = front.ring.end();
        drop(front);
        drop(back);
        (Lines::new(parts, self.desk.now()), end)
    }

    fn close(&self) {
        let mut front = self.front.lock();
        front.closed = true;
        let waiting = front.intake.waiting();
        drop(front);
        waiting.into_iter().for_each(std::task::Waker::wake);
        self.changed.notify_waiters();
    }
}

/// Nanoseconds since 1970; a clock that is far off counts as one of its limits.
fn wall_clock() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(_) => 0,
    }
}

/// The text of a line that says how many lines are missing.
fn lost_text(count: u64, why: &str) -> String {
    let lines = if count == 1 { "line" } else { "lines" };
    format!("{count} {lines} of this log are lost: {why}")
}

#[cfg(test)]
mod tests;
