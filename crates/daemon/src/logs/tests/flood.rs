//! Guests that write more than can be kept.

use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use thimble_runtime::port::Interest;

use super::*;
use crate::logs::files::open_to_append;
use crate::logs::intake::{PENDING_BYTES_MAX, RUNTIME_BYTES};

/// A service whose disk waits, each time a file is opened, for a word; and what hears when it does.
fn service_that_stalls() -> (LogService, mpsc::Sender<()>, mpsc::Receiver<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let (stands, stalled) = mpsc::channel::<()>();
    let wait = parking_lot::Mutex::new(wait);
    let (service, _) = service_on(Box::new(move |path: &Path| {
        let _ = stands.send(());
        let _ = wait.lock().recv();
        open_to_append(path)
    }));
    (service, go, stalled)
}

#[test]
fn a_flooder_waits_and_the_runtime_still_has_its_say() {
    let folder = tempfile::tempdir().unwrap();
    let (service, go, stalled) = service_that_stalls();
    let log = service.open(folder.path().to_path_buf(), LogSettings::default());
    let mut stdout = log.stream(Source::Stdout);
    let mut context = Context::from_waker(Waker::noop());
    let line = b"0123456789\n";
    // The writer takes one buffer and stands at the disk; the other fills up.
    write(&mut *stdout, line);
    stalled.recv().unwrap();
    let mut written = line.len();
    while let Poll::Ready(count) = stdout.poll_write(&mut context, &line[written % line.len()..]) {
        written += count.unwrap();
        assert!(written <= 2 * PENDING_BYTES_MAX);
    }
    assert!(
        stdout
            .poll_ready(&mut context, Interest::Write)
            .is_pending()
    );
    log.line(Source::Stderr, "the runtime speaks");
    for _ in 0..RUNTIME_BYTES {
        log.line(Source::Stderr, "too much");
    }
    let overflowed = log.dropped();
    assert!(overflowed > 0);
    go.send(()).unwrap();
    wait_for(poll_fn(|context| {
        stdout.poll_ready(context, Interest::Write)
    }))
    .unwrap();
    write(&mut *stdout, &line[written % line.len()..]);
    let lines = texts(&log, &Query::default());
    let of_guest = lines.iter().filter(|text| *text == "0123456789").count();
    assert_eq!(of_guest, written / line.len() + 1);
    assert!(lines.iter().any(|text| text == "the runtime speaks"));
    let told = format!(
        "{overflowed} lines of this log are lost: the container wrote faster than the disk"
    );
    assert!(lines.contains(&told), "{told}");
    assert_eq!(log.dropped(), overflowed);
}

#[test]
fn a_closed_log_takes_everything_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), LogSettings::default());
    let mut stdout = log.stream(Source::Stdout);
    write(&mut *stdout, b"kept\n");
    service.flush();
    log.clone().remove().unwrap();
    write(&mut *stdout, &vec![b'x'; 4 * PENDING_BYTES_MAX]);
    log.line(Source::Stderr, "late");
    service.flush();
    assert_eq!(files_in(folder.path()), Vec::<PathBuf>::new());
    assert_eq!(texts(&log, &Query::default()), Vec::<String>::new());
    assert_eq!(log.bytes(), 0);
}

#[test]
fn the_end_of_the_service_writes_everything_and_lets_guests_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let log = service.open(folder.path().to_path_buf(), LogSettings::default());
    let mut stdout = log.stream(Source::Stdout);
    write(&mut *stdout, b"one\ntwo\n");
    drop(service);
    let file = fs::read_to_string(folder.path().join("current.log")).unwrap();
    assert_eq!(file.lines().count(), 2);
    write(&mut *stdout, &vec![b'\n'; 2 * PENDING_BYTES_MAX]);
    assert_eq!(log.dropped(), 2 * u64::try_from(PENDING_BYTES_MAX).unwrap());
    log.ended();
    assert_eq!(texts(&log, &Query::default()), ["one", "two"]);
}

#[test]
fn neighbours_of_a_flood_are_written_and_a_stuck_follower_holds_nobody_up() {
    const FLOOD_BYTES: usize = 4 << 20;
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service();
    let flooded = service.open(folder.path().join("flooded"), settings(64 * 1024, 2, 4096));
    let stuck = flooded.follow(&Query::default());
    let quiet: Vec<ContainerLog> = (0..40)
        .map(|number| {
            service.open(
                folder.path().join(number.to_string()),
                LogSettings::default(),
            )
        })
        .collect();
    let begun = Instant::now();
    let flood = {
        let mut stdout = flooded.stream(Source::Stdout);
        let text = b"what a guest in a loop prints, again and again and again\n".repeat(100);
        thread::spawn(move || {
            for _ in 0..FLOOD_BYTES / text.len() {
                write(&mut *stdout, &text);
            }
        })
    };
    // Forty logs let each other's files close, and still nothing is lost.
    for round in 0..20 {
        for (number, log) in quiet.iter().enumerate() {
            print(log, &format!("{round} of {number}\n"));
        }
    }
    flood.join().unwrap();
    service.flush();
    let lines = FLOOD_BYTES / 57;
    println!(
        "{:.0} lines/s",
        f64::from(u32::try_from(lines).unwrap()) / begun.elapsed().as_secs_f64()
    );
    for (number, log) in quiet.iter().enumerate() {
        let expected: Vec<String> = (0..20)
            .map(|round| format!("{round} of {number}"))
            .collect();
        assert_eq!(texts(log, &Query::default()), expected);
        assert_eq!(log.dropped(), 0);
    }
    assert_eq!(flooded.dropped(), 0);
    assert!(flooded.bytes() <= 128 * 1024);
    drop(stuck);
}
