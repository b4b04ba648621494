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
