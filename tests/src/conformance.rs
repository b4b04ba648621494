//! The conformance suite: guests of `tests/guests` that check every call from the inside, on the real machine and on
//! both engines.

mod complete;
mod device;
mod groups;
mod life_cycle;
mod recorder;
mod streams;

/// Makes two tests of a function that takes a device.
macro_rules! on_both_engines {
    ($($test:ident)*) => { $(
        mod $test {
            #[test]
            fn wasmi() {
                super::$test(&super::Device::new("wasmi"));
            }

            #[test]
            fn wasmtime() {
                super::$test(&super::Device::new("wasmtime"));
            }
        }
    )* };
}
use on_both_engines;
