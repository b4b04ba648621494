//! The instructions, described once.
//!
//! [`instructions!`] hands the whole description to another macro. What an instruction is called, what follows it in
//! the code, which types it takes and, for those that only compute, what it computes, all stand there and nowhere
//! else: the names and signatures below, the validator's rules for them, the portable loop's handlers, the
//! disassembler and the page `spec/instructions.md` are made from it.
//!
//! Source: WebAssembly core specification 2.0, 5.4 (binary format of instructions), with tail calls.

/// What follows an opcode in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Immediates {
    /// Nothing.
    None,
    /// The type of a block.
    BlockType,
    /// A label, by its depth.
    Label,
    /// A vector of labels and one more.
    Labels,
    /// The index of a function.
    Function,
    /// The index of a type, then that of a table.
    TypeTable,
    /// A vector of value types.
    ValueTypes,
    /// The index of a local.
    Local,
    /// The index of a global.
    Global,
    /// The index of a table.
    Table,
    /// An alignment, as a power of two, and an offset.
    MemoryArgument,
    /// The index of a memory, which is 0.
    Memory,
    /// Two indices of memories, which are 0.
    TwoMemories,
    /// A signed number of 32 bits.
    I32,
    /// A signed number of 64 bits.
    I64,
    /// Four bytes.
    F32,
    /// Eight bytes.
    F64,
    /// A reference type.
    ReferenceType,
    /// The index of a data segment, then that of a memory.
    DataMemory,
    /// The index of a data segment.
    Data,
    /// The index of an element segment, then that of a table.
    ElementTable,
    /// The index of an element segment.
    Element,
    /// Two indices of tables.
    TwoTables,
}

/// What is known of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Its opcode; one after the prefix `0xfc` is `0xfc00` and that number.
    pub code: u16,
    /// What follows the opcode.
    pub immediates: Immediates,
    /// The types it takes and the one it gives, where they are the same everywhere.
    pub signature: Option<Signature>,
}

impl Instruction {
    /// Its name in the text format.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let place = INSTRUCTIONS.iter().position(|own| own.code == self.code);
        place
            .and_then(|place| NAMES.get(place))
            .copied()
            .unwrap_or_default()
    }
}

/// The types of an instruction, as in the binary format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What it takes, the topmost last; nothing where it is 0.
    takes: [u8; 2],
    /// What it gives, or 0.
    gives: u8,
}

impl Signature {
    const fn of(takes: &[u8], gives: u8) -> Self {
        let takes = match *takes {
            [] => [0, 0],
            [one] => [one, 0],
            [one, two, ..] => [one, two],
        };
        Self { takes, gives }
    }

    /// What it takes, the topmost last.
    #[must_use]
    pub fn takes(&self) -> &[u8] {
        let count = self.takes.iter().filter(|ty| **ty != 0).count();
        self.takes.get(..count).unwrap_or_default()
    }

    /// What it gives.
    #[must_use]
    pub fn gives(&self) -> Option<u8> {
        (self.gives != 0).then_some(self.gives)
    }
}

/// The byte before the second group of opcodes.
pub const PREFIX: u8 = 0xfc;

/// The opcode after [`PREFIX`] as it stands in [`Instruction::code`].
#[must_use]
pub const fn prefixed(second: u8) -> u16 {
    0xfc00 | second as u16
}

