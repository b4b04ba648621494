//! Ends the process when one input takes too long: nothing here may block.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The exit code of a worker that hung.
pub(crate) const EXIT_HUNG: u8 = 86;

/// Watches one worker.
pub(crate) struct Watchdog {
    begin: Instant,
    /// Milliseconds after `begin` at which patience ends; 0 while nothing runs.
    until: Arc<AtomicU64>,
    patience: Duration,
}

impl Watchdog {
    /// Begins to watch.
    pub(crate) fn start(patience: Duration) -> Self {
        let begin = Instant::now();
        let until = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&until);
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(100));
                let until = shared.load(Ordering::Relaxed);
                if until != 0 && millis(begin) > until {
                    std::process::exit(i32::from(EXIT_HUNG));
                }
            }
        });
        Self {
            begin,
            until,
            patience,
        }
    }

    /// An examination begins.
    pub(crate) fn begin(&self) {
        let patience = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        self.until.store(
            millis(self.begin).saturating_add(patience).max(1),
            Ordering::Relaxed,
        );
    }

    /// It is over.
    pub(crate) fn end(&self) {
        self.until.store(0, Ordering::Relaxed);
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
