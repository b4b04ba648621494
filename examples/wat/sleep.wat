;; SPDX-License-Identifier: Apache-2.0
;; Sleeps for ever, an hour at a time, in one call to the host. It shows what an idle container costs, and that
;; a sleeping one can be stopped at once.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; A subscription, 48 bytes at 0: userdata u64, tag u8 at 8 (0: clock), clock u32 at 16 (1: monotonic),
  ;; timeout u64 at 24 (3600 s in nanoseconds), precision u64 at 32, flags u16 at 40 (0: from now).
  (data (i32.const 16) "\01\00\00\00")
  (data (i32.const 24) "\00\a0\b8\30\46\03\00\00")
  (func (export "_start")
    (loop $again
      ;; The event goes to 64, the number of events to 128.
      (if (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))
        (then unreachable))
      (br $again))))
