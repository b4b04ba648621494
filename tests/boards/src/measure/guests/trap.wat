;; Ends with a trap at once.
(module
  (memory (export "memory") 16 16 (pagesize 1))
  (func (export "_start") unreachable))
