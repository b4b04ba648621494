;; Waits for an event that never comes.
(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 128 128 (pagesize 1))
  (func (export "_start")
    (loop $again
      (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 128)))
      (br $again))))
