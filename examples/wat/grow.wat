;; SPDX-License-Identifier: Apache-2.0
;; Asks for memory, page by page (64 KiB), until it is refused; prints how many pages it got and ends with exit
;; code 0. A refusal is an answer, not a failure. Every page is written to, so the memory is really used. It
;; declares a maximum of 1024 pages (64 MiB) itself; the limit of its container is usually lower.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 1024)
  ;; 0: one slice (start u32, length u32); 8: bytes written; 16 to 32: the text, built from its end.
  (data (i32.const 32) " pages\n")
  (func (export "_start")
    (local $pages i32) (local $at i32)
    (loop $again
      (local.set $pages (memory.size))
      ;; The last byte of the newest page.
      (i32.store8 (i32.sub (i32.mul (local.get $pages) (i32.const 65536)) (i32.const 1)) (i32.const 1))
      (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (local.set $at (i32.const 32))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $pages) (i32.const 10))))
      (local.set $pages (i32.div_u (local.get $pages) (i32.const 10)))
      (br_if $digit (local.get $pages)))
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (i32.sub (i32.const 39) (local.get $at)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
