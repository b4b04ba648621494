(module
  (memory 1)
  (func (param $to i32) (param $value i32) (param $length i32)
    (block $at_once
      (br_if $at_once (i32.le_u (local.get $length) (i32.const 65536)))
      (br_if $at_once (i64.gt_u
        (i64.add (i64.extend_i32_u (local.get $to)) (i64.extend_i32_u (local.get $length)))
        (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16))))
      (loop $more
        (memory.fill (local.get $to) (local.get $value) (i32.const 65536))
        (local.set $to (i32.add (local.get $to) (i32.const 65536)))
        (local.tee $length (i32.sub (local.get $length) (i32.const 65536)))
        (br_if $more (i32.gt_u (i32.const 65536)))))
    (memory.fill (local.get $to) (local.get $value) (local.get $length))))
