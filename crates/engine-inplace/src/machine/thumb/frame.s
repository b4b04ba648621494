@ The loop for Thumb-2: entering it, leaving it, functions and branches.
@
@ A function whose values all have 32 bits and whose small numbers are all one byte is run by the "narrow" handlers, which
@ keep up to two operands in registers: for each instruction there is one handler for none (n0), for one (n1, in r0) and
@ for two (n2, the topmost in r1, the one below in r0). Any other function is run by the "wide" handlers (w0), which
@ keep all operands on the stack. What no handler here does, or not in this case, is done by the portable loop, one
@ instruction at a time: `thimble_inplace_step`. Nothing here traps; it leaves that to the portable loop.
@
@ r4  the next byte of code            r8  linear memory
@ r5  the first free slot              r9  its length less 134, or 0
@ r6  the first local                  r10 handlers with no operand in a register, r11 with one, r12 with two
@ r7  the next branch's entry          lr  fuel
@
@ In a handler the opcode has been read: r4 is behind it. What begins below r9, with an offset of one byte, is within the
@ memory: 127 and 8 bytes at most lie between.

    .syntax unified
    .thumb
    .section .text.thimble_inplace, "ax", %progbits
    .p2align 2

@ The loop's own frame.
    .equ S_BRIDGE, 0
    .equ S_END, 4               @ behind the function's last instruction
    .equ S_FRAME, 8
    .equ S_FUNCTION, 12         @ its entry
    .equ S_START, 16            @ behind the opcode of a call
    .equ S_FUNCTIONS, 20
    .equ S_MODULE, 24
    .equ S_BRANCHES, 28
    .equ S_LIMIT, 32            @ how far locals and operands may reach
    .equ S_GLOBALS, 36
    .equ S_NARROW, 40
    .equ S_WIDE, 44
    .equ S_REGISTERS, 48
    .equ S_EXACT, 52
    .equ S_FUEL, 56
    .equ S_BYTES, 60            @ with what is pushed a multiple of 8

@ Bytes of the handlers of one state.
    .equ TABLE_BYTES, 1024

@ The entry of a function.
    .equ F_CODE, 0
    .equ F_END, 4
    .equ F_BRANCH, 8
    .equ F_ROOM, 12
    .equ F_PARAMETERS, 16
    .equ F_RESULTS, 18
    .equ F_LOCALS, 20
    .equ F_TYPE, 22
    .equ F_FLAGS, 24
    .equ F_OWN_LOCALS, 26

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