/// Hands the description to the macro `$with`, in groups:
///
/// - `pure`: opcode, name in Rust, name, parameters with their types, type of the result, and the result, which may be
///   any type that [`Slot`](crate::slot::Slot) knows;
/// - `trapping`: the same, with a `Result` whose error is a [`TrapKind`](thimble_runtime::engine::TrapKind);
/// - `saturating`: as `pure`, behind the prefix;
/// - `loads`: with the type that they give, and what is read, as a type of Rust, before and after widening;
/// - `stores`: with the type that they take, and what is written;
/// - `special`: with what follows them; their handlers are written by hand;
/// - `bulk`: as `special`, behind the prefix.
macro_rules! instructions {
    ($with:ident) => {
        $with! {
            pure {
                0x45 I32Eqz "i32.eqz" (a: i32) -> i32 { a == 0 }
                0x46 I32Eq "i32.eq" (a: i32, b: i32) -> i32 { a == b }
                0x47 I32Ne "i32.ne" (a: i32, b: i32) -> i32 { a != b }
                0x48 I32LtS "i32.lt_s" (a: i32, b: i32) -> i32 { a.cast_signed() < b.cast_signed() }
                0x49 I32LtU "i32.lt_u" (a: i32, b: i32) -> i32 { a < b }
                0x4a I32GtS "i32.gt_s" (a: i32, b: i32) -> i32 { a.cast_signed() > b.cast_signed() }
                0x4b I32GtU "i32.gt_u" (a: i32, b: i32) -> i32 { a > b }
                0x4c I32LeS "i32.le_s" (a: i32, b: i32) -> i32 { a.cast_signed() <= b.cast_signed() }
                0x4d I32LeU "i32.le_u" (a: i32, b: i32) -> i32 { a <= b }
                0x4e I32GeS "i32.ge_s" (a: i32, b: i32) -> i32 { a.cast_signed() >= b.cast_signed() }
                0x4f I32GeU "i32.ge_u" (a: i32, b: i32) -> i32 { a >= b }
                0x50 I64Eqz "i64.eqz" (a: i64) -> i32 { a == 0 }
                0x51 I64Eq "i64.eq" (a: i64, b: i64) -> i32 { a == b }
                0x52 I64Ne "i64.ne" (a: i64, b: i64) -> i32 { a != b }
                0x53 I64LtS "i64.lt_s" (a: i64, b: i64) -> i32 { a.cast_signed() < b.cast_signed() }
                0x54 I64LtU "i64.lt_u" (a: i64, b: i64) -> i32 { a < b }
                0x55 I64GtS "i64.gt_s" (a: i64, b: i64) -> i32 { a.cast_signed() > b.cast_signed() }
                0x56 I64GtU "i64.gt_u" (a: i64, b: i64) -> i32 { a > b }
                0x57 I64LeS "i64.le_s" (a: i64, b: i64) -> i32 { a.cast_signed() <= b.cast_signed() }
                0x58 I64LeU "i64.le_u" (a: i64, b: i64) -> i32 { a <= b }
                0x59 I64GeS "i64.ge_s" (a: i64, b: i64) -> i32 { a.cast_signed() >= b.cast_signed() }
                0x5a I64GeU "i64.ge_u" (a: i64, b: i64) -> i32 { a >= b }
                0x5b F32Eq "f32.eq" (a: f32, b: f32) -> i32 { a == b }
                0x5c F32Ne "f32.ne" (a: f32, b: f32) -> i32 { a != b }
                0x5d F32Lt "f32.lt" (a: f32, b: f32) -> i32 { a < b }
                0x5e F32Gt "f32.gt" (a: f32, b: f32) -> i32 { a > b }
                0x5f F32Le "f32.le" (a: f32, b: f32) -> i32 { a <= b }
                0x60 F32Ge "f32.ge" (a: f32, b: f32) -> i32 { a >= b }
                0x61 F64Eq "f64.eq" (a: f64, b: f64) -> i32 { a == b }
                0x62 F64Ne "f64.ne" (a: f64, b: f64) -> i32 { a != b }
                0x63 F64Lt "f64.lt" (a: f64, b: f64) -> i32 { a < b }
                0x64 F64Gt "f64.gt" (a: f64, b: f64) -> i32 { a > b }
                0x65 F64Le "f64.le" (a: f64, b: f64) -> i32 { a <= b }
                0x66 F64Ge "f64.ge" (a: f64, b: f64) -> i32 { a >= b }
                0x67 I32Clz "i32.clz" (a: i32) -> i32 { a.leading_zeros() }
                0x68 I32Ctz "i32.ctz" (a: i32) -> i32 { a.trailing_zeros() }
                0x69 I32Popcnt "i32.popcnt" (a: i32) -> i32 { a.count_ones() }
                0x6a I32Add "i32.add" (a: i32, b: i32) -> i32 { a.wrapping_add(b) }
                0x6b I32Sub "i32.sub" (a: i32, b: i32) -> i32 { a.wrapping_sub(b) }
                0x6c I32Mul "i32.mul" (a: i32, b: i32) -> i32 { a.wrapping_mul(b) }
                0x71 I32And "i32.and" (a: i32, b: i32) -> i32 { a & b }
                0x72 I32Or "i32.or" (a: i32, b: i32) -> i32 { a | b }
                0x73 I32Xor "i32.xor" (a: i32, b: i32) -> i32 { a ^ b }
                0x74 I32Shl "i32.shl" (a: i32, b: i32) -> i32 { a.wrapping_shl(b) }
                0x75 I32ShrS "i32.shr_s" (a: i32, b: i32) -> i32 { a.cast_signed().wrapping_shr(b) }
                0x76 I32ShrU "i32.shr_u" (a: i32, b: i32) -> i32 { a.wrapping_shr(b) }
                0x77 I32Rotl "i32.rotl" (a: i32, b: i32) -> i32 { a.rotate_left(b & 31) }
                0x78 I32Rotr "i32.rotr" (a: i32, b: i32) -> i32 { a.rotate_right(b & 31) }
                0x79 I64Clz "i64.clz" (a: i64) -> i64 { u64::from(a.leading_zeros()) }
                0x7a I64Ctz "i64.ctz" (a: i64) -> i64 { u64::from(a.trailing_zeros()) }
                0x7b I64Popcnt "i64.popcnt" (a: i64) -> i64 { u64::from(a.count_ones()) }
                0x7c I64Add "i64.add" (a: i64, b: i64) -> i64 { a.wrapping_add(b) }
                0x7d I64Sub "i64.sub" (a: i64, b: i64) -> i64 { a.wrapping_sub(b) }
                0x7e I64Mul "i64.mul" (a: i64, b: i64) -> i64 { a.wrapping_mul(b) }
                0x83 I64And "i64.and" (a: i64, b: i64) -> i64 { a & b }
                0x84 I64Or "i64.or" (a: i64, b: i64) -> i64 { a | b }
                0x85 I64Xor "i64.xor" (a: i64, b: i64) -> i64 { a ^ b }
                0x86 I64Shl "i64.shl" (a: i64, b: i64) -> i64 { a.wrapping_shl((b & 63) as u32) }
                0x87 I64ShrS "i64.shr_s" (a: i64, b: i64) -> i64 { a.cast_signed().wrapping_shr((b & 63) as u32) }
                0x88 I64ShrU "i64.shr_u" (a: i64, b: i64) -> i64 { a.wrapping_shr((b & 63) as u32) }
                0x89 I64Rotl "i64.rotl" (a: i64, b: i64) -> i64 { a.rotate_left((b & 63) as u32) }
                0x8a I64Rotr "i64.rotr" (a: i64, b: i64) -> i64 { a.rotate_right((b & 63) as u32) }
                0x8b F32Abs "f32.abs" (a: f32) -> f32 { f32::from_bits(a.to_bits() & !F32_SIGN) }
                0x8c F32Neg "f32.neg" (a: f32) -> f32 { f32::from_bits(a.to_bits() ^ F32_SIGN) }
                0x8d F32Ceil "f32.ceil" (a: f32) -> f32 { float::ceil_f32(a) }
                0x8e F32Floor "f32.floor" (a: f32) -> f32 { float::floor_f32(a) }
                0x8f F32Trunc "f32.trunc" (a: f32) -> f32 { float::trunc_f32(a) }
                0x90 F32Nearest "f32.nearest" (a: f32) -> f32 { float::nearest_f32(a) }
                0x91 F32Sqrt "f32.sqrt" (a: f32) -> f32 { float::sqrt_f32(a) }
                0x92 F32Add "f32.add" (a: f32, b: f32) -> f32 { a + b }
                0x93 F32Sub "f32.sub" (a: f32, b: f32) -> f32 { a - b }
                0x94 F32Mul "f32.mul" (a: f32, b: f32) -> f32 { a * b }
                0x95 F32Div "f32.div" (a: f32, b: f32) -> f32 { a / b }
                0x96 F32Min "f32.min" (a: f32, b: f32) -> f32 { float::min_f32(a, b) }
                0x97 F32Max "f32.max" (a: f32, b: f32) -> f32 { float::max_f32(a, b) }
                0x98 F32Copysign "f32.copysign" (a: f32, b: f32) -> f32 {
                    f32::from_bits(a.to_bits() & !F32_SIGN | b.to_bits() & F32_SIGN)
                }
                0x99 F64Abs "f64.abs" (a: f64) -> f64 { f64::from_bits(a.to_bits() & !F64_SIGN) }
                0x9a F64Neg "f64.neg" (a: f64) -> f64 { f64::from_bits(a.to_bits() ^ F64_SIGN) }
                0x9b F64Ceil "f64.ceil" (a: f64) -> f64 { float::ceil_f64(a) }
                0x9c F64Floor "f64.floor" (a: f64) -> f64 { float::floor_f64(a) }
                0x9d F64Trunc "f64.trunc" (a: f64) -> f64 { float::trunc_f64(a) }
                0x9e F64Nearest "f64.nearest" (a: f64) -> f64 { float::nearest_f64(a) }
                0x9f F64Sqrt "f64.sqrt" (a: f64) -> f64 { float::sqrt_f64(a) }
                0xa0 F64Add "f64.add" (a: f64, b: f64) -> f64 { a + b }
                0xa1 F64Sub "f64.sub" (a: f64, b: f64) -> f64 { a - b }
                0xa2 F64Mul "f64.mul" (a: f64, b: f64) -> f64 { a * b }
                0xa3 F64Div "f64.div" (a: f64, b: f64) -> f64 { a / b }
                0xa4 F64Min "f64.min" (a: f64, b: f64) -> f64 { float::min_f64(a, b) }
                0xa5 F64Max "f64.max" (a: f64, b: f64) -> f64 { float::max_f64(a, b) }
                0xa6 F64Copysign "f64.copysign" (a: f64, b: f64) -> f64 {
                    f64::from_bits(a.to_bits() & !F64_SIGN | b.to_bits() & F64_SIGN)
                }
                0xa7 I32WrapI64 "i32.wrap_i64" (a: i64) -> i32 { a as u32 }
                0xac I64ExtendI32S "i64.extend_i32_s" (a: i32) -> i64 { i64::from(a.cast_signed()) }
                0xad I64ExtendI32U "i64.extend_i32_u" (a: i32) -> i64 { u64::from(a) }
                0xb2 F32ConvertI32S "f32.convert_i32_s" (a: i32) -> f32 { a.cast_signed() as f32 }
                0xb3 F32ConvertI32U "f32.convert_i32_u" (a: i32) -> f32 { a as f32 }
                0xb4 F32ConvertI64S "f32.convert_i64_s" (a: i64) -> f32 { a.cast_signed() as f32 }
                0xb5 F32ConvertI64U "f32.convert_i64_u" (a: i64) -> f32 { a as f32 }
                0xb6 F32DemoteF64 "f32.demote_f64" (a: f64) -> f32 { float::demote(a) }
                0xb7 F64ConvertI32S "f64.convert_i32_s" (a: i32) -> f64 { f64::from(a.cast_signed()) }
                0xb8 F64ConvertI32U "f64.convert_i32_u" (a: i32) -> f64 { f64::from(a) }
                0xb9 F64ConvertI64S "f64.convert_i64_s" (a: i64) -> f64 { a.cast_signed() as f64 }
                0xba F64ConvertI64U "f64.convert_i64_u" (a: i64) -> f64 { a as f64 }
                0xbb F64PromoteF32 "f64.promote_f32" (a: f32) -> f64 { float::promote(a) }
                0xbc I32ReinterpretF32 "i32.reinterpret_f32" (a: f32) -> i32 { a }
                0xbd I64ReinterpretF64 "i64.reinterpret_f64" (a: f64) -> i64 { a }
                0xbe F32ReinterpretI32 "f32.reinterpret_i32" (a: i32) -> f32 { a }
                0xbf F64ReinterpretI64 "f64.reinterpret_i64" (a: i64) -> f64 { a }
                0xc0 I32Extend8S "i32.extend8_s" (a: i32) -> i32 { i32::from(a as i8) }
                0xc1 I32Extend16S "i32.extend16_s" (a: i32) -> i32 { i32::from(a as i16) }
                0xc2 I64Extend8S "i64.extend8_s" (a: i64) -> i64 { i64::from(a as i8) }
                0xc3 I64Extend16S "i64.extend16_s" (a: i64) -> i64 { i64::from(a as i16) }
                0xc4 I64Extend32S "i64.extend32_s" (a: i64) -> i64 { i64::from(a as i32) }
            }
            trapping {
                0x6d I32DivS "i32.div_s" (a: i32, b: i32) -> i32 { integer::div_s32(a.cast_signed(), b.cast_signed()) }
                0x6e I32DivU "i32.div_u" (a: i32, b: i32) -> i32 { a.checked_div(b).ok_or(TrapKind::IntegerDivisionByZero) }
                0x6f I32RemS "i32.rem_s" (a: i32, b: i32) -> i32 { integer::rem_s32(a.cast_signed(), b.cast_signed()) }
                0x70 I32RemU "i32.rem_u" (a: i32, b: i32) -> i32 { a.checked_rem(b).ok_or(TrapKind::IntegerDivisionByZero) }
                0x7f I64DivS "i64.div_s" (a: i64, b: i64) -> i64 { integer::div_s64(a.cast_signed(), b.cast_signed()) }
                0x80 I64DivU "i64.div_u" (a: i64, b: i64) -> i64 { a.checked_div(b).ok_or(TrapKind::IntegerDivisionByZero) }
                0x81 I64RemS "i64.rem_s" (a: i64, b: i64) -> i64 { integer::rem_s64(a.cast_signed(), b.cast_signed()) }
                0x82 I64RemU "i64.rem_u" (a: i64, b: i64) -> i64 { a.checked_rem(b).ok_or(TrapKind::IntegerDivisionByZero) }
                0xa8 I32TruncF32S "i32.trunc_f32_s" (a: f32) -> i32 { float::to_i32(f64::from(a)) }
                0xa9 I32TruncF32U "i32.trunc_f32_u" (a: f32) -> i32 { float::to_u32(f64::from(a)) }
                0xaa I32TruncF64S "i32.trunc_f64_s" (a: f64) -> i32 { float::to_i32(a) }
                0xab I32TruncF64U "i32.trunc_f64_u" (a: f64) -> i32 { float::to_u32(a) }
                0xae I64TruncF32S "i64.trunc_f32_s" (a: f32) -> i64 { float::to_i64(f64::from(a)) }
                0xaf I64TruncF32U "i64.trunc_f32_u" (a: f32) -> i64 { float::to_u64(f64::from(a)) }
                0xb0 I64TruncF64S "i64.trunc_f64_s" (a: f64) -> i64 { float::to_i64(a) }
                0xb1 I64TruncF64U "i64.trunc_f64_u" (a: f64) -> i64 { float::to_u64(a) }
            }
            saturating {
                0x00 I32TruncSatF32S "i32.trunc_sat_f32_s" (a: f32) -> i32 { a as i32 }
                0x01 I32TruncSatF32U "i32.trunc_sat_f32_u" (a: f32) -> i32 { a as u32 }
                0x02 I32TruncSatF64S "i32.trunc_sat_f64_s" (a: f64) -> i32 { a as i32 }
                0x03 I32TruncSatF64U "i32.trunc_sat_f64_u" (a: f64) -> i32 { a as u32 }
                0x04 I64TruncSatF32S "i64.trunc_sat_f32_s" (a: f32) -> i64 { a as i64 }
                0x05 I64TruncSatF32U "i64.trunc_sat_f32_u" (a: f32) -> i64 { a as u64 }
                0x06 I64TruncSatF64S "i64.trunc_sat_f64_s" (a: f64) -> i64 { a as i64 }
                0x07 I64TruncSatF64U "i64.trunc_sat_f64_u" (a: f64) -> i64 { a as u64 }
            }
            loads {
                0x28 I32Load "i32.load" i32 (u32 as u32)
                0x29 I64Load "i64.load" i64 (u64 as u64)
                0x2a F32Load "f32.load" f32 (u32 as u32)
                0x2b F64Load "f64.load" f64 (u64 as u64)
                0x2c I32Load8S "i32.load8_s" i32 (i8 as i32)
                0x2d I32Load8U "i32.load8_u" i32 (u8 as u32)
                0x2e I32Load16S "i32.load16_s" i32 (i16 as i32)
                0x2f I32Load16U "i32.load16_u" i32 (u16 as u32)
                0x30 I64Load8S "i64.load8_s" i64 (i8 as i64)
                0x31 I64Load8U "i64.load8_u" i64 (u8 as u64)
                0x32 I64Load16S "i64.load16_s" i64 (i16 as i64)
                0x33 I64Load16U "i64.load16_u" i64 (u16 as u64)
                0x34 I64Load32S "i64.load32_s" i64 (i32 as i64)
                0x35 I64Load32U "i64.load32_u" i64 (u32 as u64)
            }
            stores {
                0x36 I32Store "i32.store" i32 (u32)
                0x37 I64Store "i64.store" i64 (u64)
                0x38 F32Store "f32.store" f32 (u32)
                0x39 F64Store "f64.store" f64 (u64)
                0x3a I32Store8 "i32.store8" i32 (u8)
                0x3b I32Store16 "i32.store16" i32 (u16)
                0x3c I64Store8 "i64.store8" i64 (u8)
                0x3d I64Store16 "i64.store16" i64 (u16)
                0x3e I64Store32 "i64.store32" i64 (u32)
            }
            special {
                0x00 Unreachable "unreachable" None
                0x01 Nop "nop" None
                0x02 Block "block" BlockType
                0x03 Loop "loop" BlockType
                0x04 If "if" BlockType
                0x05 Else "else" None
                0x0b End "end" None
                0x0c Br "br" Label
                0x0d BrIf "br_if" Label
                0x0e BrTable "br_table" Labels
                0x0f Return "return" None
                0x10 Call "call" Function
                0x11 CallIndirect "call_indirect" TypeTable
                0x12 ReturnCall "return_call" Function
                0x13 ReturnCallIndirect "return_call_indirect" TypeTable
                0x1a Drop "drop" None
                0x1b Select "select" None
                0x1c SelectTyped "select" ValueTypes
                0x20 LocalGet "local.get" Local
                0x21 LocalSet "local.set" Local
                0x22 LocalTee "local.tee" Local
                0x23 GlobalGet "global.get" Global
                0x24 GlobalSet "global.set" Global
                0x25 TableGet "table.get" Table
                0x26 TableSet "table.set" Table
                0x3f MemorySize "memory.size" Memory
                0x40 MemoryGrow "memory.grow" Memory
                0x41 I32Const "i32.const" I32
                0x42 I64Const "i64.const" I64
                0x43 F32Const "f32.const" F32
                0x44 F64Const "f64.const" F64
                0xd0 RefNull "ref.null" ReferenceType
                0xd1 RefIsNull "ref.is_null" None
                0xd2 RefFunc "ref.func" Function
            }
            bulk {
                0x08 MemoryInit "memory.init" DataMemory
                0x09 DataDrop "data.drop" Data
                0x0a MemoryCopy "memory.copy" TwoMemories
                0x0b MemoryFill "memory.fill" Memory
                0x0c TableInit "table.init" ElementTable
                0x0d ElemDrop "elem.drop" Element
                0x0e TableCopy "table.copy" TwoTables
                0x0f TableGrow "table.grow" Table
                0x10 TableSize "table.size" Table
                0x11 TableFill "table.fill" Table
            }
        }
    };
}
pub(crate) use instructions;

