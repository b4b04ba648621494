//! Guests: room for them, how they end, and very many of them.

#![expect(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod support;

use thimble_engine_wasmtime::{AddressSpace, Notice, NoticeSink, Settings, WasmtimeEngine};
use thimble_runtime::engine::{
    Budget, CallOutcome, Engine as _, Guest, InstanceSpec, InstantiateError, LoadedModule,
    TrapKind, Yield,
};
use thimble_testkit::engine_conformance::{Answers, drive, forever, load, roomy};

/// Waits for an event, then exits with it.
const WAITS: &str = r#"(module
    (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start") (result i32)
        (i32.store (i32.const 0) (i32.const 7))
        (i32.add (i32.load (i32.const 0)) (call $wait (i64.const -1) (i32.const 0) (i32.const 64)))))"#;

fn engine(slots: u32) -> WasmtimeEngine {
    WasmtimeEngine::new(Settings {
        slots,
        ..support::settings()
    })
    .unwrap()
}

fn spec() -> InstanceSpec {
    InstanceSpec {
        memory_bytes_max: 1 << 20,
        table_elements_max: 100,
        stack_bytes: None,
        entries: vec!["_start".into()],
    }
}

fn waiting(module: &dyn LoadedModule) -> Box<dyn Guest> {
    let mut guest = module.instantiate(&spec()).unwrap();
    let mut host = Answers::new(|_, _, _| CallOutcome::Blocked);
    assert!(matches!(guest.resume(&mut host, roomy()), Yield::Blocked));
    guest
}

#[test]
fn full_slots_are_no_room_and_free_ones_are() {
    let engine = engine(2);
    let module = load(&engine, WAITS);
    let first = waiting(&*module);
    let _second = waiting(&*module);
    let Err(InstantiateError::NoRoom { reason }) = module.instantiate(&spec()) else {
        panic!("room for a third")
    };
    assert!(reason.contains('2'), "{reason}");
    drop(first);
    waiting(&*module);
    // A guest that ended needs no room any more, even if it is kept.
    let mut ended = module.instantiate(&spec()).unwrap();
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(1));
    assert_eq!(drive(&mut *ended, &mut host, roomy()).exit(), 8);
    waiting(&*module);
}

#[test]
fn ten_thousand_guests_wait_on_one_thread() {
    const GUESTS: u32 = 10_000;
    let engine = engine(GUESTS);
    let module = load(&engine, WAITS);
    let mut guests: Vec<_> = (0..GUESTS).map(|_| waiting(&*module)).collect();
    for (number, guest) in (0..).zip(&mut guests) {
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(number));
        assert_eq!(
            drive(&mut **guest, &mut host, roomy()).exit(),
            7 + i32::try_from(number).unwrap()
        );
    }
}

#[test]
fn what_does_not_fit_a_slot_runs_all_the_same() {
    let engine = WasmtimeEngine::new(Settings {
        slots: 1,
        slot_table_elements: 10,
        ..support::settings()
    })
    .unwrap();
    for table in [
        "(table 11 funcref)",
        "(table 1 funcref) (table 1 funcref)",
        "(table 1 externref)",
    ] {
        let text =
            format!(r#"(module {table} (func (export "_start") (result i32) (i32.const 5)))"#);
        let module = load(&engine, &text);
        let _another = module.instantiate(&spec()).unwrap();
        let mut guest = module.instantiate(&spec()).unwrap();
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
        assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 5, "{table}");
    }
}

#[test]
fn slots_that_do_not_fit_the_address_space_are_done_without() {
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = std::sync::Arc::clone(&heard);
    let notices = NoticeSink::new(move |notice| sink.lock().unwrap().push(notice.clone()));
    // 4 GiB each are more than the 128 TiB that a process can have.
    let settings = Settings {
        slots: 100_000,
        address_space: AddressSpace::Wide,
        notices,
        ..support::settings()
    };
    let engine = WasmtimeEngine::new(settings).unwrap();
    assert!(matches!(
        &heard.lock().unwrap()[..],
        [Notice::SlotsUnavailable { .. }]
    ));
    waiting(&*load(&engine, WAITS));
}

