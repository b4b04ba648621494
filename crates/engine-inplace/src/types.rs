//! Value types as they stand in a module, a byte each.

use core::fmt;

/// `i32`
pub(crate) const I32: u8 = 0x7f;
/// `i64`
pub(crate) const I64: u8 = 0x7e;
/// `f32`
pub(crate) const F32: u8 = 0x7d;
/// `f64`
pub(crate) const F64: u8 = 0x7c;
/// `funcref`
pub(crate) const FUNCREF: u8 = 0x70;
/// `externref`
pub(crate) const EXTERNREF: u8 = 0x6f;
/// The type of a value that unreachable code takes from nowhere: it stands for any other.
pub(crate) const ANY: u8 = 0;

/// Whether a byte is a number's type.
pub(crate) const fn is_number(ty: u8) -> bool {
    matches!(ty, I32 | I64 | F32 | F64)
}

/// Whether a byte is a reference's type.
pub(crate) const fn is_reference(ty: u8) -> bool {
    matches!(ty, FUNCREF | EXTERNREF)
}

/// Whether a value of this type needs more than 32 bits.
pub(crate) const fn is_wide(ty: u8) -> bool {
    matches!(ty, I64 | F64)
}

/// The name of a type.
pub(crate) const fn name(ty: u8) -> &'static str {
    match ty {
        I32 => "i32",
        I64 => "i64",
        F32 => "f32",
        F64 => "f64",
        FUNCREF => "funcref",
        EXTERNREF => "externref",
        _ => "any type",
    }
}

/// The type of a function: parameters and results, a byte each, as they stand in the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionType<'m> {
    /// Types of the parameters.
    pub parameters: &'m [u8],
    /// Types of the results.
    pub results: &'m [u8],
}

impl fmt::Display for FunctionType<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |formatter: &mut fmt::Formatter<'_>, types: &[u8]| {
            for (position, ty) in types.iter().enumerate() {
                formatter.write_str(if position > 0 { ", " } else { "" })?;
                formatter.write_str(name(*ty))?;
            }
            Ok(())
        };
        formatter.write_str("(")?;
        list(formatter, self.parameters)?;
        formatter.write_str(")")?;
        if !self.results.is_empty() {
            formatter.write_str(" -> ")?;
            list(formatter, self.results)?;
        }
        Ok(())
    }
}
