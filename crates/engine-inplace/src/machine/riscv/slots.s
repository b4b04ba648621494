# The slots, in the order of the opcodes.

    .p2align 7
thimble_slots:

# The slot of an opcode in a state.
    .macro SLOT name, state
    .org thimble_slots + OPCODE_BYTES * OP_\name + SLOT_\state
n\state\()_\name:
    .endm

# What functions do instead that are not small: with all operands on the stack, where one in a register goes first.
    .macro WIDE name, target
    .org thimble_slots + OPCODE_BYTES * OP_\name + SLOT_WIDE_1
    SPILL1
    j \target
    .endm

# An opcode that is done with all operands on the stack.
    .macro STACKED name, target
    SLOT \name, 0
    j \target
    SLOT \name, 1
    SPILL1
    j \target
    SLOT \name, 2
    SPILL2
    j \target
    SLOT \name, 3
    SPILL3
    j \target
    WIDE \name, \target
    .endm

    .macro PORTABLE names:vararg
    .irp name, \names
    SLOT \name, 0
    j n0_portable
    SLOT \name, 1
    j n1_portable
    SLOT \name, 2
    j n2_portable
    SLOT \name, 3
    j n3_portable
    WIDE \name, n0_portable
    .endr
    .endm

    PORTABLE Unreachable

    SLOT Nop, 0
    NEXT0
    SLOT Nop, 1
    NEXT1
    SLOT Nop, 2
    NEXT2
    SLOT Nop, 3
    NEXT3
    WIDE Nop, n0_Nop

# The type of a block is one byte.
    .irp name, Block, Loop
    SLOT \name, 0
    lbu t0, 1(s0)
    addi s0, s0, 2
    beq t0, t5, n0_LocalGet
    GO0
    SLOT \name, 1
    NEXT1 1
    SLOT \name, 2
    NEXT2 1
    SLOT \name, 3
    NEXT3 1
    WIDE \name, n0_\name
    .endr

# A branch that is taken if the topmost operand is not 0, or if it is.
    .macro CONDITIONAL name, taken
    SLOT \name, 0
    lw a0, -8(s1)
    addi s1, s1, -8
    \taken a0, taken
    addi s3, s3, 8
    NEXT0 1
    SLOT \name, 1
    \taken a0, taken
    addi s3, s3, 8
    lbu t0, 1(s0)
    addi s0, s0, 2
    beq t0, t5, n0_LocalGet
    GO0
    SLOT \name, 2
    \taken a1, taken_below_one
    addi s3, s3, 8
    NEXT1 1
    SLOT \name, 3
    \taken a2, taken_below_two
    addi s3, s3, 8
    NEXT2 1
    WIDE \name, n0_\name
    .endm

    CONDITIONAL If, beqz
    STACKED Else, taken

    SLOT End, 0
    beq s0, s6, return_all
    lbu t0, 0(s0)
    addi s0, s0, 1
    beq t0, t5, n0_LocalGet
    GO0
    SLOT End, 1
    beq s0, s6, return_one
    NEXT1
    SLOT End, 2
    beq s0, s6, return_two
    NEXT2
    SLOT End, 3
    beq s0, s6, return_three
    NEXT3
    WIDE End, n0_End

    SLOT Br, 0
    j taken
    SLOT Br, 1
    j taken_one
    SLOT Br, 2
    j taken_two
    SLOT Br, 3
    j taken_three
    WIDE Br, taken

    CONDITIONAL BrIf, bnez
    STACKED BrTable, branch_table

    SLOT Return, 0
    j return_all
    SLOT Return, 1
    j return_one
    SLOT Return, 2
    j return_two
    SLOT Return, 3
    j return_three
    WIDE Return, return_all

    STACKED Call, call
    STACKED CallIndirect, call_indirect
    PORTABLE ReturnCall, ReturnCallIndirect

# No opcode is between here and `drop`: a local, whose constant follows, and what mostly is done with both. s0 is behind the
# opcode of the former, whose value is in a0.

