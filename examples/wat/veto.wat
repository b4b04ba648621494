;; SPDX-License-Identifier: Apache-2.0
;; Lets itself be replaced only between two jobs. It is busy from its start; a message on the topic `job` that begins
;; with `i` (idle) ends the job, any other begins one. Needs `bus.sub:job`. Ends when it is asked to stop.
(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "thimble" "bus_subscribe" (func $subscribe (param i32 i32) (result i32)))
  (import "thimble" "update_veto" (func $veto (param i32) (result i32)))
  (import "thimble" "update_answer" (func $answer (param i32 i32 i32 i32) (result i32)))
  (import "thimble" "health_report" (func $health (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "job")
  (data (i32.const 8) "a job is running")
  (func (export "_start") (local $busy i32) (local $kind i32)
    (local.set $busy (i32.const 1))
    (drop (call $veto (i32.const 1)))
    (if (i32.lt_s (call $subscribe (i32.const 0) (i32.const 3)) (i32.const 0))
      (then unreachable))
    (drop (call $health (i32.const 0) (i32.const 0) (i32.const 0)))
    (loop $next
      (if (i32.lt_s (call $wait (i64.const -1) (i32.const 64) (i32.const 4096)) (i32.const 0))
        (then unreachable))
      (local.set $kind (i32.load (i32.const 64)))
      ;; A request to stop.
      (if (i32.eq (local.get $kind) (i32.const 4)) (then (return)))
      ;; A message: header of 28 bytes, topic of 3, no content type, so the payload begins at 31.
      (if (i32.eq (local.get $kind) (i32.const 2))
        (then
          (local.set $busy
            (i32.ne
              (i32.load8_u
                (i32.add (i32.const 95)
                  ;; after the content type, whose length is the second of three
                  (i32.load (i32.const 84))))
              (i32.const 105)))))
      ;; The question: yes when idle, else no and why.
      (if (i32.eq (local.get $kind) (i32.const 5))
        (then
          (drop (call $answer
            (i32.load (i32.const 68))
            (i32.eqz (local.get $busy))
            (i32.const 8)
            (select (i32.const 16) (i32.const 0) (local.get $busy))))))
      (br $next))))
