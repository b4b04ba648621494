//! Host calls: their arguments, their results, the memory they see, and waiting inside them.

use std::fmt::Write as _;

use thimble_abi::calls::{self, EnvCall, WasiCall};
use thimble_abi::{Call, ValueType};
use thimble_runtime::engine::{CallOutcome, Engine};

use super::fixture::{Answers, drive, instantiate, roomy, short};

/// All bits of integers and floats pass in both directions.
pub fn arguments_and_results_keep_their_bits(engine: &dyn Engine) {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
        (import "env" "ocre_sensors_read" (func $read (param i32 i32) (result f64)))
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (result i32)
            (i32.store (i32.const 0)
                (call $seek (i32.const -1) (i64.const 0x8123456789abcdef) (i32.const 0x80000000) (i32.const 4)))
            (f64.store (i32.const 8) (call $read (i32.const 1) (i32.const 0x7fffffff)))
            (i32.store (i32.const 16) (call $open (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5)
                (i64.const -6) (i64.const -7) (i32.const 8) (i32.const -9)))
            (i32.load (i32.const 0))))"#;
    // A quiet NaN with a payload, and garbage above an i32.
    let float = 0xfff8_dead_beef_0001_u64;
    let mut seen = Vec::new();
    let mut host = Answers::new(|call, _, memory| {
        seen = memory.get(..20).unwrap_or_default().to_vec();
        match call {
            Call::Wasi(WasiCall::FdSeek) => CallOutcome::Done(0xdead_beef_ffff_fff5),
            Call::Env(EnvCall::SensorsRead) => CallOutcome::Done(float),
            _ => CallOutcome::Done(3),
        }
    });
    let mut guest = instantiate(engine, text, &["_start"]);
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), -11);
    let arguments: Vec<&[u64]> = host.calls.iter().map(|(_, args)| args.as_slice()).collect();
    assert_eq!(
        arguments,
        [
            &[0xffff_ffff, 0x8123_4567_89ab_cdef, 0x8000_0000, 4][..],
            &[1, 0x7fff_ffff],
            &[1, 2, 3, 4, 5, -6_i64 as u64, -7_i64 as u64, 8, 0xffff_fff7],
        ]
    );
    drop(host);
    assert_eq!(seen.get(8..16), Some(&float.to_le_bytes()[..]));
}

/// Each call of the table can be imported, called with its own arguments, and answered.
pub fn every_call_can_be_imported(engine: &dyn Engine) {
    let mut imports = String::new();
    let mut body = String::new();
    for (index, spec) in calls::all().enumerate() {
        let parameters: Vec<_> = spec
            .parameters
            .iter()
            .map(|parameter| parameter.value_type())
            .collect();
        let result = spec.returns.value_type();
        let names: Vec<_> = parameters.iter().map(|ty| ty.name()).collect();
        let result_text = result.map_or(String::new(), |ty| format!("(result {})", ty.name()));
        let (module, name) = (spec.module, spec.name);
        writeln!(
            imports,
            r#"(import "{module}" "{name}" (func $f{index} (param {}) {result_text}))"#,
            names.join(" ")
        )
        .unwrap();
        for (position, ty) in parameters.iter().enumerate() {
            write!(body, "({}.const {}) ", ty.name(), index * 10 + position).unwrap();
        }
        writeln!(body, "call $f{index}").unwrap();
        match result {
            Some(ty) => writeln!(
                body,
                "({0}.const {index}) {0}.ne if unreachable end",
                ty.name()
            )
            .unwrap(),
            None => writeln!(body, "nop").unwrap(),
        }
    }
    let text = format!(
        r#"(module {imports} (memory (export "memory") 1) (func (export "_start") {body}))"#
    );
    let specs: Vec<_> = calls::all().collect();
    let mut next = 0;
    let mut host = Answers::new(|call, args, _| {
        let spec = specs[next];
        assert_eq!(call, spec.call, "{}.{}", spec.module, spec.name);
        let expected = spec
            .parameters
            .iter()
            .enumerate()
            .map(|(position, parameter)| {
                let value = next * 10 + position;
                if parameter.value_type() == ValueType::F64 {
                    (value as f64).to_bits()
                } else {
                    value as u64
                }
            });
        assert_eq!(
            args,
            expected.collect::<Vec<_>>(),
            "{}.{}",
            spec.module,
            spec.name
        );
        let result = match spec.returns.value_type() {
            Some(ValueType::F64) => (next as f64).to_bits(),
            _ => next as u64,
        };
        next += 1;
        CallOutcome::Done(result)
    });
    let mut guest = instantiate(engine, &text, &["_start"]);
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 0);
    assert_eq!(host.calls.len(), specs.len());
}

