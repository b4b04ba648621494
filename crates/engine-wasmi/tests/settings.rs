//! What settings and budgets do in this engine alone.

#![expect(
    clippy::unwrap_used,
    reason = "the functions that tests share may stop at the first surprise, too"
)]

use std::time::{Duration, Instant};

use thimble_engine_wasmi::{Settings, WasmiEngine};
use thimble_runtime::engine::{Budget, CallOutcome, Engine, TrapKind, Yield};
use thimble_runtime::module::Module;
use thimble_testkit::engine_conformance::{Answers, drive, instantiate, roomy, run, short};

/// Counts down by calls: the parameter is the depth.
fn recursion(depth: u32) -> String {
    format!(
        r#"(module
            (func $down (param i32) (result i32)
                (if (result i32) (local.get 0)
                    (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                    (else (i32.const 0))))
            (func (export "_start") (result i32) (call $down (i32.const {depth}))))"#
    )
}

#[test]
fn the_depth_of_calls_is_a_setting() {
    for settings in [Settings::linux(), Settings::small()] {
        let engine = WasmiEngine::new(settings);
        let limit = u32::try_from(settings.call_depth_max).unwrap();
        assert_eq!(
            run(&engine, &recursion(limit - 2)).exit(),
            i32::try_from(limit - 2).unwrap()
        );
        assert_eq!(
            run(&engine, &recursion(limit)).trap(),
            TrapKind::StackOverflow
        );
    }
}

#[test]
fn operands_have_a_limit_of_their_own() {
    let settings = Settings {
        stack_bytes_max: 2_048,
        ..Settings::linux()
    };
    assert_eq!(run(&WasmiEngine::new(settings), &recursion(5)).exit(), 5);
    assert_eq!(
        run(&WasmiEngine::new(settings), &recursion(1_000)).trap(),
        TrapKind::StackOverflow
    );
}

#[test]
fn a_budget_without_fuel_goes_by_time() {
    let engine = WasmiEngine::new(Settings::linux());
    let text = r#"(module (func (export "_start") (loop $more (br $more))))"#;
    let mut guest = instantiate(&engine, text, &["_start"]);
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    for fuel in [0, u64::MAX] {
        let begin = Instant::now();
        let result = guest.resume(
            &mut host,
            Budget {
                time: Duration::from_millis(2),
                fuel,
            },
        );
        assert!(matches!(result, Yield::Preempted), "{result:?}");
        // Fuel is not time, and the machine may be busy; but it is not without end.
        assert!(begin.elapsed() < Duration::from_secs(30));
    }
}

/// A call of the host costs fuel, or a guest that does nothing else would never be preempted in time.
#[test]
fn host_calls_cost_fuel() {
    let engine = WasmiEngine::new(Settings::linux());
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (func (export "_start") (loop $more (drop (call $yield)) (br $more))))"#;
    let mut guest = instantiate(&engine, text, &["_start"]);
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    let budget = Budget {
        time: Duration::from_secs(1),
        fuel: 100_000,
    };
    assert!(matches!(guest.resume(&mut host, budget), Yield::Preempted));
    assert!(
        (500..=1_000).contains(&host.calls.len()),
        "{}",
        host.calls.len()
    );
}

/// A growth of a table that runs out of fuel is not made twice, and nothing before it is.
#[test]
fn a_growth_that_costs_more_than_a_slice_happens_once() {
    let text = r#"(module
        (table $a 1 funcref) (table $b 1 externref)
        (global $n (mut i32) (i32.const 0))
        (elem declare func $step)
        (func $step (global.set $n (i32.add (global.get $n) (i32.const 1))))
        (func (export "_start") (result i32)
            (call $step)
            (drop (table.grow $a (ref.func $step) (i32.const 3000)))
            (call $step)
            (drop (table.grow $b (ref.null extern) (i32.const 4000)))
            (call $step)
            (drop (table.grow $a (ref.null func) (i32.const 100)))
            (call_indirect $a (i32.const 3000))
            (i32.add (i32.mul (global.get $n) (i32.const 10000)) (i32.add (table.size $a) (table.size $b)))))"#;
    let bytes = wat::parse_str(text).unwrap();
    // The same with the instruction's number in more bytes than it needs.
    let long = lengthened(&bytes);
    assert_ne!(bytes, long);
    let engine = WasmiEngine::new(Settings::linux());
    for bytes in [bytes, long] {
        let loaded = engine.load(&Module::parse(bytes).unwrap()).unwrap();
        for budget in [short(), roomy()] {
            let mut guest = loaded
                .instantiate(&thimble_runtime::engine::InstanceSpec {
                    memory_bytes_max: 0,
                    table_elements_max: 10_000,
                    stack_bytes: None,
                    entries: vec!["_start".into()],
                })
                .unwrap();
            let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
            assert_eq!(
                drive(&mut *guest, &mut host, budget).exit(),
                40_000 + 3_101 + 4_001
            );
        }
    }
}

/// Writes the `0x0f` of each `table.grow` in two bytes. The code section is the last one, with one long body.
fn lengthened(bytes: &[u8]) -> Vec<u8> {
    let text = wat::parse_str("(module)").unwrap();
    let mut out = bytes.get(..text.len()).unwrap().to_vec();
    let mut at = text.len();
    while at < bytes.len() {
        let (id, (size, head)) = (bytes[at], number(&bytes[at + 1..]));
        let body = &bytes[at + 1 + head..][..size];
        let mut edited = Vec::new();
        if id == 10 {
            let (count, mut inner) = number(body);
            put(&mut edited, count);
            while inner < body.len() {
                let (size, head) = number(&body[inner..]);
                let mut function = Vec::new();
                let code = &body[inner + head..][..size];
                for (position, byte) in code.iter().enumerate() {
                    if *byte == 0x0f && position > 0 && code[position - 1] == 0xfc {
                        function.extend([0x8f, 0x00]);
                    } else {
                        function.push(*byte);
                    }
                }
                put(&mut edited, function.len());
                edited.extend(function);
                inner += head + size;
            }
        } else {
            edited.extend(body);
        }
        out.push(id);
        put(&mut out, edited.len());
        out.extend(edited);
        at += 1 + head + size;
    }
    out
}

/// A number in LEB128, and the bytes it takes.
fn number(bytes: &[u8]) -> (usize, usize) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let value = bytes[..length]
        .iter()
        .rev()
        .fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, length)
}

fn put(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
