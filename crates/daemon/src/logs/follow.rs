//! Following a log: what is there, and then what comes.
//!
//! A follower keeps a place in the log and nothing else. What is new it takes from the memory ring, or, when it was
//! slower than that, from the files; what these have lost as well is told as a line with its count. So one that does
//! not read costs nobody anything.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::lines::{Lines, Parts};
use super::ring::Place;
use super::writer::Log;
use super::{LogLine, Query, Source};

/// Lines, and bytes of their text, that are read ahead from files.
const AHEAD_LINES_MAX: usize = 256;
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// The lines of a log, and every new one.
///
/// Needs a tokio runtime, with timers if [`Query::until`] is given. Files are read by its threads for blocking work.
pub struct Follower {
    log: Arc<Log>,
    query: Query,
    /// Behind the last line that is in `ahead` or in what is being read.
    place: Place,
    ahead: VecDeque<LogLine>,
    stage: Stage,
    /// The number of ended runs at which to end.
    last_end: Option<u64>,
}

enum Stage {
    /// Nothing was read yet.
    New,
    /// Files are being read by another thread.
    Loading(JoinHandle<Loaded>),
    /// There is more to read.
    Reading(Lines),
    /// All is told that there was.
    Live,
    Over,
}

/// What another thread has read.
struct Loaded {
    ahead: VecDeque<LogLine>,
    rest: Option<Lines>,
    /// Behind `rest`, when it was opened just now.
    place: Option<Place>,
}

/// What a live follower finds.
enum Found {
    Lines(Lines),
    Behind,
    Nothing,
    Over,
}

impl Follower {
    pub(super) fn new(log: Arc<Log>, query: Query) -> Self {
        let front = log.front.lock();
        let place = front.ring.end();
        let runs = front.ends_announced;
        let last_end = if front.at_rest { runs } else { runs + 1 };
        drop(front);
        Self {
            log,
            place,
            ahead: VecDeque::new(),
            stage: match query.tail {
                Some(0) => Stage::Live,
                _ => Stage::New,
            },
            last_end: query.stop_at_end.then_some(last_end),
            query,
        }
    }

    /// The next line, once there is one; nothing when the log was closed, or its end was asked for and has come.
    ///
    /// Giving up waiting loses nothing.
    pub async fn next(&mut self) -> Option<LogLine> {
        loop {
            if let Some(line) = self.ahead.pop_front() {
                return Some(line);
            }
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Over => return None,
                Stage::New => self.load_all(),
                Stage::Reading(lines) => self.load(lines),
                Stage::Loading(thread) => self.loaded(thread).await,
                Stage::Live => {
                    self.stage = Stage::Live;
                    if !self.live().await {
                        self.stage = Stage::Over;
                    }
                }
            }
        }
    }

    /// Opens what the query asks for, and reads the first of it.
    fn load_all(&mut self) {
        let (log, query) = (Arc::clone(&self.log), self.query.clone());
        self.stage = Stage::Loading(tokio::task::spawn_blocking(move || {
            let (lines, place) = log.select(&query);
            Loaded {
                place: Some(place),
                ..read_ahead(lines)
            }
        }));
    }

    /// Opens what was written since it read last, and reads the first of it.
    fn load_behind(&mut self) {
        let (log, place) = (Arc::clone(&self.log), self.place);
        self.stage = Stage::Loading(tokio::task::spawn_blocking(move || {
            let (lines, place) = log.after(place);
            Loaded {
                place: Some(place),
                ..read_ahead(lines)
            }
        }));
    }

    /// Reads some more.
    fn load(&mut self, lines: Lines) {
        if lines.is_in_memory() {
            self.take(read_ahead(lines));
        } else {
            self.stage = Stage::Loading(tokio::task::spawn_blocking(move || read_ahead(lines)));
        }
    }

    /// Waits for the other thread, which is not lost when this is given up.
    async fn loaded(&mut self, thread: JoinHandle<Loaded>) {
        self.stage = Stage::Loading(thread);
        let Stage::Loading(thread) = &mut self.stage else {
            return;
        };
        match thread.await {
            Ok(loaded) => self.take(loaded),
            // The runtime ends, or the thread has panicked and said so.
            Err(_) => self.stage = Stage::Over,
        }
    }

    fn take(&mut self, loaded: Loaded) {
        self.ahead = loaded.ahead;
        self.place = loaded.place.unwrap_or(self.place);
        self.stage = match loaded.rest {
            Some(lines) => Stage::Reading(lines),
            // Nothing that is written now can be meant any more.
            None if self.ahead.is_empty() && self.time_left() == Some(Duration::ZERO) => {
                Stage::Over
            }
            None => Stage::Live,
        };
    }

    /// Takes what is new, or waits for it; returns false at the end.
    async fn live(&mut self) -> bool {
        // A log that never pauses must not keep its reader from everything else.
        tokio::task::coop::consume_budget().await;
        let log = Arc::clone(&self.log);
        let mut changed = std::pin::pin!(log.changed.notified());
        // From here on no change is missed.
        changed.as_mut().enable();
        match self.look() {
            Found::Over => return false,
            Found::Behind => self.load_behind(),
            Found::Lines(lines) => self.load(lines),
            Found::Nothing => {
                let Some(left) = self.time_left() else {
                    changed.await;
                    return true;
                };
                if left.is_zero() {
                    return false;
                }
                // Either way it looks again; the wall clock may have been set meanwhile.
                let _ = tokio::time::timeout(left, changed).await;
            }
        }
        true
    }

    /// What there is behind the place where it is.
    fn look(&mut self) -> Found {
        let front = self.log.front.lock();
        let ended = self.last_end.is_some_and(|end| front.ends_told >= end);
        let end = if ended { front.end } else { front.ring.end() };
        if self.place.offset >= end.offset {
            let all_told = !front.queued && front.intake.is_empty();
            return if ended || front.removed || (front.closed && all_told) {
                Found::Over
            } else {
                Found::Nothing
            };
        }
        if self.place.offset < front.ring.start().offset {
            return Found::Behind;
        }
        let mut parts = Parts::since(self.place);
        parts.memory(front.ring.copy(self.place.offset, end.offset), self.place);
        drop(front);
        self.place = end;
        let query = Query {
            until: self.query.until,
            ..Query::default()
        };
        Found::Lines(Lines::select(parts, &query, self.log.desk.now()))
    }

    /// How long lines may still come, if the query says until when.
    fn time_left(&self) -> Option<Duration> {
        let left = self.query.until?.duration_since(self.log.desk.now());
        Some(left.try_into().unwrap_or(Duration::ZERO))
    }
}

/// Reads as many lines as a follower may have in memory.
fn read_ahead(mut lines: Lines) -> Loaded {
    let mut ahead = VecDeque::new();
    let mut bytes = 0;
    let mut rest = true;
    while rest && ahead.len() < AHEAD_LINES_MAX && bytes < AHEAD_BYTES_MAX {
        let line = lines.next().map(|line| {
            line.unwrap_or_else(|error| LogLine {
                at: lines.now(),
                source: Source::Stderr,
                text: format!("some of this log could not be read: {error}"),
                partial: false,
            })
        });
        rest = line.is_some();
        bytes += line.as_ref().map_or(0, |line| line.text.len());
        ahead.extend(line);
    }
    Loaded {
        ahead,
        rest: rest.then_some(lines),
        place: None,
    }
}