#[test]
fn a_trap_shows_the_guest_s_frames() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (start $begin)
        (func $begin)
        (func $inner unreachable)
        (func $outer (call $inner))
        (func (export "_start") (call $outer)))"#;
    let engine = engine(1);
    let module = thimble_testkit::engine_conformance::parse(text);
    let mut guest = engine.load(&module).unwrap().instantiate(&spec()).unwrap();
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    let trap = drive(&mut *guest, &mut host, roomy()).end.unwrap_err();
    let names: Vec<_> = trap
        .backtrace
        .iter()
        .map(|frame| (frame.function, frame.name.as_deref()))
        .collect();
    assert_eq!(names, [(2, Some("inner")), (3, Some("outer")), (4, None)]);
    // The offset is that of the instruction in the module as the runtime has it.
    let offset = usize::try_from(trap.backtrace[0].module_offset.unwrap()).unwrap();
    assert_eq!(module.bytes()[offset], 0x00, "unreachable");
    let offset = usize::try_from(trap.backtrace[1].module_offset.unwrap()).unwrap();
    assert_eq!(module.bytes()[offset..offset + 2], [0x10, 2], "call 2");
}

#[test]
fn a_panic_of_the_host_ends_the_guest_as_our_fault() {
    let prompt = r#"(module
        (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
        (func (export "_start") (result i32) (call $resolution (i32.const 0) (i32.const 0))))"#;
    let engine = engine(1);
    for text in [prompt, WAITS] {
        let mut guest = load(&engine, text).instantiate(&spec()).unwrap();
        let mut host = Answers::new(|_, _, _| panic!("a defect of the host"));
        let trap = drive(&mut *guest, &mut host, roomy()).end.unwrap_err();
        assert_eq!(trap.kind, TrapKind::Engine);
        assert!(trap.detail.contains("a defect of the host"), "{trap}");
        assert!(!trap.backtrace.is_empty());
    }
}

#[test]
fn a_prompt_call_that_waits_ends_the_guest_as_our_fault() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
        (func (export "_start") (result i32) (call $resolution (i32.const 0) (i32.const 0))))"#;
    let engine = engine(1);
    let mut guest = load(&engine, text).instantiate(&spec()).unwrap();
    let mut host = Answers::new(|_, _, _| CallOutcome::Blocked);
    assert_eq!(
        drive(&mut *guest, &mut host, roomy()).trap(),
        TrapKind::Engine
    );
}

#[test]
fn a_preempted_guest_may_change_threads() {
    let text = r#"(module (func (export "_start") (result i32) (local $i i32)
        (loop $more
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 50000000))))
        (local.get $i)))"#;
    let engine = engine(1);
    let mut guest = load(&engine, text).instantiate(&spec()).unwrap();
    let budget = Budget {
        time: std::time::Duration::from_millis(1),
        fuel: 0,
    };
    for _ in 0..10_000 {
        let (end, same) = std::thread::spawn(move || {
            let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
            (guest.resume(&mut host, budget), guest)
        })
        .join()
        .unwrap();
        guest = same;
        match end {
            Yield::Preempted => {}
            Yield::Exited(code) => {
                assert_eq!(code, 50_000_000);
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it does not end");
}

#[test]
fn guests_of_one_engine_do_not_end_each_other_s_slices() {
    let text = r#"(module (func (export "_start") (loop $more (br $more))))"#;
    let engine = engine(2);
    let module = load(&engine, text);
    let mut busy = module.instantiate(&spec()).unwrap();
    let mut other = module.instantiate(&spec()).unwrap();
    let ended = std::sync::atomic::AtomicBool::new(false);
    let interrupter = busy.interrupter();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
            assert!(matches!(
                busy.resume(&mut host, forever()),
                Yield::Preempted
            ));
            ended.store(true, std::sync::atomic::Ordering::Release);
        });
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
        for _ in 0..50 {
            let budget = Budget {
                time: std::time::Duration::from_millis(1),
                fuel: 0,
            };
            assert!(matches!(other.resume(&mut host, budget), Yield::Preempted));
        }
        assert!(!ended.load(std::sync::atomic::Ordering::Acquire));
        interrupter.interrupt();
    });
}