@ The handlers for a function with the flags in r1.
    .macro TABLES
    cmp r1, #{narrow_and_short}
    ite eq
    ldreq r10, [sp, #S_NARROW]
    ldrne r10, [sp, #S_WIDE]
    add r11, r10, #TABLE_BYTES
    add r12, r10, #2 * TABLE_BYTES
    .endm

    .macro RESTORE2
    add r12, r10, #2 * TABLE_BYTES
    .endm

@ The memory, whose registers were just loaded.
    .macro MEMORY
    subs r9, r9, #7
    it lo
    movlo r9, #0
    str r9, [sp, #S_EXACT]
    subs r9, r9, #127
    it lo
    movlo r9, #0
    .endm

@ Writes the registers to memory, whose place is then in r0.
    .macro SAVE
    ldr r0, [sp, #S_REGISTERS]
    stm r0, {{r4-r7}}
    str lr, [r0, #{fuel}]
    ldr r1, [sp, #S_FUNCTION]
    str r1, [r0, #{function}]
    ldr r1, [sp, #S_FRAME]
    str r1, [r0, #{frame}]
    ldr r1, [sp, #S_END]
    str r1, [r0, #{end}]
    .endm

@ extern "C" fn(registers: *mut Registers, bridge: *mut c_void, narrow: *const Handler, wide: *const Handler) -> u32
    .globl thimble_inplace_run
    .hidden thimble_inplace_run
    .type thimble_inplace_run, %function
    .thumb_func
thimble_inplace_run:
    push {{r4-r11, lr}}
    sub sp, sp, #S_BYTES
    str r0, [sp, #S_REGISTERS]
    str r1, [sp, #S_BRIDGE]
    str r2, [sp, #S_NARROW]
    str r3, [sp, #S_WIDE]
    ldr r1, [r0, #{functions}]
    str r1, [sp, #S_FUNCTIONS]
    ldr r1, [r0, #{module}]
    str r1, [sp, #S_MODULE]
    ldr r1, [r0, #{branches}]
    str r1, [sp, #S_BRANCHES]
    ldr r1, [r0, #{stack_end}]
    subs r1, r1, #16
    str r1, [sp, #S_LIMIT]
    ldr r1, [r0, #{globals}]
    str r1, [sp, #S_GLOBALS]
    ldm r0, {{r4-r9}}
    MEMORY
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
    ldr r1, [sp, #S_BRIDGE]
    bl thimble_inplace_step
after_portable:
    cmp r0, #0
    bne leave_loop
    ldr r0, [sp, #S_REGISTERS]
    ldm r0, {{r4-r9}}
    MEMORY
    ldr lr, [r0, #{fuel}]
    ldr r2, [r0, #{function}]
    ldr r3, [sp, #S_FUNCTION]
    cmp r2, r3
    bne enter_function
    add r11, r10, #TABLE_BYTES
    RESTORE2
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
    ldr r0, [sp, #S_REGISTERS]
    str r2, [r0, #{function}]
    str r5, [r0, #{top}]
    str lr, [r0, #{fuel}]
    movs r0, #{is_returned}
    b leave_loop

@ Goes on in the function r2 with its locals at r6, and no operand in a register.
enter_function:
    str r2, [sp, #S_FUNCTION]
    ldr r1, [r2, #F_END]
    ldr r3, [sp, #S_MODULE]
    add r1, r1, r3
    str r1, [sp, #S_END]
    ldrh r1, [r2, #F_LOCALS]
    add r1, r6, r1, lsl #3
    str r1, [sp, #S_FRAME]
    ldrh r1, [r2, #F_FLAGS]
    TABLES
    NEXT0

@ Calls. What is called gets its locals where the arguments are, and its frame behind them.

@ The entry of the function whose index follows comes to r3.
    .macro CALLED
    str r4, [sp, #S_START]
    ldrb r2, [r4], #1
    lsls r3, r2, #25
    bcs 6f
1:  ldr r3, [sp, #S_FUNCTIONS]
    rsb r2, r2, r2, lsl #3
    add r3, r3, r2, lsl #2
    .endm

    .macro CALLED_LONG
6:  ubfx r2, r2, #0, #7
    movs r1, #7
5:  ldrb r3, [r4], #1
    and r0, r3, #127
    lsls r0, r0, r1
    orrs r2, r2, r0
    adds r1, r1, #7
    lsls r3, r3, #25
    bcs 5b
    b 1b
    .endm

@ Enters the function r3. All registers but r10 and r11 are used.
    .macro ENTER
    ldrh r1, [r3, #F_PARAMETERS]
    sub r1, r5, r1, lsl #3
    ldr r0, [r3, #F_ROOM]
    add r0, r0, r1
    ldr r2, [sp, #S_LIMIT]
    cmp r0, r2
    bhi no_room
    ldrh r0, [r3, #F_OWN_LOCALS]
    add r12, r5, r0, lsl #3
    movs r2, #0
    cbz r0, 3f
2:  strd r2, r2, [r5], #8
    cmp r5, r12
    blo 2b
3:  str r12, [sp, #S_FRAME]
    ldr r0, [sp, #S_FUNCTION]
    stm r12!, {{r0, r4, r6, r7}}
    mov r5, r12
    mov r6, r1
    str r3, [sp, #S_FUNCTION]
    ldm r3, {{r0, r1, r2}}
    ldr r4, [sp, #S_MODULE]
    ldr r7, [sp, #S_BRANCHES]
    add r1, r1, r4
    str r1, [sp, #S_END]
    add r4, r4, r0
    add r7, r7, r2, lsl #3
    .endm

    HANDLER n2, Call
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, Call
    str r0, [r5], #8
    HANDLER n0, Call
    CALLED
    ldrh r0, [r3, #F_FLAGS]
    cmp r0, #{narrow_and_short}
    bne 7f
call_narrow:
    ENTER
    RESTORE2
    .if {metered}
    subs lr, lr, #{call_fuel}
    bmi preempted
    .endif
    NEXT0
7:  lsls r1, r0, #31 - {imported_bit}
    bpl call_any
    b call_host
    CALLED_LONG

    HANDLER w0, Call
    CALLED
    ldrh r0, [r3, #F_FLAGS]
    lsls r1, r0, #31 - {imported_bit}
    bmi call_host
call_any:
    ENTER
    ldrh r1, [r3, #F_FLAGS]
    TABLES
    .if {metered}
    subs lr, lr, #{call_fuel}
    bmi preempted
    .endif
    NEXT0
    CALLED_LONG

call_host:
    @ the host changes nothing but its results; r3 is its function's entry
    ldr r0, [sp, #S_REGISTERS]
    ldr r1, [sp, #S_BRIDGE]
    str r5, [r0, #{top}]
    str lr, [sp, #S_FUEL]
    mov r2, r3
    bl thimble_inplace_host
    ldr lr, [sp, #S_FUEL]
    RESTORE2
    cmp r0, #{done}
    bne 1f
    mov r5, r1
    .if {metered}
    subs lr, lr, #{host_call_fuel}
    bmi preempted
    .endif
    NEXT0
1:  cmp r0, #{interrupted}
    ittt eq
    moveq r5, r1
    subeq lr, lr, #{host_call_fuel}
    beq preempted
    mov r2, r0
    ldr r4, [sp, #S_START]
    subs r4, r4, #1
    SAVE
    ldr r1, [sp, #S_BRIDGE]
    bl thimble_inplace_not_done
    b leave_loop

@ There is no room, which ends the guest: the portable loop finds it again.
no_room:
    ldr r4, [sp, #S_START]
    ldrb r0, [r4, #-1]
    cmp r0, #{call_indirect}
    it eq
    addeq r5, r5, #8            @ the element is an operand again
    RESTORE2
    b thimble_n0_portable

    HANDLER n2, CallIndirect
    str r0, [r5], #8
    mov r0, r1
    b 1f
    HANDLER n0, CallIndirect
    HANDLER w0, CallIndirect
    ldr r0, [r5, #-8]!
    HANDLER n1, CallIndirect
1:  @ r0 the element, r1 the type; what is not as it mostly is, is for the portable loop
    str r4, [sp, #S_START]
    ldrb r1, [r4], #1
    lsls r3, r1, #25
    bcs 4f
2:  ldrb r3, [r4], #1
    cmp r3, #0
    bne 7f
    ldr r12, [sp, #S_REGISTERS]
    ldr r3, [r12, #{element_count}]
    cmp r0, r3
    bhs 7f
    ldr r3, [r12, #{elements}]
    ldr r2, [r3, r0, lsl #2]
    subs r2, r2, #1
    ldr r3, [r12, #{function_count}]
    cmp r2, r3
    bhs 7f                      @ null, too
    ldr r3, [r12, #{types}]
    ldr r1, [r3, r1, lsl #2]
    ldr r3, [sp, #S_FUNCTIONS]
    rsb r2, r2, r2, lsl #3
    add r3, r3, r2, lsl #2
    ldrh r12, [r3, #F_TYPE]
    cmp r12, r1
    bne 7f
    @ the element is an operand no longer, but comes back if there is no room
    str r0, [r5]
    ldrh r0, [r3, #F_FLAGS]
    cmp r0, #{narrow_and_short}
    bne 8f
    ldr r1, [sp, #S_NARROW]
    cmp r1, r10
    beq call_narrow
    b call_any
8:  lsls r1, r0, #31 - {imported_bit}
    bpl call_any
    ldr r0, [r5]
7:  RESTORE2
    ldr r4, [sp, #S_START]
    b thimble_n1_portable
4:  ubfx r1, r1, #0, #7
    movs r2, #7
5:  ldrb r3, [r4], #1
    and r12, r3, #127
    lsl r12, r12, r2
    orr r1, r1, r12
    adds r2, r2, #7
    lsls r3, r3, #25
    bcs 5b
    b 2b

@ Returning.

    HANDLER n2, Return
    str r0, [r5], #8
    mov r0, r1
    HANDLER n1, Return
return_one:
    @ r0 is the topmost operand, and mostly the only result: it stays in its register
    ldr r3, [sp, #S_FUNCTION]
    ldrh r2, [r3, #F_RESULTS]
    cmp r2, #1
    bne 1f
    ldr r3, [sp, #S_FRAME]
    mov r5, r6
    ldm r3, {{r2, r4, r6, r7}}
    cbz r2, 2f
    ldrh r1, [r2, #F_FLAGS]
    cmp r1, #{narrow_and_short}
    bne 2f
    str r2, [sp, #S_FUNCTION]
    ldr r1, [r2, #F_END]
    ldr r3, [sp, #S_MODULE]
    add r1, r1, r3
    str r1, [sp, #S_END]
    ldrh r1, [r2, #F_LOCALS]
    add r1, r6, r1, lsl #3
    str r1, [sp, #S_FRAME]
    NEXT1
2:  str r0, [r5], #8
    cmp r2, #0
    beq returned
    b enter_function
1:  str r0, [r5], #8
    HANDLER n0, Return
    HANDLER w0, Return
return_all:
    ldr r3, [sp, #S_FUNCTION]
    ldrh r0, [r3, #F_RESULTS]
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
    cmp r2, #0
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
    .if {metered}
    bcs backwards
    .endif
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
    .if {metered}
    adds lr, lr, r2
    bmi preempted
    .endif
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