# Behind a constant of so many bytes, in a1, where t0 is the next opcode.
    .macro GOT bytes
    bne t0, t6, 4f
    add a0, a0, a1
    lbu t0, 3 + \bytes(s0)
    beq t0, t4, 5f
    beq t0, ra, 6f
    addi s0, s0, 4 + \bytes
    GO1
4:  addi s0, s0, 3 + \bytes
    GO2
5:  lbu a4, 4 + \bytes(s0)
    lbu t0, 5 + \bytes(s0)
    slli a4, a4, 3
    add a4, a4, s2
    sw a0, 0(a4)
    addi s0, s0, 6 + \bytes
    GO1
6:  lbu a4, 4 + \bytes(s0)
    lbu t0, 5 + \bytes(s0)
    slli a4, a4, 3
    add a4, a4, s2
    sw a0, 0(a4)
    addi s0, s0, 6 + \bytes
    beq t0, t5, n0_LocalGet
    GO0
    .endm

get_get:
    lbu a4, 2(s0)
    lbu t0, 3(s0)
    slli a4, a4, 3
    add a4, a4, s2
    lw a1, 0(a4)
    addi s0, s0, 4
    GO2
get_constant:
    lb a1, 2(s0)
    lbu t0, 3(s0)
    bgeu a1, t3, 2f
    GOT 1
2:  bltz a1, 3f
    addi a1, a1, -128
    GOT 1
3:  bgeu t0, t3, 3f
    slli t0, t0, 7
    add a1, a1, t0
    addi a1, a1, 128
    lbu t0, 4(s0)
    GOT 2
3:  addi s0, s0, 2
    j constant_more_a1

    SLOT Drop, 0
    addi s1, s1, -8
    NEXT0
    SLOT Drop, 1
    NEXT0
    SLOT Drop, 2
    NEXT1
    SLOT Drop, 3
    NEXT2
    WIDE Drop, n0_Drop

# What is selected may have 64 bits if it is on the stack.
    SLOT Select, 0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n1_Select
select_first:
    addi s1, s1, -8
    NEXT0
    SLOT Select, 1
    bnez a0, select_first
    lw a4, -8(s1)
    lw a5, -4(s1)
    sw a4, -16(s1)
    sw a5, -12(s1)
    j select_first
    SLOT Select, 2
    addi s1, s1, -8
    beqz a1, 1f
    lw a0, 0(s1)
1:  NEXT1
    SLOT Select, 3
    bnez a2, 1f
    mv a0, a1
1:  NEXT1
    WIDE Select, n0_Select

    PORTABLE SelectTyped

# The place of the local that follows comes to a4; all of them have 32 bits, and indices of one byte.
    .macro LOCAL
    lbu a4, 0(s0)
    slli a4, a4, 3
    add a4, a4, s2
    .endm

    SLOT LocalGet, 0
    LOCAL
    lw a0, 0(a4)
    lbu t0, 1(s0)
    beq t0, a6, get_constant
    beq t0, t5, get_get
    addi s0, s0, 2
    GO1
    SLOT LocalGet, 1
    LOCAL
    lw a1, 0(a4)
    NEXT2 1
    SLOT LocalGet, 2
    LOCAL
    lw a2, 0(a4)
    NEXT3 1
    SLOT LocalGet, 3
    SHIFT3
    j n2_LocalGet
    WIDE LocalGet, local_get

    SLOT LocalSet, 0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n1_LocalSet
    SLOT LocalSet, 1
    LOCAL
    sw a0, 0(a4)
    lbu t0, 1(s0)
    addi s0, s0, 2
    beq t0, t5, n0_LocalGet
    GO0
    SLOT LocalSet, 2
    LOCAL
    sw a1, 0(a4)
    NEXT1 1
    SLOT LocalSet, 3
    j set_three
    WIDE LocalSet, local_set

    SLOT LocalTee, 0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n1_LocalTee
    SLOT LocalTee, 1
    LOCAL
    sw a0, 0(a4)
    NEXT1 1
    SLOT LocalTee, 2
    LOCAL
    sw a1, 0(a4)
    NEXT2 1
    SLOT LocalTee, 3
    j tee_three
    WIDE LocalTee, local_tee

