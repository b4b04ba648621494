# Instructions with all operands on the stack: on values of 64 bits, on locals and globals that may have as many, and on
# memory where the quick way does not do. They stand where there are no opcodes, between the
# references and the prefix.

# Locals and globals; an index of several bytes is for the portable loop.

    .macro LOCAL_PLACE
    lbu a4, 0(s0)
    slli a5, a4, 24
    bltz a5, n0_portable
    slli a4, a4, 3
    add a4, a4, s2
    .endm

    .macro GET name, place:vararg
\name:
    \place
    lw a0, 0(a4)
    lw a1, 4(a4)
    sw a0, 0(s1)
    sw a1, 4(s1)
    addi s1, s1, 8
    NEXT0 1
    .endm

    .macro SET name, popped, place:vararg
\name:
    \place
    lw a0, -8(s1)
    lw a1, -4(s1)
    sw a0, 0(a4)
    sw a1, 4(a4)
    addi s1, s1, -\popped
    NEXT0 1
    .endm

    GET local_get, LOCAL_PLACE
    GET global_get, GLOBAL 0
    SET local_set, 8, LOCAL_PLACE
    SET local_tee, 0, LOCAL_PLACE
    SET global_set, 8, GLOBAL 0

# Constants.

long_F64Const:
    WORD a0
    addi s0, s0, 4
    WORD a1
    sw a0, 0(s1)
    sw a1, 4(s1)
    addi s1, s1, 8
    NEXT0 4

# Seven bits a byte: four bytes fill a0 but for four bits, which the fifth one has.
long_I64Const:
    lb a4, 0(s0)
    bltz a4, 1f
    slli a4, a4, 25
    srai a0, a4, 25
    srai a1, a4, 31
    sw a0, 0(s1)
    sw a1, 4(s1)
    addi s1, s1, 8
    NEXT0 1
1:  addi s0, s0, 1
    andi a0, a4, 127
    .irp shift, 18, 11, 4
    lb a4, 0(s0)
    addi s0, s0, 1
    slli a5, a4, 25
    bltz a4, 2f
    srai a3, a5, \shift
    or a0, a0, a3
    srai a1, a5, 31
    j 9f
2:  srli a5, a5, \shift
    or a0, a0, a5
    .endr
    lb a4, 0(s0)
    addi s0, s0, 1
    slli a5, a4, 25
    slli a3, a5, 3
    or a0, a0, a3
    srai a1, a5, 29
    bgez a4, 9f
    srli a1, a5, 29
    .irp shift, 22, 15, 8, 1
    lb a4, 0(s0)
    addi s0, s0, 1
    slli a5, a4, 25
    bltz a4, 2f
    srai a5, a5, \shift
    or a1, a1, a5
    j 9f
2:  srli a5, a5, \shift
    or a1, a1, a5
    .endr
    lbu a4, 0(s0)
    addi s0, s0, 1
    slli a4, a4, 31
    or a1, a1, a4
9:  sw a0, 0(s1)
    sw a1, 4(s1)
    addi s1, s1, 8
    NEXT0

# Operands of 64 bits: the first in a0 and a1, the second in a2 and a3.
    .macro PAIR
    lw a0, -16(s1)
    lw a1, -12(s1)
    lw a2, -8(s1)
    lw a3, -4(s1)
    .endm

# The result is in a0 and a1.
    .macro PAIR_DONE
    sw a0, -16(s1)
    sw a1, -12(s1)
    addi s1, s1, -8
    NEXT0
    .endm

long_I64Add:
    PAIR
    add a0, a0, a2
    sltu a4, a0, a2
    add a1, a1, a3
    add a1, a1, a4
    PAIR_DONE

long_I64Sub:
    PAIR
    sltu a4, a0, a2
    sub a0, a0, a2
    sub a1, a1, a3
    sub a1, a1, a4
    PAIR_DONE

long_I64Mul:
    PAIR
    mulhu a4, a0, a2
    mul a3, a0, a3
    mul a1, a1, a2
    mul a0, a0, a2
    add a1, a1, a3
    add a1, a1, a4
    PAIR_DONE

    .macro BITWISE name, code
long_\name:
    PAIR
    \code a0, a0, a2
    \code a1, a1, a3
    PAIR_DONE
    .endm

    BITWISE I64And, and
    BITWISE I64Or, or
    BITWISE I64Xor, xor

# A shift by a register counts its lowest five bits: a4 tells whether there is a sixth one.
    .macro LONG_SHIFT name
