;; SPDX-License-Identifier: Apache-2.0
;; Computes for ever and calls nobody. Whoever runs it must still be able to pause, stop and kill it, and
;; other containers must get their share of the processor.
(module
  (memory (export "memory") 1)
  (global $rounds (export "rounds") (mut i64) (i64.const 0))
  (func (export "_start")
    (loop $again
      (global.set $rounds (i64.add (global.get $rounds) (i64.const 1)))
      (br $again))))
