;; SPDX-License-Identifier: Apache-2.0
;; Imports its memory instead of bringing it, and exports it again, as guests of Ocre's SDK do. It prints a line
;; from its data segment, so it also shows that the imported memory is really the one that is used. The memory
;; may grow to 64 pages (4 MiB).
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "env" "memory" (memory 1 64))
  (export "memory" (memory 0))
  (data (i32.const 0) "\10\00\00\00\1b\00\00\00")
  (data (i32.const 16) "Hello from imported memory\n")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
