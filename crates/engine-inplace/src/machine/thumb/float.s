@ Floating point of 32 bits, for processors that have it.

    .fpu fpv4-sp-d16

    .macro FLOAT_BINARY name, code
    HANDLER n0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]!
    b thimble_n2_\name
    HANDLER n1, \name
    ldr r1, [r5, #-8]!
    vmov s0, s1, r1, r0
    \code s0, s0, s1
    vmov r0, s0
    NEXT1
    HANDLER n2, \name
    vmov s0, s1, r0, r1
    \code s0, s0, s1
    vmov r0, s0
    NEXT1
    HANDLER w0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]
    vmov s0, s1, r0, r1
    \code s0, s0, s1
    vstr s0, [r5, #-8]
    NEXT0
    .endm

    FLOAT_BINARY F32Add, vadd.f32
    FLOAT_BINARY F32Sub, vsub.f32
    FLOAT_BINARY F32Mul, vmul.f32
    FLOAT_BINARY F32Div, vdiv.f32

    .macro FLOAT_UNARY name, code
    HANDLER n0, \name
    ldr r0, [r5, #-8]!
    HANDLER n1, \name
    vmov s0, r0
    \code s0, s0
    vmov r0, s0
    NEXT1
    HANDLER n2, \name
    vmov s0, r1
    \code s0, s0
    vmov r1, s0
    NEXT2
    HANDLER w0, \name
    vldr s0, [r5, #-8]
    \code s0, s0
    vstr s0, [r5, #-8]
    NEXT0
    .endm

    FLOAT_UNARY F32Sqrt, vsqrt.f32
    FLOAT_UNARY F32Abs, vabs.f32
    FLOAT_UNARY F32Neg, vneg.f32
    FLOAT_UNARY F32ConvertI32S, vcvt.f32.s32
    FLOAT_UNARY F32ConvertI32U, vcvt.f32.u32

    .macro FLOAT_COMPARISON name, true, false
    HANDLER n0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]!
    b thimble_n2_\name
    HANDLER n1, \name
    mov r1, r0
    ldr r0, [r5, #-8]!
    HANDLER n2, \name
    vmov s0, s1, r0, r1
    vcmp.f32 s0, s1
    vmrs APSR_nzcv, fpscr
    ite \true
    mov\true r0, #1
    mov\false r0, #0
    NEXT1
    HANDLER w0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]
    vmov s0, s1, r0, r1
    vcmp.f32 s0, s1
    vmrs APSR_nzcv, fpscr
    ite \true
    mov\true r0, #1
    mov\false r0, #0
    str r0, [r5, #-8]
    NEXT0
    .endm

    FLOAT_COMPARISON F32Eq, eq, ne
    FLOAT_COMPARISON F32Ne, ne, eq
    FLOAT_COMPARISON F32Lt, mi, pl
    FLOAT_COMPARISON F32Le, ls, hi
    FLOAT_COMPARISON F32Gt, gt, le
    FLOAT_COMPARISON F32Ge, ge, lt
