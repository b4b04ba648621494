//! The one thread that writes all logs, container after container in small batches.
//!
//! Locks are taken in this order: a log's `back`, its `front`, the queue. The last two are held for moments only, never
//! while the disk is used, and no task is woken under them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::{io, mem};

use jiff::Timestamp;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::files::{Files, Opener, Refused};
use super::intake::Intake;
use super::record;
use super::ring::{Place, Ring};
use super::split::{Splitter, Stopped};
use super::{LogSettings, lost_text};

/// What one container may write before the next one's turn.
const BATCH_BYTES: usize = 32 * 1024;

/// Logs that keep their file open and their ring in memory once nothing more comes; those that wrote first let go.
const WARM_LOGS_MAX: usize = 16;

const STACK_BYTES: usize = 128 * 1024;

/// Where the time and the files come from.
pub(super) struct Surroundings {
    pub(super) now_nanos: Box<dyn Fn() -> i64 + Send + Sync>,
    pub(super) opener: Opener,
}

/// What all logs share.
pub(super) struct Desk {
    pub(super) surroundings: Surroundings,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<Arc<Log>>,
    /// The log whose turn it is.
    current: Option<Arc<Log>>,
    thread: Option<JoinHandle<()>>,
    stopped: bool,
}

/// One container's log.
pub(super) struct Log {
    pub(super) desk: Arc<Desk>,
    pub(super) folder: PathBuf,
    pub(super) front: Mutex<Front>,
    /// Made with the first byte.
    pub(super) back: Mutex<Option<Box<Back>>>,
    pub(super) changed: Notify,
    pub(super) dropped: AtomicU64,
}

/// What is locked for moments only.
#[derive(Default)]
pub(super) struct Front {
    pub(super) settings: LogSettings,
    pub(super) intake: Intake,
    pub(super) ring: Ring,
    /// Lines of the runtime that found no room since the writer last looked.
    pub(super) overflowed: u64,
    /// Whether the writer has this log in its queue or its hands.
    pub(super) queued: bool,
    /// Whether a stream's last line has no end yet.
    pub(super) unfinished: bool,
    pub(super) closed: bool,
    /// Whether the files are deleted and must not come back.
    pub(super) removed: bool,
    /// Whether the last run has ended and no other has begun.
    pub(super) at_rest: bool,
    /// Ends of runs that were announced, and those whose lines are all told.
    pub(super) ends_announced: u64,
    pub(super) ends_told: u64,
    /// Where the last of these runs ended.
    pub(super) end: Place,
    /// Bytes in files, once they are known.
    pub(super) bytes: Option<u64>,
}

/// What is locked while the disk is used.
#[derive(Default)]
pub(super) struct Back {
    pub(super) files: Files,
    splitter: Splitter,
    /// Lines that the disk refused and nobody was told of yet, and why.
    refused: u64,
    reason: String,
    /// Whether it is among those that keep what they need not.
    warm: bool,
}

impl Back {
    /// Where that what the files hold begins, if none of it is older than this process or was refused.
    pub(super) fn written_from(&self) -> Option<Place> {
        self.files.start()
    }

    /// Where that what the files hold ends.
    pub(super) fn written(&self) -> Place {
        self.files.end()
    }
}

impl Desk {
    pub(super) fn new(surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            queue: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The wall clock.
    pub(super) fn now_nanos(&self) -> i64 {
        (self.surroundings.now_nanos)()
    }

    /// The wall clock.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.now_nanos())).unwrap_or_default()
    }

    /// Gives the writer a log to look at, and starts it if need be; returns false if there is none any more.
    fn enqueue(self: &Arc<Self>, log: &Arc<Log>) -> bool {
        let mut queue = self.queue.lock();
        if queue.stopped {
            return false;
        }
        if queue.thread.is_none() {
            let desk = Arc::clone(self);
            let builder = thread::Builder::new().name("thimble-logs".to_owned());
            let started = builder
                .stack_size(STACK_BYTES)
                .spawn(move || write_all_logs(&desk));
            let Ok(thread) = started else {
                return false;
            };
            queue.thread = Some(thread);
        }
        queue.ready.push_back(Arc::clone(log));
        drop(queue);
        self.changed.notify_one();
        true
    }

