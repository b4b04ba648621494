//! What is heard of a container while it runs: its output, its health, its end. The runtime tells it in the middle of a
//! slice, so nothing here waits, reads storage, or takes more time than the guest pays for.

mod ring;
mod stream;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use thimble_port_mcu::machine::Lock;
use thimble_runtime::Instant;
use thimble_runtime::config::ContainerId;
use thimble_runtime::lifecycle::HealthMonitor;
use thimble_runtime::record::ExitRecord;
use thimble_serial::LogStream;

use crate::parts::Tap;
use crate::run_end::beginning;

pub(crate) use ring::Ring;
pub(crate) use stream::{Output, nothing};

/// Bytes of what a container says of its health that are kept.
const MESSAGE_BYTES_MAX: usize = 96;

/// What all containers share.
pub(crate) struct Shared {
    clock: Lock<Moment>,
    tap: Lock<Option<Box<dyn Tap>>>,
    /// The containers that run.
    runs: Lock<alloc::vec::Vec<(ContainerId, Arc<Journal>)>>,
    is_news: AtomicBool,
}

#[derive(Clone, Copy)]
struct Moment {
    start: Instant,
    now: Instant,
}

impl Shared {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            clock: Lock::new(Moment { start: now, now }),
            tap: Lock::new(None),
            runs: Lock::new(alloc::vec::Vec::new()),
            is_news: AtomicBool::new(false),
        }
    }

    /// Tells the time, before each slice.
    pub(crate) fn set_now(&self, now: Instant) {
        if let Ok(mut moment) = self.clock.take() {
            moment.now = now;
        }
    }

    /// The time, as it was told last.
    pub(crate) fn now(&self) -> Instant {
        self.clock
            .take()
            .map(|moment| moment.now)
            .unwrap_or_default()
    }

    /// Milliseconds since the start.
    pub(crate) fn uptime_ms(&self) -> u64 {
        let since = self
            .clock
            .take()
            .map(|moment| moment.now.since(moment.start));
        u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }

    /// Has somebody hear what containers write, or nobody.
    pub(crate) fn set_tap(&self, tap: Option<Box<dyn Tap>>) {
        if let Ok(mut place) = self.tap.take() {
            *place = tap;
        }
    }

    /// Has the container of this id write to this journal.
    pub(crate) fn begin(&self, id: ContainerId, journal: &Arc<Journal>) {
        if let Ok(mut runs) = self.runs.take() {
            runs.push((id, Arc::clone(journal)));
        }
    }

    /// Forgets the container of this id.
    pub(crate) fn forget(&self, id: ContainerId) {
        if let Ok(mut runs) = self.runs.take() {
            runs.retain(|(run, _)| *run != id);
            runs.shrink_to_fit();
        }
    }

    pub(crate) fn journal(&self, id: ContainerId) -> Option<Arc<Journal>> {
        let runs = self.runs.take().ok()?;
        let found = runs.iter().find(|(run, _)| *run == id)?;
        Some(Arc::clone(&found.1))
    }

    /// Something happened that the supervisor should look at.
    pub(crate) fn tell_news(&self) {
        self.is_news.store(true, Ordering::Relaxed);
    }

    /// Whether something happened that nobody has looked at.
    pub(crate) fn has_news(&self) -> bool {
        self.is_news.load(Ordering::Relaxed)
    }

    /// Whether something happened since this was last asked.
    pub(crate) fn take_news(&self) -> bool {
        // Not every processor here can exchange atomically without a library; nobody else is at work.
        let is_news = self.is_news.load(Ordering::Relaxed);
        self.is_news.store(false, Ordering::Relaxed);
        is_news
    }
}

/// What is heard of one container.
pub(crate) struct Journal {
    name: Box<str>,
    shared: Arc<Shared>,
    heard: Lock<Heard>,
}

/// What was heard.
pub(crate) struct Heard {
    pub(crate) ring: Ring,
    pub(crate) health: HealthMonitor,
    pub(crate) health_message: String,
    /// How the run ended, until the supervisor has looked.
    pub(crate) ended: Option<Box<ExitRecord>>,
}

impl Journal {
    pub(crate) fn new(name: &str, shared: &Arc<Shared>, log_bytes: u32) -> Self {
        Self {
            name: name.into(),
            shared: Arc::clone(shared),
            heard: Lock::new(Heard {
                ring: Ring::new(log_bytes),
                health: HealthMonitor::default(),
                health_message: String::new(),
                ended: None,
            }),
        }
    }

    /// The container's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Looks at what was heard. `None` is never: nobody looks while somebody looks.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Heard) -> T) -> Option<T> {
        self.heard.take().ok().map(|mut heard| look(&mut heard))
    }

    /// Keeps what was written.
    pub(crate) fn write(&self, stream: LogStream, bytes: &[u8]) {
        let at_ms = self.shared.uptime_ms();
        self.look(|heard| heard.ring.push(stream, at_ms, bytes));
        if let Ok(mut tap) = self.shared.tap.take()
            && let Some(tap) = &mut *tap
        {
            tap.wrote(&self.name, stream, at_ms, bytes);
        }
    }

    /// Keeps a line of the device's own.
    pub(crate) fn line(&self, text: impl fmt::Display) {
        self.write(LogStream::Device, alloc::format!("{text}\n").as_bytes());
    }

    /// Keeps what the container says of its health.
    pub(crate) fn set_health_message(heard: &mut Heard, message: &str) {
        let message = beginning(message, MESSAGE_BYTES_MAX);
        heard.health_message.clear();
        if heard
            .health_message
            .try_reserve_exact(message.len())
            .is_ok()
        {
            heard.health_message.push_str(message);
        }
    }
}