long_\name:
    lw a0, -16(s1)
    lw a1, -12(s1)
    lw a2, -8(s1)
    andi a4, a2, 32
    xori a3, a2, 31
    .endm

    LONG_SHIFT I64Shl
    bnez a4, 1f
    srli a5, a0, 1
    srl a5, a5, a3
    sll a1, a1, a2
    or a1, a1, a5
    sll a0, a0, a2
    PAIR_DONE
1:  sll a1, a0, a2
    li a0, 0
    PAIR_DONE

    LONG_SHIFT I64ShrU
    bnez a4, 1f
    slli a5, a1, 1
    sll a5, a5, a3
    srl a0, a0, a2
    or a0, a0, a5
    srl a1, a1, a2
    PAIR_DONE
1:  srl a0, a1, a2
    li a1, 0
    PAIR_DONE

    LONG_SHIFT I64ShrS
    bnez a4, 1f
    slli a5, a1, 1
    sll a5, a5, a3
    srl a0, a0, a2
    or a0, a0, a5
    sra a1, a1, a2
    PAIR_DONE
1:  sra a0, a1, a2
    srai a1, a1, 31
    PAIR_DONE

# Whether the first number is less than the second, or, with \turn, not.
    .macro LONG_COMPARISON name, code, low, high, other_low, other_high, turn
long_\name:
    PAIR
    \code a4, \high, \other_high
    bne \high, \other_high, 1f
    sltu a4, \low, \other_low
1:  xori a0, a4, \turn
    addi s1, s1, -16
    NEXT1
    .endm

    LONG_COMPARISON I64LtS, slt, a0, a1, a2, a3, 0
    LONG_COMPARISON I64LtU, sltu, a0, a1, a2, a3, 0
    LONG_COMPARISON I64GtS, slt, a2, a3, a0, a1, 0
    LONG_COMPARISON I64GtU, sltu, a2, a3, a0, a1, 0
    LONG_COMPARISON I64LeS, slt, a2, a3, a0, a1, 1
    LONG_COMPARISON I64LeU, sltu, a2, a3, a0, a1, 1
    LONG_COMPARISON I64GeS, slt, a0, a1, a2, a3, 1
    LONG_COMPARISON I64GeU, sltu, a0, a1, a2, a3, 1

    .macro LONG_EQUALITY name, code
long_\name:
    PAIR
    xor a0, a0, a2
    xor a1, a1, a3
    or a0, a0, a1
    \code a0, a0
    addi s1, s1, -16
    NEXT1
    .endm

    LONG_EQUALITY I64Eq, seqz
    LONG_EQUALITY I64Ne, snez

long_I64Eqz:
    lw a0, -8(s1)
    lw a1, -4(s1)
    or a0, a0, a1
    seqz a0, a0
    addi s1, s1, -8
    NEXT1

long_I32WrapI64:
    lw a0, -8(s1)
    addi s1, s1, -8
    NEXT1
long_I64ExtendI32S:
    lw a0, -8(s1)
    srai a0, a0, 31
    sw a0, -4(s1)
    NEXT0
long_I64ExtendI32U:
    sw zero, -4(s1)
    NEXT0

# Floating point of 64 bits, by functions.
    .macro DOUBLE name, function
long_\name:
    PAIR
    sw a7, S_FUNCTION(sp)
    sw t2, S_FRAME(sp)
    sw t5, S_QUICK(sp)
    call \function
    j double_done
    .endm

    DOUBLE F64Add, thimble_inplace_f64_add
    DOUBLE F64Sub, thimble_inplace_f64_sub
    DOUBLE F64Mul, thimble_inplace_f64_mul
    DOUBLE F64Div, thimble_inplace_f64_div
double_done:
    CONSTANTS
    lw a7, S_FUNCTION(sp)
    lw t2, S_FRAME(sp)
    lw t5, S_QUICK(sp)
    PAIR_DONE

# Memory. The place of the access comes to a4, and that behind the immediates to a3; until the access is known to be
# within the memory, nothing changes. Returns to t0; the address is 8 bytes below s1, or 16.
place_16:
    lw a0, -16(s1)
    j 1f
place_8:
    lw a0, -8(s1)
1:  lbu a4, 1(s0)
    addi a3, s0, 2
    slli a5, a4, 24
    bgez a5, 2f
    andi a4, a4, 127
    li a2, 7
1:  lbu a5, 0(a3)
    addi a3, a3, 1
    andi a1, a5, 127
    sll a1, a1, a2
    or a4, a4, a1
    addi a2, a2, 7
    slli a5, a5, 24
    bltz a5, 1b
