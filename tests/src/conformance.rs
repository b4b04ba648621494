//! The conformance suite: guests of `tests/guests` that check every call from the inside, on the real machine and on
//! both engines, as they were built and packed.

mod complete;
mod device;
mod groups;
mod life_cycle;
mod recorder;
mod streams;

/// Makes four tests of a function that takes a device.
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

            #[test]
            fn wasmi_packed() {
                super::$test(&super::Device::new("wasmi").packing());
            }

            #[test]
            fn wasmtime_packed() {
                super::$test(&super::Device::new("wasmtime").packing());
            }
        }
    )* };
}
use on_both_engines;