    /// The next log in turn; nothing once the service is gone and all is written.
    fn next(&self, warm: &mut VecDeque<Weak<Log>>, scratch: &mut Vec<u8>) -> Option<Arc<Log>> {
        let mut queue = self.queue.lock();
        loop {
            queue.current = queue.ready.pop_front();
            if queue.current.is_some() {
                return queue.current.clone();
            }
            if queue.stopped {
                return None;
            }
            *scratch = Vec::new();
            warm.shrink_to_fit();
            self.changed.wait(&mut queue);
        }
    }

    /// Puts a log at the end of the queue again.
    fn again(&self, log: Arc<Log>) {
        let mut queue = self.queue.lock();
        queue.current = None;
        queue.ready.push_back(log);
    }

    /// Writes all that was handed over before.
    pub(super) fn flush(&self) {
        let queue = self.queue.lock();
        let logs: Vec<Arc<Log>> = queue.current.iter().chain(&queue.ready).cloned().collect();
        drop(queue);
        for log in logs {
            log.settle(&mut log.back.lock());
        }
    }

    /// Ends the thread after it has written everything; what comes later is dropped.
    pub(super) fn stop(&self) {
        let mut queue = self.queue.lock();
        queue.stopped = true;
        let thread = queue.thread.take();
        drop(queue);
        self.changed.notify_one();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id())
        {
            // A panic in there was told by the panic handler; there is nothing left to write with.
            let _ = thread.join();
        }
    }
}

impl Log {
    pub(super) fn new(desk: Arc<Desk>, folder: PathBuf, settings: LogSettings) -> Self {
        Self {
            desk,
            folder,
            front: Mutex::new(Front {
                settings,
                ..Front::default()
            }),
            back: Mutex::default(),
            changed: Notify::new(),
            dropped: AtomicU64::new(0),
        }
    }

    /// Tells the writer that there is something; when there is none any more, drops it and returns false.
    pub(super) fn hand_over(self: &Arc<Self>, front: &mut Front) -> bool {
        if !front.queued {
            front.queued = self.desk.enqueue(self);
        }
        if !front.queued {
            // Nobody waits for room: what is handed over first finds all of it free.
            front.intake.take(Vec::new());
            front.ends_told = front.ends_announced;
        }
        front.queued
    }

