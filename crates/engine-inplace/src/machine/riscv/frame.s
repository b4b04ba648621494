# The loop for RISC-V: entering it, leaving it, functions, returns and branches.
#
# Each opcode has 128 bytes of code, with a slot for each of four states, which say how many operands are in registers: none
# (n0), one (n1, in a0), two (n2, the topmost in a1) or three (n3, the topmost in a2). So the next handler's address is
# computed and not loaded. What an opcode needs more than its slot for stands where slots or opcodes are left over, or
# behind them all.
#
# Operands in registers always have 32 bits; values of 64 bits are always on the stack. In functions that are SMALL, SHORT
# and ONE_BYTE, handlers take locals and globals as values of 32 bits and indices of locals as one byte. In others that are
# ONE_BYTE, s7 and s8 lead to the last eight bytes of each opcode instead, which push an operand in a register and jump to
# a handler with all operands on the stack; there, n0 and n1 are the only states. What no handler here does, or not in this
# case, is done by the portable loop, one instruction at a time: `thimble_inplace_step`. So are functions that are not
# ONE_BYTE. Nothing here traps; it leaves that to the portable loop.
#
# s0 the next byte of code                     s7 the slots with no operand in a register, s8 with one, s9 with two,
# s1 the first free slot of the stack             s10 with three
# s2 the first local                           s11 fuel
# s3 the next branch's entry                   a0, a1, a2 operands
# s4 linear memory                             a3, a4, a5, t0 free; t0 is the opcode where a handler begins
# s5 its length less 134, or 0: PLACE          t3 64
# s6 behind the function's last instruction    t1 br_if, t4 local.tee, t6 i32.add, a6 i32.const, ra local.set: opcodes
# a7 the function's entry                         that often follow; t5 local.get, or -1 if it is not to be done at
# t2 the frame                                    once
#
# In a handler the opcode has been read: s0 is behind it. What calls of Rust may change is set again after them. gp and tp
# are never touched: they belong to the program around.
#
# Processors may trap at words that are not aligned: the quick ways look first, the others go byte by byte.

    .option push
    .option norelax
    .option arch, +m, +c
    .section .text.thimble_inplace, "ax", %progbits
    .p2align 5

# The loop's own frame.
    .equ S_BRIDGE, 0
    .equ S_REGISTERS, 4
    .equ S_START, 8             # behind the opcode of a call
    .equ S_FUNCTIONS, 12
    .equ S_MODULE, 16
    .equ S_BRANCHES, 20
    .equ S_LIMIT, 24            # how far locals and operands may reach
    .equ S_GLOBALS, 28
    .equ S_EXACT, 32            # the memory's length less 7, or 0
    .equ S_FUNCTION, 36         # a7, t2 and t5 while something else is called
    .equ S_FRAME, 40
    .equ S_QUICK, 44
    .equ S_SAVED, 60
    .equ S_BYTES, 112

# The entry of a function.
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

# Bytes of an opcode's slots, the same as a power of two, and where among them each one is.
    .equ OPCODE_BYTES, 128
    .equ OPCODE_SHIFT, 7
    .equ SLOT_0, 0
    .equ SLOT_1, 30
    .equ SLOT_2, 66
    .equ SLOT_3, 102
    .equ SLOT_WIDE_1, 120
    .equ SLOT_WIDE_0, 124

# The opcode behind `skip` bytes of immediates is next, with so many operands in registers.
    .macro NEXT0 skip=0
    lbu t0, \skip(s0)
    addi s0, s0, 1 + \skip
    GO0
    .endm
    .macro NEXT1 skip=0
    lbu t0, \skip(s0)
    addi s0, s0, 1 + \skip
    GO1
    .endm
    .macro NEXT2 skip=0
    lbu t0, \skip(s0)
    addi s0, s0, 1 + \skip
    GO2
    .endm
    .macro NEXT3 skip=0
    lbu t0, \skip(s0)
    addi s0, s0, 1 + \skip
    GO3
    .endm

