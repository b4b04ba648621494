;; SPDX-License-Identifier: Apache-2.0
;; A WASI reactor: no `_start`. Whoever uses it calls `_initialize` once and then `add`, which answers with the
;; sum plus the number of calls so far; before `_initialize` it traps.
(module
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const -1))
  (func (export "_initialize")
    (global.set $calls (i32.const 0)))
  (func (export "add") (param $a i32) (param $b i32) (result i32)
    (if (i32.lt_s (global.get $calls) (i32.const 0))
      (then unreachable))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.add (i32.add (local.get $a) (local.get $b)) (global.get $calls))))
