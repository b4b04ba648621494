//! Limits: what a guest begins with and what it may grow to.

use thimble_runtime::engine::{CallOutcome, Engine, InstanceSpec, InstantiateError, Yield};

use super::fixture::{Answers, drive, load, roomy, short};

const PAGE: u64 = 65_536;

/// A guest that grows its memory by one page and returns what the instruction said.
const GROWS: &str = r#"(module
    (memory (export "memory") 2 5)
    (func (export "_start") (result i32) (memory.grow (i32.const 1)))
    (func (export "much") (result i32) (memory.grow (i32.const 65535)))
    (func (export "past_its_own") (result i32) (memory.grow (i32.const 4))))"#;

fn limited(memory_bytes_max: u64, table_elements_max: u32, entry: &str) -> InstanceSpec {
    InstanceSpec {
        memory_bytes_max,
        table_elements_max,
        stack_bytes: None,
        entries: vec![entry.to_string()],
    }
}

/// A module that begins with more memory than its limit is refused, with both numbers.
pub fn initial_memory_over_the_limit(engine: &dyn Engine) {
    let loaded = load(engine, GROWS);
    let Err(error) = loaded.instantiate(&limited(2 * PAGE - 1, 100, "_start")) else {
        panic!("no error")
    };
    assert_eq!(
        error,
        InstantiateError::MemoryLimit {
            needed_bytes: 2 * PAGE,
            limit_bytes: 2 * PAGE - 1
        }
    );
    assert!(
        loaded
            .instantiate(&limited(2 * PAGE, 100, "_start"))
            .is_ok()
    );
    // A limit above what 32 bits can address is no limit.
    assert!(
        loaded
            .instantiate(&limited(u64::MAX, u32::MAX, "_start"))
            .is_ok()
    );
}

/// A module that begins with more table elements than its limit, over all tables, is refused.
pub fn initial_tables_over_the_limit(engine: &dyn Engine) {
    let text = r#"(module
        (table 40 funcref) (table 50 externref) (table 30 60 funcref)
        (func (export "_start")))"#;
    let loaded = load(engine, text);
    for limit in [0, 39, 40, 119] {
        let Err(error) = loaded.instantiate(&limited(0, limit, "_start")) else {
            panic!("no error")
        };
        assert_eq!(
            error,
            InstantiateError::TableLimit {
                needed_elements: 120,
                limit_elements: limit
            }
        );
    }
    assert!(loaded.instantiate(&limited(0, 120, "_start")).is_ok());
}

/// Memory grows up to the limit.
pub fn growth_to_the_limit_works(engine: &dyn Engine) {
    for budget in [roomy(), short()] {
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
        let mut guest = load(engine, GROWS)
            .instantiate(&limited(3 * PAGE, 0, "_start"))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(guest.memory_bytes(), 2 * PAGE);
        assert_eq!(drive(&mut *guest, &mut host, budget).exit(), 2);
        assert_eq!(guest.memory_bytes(), 3 * PAGE);
        assert!(host.refused.is_empty());
    }
}

/// Growth over the limit gives -1, and the host hears of it.
pub fn growth_over_the_limit_is_refused(engine: &dyn Engine) {
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    let mut guest = load(engine, GROWS)
        .instantiate(&limited(3 * PAGE - 1, 0, "_start"))
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), -1);
    assert_eq!(guest.memory_bytes(), 2 * PAGE);
    assert_eq!(host.refused, [3 * PAGE]);
}

/// Growth over what the module allows itself gives -1, and is not the limit's doing.
pub fn growth_over_the_modules_maximum_is_refused(engine: &dyn Engine) {
    for entry in ["past_its_own", "much"] {
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
        let mut guest = load(engine, GROWS)
            .instantiate(&limited(u64::MAX, 0, entry))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), -1);
        assert_eq!(guest.memory_bytes(), 2 * PAGE);
        assert!(host.refused.is_empty(), "{:?}", host.refused);
    }
}

/// A limit of memory that changes holds for the growth after it; one below what there is takes nothing away.
pub fn the_memory_limit_can_be_changed(engine: &dyn Engine) {
    let text = r#"(module
        (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
        (memory (export "memory") 2 9)
        (func $grow (param $pages i32)
            (drop (call $wait (i64.extend_i32_u (memory.grow (local.get $pages))) (memory.size) (i32.const 0))))
        (func (export "_start")
            (call $grow (i32.const 1)) (call $grow (i32.const 1)) (call $grow (i32.const 0)) (call $grow (i32.const 1))
            (i32.store8 (i32.const 196607) (i32.const 1))))"#;
    let refused = u64::from(u32::MAX);
    for budget in [roomy(), short()] {
        let mut waits = true;
        let mut host = Answers::new(move |_, _, _| {
            waits = !waits;
            if waits {
                CallOutcome::Done(0)
            } else {
                CallOutcome::Blocked
            }
        });
        let mut guest = load(engine, text)
            .instantiate(&limited(2 * PAGE, 0, "_start"))
            .unwrap_or_else(|error| panic!("{error}"));
        // Before each of its calls: not a page more, one page more, less than it has, and again one more.
        for limit in [3 * PAGE - 1, 3 * PAGE, PAGE, 4 * PAGE] {
            guest.set_memory_bytes_max(limit);
            loop {
                match guest.resume(&mut host, budget) {
                    Yield::Preempted => {}
                    Yield::Blocked => break,
                    end => panic!("it ended under a limit of {limit} bytes: {end:?}"),
                }
            }
        }
        assert_eq!(guest.memory_bytes(), 4 * PAGE);
        guest.set_memory_bytes_max(0);
        assert_eq!(drive(&mut *guest, &mut host, budget).exit(), 0);
        let grown: Vec<_> = host
            .calls
            .iter()
            .step_by(2)
            .map(|(_, args)| (args.first().copied(), args.get(1).copied()))
            .collect();
        let said = |result, size| (Some(result), Some(size));
        assert_eq!(
            grown,
            [said(refused, 2), said(2, 3), said(3, 3), said(3, 4)]
        );
        assert_eq!(host.refused, [3 * PAGE]);
    }
}

/// Tables grow up to the limit over all of them, and not further.
pub fn table_growth_over_the_limit_is_refused(engine: &dyn Engine) {
    let text = r#"(module
        (table $a 10 funcref) (table $b 10 12 externref)
        (func (export "_start") (result i32)
            ;; Over $b's own maximum: no effect on what is left.
            (if (i32.ne (table.grow $b (ref.null extern) (i32.const 3)) (i32.const -1)) (then unreachable))
            (if (i32.ne (table.grow $a (ref.null func) (i32.const 11)) (i32.const -1)) (then unreachable))
            (if (i32.ne (table.grow $a (ref.null func) (i32.const 8)) (i32.const 10)) (then unreachable))
            (if (i32.ne (table.grow $b (ref.null extern) (i32.const 2)) (i32.const 10)) (then unreachable))
            (if (i32.ne (table.grow $a (ref.null func) (i32.const 1)) (i32.const -1)) (then unreachable))
            (i32.add (table.size $a) (table.size $b))))"#;
    for budget in [roomy(), short()] {
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
        let mut guest = load(engine, text)
            .instantiate(&limited(0, 30, "_start"))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(drive(&mut *guest, &mut host, budget).exit(), 30);
        assert!(host.refused.is_empty());
    }
}