# The opcode in t0 is next.
    .macro GO0
    slli t0, t0, OPCODE_SHIFT
    add t0, t0, s7
    jr t0
    .endm
    .macro GO1
    slli t0, t0, OPCODE_SHIFT
    add t0, t0, s8
    jr t0
    .endm
    .macro GO2
    slli t0, t0, OPCODE_SHIFT
    add t0, t0, s9
    jr t0
    .endm
    .macro GO3
    slli t0, t0, OPCODE_SHIFT
    add t0, t0, s10
    jr t0
    .endm

# Operands in registers go to the stack.
    .macro SPILL1
    sw a0, 0(s1)
    addi s1, s1, 8
    .endm
    .macro SPILL2
    sw a0, 0(s1)
    sw a1, 8(s1)
    addi s1, s1, 16
    .endm
    .macro SPILL3
    sw a0, 0(s1)
    sw a1, 8(s1)
    sw a2, 16(s1)
    addi s1, s1, 24
    .endm

# The lowest of three operands goes to the stack.
    .macro SHIFT3
    sw a0, 0(s1)
    addi s1, s1, 8
    mv a0, a1
    mv a1, a2
    .endm

# Sets what stays the same while the loop runs, but not over calls of Rust.
    .macro CONSTANTS
    li ra, OP_LocalSet
    li t1, OP_BrIf
    li t3, 64
    li t4, OP_LocalTee
    li t6, OP_I32Add
    li a6, OP_I32Const
    .endm

# Chooses the slots for a function, whose flags are in a4.
    .macro FLAGS
    andi a4, a4, {quick}
    addi a4, a4, -{quick}
    addi s7, s9, SLOT_0 - SLOT_2
    addi s8, s9, SLOT_1 - SLOT_2
    li t5, OP_LocalGet
    bnez a4, 8f
9:
    .endm

# What follows it for the functions that are not the usual ones.
    .macro FLAGS_OTHER step
8:  addi a4, a4, {quick} - {one_byte}
    bltz a4, \step
    addi s7, s9, SLOT_WIDE_0 - SLOT_2
    addi s8, s9, SLOT_WIDE_1 - SLOT_2
    li t5, -1
    j 9b
    .endm

# The memory, whose registers were just loaded. Nothing is taken to be within a memory that is not aligned for words.
    .macro MEMORY
    addi a4, s5, -7
    bgeu s5, a4, 1f
    li a4, 0
1:  andi a5, s4, 3
    beqz a5, 1f
    li a4, 0
1:  sw a4, S_EXACT(sp)
    addi s5, a4, -127
    bgeu a4, s5, 1f
    li s5, 0
1:
    .endm

# Writes the registers to memory, whose place is then in a0.
    .macro SAVE
    lw a0, S_REGISTERS(sp)
    sw s0, {code}(a0)
    sw s1, {top}(a0)
    sw s2, {locals}(a0)
    sw s3, {branch}(a0)
    sw s11, {fuel}(a0)
    sw a7, {function}(a0)
    sw t2, {frame}(a0)
    sw s6, {end}(a0)
    .endm

# extern "C" fn(registers: *mut Registers, bridge: *mut c_void) -> u32
    .globl thimble_inplace_run
    .hidden thimble_inplace_run
    .type thimble_inplace_run, %function
thimble_inplace_run:
    addi sp, sp, -S_BYTES
    sw ra, S_SAVED(sp)
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sw s\number, S_SAVED + 4 + 4 * \number(sp)
    .endr
    sw a0, S_REGISTERS(sp)
    sw a1, S_BRIDGE(sp)
    lw a1, {functions}(a0)
    sw a1, S_FUNCTIONS(sp)
    lw a1, {module}(a0)
    sw a1, S_MODULE(sp)
    lw a1, {branches}(a0)
    sw a1, S_BRANCHES(sp)
    lw a1, {stack_end}(a0)
    addi a1, a1, -16
    sw a1, S_LIMIT(sp)
    lw a1, {globals}(a0)
    sw a1, S_GLOBALS(sp)
    la s9, thimble_slots + SLOT_2
    addi s10, s9, SLOT_3 - SLOT_2
    CONSTANTS
    lw s0, {code}(a0)
    lw s1, {top}(a0)
    lw s2, {locals}(a0)
    lw s3, {branch}(a0)
    lw s4, {memory}(a0)
    lw s5, {memory_bytes}(a0)
    MEMORY
    lw s11, {fuel}(a0)
    lw a7, {function}(a0)