# The place of the global that follows comes to a4; an index of several bytes is for the portable loop.
    .macro GLOBAL state
    lbu a4, 0(s0)
    slli a5, a4, 24
    bltz a5, n\state\()_portable
    lw a5, S_GLOBALS(sp)
    slli a4, a4, 3
    add a4, a4, a5
    .endm

    SLOT GlobalGet, 0
    j get_global_none
    SLOT GlobalGet, 1
    j get_global_one
    SLOT GlobalGet, 2
    j get_global_two
    SLOT GlobalGet, 3
    SHIFT3
    j get_global_two
    WIDE GlobalGet, global_get

    SLOT GlobalSet, 0
    lw a0, -8(s1)
    addi s1, s1, -8
    j set_global_one
    SLOT GlobalSet, 1
    j set_global_one
    SLOT GlobalSet, 2
    j set_global_two
    SLOT GlobalSet, 3
    j set_global_three
    WIDE GlobalSet, global_set

    PORTABLE TableGet, TableSet

# No opcode is between here and the loads.
# A constant that is no small one: its first byte, as a signed number, is in the register, the next one in t0.
    .macro CONSTANT to, below, state, state_below
constant_\to:
    bgez \to, 1f
constant_more_\to:
    bgeu t0, t3, 2f
    slli t0, t0, 7
    add \to, \to, t0
    addi \to, \to, 128
    lbu t0, 2(s0)
    addi s0, s0, 3
    .if \state > 1
    beq t0, t6, 9f
    .endif
    GO\state
2:  slli a5, t0, 24
    bgez a5, constant_negative_\to
    andi t0, t0, 127
    slli t0, t0, 7
    add \to, \to, t0
    addi \to, \to, 128
    lb a5, 2(s0)
    bgeu a5, t3, constant_long_\to
    slli a5, a5, 14
    add \to, \to, a5
    lbu t0, 3(s0)
    addi s0, s0, 4
    .if \state > 1
    beq t0, t6, 9f
    .endif
    GO\state
1:  addi \to, \to, -128
    addi s0, s0, 2
    .if \state > 1
    beq t0, t6, 9f
    .endif
    GO\state
    .if \state > 1
9:  add \below, \below, \to
    NEXT\state_below
    .endif
    .endm

    CONSTANT a1, a0, 2, 1

# PLACE: where an access begins comes to a4. The alignment is one byte; where the offset is, too, whatever begins below s5
# is within the memory.
    .macro PLACE address, slow
    lb a4, 1(s0)
    bltz a4, \slow
    bgeu \address, s5, \slow
    add a4, a4, \address
    add a4, a4, s4
    .endm

    .macro LOAD name, code, mask
    SLOT \name, 0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n1_\name
1:  j access_one
2:  j access_two
    SLOT \name, 1
    PLACE a0, 1b
    .if \mask
    andi a5, a4, \mask
    bnez a5, 1b
    .endif
    \code a0, 0(a4)
    .if \mask == 1
    j next1_load
    .else
    NEXT1 2
    .endif
    SLOT \name, 2
    PLACE a1, 2b
    .if \mask
    andi a5, a4, \mask
    bnez a5, 2b
    .endif
    \code a1, 0(a4)
    .if \mask == 1
    j next2_load
    .else
    NEXT2 2
    .endif
    SLOT \name, 3
    SHIFT3
    j n2_\name
    WIDE \name, n0_\name
    .endm

    LOAD I32Load, lw, 3
    STACKED I64Load, long_I64Load
    LOAD F32Load, lw, 3
    STACKED F64Load, long_F64Load
    LOAD I32Load8S, lb, 0
    LOAD I32Load8U, lbu, 0
    LOAD I32Load16S, lh, 1
    LOAD I32Load16U, lhu, 1
    STACKED I64Load8S, long_I64Load8S
    STACKED I64Load8U, long_I64Load8U
    STACKED I64Load16S, long_I64Load16S
    STACKED I64Load16U, long_I64Load16U
    STACKED I64Load32S, long_I64Load32S
    STACKED I64Load32U, long_I64Load32U

    .macro STORE name, code, mask
    SLOT \name, 0
    lw a1, -8(s1)
    lw a0, -16(s1)
    addi s1, s1, -16
    j n2_\name
