;; SPDX-License-Identifier: Apache-2.0
;; Divides by zero three calls deep. The runtime must say so, with the names of the functions (they are in the
;; name section), and must not call it exit code 0.
(module
  (memory (export "memory") 1)
  (func $ratio (param $part i32) (param $whole i32) (result i32)
    (i32.div_s (local.get $part) (local.get $whole)))
  (func $average (param $count i32) (result i32)
    (call $ratio (i32.const 42) (local.get $count)))
  (func $report
    (drop (call $average (i32.const 0))))
  (func $start (export "_start")
    (call $report)))
