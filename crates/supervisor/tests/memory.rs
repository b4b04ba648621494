//! What containers cost in memory, and what happens when there is none. Measured with an allocator that counts, and that
//! gives no more than it is told to. As the heap of a device should, it leaves something to small pieces, whose absence
//! nobody could bear, when it gives large ones, whose absence is an error like others.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]
#![allow(
    dead_code,
    clippy::cast_possible_truncation,
    reason = "the board is also that of other tests"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use critical_section as _;
use thimble_image::ImageConfig;
use thimble_serial::{Declaration, Policy, RefusalKind, Reply, Request, RunState};

#[path = "device/board.rs"]
mod board;
#[path = "device/guests.rs"]
mod guests;
#[path = "device/parts.rs"]
mod parts;
#[path = "device/program.rs"]
mod program;
#[path = "device/storage.rs"]
mod storage;

use board::{Board, declared};

/// Counts what a thread holds, and refuses what is beyond its limit.
struct Limited;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static LIMIT: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// Pieces of this size are large.
const LARGE_BYTES: isize = 1024;
/// What is left to small ones; numbers and addresses have half the size on a device.
const RESERVE_BYTES: isize = 8192;

fn count(bytes: isize) -> bool {
    HELD.with(|held| {
        let after = held.get() + bytes;
        let reserve = if bytes >= LARGE_BYTES {
            RESERVE_BYTES
        } else {
            0
        };
        if bytes > 0 && after.saturating_add(reserve) > LIMIT.get() {
            return false;
        }
        held.set(after);
        true
    })
}

// SAFETY: the system's allocator does everything; counting allocates nothing.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !count(layout.size().cast_signed()) {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(place, layout) };
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !count(size.cast_signed() - layout.size().cast_signed()) {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller promised.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Limited = Limited;

/// Does something with so many bytes of memory that are free.
fn with_free<T>(bytes: isize, run: impl FnOnce() -> T) -> T {
    LIMIT.set(HELD.get() + bytes);
    let done = run();
    LIMIT.set(isize::MAX);
    done
}

fn prepared() -> Board {
    let mut board = Board::new();
    board.install("app:1", guests::IDLE, &ImageConfig::default());
    board.create(Declaration {
        restart: Policy::Always,
        ..declared("app", "app:1")
    });
    board.run(Duration::from_millis(50));
    board
}

#[test]
fn containers_that_do_not_run_cost_little() {
    const COUNT: isize = 10;
    let mut board = prepared();
    for name in ["warm-1", "warm-2"] {
        board.create(Declaration {
            is_stopped: true,
            ..declared(name, "app:1")
        });
    }
    let storage = |board: &Board| {
        let dump = board.flash.dump();
        dump.iter()
            .map(|(key, value)| key.capacity() + value.capacity())
            .sum::<usize>()
    };
    let (before, stored) = (HELD.get(), storage(&board));
    for number in 0..COUNT {
        board.create(Declaration {
            is_stopped: true,
            args: Some(vec!["many".repeat(20); 4]),
            ..declared(&format!("idle-{number}"), "app:1")
        });
    }
    // The storage of this test is in memory too; its trees cost about as much again.
    let stored = (storage(&board) - stored) as isize;
    let each = (HELD.get() - before - stored) / COUNT;
    assert!(each < 1000, "{each} bytes each on this machine");
}

#[test]
fn cycles_of_all_kinds_leave_nothing() {
    let mut board = prepared();
    let cycle = |board: &mut Board| {
        board.create(Declaration {
            restart: Policy::Always,
            ..declared("more", "app:1")
        });
        board.run(Duration::from_millis(5));
        for request in [
            Request::Pause {
                name: "more".into(),
            },
            Request::Unpause {
                name: "more".into(),
            },
            Request::Restart {
                name: "more".into(),
            },
        ] {
            board.must(request);
            board.run(Duration::from_millis(5));
        }
        board.must(Request::Create {
            declaration: declared("more", "app:1"),
            replace: true,
        });
        board.must(Request::Remove {
            name: "more".into(),
            force: true,
        });
    };
    for _ in 0..5 {
        cycle(&mut board);
    }
    let before = HELD.get();
    for _ in 0..200 {
        cycle(&mut board);
    }
    assert_eq!(HELD.get(), before);
}

#[test]
fn without_memory_requests_are_refused_and_the_rest_runs() {
    let mut refused = 0;
    for free in (8192..120_000).step_by(509) {
        let mut board = prepared();
        let reply = with_free(free, || {
            board.ask(Request::Create {
                declaration: declared("more", "app:1"),
                replace: false,
            })
        });
        match reply {
            Reply::Refused(refusal) => {
                assert_eq!(refusal.kind, RefusalKind::NoRoom, "{}", refusal.message);
                refused += 1;
            }
            Reply::Created { .. } => assert!(free > 65_536, "{free}"),
            reply => panic!("{reply:?}"),
        }
        board.run(Duration::from_millis(20));
        assert_eq!(board.state("app"), RunState::Running);
    }
    assert!((100..180).contains(&refused), "{refused}");
}

#[test]
fn without_memory_images_are_refused() {
    let image = board::Image::new(guests::IDLE_TOO, &ImageConfig::default());
    let mut board = prepared();
    for free in (8192..40_000).step_by(251) {
        let begin = image.begin("other:1");
        let reply = with_free(free, || board.ask(begin));
        if let Reply::Refused(refusal) = reply {
            assert_eq!(refusal.kind, RefusalKind::NoRoom, "{}", refusal.message);
        }
        board.run(Duration::from_millis(5));
        assert_eq!(board.state("app"), RunState::Running);
    }
    assert!(matches!(
        image.install(&mut board, "other:1"),
        Reply::Installed { .. }
    ));
}

#[test]
fn a_restart_without_memory_is_tried_again() {
    let mut board = prepared();
    with_free(20_000, || {
        board.must(Request::Restart { name: "app".into() });
        board.run(Duration::from_millis(1));
    });
    board.run(Duration::from_secs(2));
    assert_eq!(board.state("app"), RunState::Running);
}
