//! Gives NaNs that promotions and demotions make the same bits everywhere.
//!
//! WebAssembly leaves the bits of a computed NaN open, and a module can look at them: it may go another way,
//! or reach another address. The generator settles those of arithmetic, and this those of promotions and
//! demotions, which it forgets.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, GlobalSection, GlobalType, Ieee32, Ieee64, Instruction, Module, ValType,
};
use wasmparser::{FunctionBody, GlobalSectionReader};

const NAN_32: u32 = 0x7fc0_0000;
const NAN_64: u64 = 0x7ff8_0000_0000_0000;
const NAN_32X4: i128 = 0x7fc0_0000_7fc0_0000_7fc0_0000_7fc0_0000;
const NAN_64X2: i128 = 0x7ff8_0000_0000_0000_7ff8_0000_0000_0000;

/// The module with the bits of such NaNs settled; `None` if it cannot be read. One that has no such
/// instruction stays as it is.
pub(super) fn settled(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let mut settle = Settle::default();
    let mut module = Module::new();
    settle
        .parse_core_module(&mut module, wasmparser::Parser::new(0), &bytes)
        .ok()?;
    Some(if settle.found { module.finish() } else { bytes })
}

/// Rewrites a module.
#[derive(Default)]
struct Settle {
    /// The first of the globals that hold a float for a moment: there is no other way to use it twice
    /// without knowing the types and locals around it.
    scratch: u32,
    /// Whether the module has such an instruction.
    found: bool,
}

impl Reencode for Settle {
    type Error = Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        // Nothing here imports one. There is always a section: the count of steps is a global.
        self.scratch = section.count();
        utils::parse_global_section(self, globals, section)?;
        for (val_type, zero) in [
            (ValType::F32, ConstExpr::f32_const(Ieee32::new(0))),
            (ValType::F64, ConstExpr::f64_const(Ieee64::new(0))),
            (ValType::V128, ConstExpr::v128_const(0)),
        ] {
            let ty = GlobalType {
                val_type,
                mutable: true,
                shared: false,
            };
            globals.global(ty, &zero);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let instruction = self.parse_instruction(&mut reader)?;
            function.instruction(&instruction);
            let Some((position, nan, equal, choose)) = settlement(&instruction) else {
                continue;
            };
            self.found = true;
            let global = self.scratch + position;
            function
                .instruction(&Instruction::GlobalSet(global))
                .instruction(&Instruction::GlobalGet(global))
                .instruction(&nan)
                .instruction(&Instruction::GlobalGet(global))
                .instruction(&Instruction::GlobalGet(global))
                .instruction(&equal)
                .instruction(&choose);
        }
        code.function(&function);
        Ok(())
    }
}

/// For an instruction whose NaNs are to be settled: which global holds its result, and what chooses the NaN
/// wherever the result is not equal to itself.
fn settlement<'a>(
    instruction: &Instruction<'_>,
) -> Option<(u32, Instruction<'a>, Instruction<'a>, Instruction<'a>)> {
    use Instruction as I;
    Some(match instruction {
        I::F32DemoteF64 => (0, I::F32Const(Ieee32::new(NAN_32)), I::F32Eq, I::Select),
        I::F64PromoteF32 => (1, I::F64Const(Ieee64::new(NAN_64)), I::F64Eq, I::Select),
        I::F32x4DemoteF64x2Zero => (2, I::V128Const(NAN_32X4), I::F32x4Eq, I::V128Bitselect),
        I::F64x2PromoteLowF32x4 => (2, I::V128Const(NAN_64X2), I::F64x2Eq, I::V128Bitselect),
        _ => return None,
    })
}
