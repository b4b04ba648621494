@ The loop for Thumb-2: entering it, leaving it, functions and branches.
@
@ A function whose values all have 32 bits and whose small numbers are all one byte is run by the "narrow" handlers, which
@ keep up to two operands in registers: for each instruction there is one handler for none (n0), for one (n1, in r0) and
@ for two (n2, the topmost in r1, the one below in r0). Any other function is run by the "wide" handlers (w0), which
@ keep all operands on the stack. What no handler here does, or not in this case, is done by the portable loop, one
@ instruction at a time: `thimble_inplace_step`. Nothing here traps; it leaves that to the portable loop.
@
@ r4  the next byte of code            r8  linear memory
@ r5  the first free slot              r9  its length less 7, or 0: what an access at less than that touches is there
@ r6  the first local                  r10 handlers with no operand in a register, r11 with one, r12 with two
@ r7  the next branch's entry          lr  fuel
@
@ In a handler the opcode has been read: r4 is behind it.

    .syntax unified
    .thumb
    .section .text.thimble_inplace, "ax", %progbits
    .p2align 2

@ The loop's own frame.
    .equ S_BRIDGE, 0
    .equ S_END, 4               @ behind the function's last instruction
    .equ S_FRAME, 8
    .equ S_FUNCTION, 12
    .equ S_RESULTS, 16
    .equ S_FUNCTIONS, 20
    .equ S_MODULE, 24
    .equ S_BRANCHES, 28
    .equ S_LIMIT, 32
    .equ S_GLOBALS, 36
    .equ S_NARROW, 40
    .equ S_WIDE, 44
    .equ S_BYTES, 52            @ with what is pushed a multiple of 8

@ Bytes of the handlers of one state.
    .equ TABLE_BYTES, 1024

@ The entry of a function.
    .equ F_CODE, 0
    .equ F_END, 4
    .equ F_BRANCH, 8
    .equ F_LOCALS, 12
    .equ F_OPERANDS, 14
    .equ F_PARAMETERS, 16
    .equ F_RESULTS, 18
    .equ F_FLAGS, 22

    .macro HANDLER state, name
    .globl thimble_\state\()_\name
    .hidden thimble_\state\()_\name
    .type thimble_\state\()_\name, %function
    .thumb_func
