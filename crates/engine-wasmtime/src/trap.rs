//! Turns Wasmtime's errors into the contract's traps.

use thimble_runtime::engine::{Frame, Trap, TrapKind};
use wasmtime::WasmBacktrace;

/// The trap that an error of running code stands for.
///
/// `code_shift` is by how much the compiled module's code lies behind that of the module it was made from.
pub(crate) fn from_error(error: &wasmtime::Error, code_shift: u32) -> Trap {
    let backtrace = frames(error, code_shift);
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

/// The guest's frames at the time of an error, innermost first.
pub(crate) fn frames(error: &wasmtime::Error, code_shift: u32) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let frame = |frame: &wasmtime::FrameInfo| Frame {
        function: frame.func_index(),
        name: frame.func_name().map(Into::into),
        module_offset: frame
            .module_offset()
            .and_then(|offset| u32::try_from(offset).ok())
            .map(|offset| offset.saturating_sub(code_shift)),
    };
    backtrace.frames().iter().map(frame).collect()
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