    /// Counts lines as lost.
    pub(super) fn drop_lines(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// Writes all that was handed over before.
    pub(super) fn settle(&self, back: &mut Option<Box<Back>>) {
        if back.is_none() && self.front.lock().intake.is_empty() {
            return;
        }
        let mut scratch = Vec::new();
        let back = back.get_or_insert_default();
        while !back.splitter.is_empty() {
            self.write_batch(back, &mut scratch);
        }
        self.refill(back);
        while !back.splitter.is_empty() {
            self.write_batch(back, &mut scratch);
        }
    }

    /// Takes what was handed over, and lets those go on who wait for room.
    fn refill(&self, back: &mut Back) {
        let spare = back.splitter.spare();
        let mut front = self.front.lock();
        let (taken, wakers) = front.intake.take(spare);
        drop(front);
        back.splitter.refill(taken);
        for waker in wakers {
            waker.wake();
        }
    }

    /// Makes and writes one batch of lines.
    fn write_batch(&self, back: &mut Back, scratch: &mut Vec<u8>) {
        let mut front = self.front.lock();
        let settings = front.settings;
        let overflowed = mem::take(&mut front.overflowed);
        let removed = front.removed;
        drop(front);
        scratch.clear();
        if overflowed > 0 {
            let text = lost_text(overflowed, "the container wrote faster than the disk");
            let now = self.desk.now_nanos();
            back.splitter.notice(now, &text, scratch);
        }
        let line_bytes_max = usize::try_from(settings.line_bytes_max).unwrap_or(usize::MAX);
        let stopped = back.splitter.split(line_bytes_max, BATCH_BYTES, scratch);
        if removed {
            scratch.clear();
        }
        if settings.files_max > 0 && !scratch.is_empty() {
            self.write_files(back, &settings, scratch);
        }
        let mut front = self.front.lock();
        self.publish(&mut front, scratch);
        front.unfinished = back.splitter.is_unfinished();
        front.bytes = Some(back.files.bytes());
        if stopped == Stopped::End {
            front.ends_told += 1;
            front.end = front.ring.end();
        }
        drop(front);
        self.changed.notify_waiters();
    }

    /// Writes to the files; what they refuse is counted, and told once they take something again.
    fn write_files(&self, back: &mut Back, settings: &LogSettings, lines: &[u8]) {
        let opener = &self.desk.surroundings.opener;
        let (folder, files) = (&self.folder, &mut back.files);
        if back.refused > 0 {
            let text = lost_text(back.refused, &back.reason);
            let mut notice = Vec::new();
            let now = self.desk.now_nanos();
            back.splitter.notice(now, &text, &mut notice);
            let place = self.front.lock().ring.end();
            if files
                .append(folder, settings, opener, &notice, place)
                .is_ok()
            {
                back.refused = 0;
                self.publish(&mut self.front.lock(), &notice);
            }
        }
        let place = self.front.lock().ring.end();
        let result = if back.refused > 0 {
            Err(None)
        } else {
            let result = files.append(folder, settings, opener, lines, place);
            result.map_err(Some)
        };
        if let Err(refused) = result {
            let written = refused.as_ref().map_or(0, |refused| refused.written);
            let count = record::count(lines.get(written..).unwrap_or_default());
            back.refused = back.refused.saturating_add(count);
            self.drop_lines(count);
            if let Some(Refused { error, .. }) = refused {
                back.reason = format!("the files could not be written: {error}");
            }
        }
    }

    /// Appends to what is in memory. Followers are told by the caller.
    fn publish(&self, front: &mut Front, lines: &[u8]) {
        let ring_bytes_max = usize::try_from(front.settings.ring_bytes_max);
        front.ring.push(lines, ring_bytes_max.unwrap_or(usize::MAX));
    }

    /// Ends a turn of the writer; returns true if there is more for another.
    fn is_left(&self, back: &mut Back) -> bool {
        let mut front = self.front.lock();
        if !back.splitter.is_empty() || !front.intake.is_empty() {
            return true;
        }
        front.queued = false;
        front.intake.release();
        back.splitter.spare();
        drop(front);
        // Who follows a closed log waits for this.
        self.changed.notify_waiters();
        false
    }

    /// Lets go of what can be had again from the disk.
    fn cool(&self) {
        let mut back = self.back.lock();
        let Some(back) = back.as_mut() else {
            return;
        };
        back.warm = false;
        back.files.close();
        let mut front = self.front.lock();
        if back.files.end() == front.ring.end() && front.settings.files_max > 0 {
            front.ring.clear();
        }
    }
}

/// The thread: gives each log a turn, until the service ends.
fn write_all_logs(desk: &Desk) {
    let mut warm: VecDeque<Weak<Log>> = VecDeque::new();
    let mut scratch = Vec::new();
    while let Some(log) = desk.next(&mut warm, &mut scratch) {
        let mut guard = log.back.lock();
        let back = guard.get_or_insert_default();
        if back.splitter.is_empty() {
            log.refill(back);
        }
        if !back.splitter.is_empty() {
            log.write_batch(back, &mut scratch);
        }
        let left = log.is_left(back);
        let warmed = !mem::replace(&mut back.warm, true);
        drop(guard);
        if warmed {
            warm.push_back(Arc::downgrade(&log));
        }
        if left {
            desk.again(log);
        } else {
            drop(log);
        }
        if warm.len() > WARM_LOGS_MAX
            && let Some(coldest) = warm.pop_front().and_then(|log| log.upgrade())
        {
            coldest.cool();
        }
    }
}

/// The service: the last clone that is dropped ends the thread.
pub(super) struct Running(pub(super) Arc<Desk>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// The thread does not start before there is something to write, so nothing can fail yet.
pub(super) fn run(surroundings: Surroundings) -> io::Result<Running> {
    Ok(Running(Arc::new(Desk::new(surroundings))))
}
