//! Turns Wasmtime's errors into the contract's traps.

use thimble_runtime::engine::{Frame, Trap, TrapKind};
use wasmtime::WasmBacktrace;

use crate::code::BACKTRACE_FRAMES_MAX;

/// How the code of a compiled module leads back to that of the module it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// By how much it lies behind.
    pub(crate) code_shift: u32,
    /// How many functions there were; those behind them are additions.
    pub(crate) functions: u32,
}

/// The trap that an error of running code stands for.
pub(crate) fn from_error(error: &wasmtime::Error, origin: Origin) -> Trap {
    let backtrace = frames(error, origin);
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => match kind(*trap) {
            TrapKind::Engine => Trap {
                backtrace,
                ..Trap::with_detail(TrapKind::Engine, trap.to_string())
            },
            kind => Trap {
                backtrace,
                ..Trap::new(kind)
            },
        },
        None => Trap {
            backtrace,
            ..Trap::with_detail(TrapKind::Engine, error.root_cause().to_string())
        },
    }
}

/// The guest's frames at the time of an error, innermost first. Those of added functions are left out: their
/// caller stands where the instruction is that they answer.
pub(crate) fn frames(error: &wasmtime::Error, origin: Origin) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let frame = |frame: &wasmtime::FrameInfo| Frame {
        function: frame.func_index(),
        name: frame.func_name().map(Into::into),
        module_offset: frame
            .module_offset()
            .and_then(|offset| u32::try_from(offset).ok())
            .map(|offset| offset.saturating_sub(origin.code_shift)),
    };
    backtrace
        .frames()
        .iter()
        .filter(|frame| frame.func_index() < origin.functions)
        .take(BACKTRACE_FRAMES_MAX)
        .map(frame)
        .collect()
}

fn kind(trap: wasmtime::Trap) -> TrapKind {
    use wasmtime::Trap as T;
    match trap {
        T::StackOverflow => TrapKind::StackOverflow,
        T::MemoryOutOfBounds | T::HeapMisaligned => TrapKind::MemoryOutOfBounds,
        T::TableOutOfBounds => TrapKind::TableOutOfBounds,
        T::IndirectCallToNull => TrapKind::IndirectCallToNull,
        T::BadSignature => TrapKind::BadSignature,
        T::IntegerOverflow => TrapKind::IntegerOverflow,
        T::IntegerDivisionByZero => TrapKind::IntegerDivisionByZero,
        T::BadConversionToInteger => TrapKind::BadConversionToInteger,
        T::UnreachableCodeReached => TrapKind::Unreachable,
        T::NullReference | T::CastFailure | T::ArrayOutOfBounds => TrapKind::Reference,
        _ => TrapKind::Engine,
    }
}