1:  j access_two
    SLOT \name, 1
    mv a1, a0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n2_\name
    SLOT \name, 2
    PLACE a0, 1b
    .if \mask
    andi a5, a4, \mask
    bnez a5, 1b
    .endif
    \code a1, 0(a4)
    .if \mask == 1
    j next0_store
    .else
    NEXT0 2
    .endif
    SLOT \name, 3
    SHIFT3
    j n2_\name
    WIDE \name, n0_\name
    .endm

    STORE I32Store, sw, 3
    STACKED I64Store, long_I64Store
    STORE F32Store, sw, 3
    STACKED F64Store, long_F64Store
    STORE I32Store8, sb, 0
    STORE I32Store16, sh, 1
    STACKED I64Store8, long_I64Store8
    STACKED I64Store16, long_I64Store16
    STACKED I64Store32, long_I64Store32
    PORTABLE MemorySize
    SLOT MemoryGrow, 0
    j n0_portable
1:  j constant_a0
3:  j constant_a2
    SLOT MemoryGrow, 1
    j n1_portable
4:  add a0, a0, a1
    lbu t0, 2(s0)
    addi s0, s0, 3
    GO1
    SLOT MemoryGrow, 2
    j n2_portable
5:  add a1, a1, a2
    lbu t0, 2(s0)
    addi s0, s0, 3
    GO2
    SLOT MemoryGrow, 3
    j n3_portable
2:  bltz a1, constant_more_a1
    addi a1, a1, -128
    j 6f
    WIDE MemoryGrow, n0_portable

# A constant from 0 to 63 is one byte, and mostly added at once.
    SLOT I32Const, 0
    lb a0, 0(s0)
    lbu t0, 1(s0)
    bgeu a0, t3, 1b
    addi s0, s0, 2
    beq t0, ra, n1_LocalSet
    GO1
    SLOT I32Const, 1
    lb a1, 0(s0)
    lbu t0, 1(s0)
    bgeu a1, t3, 2b
6:  beq t0, t6, 4b
    addi s0, s0, 2
    GO2
    SLOT I32Const, 2
    lb a2, 0(s0)
    lbu t0, 1(s0)
    bgeu a2, t3, 3b
    beq t0, t6, 5b
    addi s0, s0, 2
    GO3
    SLOT I32Const, 3
    SHIFT3
    j n2_I32Const
    WIDE I32Const, wide_constant

    STACKED I64Const, long_I64Const

# The four bytes of the code from s0 on come to a register.
    .macro WORD to
    lbu \to, 0(s0)
    lbu a4, 1(s0)
    slli a4, a4, 8
    or \to, \to, a4
    lbu a4, 2(s0)
    slli a4, a4, 16
    or \to, \to, a4
    lbu a4, 3(s0)
    slli a4, a4, 24
    or \to, \to, a4
    .endm

    SLOT F32Const, 0
    j word_a0
    SLOT F32Const, 1
    j word_a1
    SLOT F32Const, 2
    j word_a2
    SLOT F32Const, 3
    SHIFT3
    j word_a2
    WIDE F32Const, word_a0
    STACKED F64Const, long_F64Const

# A comparison, and at once the branch that mostly follows it. \taken branches if it holds, \bool sets a0 to whether.
    .macro COMPARISON name, taken, bool:vararg
    SLOT \name, 0
    lw a1, -8(s1)
    lw a0, -16(s1)
    addi s1, s1, -16
    j n2_\name
1:  \bool
    j next1_bool
    SLOT \name, 1
    mv a1, a0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n2_\name