/// A call that blocks is made again with the same arguments, and sees what it wrote before.
pub fn a_blocked_call_is_made_again(engine: &dyn Engine) {
    let text = r#"(module
        (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (result i32) (local $keep i64)
            (local.set $keep (i64.const 1000))
            (i32.store (i32.const 64) (i32.const 5))
            (i32.add
                (i32.wrap_i64 (local.get $keep))
                (i32.add (call $wait (i64.const -2) (i32.const 64) (i32.const 4)) (i32.load (i32.const 64))))))"#;
    for budget in [roomy(), short()] {
        let mut guest = instantiate(engine, text, &["_start"]);
        let mut host = Answers::new(|_, _, memory: &mut [u8]| {
            let counter = &mut memory[64];
            *counter += 1;
            if *counter < 9 {
                CallOutcome::Blocked
            } else {
                CallOutcome::Done(100)
            }
        });
        let outcome = drive(&mut *guest, &mut host, budget);
        assert_eq!((outcome.exit(), outcome.blocked), (1_109, 3));
        assert_eq!(host.calls.len(), 4);
        assert!(
            host.calls
                .iter()
                .all(|(_, args)| *args == [-2_i64 as u64, 64, 4])
        );
    }
}

/// A guest that waits deep in its frames finds all of them again.
pub fn a_blocked_call_in_nested_frames_keeps_them(engine: &dyn Engine) {
    let text = r#"(module
        (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
        (func $down (param $n i32) (param $x i64) (result i64)
            (if (result i64) (i32.eqz (local.get $n))
                (then (i64.extend_i32_s (call $sleep (i32.const 3))))
                (else
                    (i64.add
                        (i64.mul (local.get $x) (i64.extend_i32_u (call $sleep (local.get $n))))
                        (call $down (i32.sub (local.get $n) (i32.const 1)) (i64.add (local.get $x) (i64.const 7)))))))
        (func (export "_start") (result i32) (i32.wrap_i64 (call $down (i32.const 40) (i64.const 1)))))"#;
    let run = |blocks: bool| {
        let mut again = false;
        let mut host = Answers::new(|_, args: &[u64], _| {
            again = !again;
            if blocks && again {
                CallOutcome::Blocked
            } else {
                CallOutcome::Done(args[0] * 3)
            }
        });
        let mut guest = instantiate(engine, text, &["_start"]);
        let outcome = drive(&mut *guest, &mut host, short());
        assert_eq!(outcome.blocked, if blocks { 41 } else { 0 });
        outcome.exit()
    };
    assert_eq!(run(true), run(false));
}

/// A host call in tail position that blocks gives its result to the caller's caller.
pub fn a_blocked_tail_call_returns_to_the_right_frame(engine: &dyn Engine) {
    let text = r#"(module
        (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
        (table 1 funcref)
        (elem (i32.const 0) $sleep)
        (type $s (func (param i32) (result i32)))
        (func $direct (param i64 i64 i32) (result i32) (return_call $sleep (local.get 2)))
        (func $indirect (param i64 i64 i32) (result i32) (return_call_indirect (type $s) (local.get 2) (i32.const 0)))
        (func $middle (param $a i32) (param $b i32) (result i32) (local $c i32)
            (local.set $c (i32.const 10000))
            (i32.add (local.get $c)
                (i32.add
                    (i32.mul (local.get $a) (call $direct (i64.const -1) (i64.const -1) (i32.const 2)))
                    (i32.mul (local.get $b) (call $indirect (i64.const -1) (i64.const -1) (i32.const 3))))))
        (func (export "middle") (result i32) (call $middle (i32.const 100) (i32.const 1000)))
        (func (export "_start") (result i32) (return_call $sleep (i32.const 77))))"#;
    for (entry, code, blocked) in [("middle", 13_200, 2), ("_start", 77, 1)] {
        let mut again = false;
        let mut host = Answers::new(|_, args: &[u64], _| {
            again = !again;
            if again {
                CallOutcome::Blocked
            } else {
                CallOutcome::Done(args[0])
            }
        });
        let mut guest = instantiate(engine, text, &[entry]);
        let outcome = drive(&mut *guest, &mut host, roomy());
        assert_eq!(
            (outcome.exit(), outcome.blocked),
            (code, blocked),
            "{entry}"
        );
    }
}

