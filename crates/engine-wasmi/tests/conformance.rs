//! The checks that every engine must pass.

use thimble_engine_wasmi::{Settings, WasmiEngine};

thimble_testkit::engine_conformance_tests!(WasmiEngine::new(Settings::linux()));

#[cfg(feature = "simd")]
#[test]
fn simd_works() {
    thimble_testkit::engine_conformance::simd_works(&WasmiEngine::new(Settings::linux()));
}
