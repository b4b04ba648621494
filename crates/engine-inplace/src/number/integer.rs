//! Signed division.

use thimble_runtime::engine::TrapKind;

macro_rules! division {
    ($div:ident $rem:ident $ty:ident) => {
        /// The quotient, rounded towards zero.
        pub(crate) const fn $div(a: $ty, b: $ty) -> Result<$ty, TrapKind> {
            match a.checked_div(b) {
                Some(quotient) => Ok(quotient),
                None if b == 0 => Err(TrapKind::IntegerDivisionByZero),
                None => Err(TrapKind::IntegerOverflow),
            }
        }

        /// The remainder, with the sign of the dividend.
        pub(crate) const fn $rem(a: $ty, b: $ty) -> Result<$ty, TrapKind> {
            if b == 0 {
                return Err(TrapKind::IntegerDivisionByZero);
            }
            Ok(a.wrapping_rem(b))
        }
    };
}
division!(div_s32 rem_s32 i32);
division!(div_s64 rem_s64 i64);
