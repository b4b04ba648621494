//! What logs promise, on real files.

mod disk;
mod flood;
mod follow;
mod format;
mod rotation;
mod torn;

use std::fs;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use thimble_runtime::port::Stream;

use super::writer::Surroundings;
use super::{ContainerLog, LogLine, LogService, LogSettings, Query, Source, files};

/// 2026-11-23T21:17:44.123456789Z.
const START_NANOS: i64 = 1_795_468_664_123_456_789;

/// A clock that a test sets.
#[derive(Clone)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn set(&self, nanos: i64) {
        self.0.store(nanos, Ordering::SeqCst);
    }
}

/// A service whose clock stands still.
fn service() -> (LogService, Clock) {
    service_on(Box::new(files::open_to_append))
}

fn service_on(opener: files::Opener) -> (LogService, Clock) {
    let clock = Clock(Arc::new(AtomicI64::new(START_NANOS)));
    let nanos = Arc::clone(&clock.0);
    let service = LogService::start_with(Surroundings {
        now_nanos: Box::new(move || nanos.load(Ordering::SeqCst)),
        opener,
    });
    (service.unwrap(), clock)
}

fn settings(file_bytes_max: u64, files_max: u32, ring_bytes_max: u32) -> LogSettings {
    LogSettings {
        file_bytes_max,
        files_max,
        ring_bytes_max,
        ..LogSettings::default()
    }
}

/// Runs a future on this thread.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

/// Writes all bytes as a guest does: as much as is taken, then the rest.
fn write(stream: &mut dyn Stream, mut bytes: &[u8]) {
    wait_for(async {
        while !bytes.is_empty() {
            let count = poll_fn(|context| stream.poll_write(context, bytes)).await;
            bytes = &bytes[count.unwrap()..];
        }
    });
}

fn print(log: &ContainerLog, text: &str) {
    write(&mut *log.stream(Source::Stdout), text.as_bytes());
}

fn read(log: &ContainerLog, query: &Query) -> Vec<LogLine> {
    log.read(query).map(Result::unwrap).collect()
}

fn texts(log: &ContainerLog, query: &Query) -> Vec<String> {
    let lines = log.read(query).map(|line| line.unwrap().text);
    lines.collect()
}

fn tail(count: usize) -> Query {
    Query {
        tail: Some(count),
        ..Query::default()
    }
}

/// The files of a log, sorted by name.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
