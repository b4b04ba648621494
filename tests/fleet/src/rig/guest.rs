//! Guests, as text.

/// Reports that it is well, and waits for events without end; ends well when it is asked to stop.
pub const WELL: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "thimble" "health_report" (func $report (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $report (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))"#;

/// Writes its environment, and waits.
pub const TELLS: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32) (local $end i32)
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $environ (i32.const 1024) (i32.const 4096)))
    (local.set $at (i32.const 4096))
    (local.set $end (i32.add (i32.const 4096) (i32.load (i32.const 4))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (if (i32.eqz (i32.load8_u (local.get $at)))
          (then (i32.store8 (local.get $at) (i32.const 10))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.store (i32.const 32) (i32.const 4096))
    (i32.store (i32.const 36) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 40)))
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))"#;

/// Traps at once.
pub const TRAPS: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "_start") (unreachable)))"#;

/// Lets itself be replaced only between two jobs.
pub const CAREFUL: &str = include_str!("../../../../examples/wat/veto.wat");

/// The same guest with something in it that no other has.
///
/// # Panics
/// The text is no module.
#[must_use]
pub fn tagged(guest: &str, tag: &str) -> String {
    let end = guest.trim_end().strip_suffix(')').unwrap();
    format!("{end}\n  (data (i32.const 60000) \"{tag}\"))\n")
}
