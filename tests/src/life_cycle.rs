//! Ends of every kind, with docker's exit codes.

use std::io::Read as _;

use crate::command::{ENGINES, Place, end, guest, signal};

#[test]
fn exit_codes_are_the_containers_own_and_a_trap_is_134() {
    for engine in ENGINES {
        let place = Place::new();
        for (name, code) in [
            ("exit", 42),
            ("trap", 134),
            ("recurse", 134),
            ("grow", 0),
            ("reactor", 0),
        ] {
            let outcome = place.thimble(["run", "--engine", engine, guest(name).to_str().unwrap()]);
            assert_eq!(outcome.code, code, "{engine} {name}: {outcome:?}");
        }
    }
}

#[test]
fn a_trap_tells_its_reason_and_native_code_its_backtrace() {
    let place = Place::new();
    for engine in ENGINES {
        let outcome = place.thimble(["run", "--engine", engine, guest("trap").to_str().unwrap()]);
        assert!(
            outcome.stderr.contains("trapped: integer divide by zero"),
            "{outcome:?}"
        );
    }
    let native = place.thimble(["run", guest("trap").to_str().unwrap()]);
    assert!(
        native.stderr.contains("0: ratio (function 0) at 0x"),
        "{native:?}"
    );
}

#[test]
fn a_timeout_ends_a_busy_loop_and_a_sleep() {
    for engine in ENGINES {
        for name in ["spin", "sleep"] {
            let program = guest(name);
            let outcome = Place::new().thimble([
                "run",
                "--engine",
                engine,
                "--timeout",
                "100ms",
                program.to_str().unwrap(),
            ]);
            assert_eq!(outcome.code, 124, "{engine} {name}: {outcome:?}");
        }
    }
}

#[test]
fn ctrl_c_ends_a_busy_loop_and_a_sleep() {
    for engine in ENGINES {
        for (name, with, code) in [
            ("spin", "INT", 130),
            ("sleep", "INT", 130),
            ("sleep", "TERM", 143),
        ] {
            let place = Place::new();
            let program = guest(name);
            // Told on standard error when a container beside it has said hello: then signals are taken over.
            let hello = guest("hello-c");
            let mut child = place.spawn([
                "run",
                "--engine",
                engine,
                "--with",
                hello.to_str().unwrap(),
                program.to_str().unwrap(),
            ]);
            let mut said = [0; 5];
            child
                .stdout
                .as_mut()
                .unwrap()
                .read_exact(&mut said)
                .unwrap();
            signal(&child, with);
            let outcome = end(child);
            assert_eq!(outcome.code, code, "{engine} {name}: {outcome:?}");
        }
    }
}

#[test]
fn memory_is_limited_and_the_guest_is_told() {
    for engine in ENGINES {
        let outcome = Place::new().thimble([
            "run",
            "--engine",
            engine,
            "-m",
            "4m",
            guest("grow").to_str().unwrap(),
        ]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(outcome.stdout.contains("64 pages"), "{outcome:?}");
        assert!(
            outcome.stderr.contains("to raise it, run with --memory"),
            "{outcome:?}"
        );
    }
}

#[test]
fn statistics_and_json_tell_the_end() {
    for engine in ENGINES {
        let place = Place::new();
        let stats = place.thimble([
            "run",
            "--engine",
            engine,
            "--stats",
            guest("hello-c").to_str().unwrap(),
        ]);
        assert!(stats.stderr.contains("memory at most"), "{stats:?}");
        let json = place.thimble([
            "run",
            "--engine",
            engine,
            "--json",
            guest("trap").to_str().unwrap(),
        ]);
        let line: serde_json::Value =
            serde_json::from_str(json.stderr.lines().last().unwrap()).unwrap();
        assert_eq!(line["exit_code"], 134);
        assert_eq!(line["reason"], "trapped");
        assert_eq!(line["engine"], engine);
    }
}

#[test]
fn standard_input_arguments_and_environment_reach_the_guest() {
    let cat = r#"(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func $put (param $at i32) (param $len i32)
            (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $len))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        (func (export "_start")
            (drop (call $args (i32.const 100) (i32.const 200)))
            (call $put (i32.const 200) (i32.const 8))
            (drop (call $env (i32.const 100) (i32.const 300)))
            (call $put (i32.const 300) (i32.const 4))
            (loop $again
                (i32.store (i32.const 0) (i32.const 1000)) (i32.store (i32.const 4) (i32.const 512))
                (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
                (if (i32.load (i32.const 8)) (then
                    (call $put (i32.const 1000) (i32.load (i32.const 8)))
                    (br $again))))))"#;
    for engine in ENGINES {
        let place = Place::new();
        let cat = place.file("cat.wat", cat);
        let arguments = [
            "run",
            "--engine",
            engine,
            "-i",
            "-e",
            "A=bc",
            cat.to_str().unwrap(),
            "--x",
        ];
        let outcome = place.thimble_with_input(arguments, b"typed");
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (0, "cat\0--x\0A=bctyped"),
            "{outcome:?}"
        );
        let closed = place.thimble_with_input(
            ["run", "--engine", engine, cat.to_str().unwrap(), "--x"],
            b"",
        );
        assert!(closed.stdout.starts_with("cat\0--x\0"), "{closed:?}");
    }
}