2:  j taken_ahead
    SLOT \name, 2
    lbu t0, 0(s0)
    bne t0, t1, 1b
    \taken a0, a1, 2b
    addi s3, s3, 8
    NEXT0 2
    SLOT \name, 3
    SHIFT3
    j n2_\name
    WIDE \name, n0_\name
    .endm

    .macro EQUAL
    sub a0, a0, a1
    seqz a0, a0
    .endm
    .macro NOT_EQUAL
    sub a0, a0, a1
    snez a0, a0
    .endm
    .macro NOT_LESS code, first, second
    \code a0, \first, \second
    xori a0, a0, 1
    .endm

    SLOT I32Eqz, 0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n1_I32Eqz
1:  j taken_ahead
    SLOT I32Eqz, 1
    lbu t0, 0(s0)
    bne t0, t1, 3f
    beqz a0, 1b
    addi s3, s3, 8
    NEXT0 2
    SLOT I32Eqz, 2
    seqz a1, a1
    NEXT2
3:  seqz a0, a0
next1_bool:
    addi s0, s0, 1
    GO1
    SLOT I32Eqz, 3
    seqz a2, a2
    NEXT3
    WIDE I32Eqz, n0_I32Eqz

    COMPARISON I32Eq, beq, EQUAL
    COMPARISON I32Ne, bne, NOT_EQUAL
    COMPARISON I32LtS, blt, slt a0, a0, a1
    COMPARISON I32LtU, bltu, sltu a0, a0, a1
    COMPARISON I32GtS, bgt, slt a0, a1, a0
    COMPARISON I32GtU, bgtu, sltu a0, a1, a0
    COMPARISON I32LeS, ble, NOT_LESS slt, a1, a0
    COMPARISON I32LeU, bleu, NOT_LESS sltu, a1, a0
    COMPARISON I32GeS, bge, NOT_LESS slt, a0, a1
    COMPARISON I32GeU, bgeu, NOT_LESS sltu, a0, a1

    .irp name, I64Eqz, I64Eq, I64Ne, I64LtS, I64LtU, I64GtS, I64GtU, I64LeS, I64LeU, I64GeS, I64GeU
    STACKED \name, long_\name
    .endr
    PORTABLE F32Eq, F32Ne, F32Lt, F32Gt, F32Le, F32Ge, F64Eq, F64Ne, F64Lt, F64Gt, F64Le, F64Ge
    PORTABLE I32Clz, I32Ctz, I32Popcnt

    .macro BINARY name, code
    SLOT \name, 0
    lw a1, -8(s1)
    lw a0, -16(s1)
    addi s1, s1, -16
    \code a0, a0, a1
    NEXT1
    SLOT \name, 1
    lw a1, -8(s1)
    addi s1, s1, -8
    \code a0, a1, a0
    NEXT1
    SLOT \name, 2
    \code a0, a0, a1
    NEXT1
    SLOT \name, 3
    \code a1, a1, a2
    NEXT2
    WIDE \name, n0_\name
    .endm

    BINARY I32Add, add
    BINARY I32Sub, sub
    BINARY I32Mul, mul

# A division by 0 or -1 is for the portable loop.
    .macro DIVISION name, code
    SLOT \name, 0
    lw a1, -8(s1)
    lw a0, -16(s1)
    addi s1, s1, -16
    j n2_\name
    SLOT \name, 1
    mv a1, a0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n2_\name
