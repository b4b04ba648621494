//! Which instructions read or write memory, and what in them is an address.

use wasmparser::{MemArg, Operator};

/// How an instruction uses memory.
pub(super) struct Access {
    /// Which of its operands are addresses, from the lowest on the stack.
    pub(super) addresses: &'static [usize],
    /// Which operand it writes, if that can be an address itself.
    pub(super) keeps: Option<usize>,
    /// What it adds to the address.
    pub(super) offset: u64,
}

/// How an instruction uses memory; `None` if it does not.
pub(super) fn of(operator: &Operator<'_>) -> Option<Access> {
    if let Some(memory) = reads(operator) {
        return Some(access(&[0], None, memory.offset));
    }
    if let Some(memory) = writes_small(operator) {
        return Some(access(&[0], None, memory.offset));
    }
    match operator {
        Operator::I32Store { memarg }
        | Operator::I64Store { memarg }
        | Operator::I64Store32 { memarg }
        | Operator::F32Store { memarg }
        | Operator::F64Store { memarg }
        | Operator::V128Store { memarg }
        | Operator::V128Store32Lane { memarg, .. }
        | Operator::V128Store64Lane { memarg, .. } => Some(access(&[0], Some(1), memarg.offset)),
        Operator::MemoryCopy { .. } => Some(access(&[0, 1], None, 0)),
        Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => Some(access(&[0], None, 0)),
        _ => None,
    }
}

fn access(addresses: &'static [usize], keeps: Option<usize>, offset: u64) -> Access {
    Access {
        addresses,
        keeps,
        offset,
    }
}

fn reads<'a>(operator: &'a Operator<'_>) -> Option<&'a MemArg> {
    match operator {
        Operator::I32Load { memarg }
        | Operator::I64Load { memarg }
        | Operator::F32Load { memarg }
        | Operator::F64Load { memarg }
        | Operator::I32Load8S { memarg }
        | Operator::I32Load8U { memarg }
        | Operator::I32Load16S { memarg }
        | Operator::I32Load16U { memarg }
        | Operator::I64Load8S { memarg }
        | Operator::I64Load8U { memarg }
        | Operator::I64Load16S { memarg }
        | Operator::I64Load16U { memarg }
        | Operator::I64Load32S { memarg }
        | Operator::I64Load32U { memarg }
        | Operator::V128Load { memarg }
        | Operator::V128Load8x8S { memarg }
        | Operator::V128Load8x8U { memarg }
        | Operator::V128Load16x4S { memarg }
        | Operator::V128Load16x4U { memarg }
        | Operator::V128Load32x2S { memarg }
        | Operator::V128Load32x2U { memarg }
        | Operator::V128Load8Splat { memarg }
        | Operator::V128Load16Splat { memarg }
        | Operator::V128Load32Splat { memarg }
        | Operator::V128Load64Splat { memarg }
        | Operator::V128Load32Zero { memarg }
        | Operator::V128Load64Zero { memarg }
        | Operator::V128Load8Lane { memarg, .. }
        | Operator::V128Load16Lane { memarg, .. }
        | Operator::V128Load32Lane { memarg, .. }
        | Operator::V128Load64Lane { memarg, .. } => Some(memarg),
        _ => None,
    }
}

/// Writes of less than an address.
fn writes_small<'a>(operator: &'a Operator<'_>) -> Option<&'a MemArg> {
    match operator {
        Operator::I32Store8 { memarg }
        | Operator::I32Store16 { memarg }
        | Operator::I64Store8 { memarg }
        | Operator::I64Store16 { memarg }
        | Operator::V128Store8Lane { memarg, .. }
        | Operator::V128Store16Lane { memarg, .. } => Some(memarg),
        _ => None,
    }
}

/// Whether what an instruction computes from an address is none any more.
pub(super) fn loses_address(operator: &Operator<'_>) -> bool {
    compares(operator)
        || matches!(
            operator,
            Operator::I32Mul
                | Operator::I32DivS
                | Operator::I32DivU
                | Operator::I32RemS
                | Operator::I32RemU
                | Operator::I32Shl
                | Operator::I32ShrS
                | Operator::I32ShrU
                | Operator::I32Rotl
                | Operator::I32Rotr
                | Operator::I32Clz
                | Operator::I32Ctz
                | Operator::I32Popcnt
                | Operator::I32Extend8S
                | Operator::I32Extend16S
                | Operator::I64Mul
                | Operator::I64DivS
                | Operator::I64DivU
                | Operator::I64RemS
                | Operator::I64RemU
                | Operator::I64Clz
                | Operator::I64Ctz
                | Operator::I64Popcnt
        )
}

fn compares(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32Eqz
            | Operator::I32Eq
            | Operator::I32Ne
            | Operator::I32LtS
            | Operator::I32LtU
            | Operator::I32GtS
            | Operator::I32GtU
            | Operator::I32LeS
            | Operator::I32LeU
            | Operator::I32GeS
            | Operator::I32GeU
            | Operator::I64Eqz
            | Operator::I64Eq
            | Operator::I64Ne
            | Operator::I64LtS
            | Operator::I64LtU
            | Operator::I64GtS
            | Operator::I64GtU
            | Operator::I64LeS
            | Operator::I64LeU
            | Operator::I64GeS
            | Operator::I64GeU
    )
}
