;; Waits for messages under `quiet`.
(module
  (import "thimble" "bus_subscribe" (func $subscribe (param i32 i32) (result i32)))
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 128 128 (pagesize 1))
  (data (i32.const 0) "quiet")
  (func (export "_start")
    (if (i32.lt_s (call $subscribe (i32.const 0) (i32.const 5)) (i32.const 0)) (then unreachable))
    (loop $again
      (drop (call $wait (i64.const -1) (i32.const 16) (i32.const 112)))
      (br $again))))
