//! The call table: each import a guest may have, its signature, whether it may wait, and what it needs.

mod env;
mod macros;
mod sock;
mod thimble;
mod wasi;

use crate::grant::GrantKind;

pub use env::EnvCall;
pub use sock::SockCall;
pub use thimble::ThimbleCall;
pub use wasi::WasiCall;

/// WebAssembly value types that cross the host interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
}

impl ValueType {
    /// The name in WebAssembly's text format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

/// What the bits of a parameter mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A plain 32-bit integer.
    I32,
    /// A plain 64-bit integer.
    I64,
    /// A plain 64-bit float.
    F64,
    /// Offset of a buffer or structure in the guest's memory.
    Pointer,
    /// Offset of a NUL-terminated string in the guest's memory.
    String,
    /// A count of bytes or elements.
    Length,
    /// A file descriptor of this guest.
    Descriptor,
}

impl ParameterKind {
    /// The WebAssembly type that carries it.
    #[must_use]
    pub const fn value_type(self) -> ValueType {
        match self {
            Self::I64 => ValueType::I64,
            Self::F64 => ValueType::F64,
            Self::I32 | Self::Pointer | Self::String | Self::Length | Self::Descriptor => {
                ValueType::I32
            }
        }
    }

    /// The word the documentation uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F64 => "f64",
            Self::Pointer => "pointer",
            Self::String => "string",
            Self::Length => "length",
            Self::Descriptor => "fd",
        }
    }
}

/// What a call gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnKind {
    /// Nothing: the call has no WebAssembly result.
    None,
    /// A WASI errno, 0 for success.
    Errno,
    /// An `i32` whose meaning the description gives; negative values are errors.
    I32,
    /// An `i64` whose meaning the description gives.
    I64,
    /// An `f64` whose meaning the description gives.
    F64,
}

impl ReturnKind {
    /// The WebAssembly type that carries it, if any.
    #[must_use]
    pub const fn value_type(self) -> Option<ValueType> {
        match self {
            Self::None => None,
            Self::Errno | Self::I32 => Some(ValueType::I32),
            Self::I64 => Some(ValueType::I64),
            Self::F64 => Some(ValueType::F64),
        }
    }

    /// The word the documentation uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Errno => "errno",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F64 => "f64",
        }
    }
}

/// Whether a call may suspend the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Always completes at once.
    Prompt,
    /// May suspend the guest until something happens or a deadline passes.
    Waits,
}

/// What the documentation says of one import. Apart from what hosts work with, so that a device that only runs guests
/// does not carry it.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// One to three sentences: what it does, units, errors.
    pub summary: &'static str,
    /// The names of the parameters, in order.
    pub parameters: &'static [&'static str],
}

/// One import, as hosts work with it.
#[derive(Clone, Copy, Debug)]
pub struct CallSpec {
    /// Which call this describes.
    pub call: Call,
    /// The import's module name.
    pub module: &'static str,
    /// The import's field name.
    pub name: &'static str,
    /// Parameters, in order.
    pub parameters: &'static [ParameterKind],
    /// The result.
    pub returns: ReturnKind,
    /// Whether it may suspend the guest.
    pub pace: Pace,
    /// The grant without which it always fails, if there is one.
    pub needs: Option<GrantKind>,
}

impl CallSpec {
    /// Whether a guest's declaration has exactly this signature.
    #[must_use]
    pub fn signature_is(&self, parameters: &[ValueType], results: &[ValueType]) -> bool {
        self.parameters.len() == parameters.len()
            && self
                .parameters
                .iter()
                .zip(parameters)
                .all(|(a, b)| a.value_type() == *b)
            && match (self.returns.value_type(), results) {
                (None, []) => true,
                (Some(expected), [actual]) => expected == *actual,
                _ => false,
            }
    }
}

/// Identifies one import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// `wasi_snapshot_preview1`, as the WASI specification has it.
    Wasi(WasiCall),
    /// The socket extension of `wasi_snapshot_preview1`.
    Sock(SockCall),
    /// Module `env`: Ocre's API.
    Env(EnvCall),
    /// Module `thimble`: our own.
    Thimble(ThimbleCall),
}

impl Call {
    /// The description of this call.
    #[must_use]
    pub fn spec(self) -> &'static CallSpec {
        match self {
            Self::Wasi(call) => call.spec(),
            Self::Sock(call) => call.spec(),
            Self::Env(call) => call.spec(),
            Self::Thimble(call) => call.spec(),
        }
    }

    /// What the documentation says of this call.
    #[must_use]
    pub fn description(self) -> &'static Description {
        match self {
            Self::Wasi(call) => call.description(),
            Self::Sock(call) => call.description(),
            Self::Env(call) => call.description(),
            Self::Thimble(call) => call.description(),
        }
    }
}

/// All calls, module by module.
pub fn all() -> impl Iterator<Item = &'static CallSpec> {
    wasi::SPECS
        .iter()
        .chain(sock::SPECS)
        .chain(env::SPECS)
        .chain(thimble::SPECS)
}

/// The call an import names, whatever its signature.
///
/// Some names have two signatures (standard WASI and the socket extension): see [`resolve`].
pub fn named<'a>(module: &'a str, name: &'a str) -> impl Iterator<Item = &'static CallSpec> + 'a {
    all().filter(move |spec| spec.module == module && spec.name == name)
}

/// The call an import names with exactly this signature.
#[must_use]
pub fn resolve(
    module: &str,
    name: &str,
    parameters: &[ValueType],
    results: &[ValueType],
) -> Option<&'static CallSpec> {
    named(module, name).find(|spec| spec.signature_is(parameters, results))
}
