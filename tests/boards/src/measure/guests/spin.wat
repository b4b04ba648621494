;; Computes for ever.
(module
  (memory (export "memory") 16 16 (pagesize 1))
  (func (export "_start") (loop $again (br $again))))