1:  j n2_portable
    SLOT \name, 2
    addi a4, a1, 1
    sltiu a4, a4, 2
    bnez a4, 1b
    \code a0, a0, a1
    NEXT1
    SLOT \name, 3
    SHIFT3
    j n2_\name
    WIDE \name, n0_\name
    .endm

    DIVISION I32DivS, div
    DIVISION I32DivU, divu
    DIVISION I32RemS, rem
    DIVISION I32RemU, remu

    BINARY I32And, and
    BINARY I32Or, or
    BINARY I32Xor, xor
    BINARY I32Shl, sll
    BINARY I32ShrS, sra
    BINARY I32ShrU, srl

    .macro ROTATION name, one, other
    SLOT \name, 0
    lw a1, -8(s1)
    lw a0, -16(s1)
    addi s1, s1, -16
    j n2_\name
    SLOT \name, 1
    mv a1, a0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n2_\name
    SLOT \name, 2
    neg a5, a1
    \one a4, a0, a1
    \other a5, a0, a5
    or a0, a4, a5
    NEXT1
    SLOT \name, 3
    SHIFT3
    j n2_\name
    WIDE \name, n0_\name
    .endm

    ROTATION I32Rotl, sll, srl
    ROTATION I32Rotr, srl, sll

    PORTABLE I64Clz, I64Ctz, I64Popcnt
    .irp name, I64Add, I64Sub, I64Mul
    STACKED \name, long_\name
    .endr
    PORTABLE I64DivS, I64DivU, I64RemS, I64RemU
    .irp name, I64And, I64Or, I64Xor, I64Shl, I64ShrS, I64ShrU
    STACKED \name, long_\name
    .endr
    PORTABLE I64Rotl, I64Rotr

# The sign bit is cleared or turned, at the topmost of so many operands in registers.
    .macro SIGN name, lift, lower
    SLOT \name, 0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n1_\name
    SLOT \name, 1
    \lift a0
    \lower a0
    NEXT1
    SLOT \name, 2
    \lift a1
    \lower a1
    NEXT2
    SLOT \name, 3
    \lift a2
    \lower a2
    NEXT3
    WIDE \name, n0_\name
    .endm

    .macro LEFT_ONE operand
    slli \operand, \operand, 1
    .endm
    .macro RIGHT_ONE operand
    srli \operand, \operand, 1
    .endm
    .macro SIGN_BIT operand
    lui a4, 0x80000
    .endm
    .macro TURN operand
    xor \operand, \operand, a4
    .endm

    SIGN F32Abs, LEFT_ONE, RIGHT_ONE
    SIGN F32Neg, SIGN_BIT, TURN
    PORTABLE F32Ceil, F32Floor, F32Trunc, F32Nearest, F32Sqrt

# What is called leaves the registers s0 to s11 alone.
    .macro FLOAT name, function
    SLOT \name, 0
    lw a1, -8(s1)
    lw a0, -16(s1)
    addi s1, s1, -16
    j n2_\name
    SLOT \name, 1
    mv a1, a0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n2_\name
    SLOT \name, 2
    sw a7, S_FUNCTION(sp)
    sw t2, S_FRAME(sp)
    sw t5, S_QUICK(sp)
    call \function
    j next1_called
    SLOT \name, 3
    SHIFT3
    j n2_\name
    WIDE \name, n0_\name
    .endm

    FLOAT F32Add, thimble_inplace_f32_add
    FLOAT F32Sub, thimble_inplace_f32_sub
    FLOAT F32Mul, thimble_inplace_f32_mul
    FLOAT F32Div, thimble_inplace_f32_div
    PORTABLE F32Min, F32Max, F32Copysign
    PORTABLE F64Abs, F64Neg, F64Ceil, F64Floor, F64Trunc, F64Nearest, F64Sqrt
    .irp name, F64Add, F64Sub, F64Mul, F64Div
    STACKED \name, long_\name
    .endr
    PORTABLE F64Min, F64Max, F64Copysign
    STACKED I32WrapI64, long_I32WrapI64
    PORTABLE I32TruncF32S, I32TruncF32U, I32TruncF64S, I32TruncF64U
    STACKED I64ExtendI32S, long_I64ExtendI32S
    STACKED I64ExtendI32U, long_I64ExtendI32U
    PORTABLE I64TruncF32S, I64TruncF32U, I64TruncF64S, I64TruncF64U
    PORTABLE F32ConvertI32S, F32ConvertI32U, F32ConvertI64S, F32ConvertI64U, F32DemoteF64
    PORTABLE F64ConvertI32S, F64ConvertI32U, F64ConvertI64S, F64ConvertI64U, F64PromoteF32

