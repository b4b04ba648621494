;; Waits for a timer that fires every 10 ms, and says every 50 firings by how many microseconds it was late at worst so far.
(module
  (import "thimble" "timer_create" (func $timer (param i64 i64) (result i32)))
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  ;; At 0 the time, at 16 what is written and its length, at 32 the event, up to 96 the digits.
  (memory (export "memory") 128 128 (pagesize 1))
  (func (export "_start") (local $worst i64) (local $late i64) (local $count i32)
    (if (i32.lt_s (call $timer (i64.const 10) (i64.const 10)) (i32.const 0)) (then unreachable))
    (loop $again
      (if (i32.ne (call $wait (i64.const -1) (i32.const 32) (i32.const 48)) (i32.const 24)) (then unreachable))
      (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 0)))
      ;; Now, less when it was due, and ten milliseconds for each firing that was missed before it.
      (local.set $late (i64.div_u
        (i64.add
          (i64.sub (i64.load (i32.const 0)) (i64.load (i32.const 40)))
          (i64.mul (i64.load (i32.const 48)) (i64.const 10000000)))
        (i64.const 1000)))
      (if (i64.gt_u (local.get $late) (local.get $worst)) (then (local.set $worst (local.get $late))))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (if (i32.eqz (i32.rem_u (local.get $count) (i32.const 50))) (then (call $say (local.get $worst))))
      (br $again)))
  (func $say (param $number i64) (local $place i32)
    (local.set $place (i32.const 95))
    (i32.store8 (local.get $place) (i32.const 10))
    (loop $digit
      (local.set $place (i32.sub (local.get $place) (i32.const 1)))
      (i32.store8 (local.get $place)
        (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
      (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
      (br_if $digit (i64.ne (local.get $number) (i64.const 0))))
    (i32.store (i32.const 16) (local.get $place))
    (i32.store (i32.const 20) (i32.sub (i32.const 96) (local.get $place)))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))))
