;; Writes lines for ever.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 128 128 (pagesize 1))
  (data (i32.const 0) "\10\00\00\00\30\00\00\00")
  (data (i32.const 16) "this line says nothing, and there is no end to\0a\0a")
  (func (export "_start")
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $again))))
