//! A guest is stopped even when the signal of its timer got lost. Alone in its process, whose signals it changes.

#![cfg(target_os = "linux")]

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use thimble_engine_wasmtime::WasmtimeEngine;
use thimble_runtime::engine::{Budget, CallOutcome, Yield};
use thimble_testkit::engine_conformance::{Answers, instantiate};

/// Signals that come from now on are gone, as those that a debugger takes along; what happened with them before.
fn lose_signals() -> libc::sigaction {
    replace_handler(&libc::sigaction {
        sa_sigaction: libc::SIG_IGN,
        // SAFETY: zero is a value of its other fields: no flags, no signals masked, no restorer.
        ..unsafe { std::mem::zeroed() }
    })
}

/// Sets what happens with the timer's signal; what it was before.
fn replace_handler(action: &libc::sigaction) -> libc::sigaction {
    // SAFETY: zero is a value of its fields.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: both are live values, and the action ignores the signal or was there before.
    let status = unsafe { libc::sigaction(libc::SIGURG, action, &raw mut before) };
    assert_eq!(status, 0);
    before
}

fn slice_of(micros: u64) -> Budget {
    Budget {
        time: Duration::from_micros(micros),
        fuel: 0,
    }
}

#[test]
fn a_slice_ends_although_its_signal_was_lost() {
    let engine = WasmtimeEngine::new(support::settings()).unwrap();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $say (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (drop (call $say)) (loop $more (br $more))))"#;
    let (began, begun) = mpsc::channel();
    let mut host = Answers::new(move |_, _: &[u64], _: &mut [u8]| {
        began.send(()).unwrap();
        CallOutcome::Done(0)
    });
    let mut first = instantiate(&engine, text, &["_start"]);
    while begun.try_recv().is_err() {
        let stopped = first.resume(&mut host, slice_of(1_000));
        assert!(matches!(stopped, Yield::Preempted), "it can be stopped");
    }
    drop(first);

    let mut guest = instantiate(&engine, text, &["_start"]);
    let handler = lose_signals();
    thread::scope(|scope| {
        scope.spawn(move || {
            begun.recv().unwrap();
            // The guest computes, and hears nothing of the end of its slice until long after it.
            thread::sleep(Duration::from_millis(100));
            replace_handler(&handler);
        });
        let stopped = guest.resume(&mut host, slice_of(1_000));
        assert!(matches!(stopped, Yield::Preempted));
    });
    let stopped = guest.resume(&mut host, slice_of(1_000));
    assert!(matches!(stopped, Yield::Preempted), "nor is the next lost");
}
