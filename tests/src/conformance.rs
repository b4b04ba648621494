//! The conformance suite: guests of `tests/guests` that check every call from the inside, on the real machine and on
//! every engine, as they were built and packed.

mod complete;
mod device;
mod groups;
mod life_cycle;
mod recorder;
mod streams;

pub(crate) use device::last_line;

/// Makes tests on each engine of a function that takes a device.
macro_rules! on_every_engine {
    ($($test:ident)*) => { $(
        mod $test {
            #[test]
            fn inplace() {
                super::$test(&super::Device::new("inplace"));
            }

            #[test]
            fn wasmi() {
                super::$test(&super::Device::new("wasmi"));
            }

            #[test]
            fn wasmtime() {
                super::$test(&super::Device::new("wasmtime"));
            }

            #[test]
            fn inplace_packed() {
                super::$test(&super::Device::new("inplace").packing());
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
use on_every_engine;
