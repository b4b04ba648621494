;; Waits for a timer that fires every 100 ms.
(module
  (import "thimble" "timer_create" (func $timer (param i64 i64) (result i32)))
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 128 128 (pagesize 1))
  (func (export "_start")
    (if (i32.lt_s (call $timer (i64.const 100) (i64.const 100)) (i32.const 0)) (then unreachable))
    (loop $again
      (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 128)))
      (br $again))))
