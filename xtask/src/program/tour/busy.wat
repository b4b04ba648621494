;; Runs for several slices without calling anyone.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $rounds i32)
    (loop $again
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 20000000))))))
