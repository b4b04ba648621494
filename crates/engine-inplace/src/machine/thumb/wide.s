@ Instructions in functions with values of 64 bits, or with small numbers of several bytes. All operands are on the stack;
@ r11 and r12 are free.

    .macro SKIP_NUMBER
1:  ldrsb r2, [r4], #1
    cmp r2, #0
    blt 1b
    .endm

@ Two operands of 32 bits in r0 and r1, the result in r0.
    .macro WIDE_BINARY name, code:vararg
    HANDLER w0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]
    \code
    str r0, [r5, #-8]
    NEXT0
    .endm

    WIDE_BINARY I32Add, add r0, r0, r1
    WIDE_BINARY I32Sub, sub r0, r0, r1
    WIDE_BINARY I32Mul, mul r0, r0, r1
    WIDE_BINARY I32And, and r0, r0, r1
    WIDE_BINARY I32Or, orr r0, r0, r1
    WIDE_BINARY I32Xor, eor r0, r0, r1
    WIDE_BINARY I32Rotr, ror r0, r0, r1

    .macro WIDE_SHIFT name, code
    HANDLER w0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]
    and r1, r1, #31
    \code r0, r0, r1
    str r0, [r5, #-8]
    NEXT0
    .endm

    WIDE_SHIFT I32Shl, lsl
    WIDE_SHIFT I32ShrS, asr
    WIDE_SHIFT I32ShrU, lsr

    HANDLER w0, I32Rotl
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]
    rsb r1, r1, #32
    ror r0, r0, r1
    str r0, [r5, #-8]
    NEXT0

    .macro WIDE_COMPARISON name, true, false
    HANDLER w0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]
    cmp r0, r1
    ite \true
    mov\true r0, #1
    mov\false r0, #0
    str r0, [r5, #-8]
    NEXT0
    .endm

    WIDE_COMPARISON I32Eq, eq, ne
    WIDE_COMPARISON I32Ne, ne, eq
    WIDE_COMPARISON I32LtS, lt, ge
    WIDE_COMPARISON I32LtU, lo, hs
    WIDE_COMPARISON I32GtS, gt, le
    WIDE_COMPARISON I32GtU, hi, ls
    WIDE_COMPARISON I32LeS, le, gt
    WIDE_COMPARISON I32LeU, ls, hi
    WIDE_COMPARISON I32GeS, ge, lt
    WIDE_COMPARISON I32GeU, hs, lo

    HANDLER w0, I32Eqz
    ldr r0, [r5, #-8]
    clz r0, r0
    lsrs r0, r0, #5
    str r0, [r5, #-8]
    NEXT0

@ Operands of 64 bits: the first in r0 and r1, the second in r2 and r3.
    .macro WIDE_PAIR
    ldrd r2, r3, [r5, #-8]!
    ldrd r0, r1, [r5, #-8]
    .endm

    .macro WIDE_LONG name, low, high
    HANDLER w0, \name
    WIDE_PAIR
    \low r0, r0, r2
    \high r1, r1, r3
    strd r0, r1, [r5, #-8]
    NEXT0
    .endm

    WIDE_LONG I64Add, adds, adc
    WIDE_LONG I64Sub, subs, sbc
    WIDE_LONG I64And, and, and
    WIDE_LONG I64Or, orr, orr
    WIDE_LONG I64Xor, eor, eor

    HANDLER w0, I64Mul
    WIDE_PAIR
    umull r11, r12, r0, r2
    mla r12, r0, r3, r12
    mla r12, r1, r2, r12
    strd r11, r12, [r5, #-8]
    NEXT0

@ A shift by a register of 32 or more gives 0 but for asr, and only its lowest byte counts.
    HANDLER w0, I64Shl
    ldr r2, [r5, #-8]!
    ldrd r0, r1, [r5, #-8]
    and r2, r2, #63
    rsb r3, r2, #32
    sub r12, r2, #32
    lsl r1, r1, r2
    lsr r3, r0, r3
    orr r1, r1, r3
    lsl r12, r0, r12
    orr r1, r1, r12
    lsl r0, r0, r2
    strd r0, r1, [r5, #-8]
    NEXT0

    HANDLER w0, I64ShrU
    ldr r2, [r5, #-8]!
    ldrd r0, r1, [r5, #-8]
    and r2, r2, #63
    rsb r3, r2, #32
    sub r12, r2, #32
    lsr r0, r0, r2
    lsl r3, r1, r3
    orr r0, r0, r3
    lsr r12, r1, r12
    orr r0, r0, r12
    lsr r1, r1, r2
    strd r0, r1, [r5, #-8]
    NEXT0

    HANDLER w0, I64ShrS
    ldr r2, [r5, #-8]!
    ldrd r0, r1, [r5, #-8]
    and r2, r2, #63
    rsb r3, r2, #32
    subs r12, r2, #32
    lsr r0, r0, r2
    lsl r3, r1, r3
    orr r0, r0, r3
    asr r12, r1, r12
    it pl
    orrpl r0, r0, r12
    asr r1, r1, r2
    strd r0, r1, [r5, #-8]
    NEXT0

    .macro WIDE_LONG_COMPARISON name, first, first_high, second, second_high, true, false
    HANDLER w0, \name
    WIDE_PAIR
    subs \first, \first, \second
    sbcs \first_high, \first_high, \second_high
    ite \true
    mov\true r0, #1
    mov\false r0, #0
    str r0, [r5, #-8]
    NEXT0
    .endm

    WIDE_LONG_COMPARISON I64LtS, r0, r1, r2, r3, lt, ge
    WIDE_LONG_COMPARISON I64LtU, r0, r1, r2, r3, lo, hs
    WIDE_LONG_COMPARISON I64GeS, r0, r1, r2, r3, ge, lt
    WIDE_LONG_COMPARISON I64GeU, r0, r1, r2, r3, hs, lo
    WIDE_LONG_COMPARISON I64GtS, r2, r3, r0, r1, lt, ge
    WIDE_LONG_COMPARISON I64GtU, r2, r3, r0, r1, lo, hs
    WIDE_LONG_COMPARISON I64LeS, r2, r3, r0, r1, ge, lt
    WIDE_LONG_COMPARISON I64LeU, r2, r3, r0, r1, hs, lo

    .macro WIDE_LONG_EQUALITY name, true, false
    HANDLER w0, \name
    WIDE_PAIR
    eors r0, r0, r2
    eors r1, r1, r3
    orrs r0, r0, r1
    ite \true
    mov\true r0, #1
    mov\false r0, #0
    str r0, [r5, #-8]
    NEXT0
    .endm

    WIDE_LONG_EQUALITY I64Eq, eq, ne
    WIDE_LONG_EQUALITY I64Ne, ne, eq

    HANDLER w0, I64Eqz
    ldrd r0, r1, [r5, #-8]
    orrs r0, r0, r1
    clz r0, r0
    lsrs r0, r0, #5
    str r0, [r5, #-8]
    NEXT0

    HANDLER w0, I32WrapI64
    NEXT0
    HANDLER w0, I64ExtendI32U
    movs r0, #0
    str r0, [r5, #-4]
    NEXT0
    HANDLER w0, I64ExtendI32S
    ldr r0, [r5, #-8]
    asrs r0, r0, #31
    str r0, [r5, #-4]
    NEXT0

@ Locals, globals and constants.

    .macro WIDE_LOCAL
    ldrb r2, [r4], #1
    lsls r3, r2, #25
    bcs 1f
    add r3, r6, r2, lsl #3
    .endm

    HANDLER w0, LocalGet
    WIDE_LOCAL
    ldrd r0, r1, [r3]
    strd r0, r1, [r5], #8
    NEXT0
1:  subs r4, r4, #1
    b thimble_n0_portable

    HANDLER w0, LocalSet
    WIDE_LOCAL
    ldrd r0, r1, [r5, #-8]!
    strd r0, r1, [r3]
    NEXT0
1:  subs r4, r4, #1
    b thimble_n0_portable

    HANDLER w0, LocalTee
    WIDE_LOCAL
    ldrd r0, r1, [r5, #-8]
    strd r0, r1, [r3]
    NEXT0
1:  subs r4, r4, #1
    b thimble_n0_portable

    HANDLER w0, GlobalGet
    GLOBAL
    ldrd r0, r1, [r3]
    strd r0, r1, [r5], #8
    NEXT0
    GLOBAL_LONG

    HANDLER w0, GlobalSet
    GLOBAL
    ldrd r0, r1, [r5, #-8]!
    strd r0, r1, [r3]
    NEXT0
    GLOBAL_LONG

    .macro PUSH_ONE
    str r0, [r5], #8
    NEXT0
    .endm

    HANDLER w0, I32Const
    CONSTANT r0, PUSH_ONE

    HANDLER w0, I64Const
    ldrb r2, [r4], #1
    lsls r3, r2, #25
    bcs 1f
    asrs r0, r3, #25
    asrs r1, r0, #31
    strd r0, r1, [r5], #8
    NEXT0
1:  @ Seven bits a byte, from the upper end of r3: four bytes fill r0 but for four bits, which the fifth one has.
    ubfx r0, r2, #0, #7
    .irp shift, 18, 11, 4
    ldrb r2, [r4], #1
    lsls r3, r2, #25
    bcs 2f
    orr r0, r0, r3, asr #\shift
    asrs r1, r3, #31
    strd r0, r1, [r5], #8
    NEXT0
2:  orr r0, r0, r3, lsr #\shift
    .endr
    ldrb r2, [r4], #1
    lsls r3, r2, #25
    orr r0, r0, r3, lsl #3
    asr r1, r3, #29
    bcc 3f
    lsrs r1, r3, #29
    .irp shift, 22, 15, 8, 1
    ldrb r2, [r4], #1
    lsls r3, r2, #25
    bcs 2f
    orr r1, r1, r3, asr #\shift
    b 3f
2:  orr r1, r1, r3, lsr #\shift
    .endr
    ldrb r2, [r4], #1
    orr r1, r1, r2, lsl #31
3:  strd r0, r1, [r5], #8
    NEXT0

    HANDLER w0, F32Const
    ldr r0, [r4], #4
    str r0, [r5], #8
    NEXT0
    HANDLER w0, F64Const
    ldr r0, [r4], #4
    ldr r1, [r4], #4
    strd r0, r1, [r5], #8
    NEXT0

    HANDLER w0, Nop
    NEXT0
    HANDLER w0, Drop
    subs r5, r5, #8
    NEXT0
    HANDLER w0, Select
    ldr r0, [r5, #-8]!
    ldrd r2, r3, [r5, #-8]!
    cmp r0, #0
    bne 1f
    strd r2, r3, [r5, #-8]
1:  NEXT0

@ Memory. The place of the access comes to r3; until it is known to be within the memory, nothing changes but r4, whose
@ value before is in r11.

    .macro WIDE_PLACE address
    mov r11, r4
    ldrh r2, [r4], #2
    lsls r3, r2, #24
    bmi 4f
    ldr r0, [r5, #\address]
    ubfx r3, r2, #8, #7
    lsls r2, r2, #16
    bpl 2f
    ldrb r2, [r4], #1
    lsls r2, r2, #25
    orr r3, r3, r2, lsr #18
    bcc 2f
    ldrb r2, [r4], #1
    lsls r2, r2, #25
    orr r3, r3, r2, lsr #11
    bcc 2f
    ldrb r2, [r4], #1
    lsls r2, r2, #25
    orr r3, r3, r2, lsr #4
    bcc 2f
    ldrb r2, [r4], #1
    orr r3, r3, r2, lsl #28
2:  adds r3, r3, r0
    bcs 4f
    ldr r2, [sp, #S_EXACT]
    cmp r3, r2
    bhs 4f
    .endm

    .macro WIDE_PLACE_PORTABLE
4:  mov r4, r11
    b thimble_n0_portable
    .endm

    .macro WIDE_LOAD name, code
    HANDLER w0, \name
    WIDE_PLACE -8
    \code r0, [r8, r3]
    str r0, [r5, #-8]
    NEXT0
    WIDE_PLACE_PORTABLE
    .endm

    WIDE_LOAD I32Load, ldr
    WIDE_LOAD F32Load, ldr
    WIDE_LOAD I32Load8S, ldrsb
    WIDE_LOAD I32Load8U, ldrb
    WIDE_LOAD I32Load16S, ldrsh
    WIDE_LOAD I32Load16U, ldrh

    .macro WIDE_LOAD_LONG name, code, high:vararg
    HANDLER w0, \name
    WIDE_PLACE -8
    \code r0, [r8, r3]
    \high
    strd r0, r1, [r5, #-8]
    NEXT0
    WIDE_PLACE_PORTABLE
    .endm

    .macro LOAD_PAIR
    add r3, r3, r8
    ldr r0, [r3]
    ldr r1, [r3, #4]
    .endm

    .macro WIDE_LOAD_PAIR name
    HANDLER w0, \name
    WIDE_PLACE -8
    LOAD_PAIR
    strd r0, r1, [r5, #-8]
    NEXT0
    WIDE_PLACE_PORTABLE
    .endm

    WIDE_LOAD_PAIR I64Load
    WIDE_LOAD_PAIR F64Load
    WIDE_LOAD_LONG I64Load8S, ldrsb, asrs r1, r0, #31
    WIDE_LOAD_LONG I64Load16S, ldrsh, asrs r1, r0, #31
    WIDE_LOAD_LONG I64Load32S, ldr, asrs r1, r0, #31
    WIDE_LOAD_LONG I64Load8U, ldrb, movs r1, #0
    WIDE_LOAD_LONG I64Load16U, ldrh, movs r1, #0
    WIDE_LOAD_LONG I64Load32U, ldr, movs r1, #0

    .macro WIDE_STORE name, code
    HANDLER w0, \name
    WIDE_PLACE -16
    ldr r0, [r5, #-8]
    \code r0, [r8, r3]
    subs r5, r5, #16
    NEXT0
    WIDE_PLACE_PORTABLE
    .endm

    WIDE_STORE I32Store, str
    WIDE_STORE F32Store, str
    WIDE_STORE I32Store8, strb
    WIDE_STORE I32Store16, strh
    WIDE_STORE I64Store8, strb
    WIDE_STORE I64Store16, strh
    WIDE_STORE I64Store32, str

    .macro WIDE_STORE_PAIR name
    HANDLER w0, \name
    WIDE_PLACE -16
    ldrd r0, r1, [r5, #-8]
    add r3, r3, r8
    str r0, [r3]
    str r1, [r3, #4]
    subs r5, r5, #16
    NEXT0
    WIDE_PLACE_PORTABLE
    .endm

    WIDE_STORE_PAIR I64Store
    WIDE_STORE_PAIR F64Store

@ Floating point of 64 bits, by the compiler's own functions (run-time ABI for the Arm architecture, 4.1.2).

    .macro DOUBLE name, function
    HANDLER w0, \name
    WIDE_PAIR
    mov r11, lr
    bl \function
    mov lr, r11
    strd r0, r1, [r5, #-8]
    NEXT0
    .endm

    DOUBLE F64Add, __aeabi_dadd
    DOUBLE F64Sub, __aeabi_dsub
    DOUBLE F64Mul, __aeabi_dmul
    DOUBLE F64Div, __aeabi_ddiv

    .macro DOUBLE_COMPARISON name, function, flip
    HANDLER w0, \name
    WIDE_PAIR
    mov r11, lr
    bl \function
    mov lr, r11
    .if \flip
    eor r0, r0, #1
    .endif
    str r0, [r5, #-8]
    NEXT0
    .endm

    DOUBLE_COMPARISON F64Eq, __aeabi_dcmpeq, 0
    DOUBLE_COMPARISON F64Ne, __aeabi_dcmpeq, 1
    DOUBLE_COMPARISON F64Lt, __aeabi_dcmplt, 0
    DOUBLE_COMPARISON F64Le, __aeabi_dcmple, 0
    DOUBLE_COMPARISON F64Gt, __aeabi_dcmpgt, 0
    DOUBLE_COMPARISON F64Ge, __aeabi_dcmpge, 0
