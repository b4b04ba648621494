//! The checks that every engine must pass.

use thimble_engine_inplace::{InplaceEngine, Settings};

thimble_testkit::engine_conformance_tests!(InplaceEngine::new(Settings::linux()));
