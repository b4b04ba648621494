//! Floating point. A result that is not a number is always a quiet one (WebAssembly core 2.0, 4.3.3): where an
//! operation could hand a signalling one through, it is made quiet here.

use thimble_runtime::engine::TrapKind;

/// The sign of an `f32`.
pub(crate) const F32_SIGN: u32 = 1 << 31;
/// The sign of an `f64`.
pub(crate) const F64_SIGN: u64 = 1 << 63;

const F32_QUIET: u32 = 1 << 22;
const F64_QUIET: u64 = 1 << 51;

macro_rules! operations {
    ($ty:ident $quiet:expr; $min:ident $max:ident; $($name:ident = $with:path;)*) => {
        /// The smaller one, and -0 of two zeros.
        pub(crate) fn $min(a: $ty, b: $ty) -> $ty {
            if a.is_nan() {
                return $ty::from_bits(a.to_bits() | $quiet);
            }
            if b.is_nan() {
                return $ty::from_bits(b.to_bits() | $quiet);
            }
            // Zeros are equal; a negative one has its sign bit.
            if a < b || (a == b && a.is_sign_negative()) { a } else { b }
        }

        /// The larger one, and +0 of two zeros.
        pub(crate) fn $max(a: $ty, b: $ty) -> $ty {
            if a.is_nan() {
                return $ty::from_bits(a.to_bits() | $quiet);
            }
            if b.is_nan() {
                return $ty::from_bits(b.to_bits() | $quiet);
            }
            if a > b || (a == b && a.is_sign_positive()) { a } else { b }
        }

        $(
            /// As its name says, and quiet.
            pub(crate) fn $name(a: $ty) -> $ty {
                if a.is_nan() {
                    return $ty::from_bits(a.to_bits() | $quiet);
                }
                $with(a)
            }
        )*
    };
}

operations! {
    f32 F32_QUIET; min_f32 max_f32;
    ceil_f32 = libm::ceilf;
    floor_f32 = libm::floorf;
    trunc_f32 = libm::truncf;
    nearest_f32 = libm::rintf;
    sqrt_f32 = libm::sqrtf;
}
operations! {
    f64 F64_QUIET; min_f64 max_f64;
    ceil_f64 = libm::ceil;
    floor_f64 = libm::floor;
    trunc_f64 = libm::trunc;
    nearest_f64 = libm::rint;
    sqrt_f64 = libm::sqrt;
}

/// The nearest `f32`; what is not a number keeps the upper bits of its payload.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding is what is asked for"
)]
pub(crate) fn demote(a: f64) -> f32 {
    if a.is_nan() {
        let bits = a.to_bits();
        let sign = (bits >> 32) as u32 & F32_SIGN;
        let payload = (bits >> 29) as u32 & 0x007f_ffff;
        return f32::from_bits(sign | 0x7f80_0000 | F32_QUIET | payload);
    }
    a as f32
}

/// The same number; what is not a number keeps its payload in the upper bits.
pub(crate) fn promote(a: f32) -> f64 {
    if a.is_nan() {
        let bits = u64::from(a.to_bits());
        let sign = (bits & u64::from(F32_SIGN)) << 32;
        let payload = (bits & 0x007f_ffff) << 29;
        return f64::from_bits(sign | 0x7ff0_0000_0000_0000 | F64_QUIET | payload);
    }
    f64::from(a)
}

macro_rules! truncations {
    ($($name:ident $ty:ident above $above:literal below $below:literal;)*) => {
        $(
            /// The integer towards zero; each bound is the first number that is out of range.
            #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
            pub(crate) fn $name(a: f64) -> Result<$ty, TrapKind> {
                if a.is_nan() {
                    return Err(TrapKind::BadConversionToInteger);
                }
                if a >= $above || a <= $below {
                    return Err(TrapKind::IntegerOverflow);
                }
                Ok(a as $ty)
            }
        )*
    };
}

truncations! {
    to_i32 i32 above 2_147_483_648.0 below -2_147_483_649.0;
    to_u32 u32 above 4_294_967_296.0 below -1.0;
    to_u64 u64 above 18_446_744_073_709_551_616.0 below -1.0;
}

/// The integer towards zero. The number before the smallest one is below it by more than one.
#[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
pub(crate) fn to_i64(a: f64) -> Result<i64, TrapKind> {
    if a.is_nan() {
        return Err(TrapKind::BadConversionToInteger);
    }
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&a) {
        return Err(TrapKind::IntegerOverflow);
    }
    Ok(a as i64)
}