/// The byte of a type in the binary format.
macro_rules! type_byte {
    (i32) => {
        crate::types::I32
    };
    (i64) => {
        crate::types::I64
    };
    (f32) => {
        crate::types::F32
    };
    (f64) => {
        crate::types::F64
    };
}

macro_rules! described {
    (
        pure { $($pc:literal $pn:ident $pt:literal ($($pa:ident: $pty:ident),*) -> $pr:ident $pe:block)* }
        trapping { $($tc:literal $tn:ident $tt:literal ($($ta:ident: $tty:ident),*) -> $tr:ident $te:block)* }
        saturating { $($sc:literal $sn:ident $st:literal ($($sa:ident: $sty:ident),*) -> $sr:ident $se:block)* }
        loads { $($lc:literal $ln:ident $lt:literal $lty:ident ($lm:ident as $lw:ident))* }
        stores { $($wc:literal $wn:ident $wt:literal $wty:ident ($wm:ident))* }
        special { $($xc:literal $xn:ident $xt:literal $xi:ident)* }
        bulk { $($bc:literal $bn:ident $bt:literal $bi:ident)* }
    ) => {
        /// Every instruction, in the order of the description.
        pub static INSTRUCTIONS: &[Instruction] = &[
            $(Instruction {
                code: $pc, immediates: Immediates::None,
                signature: Some(Signature::of(&[$(type_byte!($pty)),*], type_byte!($pr))),
            },)*
            $(Instruction {
                code: $tc, immediates: Immediates::None,
                signature: Some(Signature::of(&[$(type_byte!($tty)),*], type_byte!($tr))),
            },)*
            $(Instruction {
                code: prefixed($sc), immediates: Immediates::None,
                signature: Some(Signature::of(&[$(type_byte!($sty)),*], type_byte!($sr))),
            },)*
            $(Instruction {
                code: $lc, immediates: Immediates::MemoryArgument,
                signature: Some(Signature::of(&[type_byte!(i32)], type_byte!($lty))),
            },)*
            $(Instruction {
                code: $wc, immediates: Immediates::MemoryArgument,
                signature: Some(Signature::of(&[type_byte!(i32), type_byte!($wty)], 0)),
            },)*
            $(Instruction { code: $xc, immediates: Immediates::$xi, signature: None },)*
            $(Instruction { code: prefixed($bc), immediates: Immediates::$bi, signature: None },)*
        ];

        /// The names of [`INSTRUCTIONS`] in the text format. Apart from them, so that a device that does not show code
        /// does not carry them.
        static NAMES: &[&str] = &[
            $($pt,)* $($tt,)* $($st,)* $($lt,)* $($wt,)* $($xt,)* $($bt,)*
        ];

        /// The opcodes of one byte by name.
        pub(crate) mod code {
            #![allow(missing_docs, dead_code, reason = "the names are the documentation; which are used differs by target")]
            #![allow(non_upper_case_globals, reason = "they stand for the variants of an enum")]
            $(pub(crate) const $pn: u8 = $pc;)*
            $(pub(crate) const $tn: u8 = $tc;)*
            $(pub(crate) const $ln: u8 = $lc;)*
            $(pub(crate) const $wn: u8 = $wc;)*
            $(pub(crate) const $xn: u8 = $xc;)*
        }

        /// The opcodes after the prefix by name.
        pub(crate) mod second {
            #![allow(missing_docs, dead_code, reason = "as above")]
            #![allow(non_upper_case_globals, reason = "as above")]
            $(pub(crate) const $sn: u8 = $sc;)*
            $(pub(crate) const $bn: u8 = $bc;)*
        }

        /// By how much the address of a load or store is at most aligned, as a power of two.
        #[must_use]
        pub(crate) const fn natural_alignment(code: u8) -> u32 {
            match code {
                $($lc => size_of::<$lm>().trailing_zeros(),)*
                $($wc => size_of::<$wm>().trailing_zeros(),)*
                _ => 0,
            }
        }
    };
}
instructions!(described);

/// Opcodes after the prefix, those that exist and some more.
const SECONDS: usize = 32;

/// Where in [`INSTRUCTIONS`] an opcode stands; beyond its end if it is none.
static INDEX: [u8; 256 + SECONDS] = index();

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer than 256 instructions"
)]
const fn index() -> [u8; 256 + SECONDS] {
    let mut index = [u8::MAX; 256 + SECONDS];
    let mut at = 0;
    while at < INSTRUCTIONS.len() {
        let code = INSTRUCTIONS[at].code;
        let place = (code & 0xff) as usize;
        index[if code >> 8 == 0 { place } else { 256 + place }] = at as u8;
        at += 1;
    }
    index
}

/// The instruction of an opcode of one byte.
#[must_use]
pub fn plain(code: u8) -> Option<&'static Instruction> {
    INSTRUCTIONS.get(usize::from(INDEX[usize::from(code)]))
}

/// The instruction of an opcode after the prefix.
#[must_use]
pub fn after_prefix(second: u32) -> Option<&'static Instruction> {
    let second = usize::try_from(second).ok()?;
    INSTRUCTIONS.get(usize::from(*INDEX.get(256..)?.get(second)?))
}