/// A host call through a table can block like any other.
pub fn a_blocked_indirect_call_is_made_again(engine: &dyn Engine) {
    let text = r#"(module
        (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
        (table 1 funcref)
        (elem (i32.const 0) $sleep)
        (type $s (func (param i32) (result i32)))
        (func (export "_start") (result i32)
            (i32.add (i32.const 1) (call_indirect (type $s) (i32.const 41) (i32.const 0)))))"#;
    let mut waits = 2;
    let mut host = Answers::new(|_, args: &[u64], _| {
        if waits == 0 {
            return CallOutcome::Done(args[0]);
        }
        waits -= 1;
        CallOutcome::Blocked
    });
    let mut guest = instantiate(engine, text, &["_start"]);
    assert_eq!(drive(&mut *guest, &mut host, short()).exit(), 42);
    assert_eq!(host.first_arguments(), [41, 41, 41]);
}

/// Guest and host see each other's writes, and growth shows at once.
pub fn the_host_reads_and_writes_memory(engine: &dyn Engine) {
    let text = r#"(module
        (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
        (memory (export "memory") 1 4)
        (func (export "_start") (result i32)
            (i32.store (i32.const 65532) (i32.const 0x01020304))
            (drop (call $sleep (i32.const 0)))
            (drop (memory.grow (i32.const 2)))
            (i32.store (i32.const 196604) (i32.const 0x05060708))
            (drop (call $sleep (i32.const 1)))
            (i32.load (i32.const 100))))"#;
    let mut lengths = Vec::new();
    let mut host = Answers::new(|_, args: &[u64], memory: &mut [u8]| {
        lengths.push(memory.len());
        let end = memory.len();
        let expected: [u8; 4] = if args[0] == 0 {
            [4, 3, 2, 1]
        } else {
            [8, 7, 6, 5]
        };
        assert_eq!(memory[end - 4..], expected);
        memory[100..104].copy_from_slice(&[if args[0] == 0 { 1 } else { 2 }, 0, 0, 0]);
        CallOutcome::Done(0)
    });
    let mut guest = instantiate(engine, text, &["_start"]);
    assert_eq!(guest.memory_bytes(), 65_536);
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 2);
    drop(host);
    assert_eq!(lengths, [65_536, 196_608]);
}

/// A memory that the module imports is its own, whatever its name.
pub fn imported_memory_is_the_guests_own(engine: &dyn Engine) {
    memory_is_found(engine, r#"(import "env" "memory" (memory 2))"#);
}

/// A memory that the module does not export is found all the same.
pub fn hidden_memory_is_found(engine: &dyn Engine) {
    memory_is_found(engine, "(memory 2)");
}

/// The host sees two pages with a byte in them.
fn memory_is_found(engine: &dyn Engine, memory: &str) {
    let (import, definition) = if memory.contains("import") {
        (memory, "")
    } else {
        ("", memory)
    };
    let text = format!(
        r#"(module {import}
            (import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))
            {definition}
            (data (i32.const 9) "\2a")
            (func (export "_start") (result i32) (call $y)))"#
    );
    let mut host = Answers::new(|_, _, memory: &mut [u8]| {
        assert_eq!(memory.len(), 2 * 65_536);
        CallOutcome::Done(memory[9].into())
    });
    let mut guest = instantiate(engine, &text, &["_start"]);
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 42);
}

/// A module without memory gives the host an empty one, even where it passes pointers.
pub fn no_memory_is_empty_memory(engine: &dyn Engine) {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (func (export "_start") (result i32) (call $random (i32.const 16) (i32.const 8))))"#;
    let mut host = Answers::new(|_, args: &[u64], memory: &mut [u8]| {
        assert_eq!((args, memory.len()), (&[16, 8][..], 0));
        CallOutcome::Done(21)
    });
    let mut guest = instantiate(engine, text, &["_start"]);
    assert_eq!(guest.memory_bytes(), 0);
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 21);
}