# Goes on in the function a7 with its locals at s2, and no operand in a register.
enter_function:
    lw a4, F_END(a7)
    lw a5, S_MODULE(sp)
    add s6, a4, a5
    lhu a4, F_LOCALS(a7)
    slli a4, a4, 3
    add t2, s2, a4
    lhu a4, F_FLAGS(a7)
    FLAGS
    NEXT0
    FLAGS_OTHER step

# The operands go to the stack, and the portable loop does the instruction.
n3_portable:
    SPILL3
    j n0_portable
n2_portable:
    SPILL2
    j n0_portable
n1_portable:
    SPILL1
n0_portable:
    addi s0, s0, -1
step:
    SAVE
    lw a1, S_BRIDGE(sp)
    call thimble_inplace_step
after_portable:
    bnez a0, leave_loop
    lw a0, S_REGISTERS(sp)
    lw s0, {code}(a0)
    lw s1, {top}(a0)
    lw s2, {locals}(a0)
    lw s3, {branch}(a0)
    lw s4, {memory}(a0)
    lw s5, {memory_bytes}(a0)
    MEMORY
    CONSTANTS
    lw s11, {fuel}(a0)
    lw a7, {function}(a0)
    j enter_function

leave_loop:
    lw ra, S_SAVED(sp)
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    lw s\number, S_SAVED + 4 + 4 * \number(sp)
    .endr
    addi sp, sp, S_BYTES
    ret

# There is no fuel left; all operands are on the stack.
preempted:
    SAVE
    li a0, {is_preempted}
    j leave_loop

# The outermost function returned.
returned:
    lw a0, S_REGISTERS(sp)
    sw a7, {function}(a0)
    sw s1, {top}(a0)
    sw s11, {fuel}(a0)
    li a0, {is_returned}
    j leave_loop

# Calls. What is called gets its locals where the arguments are, and its frame behind them.

# The rest of an index whose first byte is in a4: a3, a2 and t0 are used.
call_long:
    andi a4, a4, 127
    li a3, 7
1:  lbu a5, 0(s0)
    addi s0, s0, 1
    andi a2, a5, 127
    sll a2, a2, a3
    or a4, a4, a2
    addi a3, a3, 7
    slli a5, a5, 24
    bltz a5, 1b
    j call_index

# The arguments are on the stack.
call:
    sw s0, S_START(sp)
    lbu a4, 0(s0)
    addi s0, s0, 1
    slli a5, a4, 24
    bltz a5, call_long
call_index:
    lw a5, S_FUNCTIONS(sp)
    slli a3, a4, 5
    slli a4, a4, 2
    sub a4, a3, a4
    add a5, a5, a4
    lhu a4, F_FLAGS(a5)
    andi a3, a4, {imported}
    bnez a3, call_host
# The function's entry is in a5, its flags in a4.
call_entry:
    lhu a3, F_PARAMETERS(a5)
    slli a3, a3, 3
    sub a3, s1, a3
    lw a0, F_ROOM(a5)
    add a0, a0, a3
    lw a1, S_LIMIT(sp)
    bltu a1, a0, no_room
    lhu a0, F_OWN_LOCALS(a5)
    beqz a0, 2f
    slli a0, a0, 3
    add a0, a0, s1
1:  sw zero, 0(s1)
    sw zero, 4(s1)
    addi s1, s1, 8
    bne s1, a0, 1b
2:  sw a7, 0(s1)
    sw s0, 4(s1)
    sw s2, 8(s1)
    sw s3, 12(s1)
    mv t2, s1
    addi s1, s1, 16
    mv s2, a3
    mv a7, a5
    lw a0, F_CODE(a5)
    lw a1, F_END(a5)
    lw a2, F_BRANCH(a5)
    lw a3, S_MODULE(sp)
    lw a5, S_BRANCHES(sp)
    add s0, a0, a3
    add s6, a1, a3
    slli a2, a2, 3
    add s3, a5, a2
    .if {metered}
    addi s11, s11, -{call_fuel}
    bltz s11, preempted
    .endif
    FLAGS
    NEXT0
    FLAGS_OTHER step