2:  add a4, a4, a0
    bltu a4, a0, n0_portable
    lw a5, S_EXACT(sp)
    bgeu a4, a5, n0_portable
    add a4, a4, s4
    jr t0

# The word at a4, wherever it is, comes to a0; returns to t0.
load_word:
    andi a5, a4, 3
    bnez a5, 1f
    lw a0, 0(a4)
    jr t0
1:  lbu a0, 0(a4)
    lbu a5, 1(a4)
    slli a5, a5, 8
    or a0, a0, a5
    lbu a5, 2(a4)
    slli a5, a5, 16
    or a0, a0, a5
    lbu a5, 3(a4)
    slli a5, a5, 24
    or a0, a0, a5
    jr t0

# As many bits of a0 go there.
store_word:
    andi a5, a4, 3
    bnez a5, 1f
    sw a0, 0(a4)
    jr t0
1:  srli a5, a0, 16
    sb a5, 2(a4)
    srli a5, a0, 24
    sb a5, 3(a4)
store_half:
    sb a0, 0(a4)
    srli a5, a0, 8
    sb a5, 1(a4)
    jr t0

    .macro HALF
    lbu a0, 0(a4)
    lb a5, 1(a4)
    slli a5, a5, 8
    or a0, a0, a5
    .endm
    .macro HALF_UNSIGNED
    lbu a0, 0(a4)
    lbu a5, 1(a4)
    slli a5, a5, 8
    or a0, a0, a5
    .endm
    .macro WHOLE
    jal t0, load_word
    .endm
    .macro BYTE
    lb a0, 0(a4)
    .endm
    .macro BYTE_UNSIGNED
    lbu a0, 0(a4)
    .endm

# The value is in a0, of 32 bits.
    .macro SHORT_LOAD name, code
long_\name:
    jal t0, place_8
    \code
    mv s0, a3
    addi s1, s1, -8
    NEXT1
    .endm

    SHORT_LOAD I32Load, WHOLE
    SHORT_LOAD I32Load8S, BYTE
    SHORT_LOAD I32Load8U, BYTE_UNSIGNED
    SHORT_LOAD I32Load16S, HALF
    SHORT_LOAD I32Load16U, HALF_UNSIGNED

    .macro EXTENDED_LOAD name, code, high:vararg
long_\name:
    jal t0, place_8
    \code
    \high
    j long_loaded
    .endm

    EXTENDED_LOAD I64Load8S, BYTE, srai a1, a0, 31
    EXTENDED_LOAD I64Load8U, BYTE_UNSIGNED, li a1, 0
    EXTENDED_LOAD I64Load16S, HALF, srai a1, a0, 31
    EXTENDED_LOAD I64Load16U, HALF_UNSIGNED, li a1, 0
    EXTENDED_LOAD I64Load32S, WHOLE, srai a1, a0, 31
    EXTENDED_LOAD I64Load32U, WHOLE, li a1, 0

long_F64Load:
long_I64Load:
    jal t0, place_8
    jal t0, load_word
    mv a1, a0
    addi a4, a4, 4
    jal t0, load_word
    sw a1, -8(s1)
    sw a0, -4(s1)
    mv s0, a3
    NEXT0
long_loaded:
    sw a0, -8(s1)
    sw a1, -4(s1)
    mv s0, a3
    NEXT0

    .macro LONG_STORE code:vararg
    jal t0, place_16
    lw a0, -8(s1)
    \code
    j long_stored
    .endm

long_I32Store:
long_I64Store32:
    LONG_STORE jal t0, store_word
long_I32Store8:
long_I64Store8:
    LONG_STORE sb a0, 0(a4)
long_I32Store16:
long_I64Store16:
    LONG_STORE jal t0, store_half
long_F64Store:
long_I64Store:
    jal t0, place_16
    lw a0, -8(s1)
    jal t0, store_word
    lw a0, -4(s1)
    addi a4, a4, 4
    jal t0, store_word
long_stored:
    addi s1, s1, -16
    mv s0, a3
    NEXT0

# What the quick ways leave, by opcode; those of 64 bits never come here.
    .option push
    .option norvc
accesses:
    j long_I32Load
    j long_I64Load
    j long_I32Load
    j long_F64Load
    j long_I32Load8S
    j long_I32Load8U
    j long_I32Load16S
    j long_I32Load16U
    .rept OP_I32Store - OP_I64Load8S
    j n0_portable
    .endr
    j long_I32Store
    j long_I64Store
    j long_I32Store
    j long_F64Store
    j long_I32Store8
    j long_I32Store16
    .option pop

# The last opcode.
    .equ OP_Prefix, {prefix}
    PORTABLE Prefix

    .option pop