thimble_\state\()_\name:
    .endm

    .macro NEXT0
    ldrb r2, [r4], #1
    ldr pc, [r10, r2, lsl #2]
    .endm

    .macro NEXT1
    ldrb r2, [r4], #1
    ldr pc, [r11, r2, lsl #2]
    .endm

    .macro NEXT2
    ldrb r2, [r4], #1
    ldr pc, [r12, r2, lsl #2]
    .endm

@ The handlers for a function with the flags in r0.
    .macro TABLES
    and r0, r0, #{narrow_and_short}
    cmp r0, #{narrow_and_short}
    ite eq
    ldreq r10, [sp, #S_NARROW]
    ldrne r10, [sp, #S_WIDE]
    add r11, r10, #TABLE_BYTES
    add r12, r10, #2 * TABLE_BYTES
    .endm

@ Writes the registers to the bridge, whose place is then in r0.
    .macro SAVE
    ldr r0, [sp, #S_BRIDGE]
    stm r0, {{r4-r7}}
    str lr, [r0, #{fuel}]
    ldr r1, [sp, #S_FUNCTION]
    str r1, [r0, #{function}]
    ldr r1, [sp, #S_FRAME]
    str r1, [r0, #{frame}]
    ldr r1, [sp, #S_END]
    subs r1, r1, #1
    str r1, [r0, #{end}]
    .endm

@ extern "C" fn(bridge: *mut Bridge, narrow: *const Handler, wide: *const Handler) -> u32
    .globl thimble_inplace_run
    .hidden thimble_inplace_run
    .type thimble_inplace_run, %function
    .thumb_func
thimble_inplace_run:
    push {{r4-r11, lr}}
    sub sp, sp, #S_BYTES
    str r0, [sp, #S_BRIDGE]
    str r1, [sp, #S_NARROW]
    str r2, [sp, #S_WIDE]
    ldr r1, [r0, #{functions}]
    str r1, [sp, #S_FUNCTIONS]
    ldr r1, [r0, #{module}]
    str r1, [sp, #S_MODULE]
    ldr r1, [r0, #{branches}]
    str r1, [sp, #S_BRANCHES]
    ldr r1, [r0, #{stack_end}]
    str r1, [sp, #S_LIMIT]
    ldr r1, [r0, #{globals}]
    str r1, [sp, #S_GLOBALS]
    ldm r0, {{r4-r9}}
    subs r9, r9, #7
    it lo
    movlo r9, #0
    ldr lr, [r0, #{fuel}]
    ldr r2, [r0, #{function}]
    b enter_function

@ The topmost operands go to the stack, and the portable loop does the instruction.
    .globl thimble_n2_portable
    .hidden thimble_n2_portable
    .type thimble_n2_portable, %function
    .thumb_func
thimble_n2_portable:
    str r0, [r5], #8
    mov r0, r1
    .globl thimble_n1_portable
    .hidden thimble_n1_portable
    .type thimble_n1_portable, %function
    .thumb_func
thimble_n1_portable:
    str r0, [r5], #8
    .globl thimble_n0_portable
    .hidden thimble_n0_portable
    .type thimble_n0_portable, %function
    .thumb_func
thimble_n0_portable:
    subs r4, r4, #1
    SAVE
    bl thimble_inplace_step
    cmp r0, #0
    bne leave_loop
    ldr r0, [sp, #S_BRIDGE]
    ldm r0, {{r4-r9}}
    subs r9, r9, #7
    it lo
    movlo r9, #0
    ldr lr, [r0, #{fuel}]
    ldr r2, [r0, #{function}]
    ldr r3, [sp, #S_FUNCTION]
    cmp r2, r3
    bne enter_function
    ldr r3, [r0, #{frame}]
    str r3, [sp, #S_FRAME]
    add r11, r10, #TABLE_BYTES
    add r12, r10, #2 * TABLE_BYTES
    NEXT0

leave_loop:
    add sp, sp, #S_BYTES
    pop {{r4-r11, pc}}

@ There is no fuel left; all operands are on the stack.
preempted:
    SAVE
    movs r0, #{is_preempted}
    b leave_loop

@ The outermost function returned; r2 is its caller.
returned:
    ldr r0, [sp, #S_BRIDGE]
    str r2, [r0, #{function}]
    str r5, [r0, #{top}]
    str lr, [r0, #{fuel}]
    movs r0, #{is_returned}
    b leave_loop

@ Goes on in the function r2 with its locals at r6, and no operand in a register.
enter_function:
    str r2, [sp, #S_FUNCTION]
    add r3, r2, r2, lsl #1
    ldr r2, [sp, #S_FUNCTIONS]
    add r3, r2, r3, lsl #3
    ldr r2, [r3, #F_END]
    ldr r1, [sp, #S_MODULE]
    adds r2, r2, r1
    adds r2, r2, #1
    str r2, [sp, #S_END]
    ldrh r2, [r3, #F_LOCALS]
    add r2, r6, r2, lsl #3
    str r2, [sp, #S_FRAME]
    ldrh r2, [r3, #F_RESULTS]
    str r2, [sp, #S_RESULTS]
    ldrh r0, [r3, #F_FLAGS]
    TABLES
    NEXT0

@ Calls.

    HANDLER n2, Call
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, Call
    str r0, [r5], #8
    HANDLER n0, Call
    HANDLER w0, Call
    mov r11, r4
    ldrb r2, [r4], #1
    lsls r3, r2, #25
    bcs 6f
1:  ldr r3, [sp, #S_FUNCTIONS]
    add r1, r2, r2, lsl #1
    add r3, r3, r1, lsl #3
    ldrh r0, [r3, #F_FLAGS]
    lsls r1, r0, #31 - {imported_bit}
    bmi 7f
    @ r1 the new locals, r0 how many they are, r12 their end with all operands
    ldrh r1, [r3, #F_PARAMETERS]
    sub r1, r5, r1, lsl #3
    ldrh r0, [r3, #F_LOCALS]
    ldrh r12, [r3, #F_OPERANDS]
    add r12, r12, r0
    add r12, r12, #2
    add r12, r1, r12, lsl #3
    ldr r10, [sp, #S_LIMIT]
    cmp r12, r10
    bhi 7f
    add r12, r1, r0, lsl #3
    movs r0, #0
    b 3f
2:  strd r0, r0, [r5], #8
3:  cmp r5, r12
    blo 2b
    str r12, [sp, #S_FRAME]
    ldr r0, [sp, #S_FUNCTION]
    stm r12!, {{r0, r4, r6, r7}}
    mov r5, r12
    mov r6, r1
    str r2, [sp, #S_FUNCTION]
    ldm r3, {{r0, r1, r2}}
    ldr r4, [sp, #S_MODULE]
    add r1, r1, r4
    adds r1, r1, #1
    str r1, [sp, #S_END]
    add r4, r4, r0
    ldr r7, [sp, #S_BRANCHES]
    add r7, r7, r2, lsl #3
    ldrh r0, [r3, #F_RESULTS]
    str r0, [sp, #S_RESULTS]
    ldrh r0, [r3, #F_FLAGS]
    TABLES
    subs lr, lr, #{call_fuel}
    bmi preempted
    NEXT0
6:  @ an index of two bytes; longer ones are for the portable loop
    ubfx r2, r2, #0, #7
    ldrb r3, [r4], #1
    lsls r3, r3, #25
    orr r2, r2, r3, lsr #18
    bcc 1b
7:  @ what the host answers, and what there is no room for, which ends the guest
    mov r4, r11
    b thimble_n0_portable

@ Returning.

    HANDLER n2, Return
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, Return
return_one:
    @ r0 is the topmost operand
    ldr r2, [sp, #S_RESULTS]
    cmp r2, #1
    bne 1f
    ldr r3, [sp, #S_FRAME]
    mov r11, r6
    ldm r3, {{r2, r4, r6, r7}}
    str r0, [r11]
    add r5, r11, #8
    cmn r2, #1
    beq returned
    b enter_function
1:  str r0, [r5], #8
    HANDLER n0, Return
    HANDLER w0, Return
return_all:
    ldr r0, [sp, #S_RESULTS]
    ldr r3, [sp, #S_FRAME]
    mov r11, r6
    cmp r0, #1
    bhi 3f
    blo 2f
    ldrd r0, r1, [r5, #-8]
    ldm r3, {{r2, r4, r6, r7}}
    strd r0, r1, [r11], #8
    b 5f
2:  ldm r3, {{r2, r4, r6, r7}}
    b 5f
3:  @ several: from the lowest on, after the caller was read
    sub r1, r5, r0, lsl #3
    mov r12, r5
    ldm r3, {{r2, r4, r6, r7}}
4:  ldr r0, [r1], #4
    str r0, [r11], #4
    cmp r1, r12
    blo 4b
5:  mov r5, r11
    cmn r2, #1
    beq returned
    b enter_function

    HANDLER n2, End
    ldr r2, [sp, #S_END]
    cmp r2, r4
    beq 1f
    NEXT2
1:  str r0, [r5], #8
    str r1, [r5], #8
    b return_all
    HANDLER n1, End
    ldr r2, [sp, #S_END]
    cmp r2, r4
    beq return_one
    NEXT1
    HANDLER n0, End
    HANDLER w0, End
    ldr r2, [sp, #S_END]
    cmp r2, r4
    beq return_all
    NEXT0

@ Branches. In `taken` r4 is behind the opcode, r7 the branch's entry, and all operands are on the stack.

    HANDLER n2, Br
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, Br
    str r0, [r5], #8
    HANDLER n0, Br
    HANDLER w0, Br
taken:
    ldrd r2, r3, [r7]
    lsls r1, r3, #20
    bne 2f
1:  add r7, r7, r3, asr #9
    adds r4, r4, r2
    bcs backwards
    NEXT0
2:  @ operands are dropped below those that are kept: r0 are kept, r1 dropped
    ubfx r0, r3, #8, #4
    uxtb r1, r3
    bfc r3, #0, #12
    cmp r0, #{elsewhere}
    beq 5f
3:  cmp r1, #0
    beq 1b
    sub r11, r5, r0, lsl #3
    sub r12, r11, r1, lsl #3
    sub r5, r5, r1, lsl #3
    b 4f
6:  ldr r0, [r11], #4
    str r0, [r12], #4
4:  cmp r12, r5
    blo 6b
    add r11, r10, #TABLE_BYTES
    add r12, r10, #2 * TABLE_BYTES
    b 1b
5:  @ what does not fit into an entry
    add r12, r7, r2, lsl #3
    ldrd r2, r3, [r12]
    ldrd r0, r1, [r12, #8]
    add r7, r7, r3, lsl #3
    movs r3, #0
    add r12, r10, #2 * TABLE_BYTES
    b 3b
backwards:
    adds lr, lr, r2
    bmi preempted
    NEXT0

    HANDLER n2, BrIf
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, BrIf
    cmp r0, #0
    bne taken
not_taken:
    adds r7, r7, #8
    adds r4, r4, #1
    NEXT0
    HANDLER n0, BrIf
    ldr r0, [r5, #-8]!
    cmp r0, #0
    bne taken
    adds r7, r7, #8
    adds r4, r4, #1
    NEXT0
    HANDLER w0, BrIf
    ldr r0, [r5, #-8]!
    cmp r0, #0
    bne taken
wide_not_taken:
    adds r7, r7, #8
1:  ldrsb r2, [r4], #1
    cmp r2, #0
    blt 1b
    NEXT0

    HANDLER n2, If
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, If
    cmp r0, #0
    beq taken
    adds r7, r7, #8
    adds r4, r4, #1
    NEXT0
    HANDLER n0, If
    ldr r0, [r5, #-8]!
    cmp r0, #0
    beq taken
    adds r7, r7, #8
    adds r4, r4, #1
    NEXT0
    HANDLER w0, If
    ldr r0, [r5, #-8]!
    cmp r0, #0
    beq taken
    b wide_not_taken

    HANDLER n2, Else
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, Else
    str r0, [r5], #8
    HANDLER n0, Else
    HANDLER w0, Else
    b taken

    HANDLER n2, BrTable
    str r0, [r5], #8
    mov r0, r1
    b 1f
    HANDLER n0, BrTable
    HANDLER w0, BrTable
    ldr r0, [r5, #-8]!
    HANDLER n1, BrTable
1:  @ r0 the label, r2 how many there are
    mov r11, r4
    ldrb r2, [r11], #1
    lsls r3, r2, #25
    bcs 3f
2:  cmp r0, r2
    it hi
    movhi r0, r2
    add r7, r7, r0, lsl #3
    add r11, r10, #TABLE_BYTES
    b taken
3:  ubfx r2, r2, #0, #7
    movs r3, #7
4:  ldrb r1, [r11], #1
    and r12, r1, #127
    lsl r12, r12, r3
    orr r2, r2, r12
    adds r3, r3, #7
    lsls r1, r1, #25
    bcs 4b
    add r12, r10, #2 * TABLE_BYTES
    b 2b

    HANDLER n0, Block
    HANDLER n0, Loop
    adds r4, r4, #1
    NEXT0
    HANDLER n1, Block
    HANDLER n1, Loop
    adds r4, r4, #1
    NEXT1
    HANDLER n2, Block
    HANDLER n2, Loop
    adds r4, r4, #1
    NEXT2
    HANDLER w0, Block
    HANDLER w0, Loop
1:  ldrsb r2, [r4], #1
    cmp r2, #0
    blt 1b
    NEXT0