# The host changes nothing but its results; a5 is its function's entry.
call_host:
    lw a0, S_REGISTERS(sp)
    lw a1, S_BRIDGE(sp)
    sw s1, {top}(a0)
    mv a2, a5
    sw a7, S_FUNCTION(sp)
    sw t2, S_FRAME(sp)
    sw t5, S_QUICK(sp)
    call thimble_inplace_host
    lw a7, S_FUNCTION(sp)
    lw t2, S_FRAME(sp)
    lw t5, S_QUICK(sp)
    .if {done}
    addi a3, a0, -{done}
    bnez a3, 1f
    .else
    bnez a0, 1f
    .endif
    mv s1, a1
    CONSTANTS
    .if {metered}
    addi s11, s11, -{host_call_fuel}
    bltz s11, preempted
    .endif
    NEXT0
1:  addi a3, a0, -{interrupted}
    bnez a3, 1f
    mv s1, a1
    addi s11, s11, -{host_call_fuel}
    j preempted
1:  mv a2, a0
    lw s0, S_START(sp)
    addi s0, s0, -1
    SAVE
    lw a1, S_BRIDGE(sp)
    call thimble_inplace_not_done
    j leave_loop

# There is no room, which ends the guest: the portable loop finds it again.
no_room:
    lw s0, S_START(sp)
    lbu a0, -1(s0)
    li a1, OP_CallIndirect
    bne a0, a1, n0_portable
    addi s1, s1, 8              # the element is an operand again
    j n0_portable

# The element is topmost on the stack. What is not as it mostly is, is for the portable loop.
call_indirect:
    sw s0, S_START(sp)
    lw a0, -8(s1)
    lbu a1, 0(s0)
    lbu a2, 1(s0)
    slli a3, a1, 24
    bltz a3, n0_portable
    bnez a2, n0_portable
    lw a5, S_REGISTERS(sp)
    lw a3, {element_count}(a5)
    bgeu a0, a3, n0_portable
    lw a3, {elements}(a5)
    slli a0, a0, 2
    add a3, a3, a0
    lw a2, 0(a3)
    addi a2, a2, -1
    lw a3, {function_count}(a5)
    bgeu a2, a3, n0_portable    # null, too
    lw a3, {types}(a5)
    slli a1, a1, 2
    add a3, a3, a1
    lw a1, 0(a3)
    lw a5, S_FUNCTIONS(sp)
    slli a3, a2, 5
    slli a2, a2, 2
    sub a2, a3, a2
    add a5, a5, a2
    lhu a3, F_TYPE(a5)
    bne a1, a3, n0_portable
    lhu a4, F_FLAGS(a5)
    andi a3, a4, {imported}
    bnez a3, n0_portable
    addi s0, s0, 2
    addi s1, s1, -8
    j call_entry

# Returning. a0 is the topmost operand, and mostly the only result: it stays in its register.

return_two:
    sw a0, 0(s1)
    addi s1, s1, 8
    mv a0, a1
    j return_one
return_three:
    SPILL2
    mv a0, a2
return_one:
    lhu a4, F_RESULTS(a7)
    addi a4, a4, -1
    bnez a4, 1f
    mv s1, s2
    lw a7, 0(t2)
    lw s0, 4(t2)
    lw s2, 8(t2)
    lw s3, 12(t2)
    beqz a7, 2f
    lw a4, F_END(a7)
    lw a5, S_MODULE(sp)
    add s6, a4, a5
    lhu a4, F_LOCALS(a7)
    slli a4, a4, 3
    add t2, s2, a4
    lhu a4, F_FLAGS(a7)
    FLAGS
    NEXT1
    FLAGS_OTHER 3f
2:  SPILL1
    j returned
3:  SPILL1
    j step
