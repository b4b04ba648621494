//! Guests of a few lines, in WebAssembly's text format.

use anyhow::{Context as _, Result};
use thimble_image::ImageConfig;

use crate::Packed;

/// Makes an image of a module in text.
///
/// # Errors
/// The text is no module.
pub fn image(text: &str, config: ImageConfig) -> Result<Packed> {
    let module = wat::parse_str(text).context("a guest in text is no module")?;
    Ok(Packed::assembled(&module, config))
}

/// Waits until it is asked to stop. Each version is another module, of about so many bytes.
#[must_use]
pub fn idle(version: u32, bytes: usize) -> String {
    let padding = format!("{version:08x}").repeat(bytes / 8 + 1);
    format!(
        r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 2048) "{padding}")
  (func (export "_start")
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))"#
    )
}

/// Reads a number from its store and from a file, says what it found, and writes the next one to both: first the store, then
/// the file. What it reads must be what it once wrote, or it traps.
pub const WRITER: &str = r#"(module
  (import "thimble" "kv_get" (func $kv_get (param i32 i32 i32 i32) (result i32)))
  (import "thimble" "kv_set" (func $kv_set (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\14\00\00\00\30\00\00\00\0d\00\00\00")
  (data (i32.const 16) "found ...... ......\n")
  (data (i32.const 48) "wrote ......\n")
  (data (i32.const 128) "\80\02\00\00\40\00\00\00")
  (data (i32.const 256) "nn")
  (func $same (param $at i32) (result i32) (local $left i32)
    (local.set $left (i32.const 60))
    (loop $next
      (if (i32.ne (i32.load (i32.add (local.get $at) (local.get $left))) (i32.load (local.get $at)))
        (then unreachable))
      (local.set $left (i32.sub (local.get $left) (i32.const 4)))
      (br_if $next (local.get $left)))
    (i32.load (local.get $at)))
  (func $fill (param $at i32) (param $number i32) (local $left i32)
    (local.set $left (i32.const 64))
    (loop $next
      (local.set $left (i32.sub (local.get $left) (i32.const 4)))
      (i32.store (i32.add (local.get $at) (local.get $left)) (local.get $number))
      (br_if $next (local.get $left))))
  (func $digits (param $at i32) (param $number i32) (local $left i32)
    (local.set $left (i32.const 6))
    (loop $next
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (i32.store8 (i32.add (local.get $at) (local.get $left))
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $next (local.get $left))))
  (func $must (param $errno i32) (if (local.get $errno) (then unreachable)))
  (func (export "_start") (local $value i32) (local $file i32) (local $got i32)
    (local.set $got (call $kv_get (i32.const 256) (i32.const 1) (i32.const 512) (i32.const 64)))
    (if (i32.eq (local.get $got) (i32.const 64))
      (then (local.set $value (call $same (i32.const 512))))
      (else (if (i32.ne (local.get $got) (i32.const -44)) (then unreachable))))
    (call $must (call $path_open (i32.const 3) (i32.const 0) (i32.const 257) (i32.const 1) (i32.const 1)
      (i64.const 102) (i64.const 0) (i32.const 0) (i32.const 148)))
    (call $must (call $pread (i32.load (i32.const 148)) (i32.const 128) (i32.const 1) (i64.const 0) (i32.const 144)))
    (if (i32.eq (i32.load (i32.const 144)) (i32.const 64))
      (then (local.set $file (call $same (i32.const 640))))
      (else (if (i32.load (i32.const 144)) (then unreachable))))
    (call $digits (i32.const 22) (local.get $value))
    (call $digits (i32.const 29) (local.get $file))
    (call $must (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 144)))
    (local.set $value (i32.add (local.get $value) (i32.const 1)))
    (call $fill (i32.const 512) (local.get $value))
    (call $must (call $kv_set (i32.const 256) (i32.const 1) (i32.const 512) (i32.const 64)))
    (call $fill (i32.const 640) (local.get $value))
    (call $must (call $pwrite (i32.load (i32.const 148)) (i32.const 128) (i32.const 1) (i64.const 0) (i32.const 144)))
    (if (i32.ne (i32.load (i32.const 144)) (i32.const 64)) (then unreachable))
    (call $digits (i32.const 54) (local.get $value))
    (call $must (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 144)))))"#;

