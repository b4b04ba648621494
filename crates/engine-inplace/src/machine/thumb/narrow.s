@ Instructions on values of 32 bits, with operands in registers.

@ Two operands in r0 and r1, the result in r0.
    .macro BINARY name, code:vararg
    HANDLER n0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]!
    \code
    NEXT1
    HANDLER n1, \name
    mov r1, r0
    ldr r0, [r5, #-8]!
    \code
    NEXT1
    HANDLER n2, \name
    \code
    NEXT1
    .endm

@ Those of one instruction, which need not have the operands in their places.
    .macro SIMPLE name, code
    HANDLER n0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]!
    \code r0, r0, r1
    NEXT1
    HANDLER n1, \name
    ldr r1, [r5, #-8]!
    \code r0, r1, r0
    NEXT1
    HANDLER n2, \name
    \code r0, r0, r1
    NEXT1
    .endm

    SIMPLE I32Add, add
    SIMPLE I32Sub, sub
    SIMPLE I32Mul, mul
    SIMPLE I32And, and
    SIMPLE I32Or, orr
    SIMPLE I32Xor, eor

    .macro SHIFT name, code
    HANDLER n0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]!
    and r1, r1, #31
    \code r0, r0, r1
    NEXT1
    HANDLER n1, \name
    ldr r1, [r5, #-8]!
    and r0, r0, #31
    \code r0, r1, r0
    NEXT1
    HANDLER n2, \name
    and r1, r1, #31
    \code r0, r0, r1
    NEXT1
    .endm

    SHIFT I32Shl, lsl
    SHIFT I32ShrS, asr
    SHIFT I32ShrU, lsr
    SIMPLE I32Rotr, ror

    HANDLER n0, I32Rotl
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]!
    rsb r1, r1, #32
    ror r0, r0, r1
    NEXT1
    HANDLER n1, I32Rotl
    ldr r1, [r5, #-8]!
    rsb r0, r0, #32
    ror r0, r1, r0
    NEXT1
    HANDLER n2, I32Rotl
    rsb r1, r1, #32
    ror r0, r0, r1
    NEXT1

@ A division traps in the portable loop.
    .macro DIVISION name, overflows, code:vararg
    HANDLER n0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]!
    b thimble_n2_\name
    HANDLER n1, \name
    mov r1, r0
    ldr r0, [r5, #-8]!
    HANDLER n2, \name
    cmp r1, #0
    beq thimble_n2_portable
    .if \overflows
    cmn r1, #1
    beq thimble_n2_portable
    .endif
    \code
    NEXT1
    .endm

    .macro REMAINDER code
    \code r2, r0, r1
    mls r0, r1, r2, r0
    .endm

    DIVISION I32DivS, 1, sdiv r0, r0, r1
    DIVISION I32DivU, 0, udiv r0, r0, r1
    DIVISION I32RemS, 1, REMAINDER sdiv
    DIVISION I32RemU, 0, REMAINDER udiv

@ A comparison, and at once the branch that mostly follows it.
    .macro COMPARISON name, true, false
    HANDLER n0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]!
    b thimble_n2_\name
    HANDLER n1, \name
    mov r1, r0
    ldr r0, [r5, #-8]!
    HANDLER n2, \name
    ldrb r2, [r4], #1
    cmp r2, #{br_if}
    bne 1f
    cmp r0, r1
    b\true taken
    adds r7, r7, #8
    adds r4, r4, #1
    NEXT0
1:  cmp r0, r1
    ite \true
    mov\true r0, #1
    mov\false r0, #0
    ldr pc, [r11, r2, lsl #2]
    .endm

    COMPARISON I32Eq, eq, ne
    COMPARISON I32Ne, ne, eq
    COMPARISON I32LtS, lt, ge
    COMPARISON I32LtU, lo, hs
    COMPARISON I32GtS, gt, le
    COMPARISON I32GtU, hi, ls
    COMPARISON I32LeS, le, gt
    COMPARISON I32LeU, ls, hi
    COMPARISON I32GeS, ge, lt
    COMPARISON I32GeU, hs, lo

@ One operand, in the register that it is in.
    .macro UNARY name, code
    HANDLER n0, \name
    ldr r0, [r5, #-8]!
    \code r0
    NEXT1
    HANDLER n1, \name
    \code r0
    NEXT1
    HANDLER n2, \name
    \code r1
    NEXT2
    .endm

    .macro CLZ operand
    clz \operand, \operand
    .endm
    .macro CTZ operand
    rbit \operand, \operand
    clz \operand, \operand
    .endm
    .macro SXTB operand
    sxtb \operand, \operand
    .endm
    .macro SXTH operand
    sxth \operand, \operand
    .endm
    .macro NOTHING operand
    .endm

    UNARY I32Clz, CLZ
    UNARY I32Ctz, CTZ
    UNARY I32Extend8S, SXTB
    UNARY I32Extend16S, SXTH
    UNARY I32ReinterpretF32, NOTHING
    UNARY F32ReinterpretI32, NOTHING

    HANDLER n0, I32Eqz
    ldr r0, [r5, #-8]!
    HANDLER n1, I32Eqz
    ldrb r2, [r4], #1
    cmp r2, #{br_if}
    bne 1f
    cmp r0, #0
    beq taken
    adds r7, r7, #8
    adds r4, r4, #1
    NEXT0
1:  clz r0, r0
    lsrs r0, r0, #5
    ldr pc, [r11, r2, lsl #2]
    HANDLER n2, I32Eqz
    ldrb r2, [r4], #1
    cmp r2, #{br_if}
    bne 2f
    str r0, [r5], #8
    cmp r1, #0
    beq taken
    adds r7, r7, #8
    adds r4, r4, #1
    NEXT0
2:  clz r1, r1
    lsrs r1, r1, #5
    ldr pc, [r12, r2, lsl #2]

@ Locals.

    HANDLER n0, LocalGet
    ldrb r2, [r4], #1
    ldr r0, [r6, r2, lsl #3]
    NEXT1
    HANDLER n2, LocalGet
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, LocalGet
    ldrb r2, [r4], #1
    ldr r1, [r6, r2, lsl #3]
    NEXT2

    HANDLER n0, LocalSet
    ldr r0, [r5, #-8]!
    HANDLER n1, LocalSet
    ldrb r2, [r4], #1
    str r0, [r6, r2, lsl #3]
    NEXT0
    HANDLER n2, LocalSet
    ldrb r2, [r4], #1
    str r1, [r6, r2, lsl #3]
    NEXT1

    HANDLER n0, LocalTee
    ldr r0, [r5, #-8]!
    HANDLER n1, LocalTee
    ldrb r2, [r4], #1
    str r0, [r6, r2, lsl #3]
    NEXT1
    HANDLER n2, LocalTee
    ldrb r2, [r4], #1
    str r1, [r6, r2, lsl #3]
    NEXT2

@ Constants.

@ The signed number that follows, with the next handlers after it.
    .macro CONSTANT to, next
    ldrsb \to, [r4], #1
    cmp \to, #63
    bhi 1f
    \next
1:  bmi 2f
    sub \to, \to, #128
    \next
2:  ldrb r2, [r4], #1
    and r3, \to, #127
    lsls \to, r2, #25
    bcs 3f
    orr \to, r3, \to, asr #18
    \next
3:  orr r3, r3, \to, lsr #18
    ldrb r2, [r4], #1
    lsls \to, r2, #25
    bcs 4f
    orr \to, r3, \to, asr #11
    \next
4:  orr r3, r3, \to, lsr #11
    ldrb r2, [r4], #1
    lsls \to, r2, #25
    bcs 5f
    orr \to, r3, \to, asr #4
    \next
5:  orr r3, r3, \to, lsr #4
    ldrb r2, [r4], #1
    orr \to, r3, r2, lsl #28
    \next
    .endm

    HANDLER n0, I32Const
    CONSTANT r0, NEXT1
    HANDLER n2, I32Const
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, I32Const
    CONSTANT r1, NEXT2

    HANDLER n0, F32Const
    ldr r0, [r4], #4
    NEXT1
    HANDLER n2, F32Const
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, F32Const
    ldr r1, [r4], #4
    NEXT2

@ Globals.

@ The place of the global that follows comes to r3.
    .macro GLOBAL
    ldrb r2, [r4], #1
    ldr r3, [sp, #S_GLOBALS]
    lsls r12, r2, #25
    bcs 1f
    add r3, r3, r2, lsl #3
2:
    .endm

@ Behind the code of that: an index of several bytes.
    .macro GLOBAL_LONG
1:  ubfx r2, r2, #0, #7
    add r3, r3, r2, lsl #3
    movs r2, #7 + 3
3:  ldrb r11, [r4], #1
    and r12, r11, #127
    lsl r12, r12, r2
    add r3, r3, r12
    adds r2, r2, #7
    lsls r12, r11, #25
    bcs 3b
    add r11, r10, #TABLE_BYTES
    b 2b
    .endm

    HANDLER n0, GlobalGet
    GLOBAL
    ldr r0, [r3]
    RESTORE2
    NEXT1
    GLOBAL_LONG
    HANDLER n2, GlobalGet
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, GlobalGet
    GLOBAL
    ldr r1, [r3]
    RESTORE2
    NEXT2
    GLOBAL_LONG

    HANDLER n0, GlobalSet
    ldr r0, [r5, #-8]!
    HANDLER n1, GlobalSet
    GLOBAL
    str r0, [r3]
    RESTORE2
    NEXT0
    GLOBAL_LONG
    HANDLER n2, GlobalSet
    GLOBAL
    str r1, [r3]
    RESTORE2
    NEXT1
    GLOBAL_LONG

@ The rest.

    HANDLER n0, Nop
    NEXT0
    HANDLER n1, Nop
    NEXT1
    HANDLER n2, Nop
    NEXT2

    HANDLER n0, Drop
    subs r5, r5, #8
    NEXT0
    HANDLER n1, Drop
    NEXT0
    HANDLER n2, Drop
    NEXT1

    HANDLER n0, Select
    ldr r0, [r5, #-8]!
    HANDLER n1, Select
    ldr r2, [r5, #-8]!
    ldr r1, [r5, #-8]!
    cmp r0, #0
    ite ne
    movne r0, r1
    moveq r0, r2
    NEXT1
    HANDLER n2, Select
    ldr r2, [r5, #-8]!
    cmp r1, #0
    it ne
    movne r0, r2
    NEXT1

@ Memory. The alignment is one byte, which the validator made sure of; the offset mostly is, too: then whatever begins
@ below r9 is within the memory. What is not surely within it is for the portable loop.

@ What follows for an offset of several bytes, whose first one is the upper byte of r2, and for places near the end. The
@ address is in \base; r4 before is kept in \start. `2:` is where the place is in r3.
    .macro PLACE_LONG base, start
1:  sub \start, r4, #2
    ubfx r3, r2, #8, #7
    ldrb r2, [r4], #1
    lsls r2, r2, #25
    orr r3, r3, r2, lsr #18
    bcc 5f
    ldrb r2, [r4], #1
    lsls r2, r2, #25
    orr r3, r3, r2, lsr #11
    bcc 5f
    ldrb r2, [r4], #1
    lsls r2, r2, #25
    orr r3, r3, r2, lsr #4
    bcc 5f
    ldrb r2, [r4], #1
    orr r3, r3, r2, lsl #28
    b 5f
3:  sub \start, r4, #2
    lsrs r3, r3, #24
5:  adds r3, \base, r3
    bcs 4f
    ldr r2, [sp, #S_EXACT]
    cmp r3, r2
    blo 2b
4:  mov r4, \start
    .endm

    .macro LOAD name, code
    HANDLER n2, \name
    str r0, [r5], #8
    mov r0, r1
    b thimble_n1_\name
    HANDLER n0, \name
    ldr r0, [r5, #-8]!
    HANDLER n1, \name
    ldrh r2, [r4], #2
    lsls r3, r2, #16
    bmi 1f
    cmp r0, r9
    bhs 3f
    add r3, r0, r3, lsr #24
2:  \code r0, [r8, r3]
    NEXT1
    PLACE_LONG r0, r1
    b thimble_n1_portable
    .endm

    LOAD I32Load, ldr
    LOAD F32Load, ldr
    LOAD I32Load8S, ldrsb
    LOAD I32Load8U, ldrb
    LOAD I32Load16S, ldrsh
    LOAD I32Load16U, ldrh

    .macro STORE name, code
    HANDLER n0, \name
    ldr r1, [r5, #-8]!
    ldr r0, [r5, #-8]!
    b thimble_n2_\name
    HANDLER n1, \name
    mov r1, r0
    ldr r0, [r5, #-8]!
    HANDLER n2, \name
    ldrh r2, [r4], #2
    lsls r3, r2, #16
    bmi 1f
    cmp r0, r9
    bhs 3f
    add r3, r0, r3, lsr #24
    \code r1, [r8, r3]
    NEXT0
2:  \code r1, [r8, r3]
    RESTORE2
    NEXT0
    PLACE_LONG r0, r12
    RESTORE2
    b thimble_n2_portable
    .endm

    STORE I32Store, str
    STORE F32Store, str
    STORE I32Store8, strb
    STORE I32Store16, strh
