;; SPDX-License-Identifier: Apache-2.0
;; Waits for events without end, and ends when it is asked to stop.
(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))
