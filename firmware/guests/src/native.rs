//! The kernels as the board's own code, made by a C compiler.

use crate::host_add as answer;

macro_rules! kernels {
    ($($name:ident $symbol:ident)*) => {
        unsafe extern "C" {
            $(safe fn $symbol(amount: u32) -> u32;)*
        }
        $(pub(crate) fn $name(amount: u32) -> u32 {
            $symbol(amount)
        })*
    };
}

kernels! {
    fib b_fib sieve b_sieve matmul b_matmul crc b_crc sha b_sha qsort b_qsort nbody32 b_nbody32 nbody64 b_nbody64
    indirect b_indirect i64mix b_i64mix host b_host
    lone_loop b_loop
}

#[unsafe(no_mangle)]
extern "C" fn host_add(value: u32) -> u32 {
    answer(value)
}

/// What C calls where the processor has no instruction for it.
#[unsafe(no_mangle)]
extern "C" fn sqrt(value: f64) -> f64 {
    libm::sqrt(value)
}

/// As [`sqrt`].
#[unsafe(no_mangle)]
extern "C" fn sqrtf(value: f32) -> f32 {
    libm::sqrtf(value)
}
