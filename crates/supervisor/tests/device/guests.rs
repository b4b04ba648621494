//! Guests, in WebAssembly's text format.

/// Waits for events without end; ends well when it is asked to stop.
pub(crate) const IDLE: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))"#;

/// The same, and another module.
pub(crate) const IDLE_TOO: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $more (block (br 0)))
  (func (export "_start")
    (call $more)
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))"#;

/// Is asked to stop, and does not.
pub(crate) const DEAF: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again
      (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))
      (br $again))))"#;

/// Never gives the processor back by itself.
pub(crate) const SPIN: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "_start") (loop $again (br $again))))"#;

/// Traps.
pub(crate) const TRAP: &str = r#"(module
  (memory (export "memory") 1)
  (func $deep (unreachable))
  (func (export "_start") (call $deep)))"#;

/// Imports what nobody has.
pub(crate) const STRANGE: &str = r#"(module
  (import "thimble" "event_wait_for_ever" (func (param i64)))
  (memory (export "memory") 1)
  (func (export "_start")))"#;

/// Begins with two pages of memory.
pub(crate) const LARGE: &str = r#"(module
  (memory (export "memory") 2)
  (func (export "_start")))"#;

/// Writes a warning to its log.
pub(crate) const LOGS: &str = r#"(module
  (import "thimble" "log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "careful")
  (func (export "_start")
    (drop (call $log (i32.const 1) (i32.const 16) (i32.const 7)))))"#;

/// Writes without end.
pub(crate) const FLOOD: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\40\00\00\00")
  (data (i32.const 16) "................................................................")
  (func (export "_start")
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $again))))"#;

/// Makes a timer, which it needs a grant for, and ends.
pub(crate) const WANTS_TIMER: &str = r#"(module
  (import "thimble" "timer_create" (func $timer (param i64 i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $timer (i64.const 1000) (i64.const 0)))))"#;

/// Writes a line and ends with this exit code.
pub(crate) fn ends(line: &str, code: i32) -> String {
    let length = line.len() + 1;
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\{length:02x}\00\00\00")
  (data (i32.const 16) "{line}\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.const {code}))))"#
    )
}

/// Reports its health (0 healthy, 1 degraded, 2 failing), `times` times in a second each, then waits without end.
pub(crate) fn reports(status: i32, times: u32) -> String {
    format!(
        r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "thimble" "health_report" (func $report (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "here I am")
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const {times}))
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (drop (call $report (i32.const {status}) (i32.const 16) (i32.const 9)))
        (drop (call $wait (i64.const 1000) (i32.const 64) (i32.const 1024)))
        (br $again)))
    (drop (call $wait (i64.const -1) (i32.const 64) (i32.const 1024)))))"#
    )
}

/// Counts how often it was started in its key-value store, writes the number, and waits without end.
pub(crate) const COUNTS_STARTS: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "thimble" "kv_get" (func $get (param i32 i32 i32 i32) (result i32)))
  (import "thimble" "kv_set" (func $set (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\0a\00\00\00")
  (data (i32.const 16) "start ....\n")
  (data (i32.const 64) "starts")
  (func (export "_start") (local $count i32)
    (drop (call $get (i32.const 64) (i32.const 6) (i32.const 80) (i32.const 4)))
    (local.set $count (i32.add (i32.load (i32.const 80)) (i32.const 1)))
    (i32.store (i32.const 80) (local.get $count))
    (if (call $set (i32.const 64) (i32.const 6) (i32.const 80) (i32.const 4)) (then unreachable))
    (i32.store8 (i32.const 22) (i32.add (i32.const 48) (i32.div_u (local.get $count) (i32.const 100))))
    (i32.store8 (i32.const 23)
      (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $count) (i32.const 10)) (i32.const 10))))
    (i32.store8 (i32.const 24) (i32.add (i32.const 48) (i32.rem_u (local.get $count) (i32.const 10))))
    (i32.store8 (i32.const 25) (i32.const 10))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))"#;