/// What [`WRITER`] asks for.
#[must_use]
pub fn writer_config() -> ImageConfig {
    ImageConfig {
        volumes: vec!["/data".to_owned()],
        ..ImageConfig::default()
    }
}

/// Sleeps for so many milliseconds of the board's time, and then keeps the board busy until it is started again: while it
/// does, time passes slowly enough to talk with the board.
#[must_use]
pub fn gate(milliseconds: u64) -> String {
    format!(
        r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (if (call $wait (i64.const {milliseconds}) (i32.const 0) (i32.const 1024)) (then (return)))
    (loop $busy
      (br_if $busy (i32.eqz (call $wait (i64.const 0) (i32.const 0) (i32.const 1024)))))))"#
    )
}

/// Traps after so many milliseconds.
#[must_use]
pub fn crasher(milliseconds: u64) -> String {
    format!(
        r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $deep (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then unreachable))
    (call $deep (i32.sub (local.get 0) (i32.const 1))))
  (func (export "_start")
    (if (call $wait (i64.const {milliseconds}) (i32.const 0) (i32.const 1024)) (then (return)))
    (drop (call $deep (i32.const 8)))))"#
    )
}

/// Writes a hundred lines at once, again and again after so many milliseconds.
#[must_use]
pub fn flooder(milliseconds: u64) -> String {
    format!(
        r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\40\00\00\00")
  (data (i32.const 16) "...............................................................\n")
  (func (export "_start") (local $left i32)
    (loop $again
      (local.set $left (i32.const 100))
      (loop $line
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $line (local.get $left)))
      (br_if $again (i32.eqz (call $wait (i64.const {milliseconds}) (i32.const 256) (i32.const 1024)))))))"#
    )
}

/// Takes one more page after each of these times, so many of them, and ends: whoever starts it again gives it other room.
#[must_use]
pub fn grower(first_pages: u32, pages: u32, milliseconds: u64) -> String {
    format!(
        r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") {first_pages} 64)
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const {pages}))
    (loop $again
      (if (call $wait (i64.const {milliseconds}) (i32.const 0) (i32.const 1024)) (then (return)))
      (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1))
        (then (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)) (i32.const 1))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))))"#
    )
}

/// Adds one to a number in its store after each of these times, and says so; what it reads must be what it wrote.
#[must_use]
pub fn keeper(milliseconds: u64) -> String {
    format!(
        r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "thimble" "kv_get" (func $kv_get (param i32 i32 i32 i32) (result i32)))
  (import "thimble" "kv_set" (func $kv_set (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\0c\00\00\00")
  (data (i32.const 16) "kept ......\n")
  (data (i32.const 64) "n")
  (func $digits (param $at i32) (param $number i32) (local $left i32)
    (local.set $left (i32.const 6))
    (loop $next
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (i32.store8 (i32.add (local.get $at) (local.get $left))
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $next (local.get $left))))
  (func $read (result i32) (local $got i32)
    (local.set $got (call $kv_get (i32.const 64) (i32.const 1) (i32.const 80) (i32.const 4)))
    (if (i32.eq (local.get $got) (i32.const -44)) (then (return (i32.const 0))))
    (if (i32.ne (local.get $got) (i32.const 4)) (then unreachable))
    (i32.load (i32.const 80)))
  (func (export "_start") (local $number i32)
    (local.set $number (call $read))
    (loop $again
      (local.set $number (i32.add (local.get $number) (i32.const 1)))
      (i32.store (i32.const 80) (local.get $number))
      (if (call $kv_set (i32.const 64) (i32.const 1) (i32.const 80) (i32.const 4)) (then unreachable))
      (i32.store (i32.const 80) (i32.const -1))
      (if (i32.ne (call $read) (local.get $number)) (then unreachable))
      (call $digits (i32.const 21) (local.get $number))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $again (i32.eqz (call $wait (i64.const {milliseconds}) (i32.const 256) (i32.const 1024)))))))"#
    )
}

/// Takes as many pages as it is given, says how many it has then, and ends.
pub const PROBE: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 128)
  (data (i32.const 0) "\10\00\00\00\0a\00\00\00")
  (data (i32.const 16) "pages ...\n")
  (func (export "_start") (local $left i32) (local $number i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (local.set $number (memory.size))
    (local.set $left (i32.const 3))
    (loop $next
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (i32.store8 (i32.add (i32.const 22) (local.get $left))
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $next (local.get $left)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
