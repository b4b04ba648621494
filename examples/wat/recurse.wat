;; SPDX-License-Identifier: Apache-2.0
;; Calls itself without end. The runtime must report an exhausted stack and harm nobody else. The addition after
;; the call keeps it from being a jump.
(module
  (memory (export "memory") 1)
  (func $deeper (param $depth i32) (result i32)
    (i32.add (call $deeper (i32.add (local.get $depth) (i32.const 1))) (i32.const 1)))
  (func (export "_start")
    (drop (call $deeper (i32.const 0)))))
