//! Jobs, threads and their ends.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::Pool;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

#[test]
fn a_job_gives_its_result_once_and_wakes() {
    let pool = Pool::new(2, Duration::from_secs(1));
    assert_eq!(pool.threads(), 0);
    let mut job = pool.start(Waker::noop(), || 7);
    assert_eq!(
        block_on(poll_fn(|context| job.poll(context.waker()))),
        Some(7)
    );
    assert_eq!(job.poll(Waker::noop()), Poll::Ready(None));
}

#[test]
fn a_slow_job_does_not_hold_up_another() {
    let pool = Pool::new(2, Duration::from_secs(1));
    let (release, blocked) = mpsc::channel::<()>();
    let mut slow = pool.start(Waker::noop(), move || blocked.recv().is_ok());
    for number in 0..100 {
        let mut job = pool.start(Waker::noop(), move || number);
        assert_eq!(
            block_on(poll_fn(|context| job.poll(context.waker()))),
            Some(number)
        );
    }
    assert!(slow.poll(Waker::noop()).is_pending());
    release.send(()).unwrap();
    assert_eq!(
        block_on(poll_fn(|context| slow.poll(context.waker()))),
        Some(true)
    );
    assert!(pool.threads() <= 2);
}

#[test]
fn a_dropped_job_ends_and_lets_go_of_what_it_held() {
    let pool = Pool::new(1, Duration::from_secs(1));
    let (release, blocked) = mpsc::channel::<()>();
    let held = Arc::new(());
    let inside = Arc::clone(&held);
    drop(pool.start(Waker::noop(), move || {
        let _ = blocked.recv();
        inside
    }));
    release.send(()).unwrap();
    let mut next = pool.start(Waker::noop(), || ());
    assert_eq!(
        block_on(poll_fn(|context| next.poll(context.waker()))),
        Some(())
    );
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_job_that_panics_harms_nobody() {
    let pool = Pool::new(1, Duration::from_secs(1));
    let mut bad = pool.start(Waker::noop(), || panic!("on purpose"));
    assert_eq!(
        block_on(poll_fn(|context| bad.poll(context.waker()))),
        None::<()>
    );
    let mut good = pool.start(Waker::noop(), || 1);
    assert_eq!(
        block_on(poll_fn(|context| good.poll(context.waker()))),
        Some(1)
    );
}

#[test]
fn threads_end_when_there_is_no_work() {
    let pool = Pool::new(4, Duration::from_millis(5));
    for _ in 0..16 {
        drop(pool.start(Waker::noop(), || ()));
    }
    let began = Instant::now();
    while pool.threads() > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the threads live on"
        );
        thread::yield_now();
    }
}