# The same bits are another type.
    .macro SAME name
    SLOT \name, 0
    NEXT0
    SLOT \name, 1
    NEXT1
    SLOT \name, 2
    NEXT2
    SLOT \name, 3
    NEXT3
    WIDE \name, n0_\name
    .endm

    SAME I32ReinterpretF32
    SAME I64ReinterpretF64
    SAME F32ReinterpretI32
    SAME F64ReinterpretI64

    .macro EXTENSION name, bits
    SLOT \name, 0
    lw a0, -8(s1)
    addi s1, s1, -8
    j n1_\name
    SLOT \name, 1
    slli a0, a0, 32 - \bits
    srai a0, a0, 32 - \bits
    NEXT1
    SLOT \name, 2
    slli a1, a1, 32 - \bits
    srai a1, a1, 32 - \bits
    NEXT2
    SLOT \name, 3
    slli a2, a2, 32 - \bits
    srai a2, a2, 32 - \bits
    NEXT3
    WIDE \name, n0_\name
    .endm

    EXTENSION I32Extend8S, 8
    EXTENSION I32Extend16S, 16
    PORTABLE I64Extend8S, I64Extend16S, I64Extend32S

# No opcode is between here and the references: what did not fit above.

next1_load:
    NEXT1 2
next2_load:
    NEXT2 2
next0_store:
    NEXT0 2

set_three:
    LOCAL
    sw a2, 0(a4)
    NEXT2 1
tee_three:
    LOCAL
    sw a2, 0(a4)
    NEXT3 1

next1_called:
    CONSTANTS
    lw a7, S_FUNCTION(sp)
    lw t2, S_FRAME(sp)
    lw t5, S_QUICK(sp)
    NEXT1

word_a0:
    WORD a0
    NEXT1 4
word_a1:
    WORD a1
    NEXT2 4
word_a2:
    WORD a2
    NEXT3 4

# Negative constants of two bytes; of three bytes, whose third one is in a5, and longer ones.
    .macro CONSTANT_LONG to, state
constant_negative_\to:
    slli a5, t0, 25
    srai a5, a5, 18
    add \to, \to, a5
    addi \to, \to, 128
    NEXT\state 2
constant_long_\to:
    bltz a5, 3f
    slli a5, a5, 25
    srai a5, a5, 11
    add \to, \to, a5
    NEXT\state 3
3:  andi a5, a5, 127
    slli a5, a5, 14
    or \to, \to, a5
    lb a5, 3(s0)
    bltz a5, 4f
    slli a5, a5, 25
    srai a5, a5, 4
    or \to, \to, a5
    NEXT\state 4
4:  andi a5, a5, 127
    slli a5, a5, 21
    or \to, \to, a5
    lbu a5, 4(s0)
    slli a5, a5, 28
    or \to, \to, a5
    NEXT\state 5
    .endm

wide_constant:
    lb a0, 0(s0)
    lbu t0, 1(s0)
    bgeu a0, t3, constant_a0
    addi s0, s0, 2
    GO1
    CONSTANT a0, a0, 1, 0
    CONSTANT a2, a1, 3, 2
    CONSTANT_LONG a0, 1
    CONSTANT_LONG a1, 2
    CONSTANT_LONG a2, 3

    .macro GET_GLOBAL name, state, to, after
get_global_\name:
    GLOBAL \state
    lw \to, 0(a4)
    NEXT\after 1
    .endm
    .macro SET_GLOBAL name, state, from, after
set_global_\name:
    GLOBAL \state
    sw \from, 0(a4)
    NEXT\after 1
    .endm

    GET_GLOBAL none, 0, a0, 1
    GET_GLOBAL one, 1, a1, 2
    GET_GLOBAL two, 2, a2, 3
    SET_GLOBAL one, 1, a0, 0
    SET_GLOBAL two, 2, a1, 1
    SET_GLOBAL three, 3, a2, 2

# What a load or store cannot do at once is done with all operands on the stack.
access_two:
    SPILL2
    j access_none
access_one:
    SPILL1
access_none:
    lbu t0, -1(s0)
    la a5, accesses - 4 * OP_I32Load
    slli t0, t0, 2
    add a5, a5, t0
    jr a5

    PORTABLE RefNull, RefIsNull, RefFunc
