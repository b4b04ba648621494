//! Guests for the daemon's tests, in WebAssembly's text format.

use thimble_image::ImageConfig;

/// Waits for events without end; ends well when it is asked to stop.
pub(super) const IDLE: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))"#;

/// Never gives the processor back by itself.
pub(super) const SPIN: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "_start") (loop $again (br $again))))"#;

/// Writes a line and ends with this exit code.
pub(super) fn ends(line: &str, code: i32) -> String {
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

/// Traps.
pub(super) const TRAP: &str = r#"(module
  (memory (export "memory") 1)
  (func $deep (unreachable))
  (func (export "_start") (call $deep)))"#;

/// Sends what it reads from standard input back, line by line or not, and ends with its end.
pub(super) const ECHO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again
      (i32.store (i32.const 0) (i32.const 64))
      (i32.store (i32.const 4) (i32.const 1024))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (if (i32.load (i32.const 8))
        (then
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
          (br $again))))))"#;

/// Reports its health once (0 healthy, 1 degraded, 2 failing), and waits without end.
pub(super) fn reports(status: i32) -> String {
    format!(
        r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "thimble" "health_report" (func $report (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "here I am")
  (func (export "_start")
    (drop (call $report (i32.const {status}) (i32.const 16) (i32.const 9)))
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 16)))))"#
    )
}

/// Counts how often it was started in its key-value store, writes the number, and waits without end.
pub(super) const COUNTS_STARTS: &str = r#"(module
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
    (i32.store8 (i32.const 23) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $count) (i32.const 10)) (i32.const 10))))
    (i32.store8 (i32.const 24) (i32.add (i32.const 48) (i32.rem_u (local.get $count) (i32.const 10))))
    (i32.store8 (i32.const 25) (i32.const 10))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 16)))))"#;

/// Grows its memory page by page every time its timer fires, and writes `more` or `no more`.
pub(super) const GROWS: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\20\00\00\00\08\00\00\00\30\00\00\00\05\00\00\00")
  (data (i32.const 32) "no more\n")
  (data (i32.const 48) "more\n")
  (func (export "_start")
    (loop $again
      (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1))
        (then (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
        (else (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))
      (drop (call $wait (i64.const 5) (i32.const 64) (i32.const 1024)))
      (br $again))))"#;

/// A configuration that asks for nothing.
pub(super) fn plain() -> ImageConfig {
    ImageConfig::default()
}

/// A configuration that asks for these grants.
pub(super) fn wants(grants: &[&str]) -> ImageConfig {
    ImageConfig {
        grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
        ..ImageConfig::default()
    }
}
