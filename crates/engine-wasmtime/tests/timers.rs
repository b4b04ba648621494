//! A thread needs one timer, however many guests it runs. Alone in its process, which lists its timers.

mod support;

use std::time::Duration;

use thimble_engine_wasmtime::{Preemption, WasmtimeEngine};
use thimble_runtime::engine::{Budget, CallOutcome, Yield};
use thimble_testkit::engine_conformance::{Answers, instantiate};

#[test]
fn a_thread_makes_one_timer() {
    let busy = r#"(module (func (export "_start") (loop $more (br $more))))"#;
    for preemption in [Preemption::Automatic, Preemption::Epochs] {
        let engine = WasmtimeEngine::new(thimble_engine_wasmtime::Settings {
            preemption,
            ..support::settings()
        })
        .unwrap();
        let mut guest = instantiate(&engine, busy, &["_start"]);
        let mut host = Answers::new(|_, _: &[u64], _: &mut [u8]| CallOutcome::Done(0));
        for _ in 0..50 {
            let budget = Budget {
                time: Duration::from_micros(200),
                fuel: 0,
            };
            assert!(matches!(guest.resume(&mut host, budget), Yield::Preempted));
        }
    }
    // A kernel without checkpoints does not list them.
    if let Ok(timers) = std::fs::read_to_string("/proc/self/timers") {
        let count = timers
            .lines()
            .filter(|line| line.starts_with("ID:"))
            .count();
        assert_eq!(count, 1, "{timers}");
    }
}