1:  SPILL1
# All operands are on the stack.
return_all:
    lhu a0, F_RESULTS(a7)
    slli a0, a0, 3
    sub a1, s1, a0
    mv a2, s1
    mv s1, s2
    lw a7, 0(t2)
    lw s0, 4(t2)
    lw s2, 8(t2)
    lw s3, 12(t2)
    beqz a0, 2f
1:  lw a4, 0(a1)
    lw a5, 4(a1)
    sw a4, 0(s1)
    sw a5, 4(s1)
    addi a1, a1, 8
    addi s1, s1, 8
    bne a1, a2, 1b
2:  bnez a7, enter_function
    j returned

# Branches: s0 is behind the opcode, s3 the branch's entry.

taken_three:
    SPILL2
    mv a0, a2
    j taken_one
taken_two:
    sw a0, 0(s1)
    addi s1, s1, 8
    mv a0, a1
taken_one:
    SPILL1
    j taken
taken_below_two:
    SPILL2
    j taken
taken_below_one:
    SPILL1
# All operands are on the stack.
taken:
    lw a4, 0(s3)
    lw a5, 4(s3)
    slli a3, a5, 20
    bnez a3, 2f
1:  srai a5, a5, 9
    add s3, s3, a5
    add s0, s0, a4
    bltz a4, 7f
    NEXT0
7:
    .if {metered}
    add s11, s11, a4
    bltz s11, preempted
    .endif
    lbu t0, 0(s0)
    addi s0, s0, 1
    beq t0, t5, 8f
    GO0
8:  lbu a4, 0(s0)
    lbu t0, 1(s0)
    slli a4, a4, 3
    add a4, a4, s2
    lw a0, 0(a4)
    beq t0, a6, get_constant
    beq t0, t5, get_get
    addi s0, s0, 2
    GO1
# The same where s0 is before the opcode.
taken_ahead:
    lw a4, 0(s3)
    lw a5, 4(s3)
    slli a3, a5, 20
    bnez a3, 6f
    srai a5, a5, 9
    add s3, s3, a5
    add s0, s0, a4
    bltz a4, 5f
    NEXT0 1
5:
    .if {metered}
    add s11, s11, a4
    bltz s11, 7f
    .endif
    lbu t0, 1(s0)
    addi s0, s0, 2
    beq t0, t5, 8b
    GO0
6:  addi s0, s0, 1
    j 2f
7:  addi s0, s0, 1
    j preempted
2:  # operands are dropped below those that are kept: a0 bytes are kept, a1 dropped
    slli a0, a5, 20
    srli a0, a0, 28
    andi a1, a5, 255
    srli a5, a5, 12
    slli a5, a5, 12
    addi a3, a0, -{elsewhere}
    beqz a3, 5f
3:  beqz a1, 1b
    slli a0, a0, 3
    slli a1, a1, 3
    sub a2, s1, a0
    sub s1, s1, a1
    sub a3, a2, a1
    j 4f
6:  lw a0, 0(a2)
    lw a1, 4(a2)
    sw a0, 0(a3)
    sw a1, 4(a3)
    addi a2, a2, 8
    addi a3, a3, 8
4:  bne a3, s1, 6b
    j 1b
5:  # what does not fit into an entry
    slli a4, a4, 3
    add a3, s3, a4
    lw a4, 0(a3)
    lw a5, 4(a3)
    lw a0, 8(a3)
    lw a1, 12(a3)
    slli a5, a5, 12             # `1:` shifts it back
    j 3b

# The label is the topmost operand on the stack.
branch_table:
    lw a0, -8(s1)
    addi s1, s1, -8
    mv a3, s0
    lbu a4, 0(a3)
    addi a3, a3, 1
    slli a5, a4, 24
    bltz a5, 3f
2:  bgeu a4, a0, 1f
    mv a0, a4
1:  slli a0, a0, 3
    add s3, s3, a0
    j taken
3:  andi a4, a4, 127
    li a2, 7
4:  lbu a5, 0(a3)
    addi a3, a3, 1
    andi a1, a5, 127
    sll a1, a1, a2
    or a4, a4, a1
    addi a2, a2, 7
    slli a5, a5, 24
    bltz a5, 4b
    j 2b
