//! wasmi's errors in the runtime's words.

use alloc::string::{String, ToString};

use thimble_runtime::engine::{InstantiateError, LoadError, Trap, TrapKind};
use wasmi::errors::{ErrorKind, InstantiationError, MemoryError, TableError};
use wasmi::{Error, TrapCode};

/// What a guest did, from the error that ended it.
pub(crate) fn trap(error: &Error) -> Trap {
    let Some(code) = error.as_trap_code() else {
        return Trap::with_detail(TrapKind::Engine, error.to_string());
    };
    let kind = match code {
        TrapCode::UnreachableCodeReached => TrapKind::Unreachable,
        TrapCode::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => TrapKind::TableOutOfBounds,
        TrapCode::IndirectCallToNull => TrapKind::IndirectCallToNull,
        TrapCode::IntegerDivisionByZero => TrapKind::IntegerDivisionByZero,
        TrapCode::IntegerOverflow => TrapKind::IntegerOverflow,
        TrapCode::BadConversionToInteger => TrapKind::BadConversionToInteger,
        TrapCode::StackOverflow => TrapKind::StackOverflow,
        TrapCode::BadSignature => TrapKind::BadSignature,
        _ => return Trap::with_detail(TrapKind::Engine, error.to_string()),
    };
    Trap::new(kind)
}

/// Why a module was refused.
pub(crate) fn load(error: &Error) -> LoadError {
    let reason = match error.kind() {
        ErrorKind::Wasm(error) => named(error.message(), error.offset()),
        _ => error.to_string(),
    };
    LoadError::Invalid { reason }
}

/// The validator's message; a vector instruction is an unknown opcode to it where they are left out.
fn named(message: &str, offset: usize) -> String {
    let vectors = message.contains("0xfd") || message.contains("v128");
    let name = if vectors && !cfg!(feature = "simd") {
        "vector instructions (simd) are not supported: "
    } else {
        ""
    };
    alloc::format!("{name}{message} (at byte {offset})")
}

/// What initialization did: a trap of the guest, or an error.
pub(crate) fn initialization(error: &Error) -> Result<Trap, InstantiateError> {
    match error.kind() {
        ErrorKind::Memory(MemoryError::OutOfBoundsAccess) => {
            Ok(Trap::new(TrapKind::MemoryOutOfBounds))
        }
        ErrorKind::Table(TableError::InitOutOfBounds)
        | ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Ok(Trap::new(TrapKind::TableOutOfBounds))
        }
        ErrorKind::Instantiation(
            InstantiationError::FailedToInstantiateMemory(_)
            | InstantiationError::FailedToInstantiateTable(_),
        ) => Err(InstantiateError::NoRoom {
            reason: error.to_string(),
        }),
        _ => Err(InstantiateError::Failed {
            reason: error.to_string(),
        }),
    }
}
