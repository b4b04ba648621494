//! Takes the stream of tests that the engine's own tests recorded.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rustc-link-arg=-Tboard.x");
    println!("cargo:rerun-if-env-changed=THIMBLE_MCU_SUITE");
    let Ok(from) = env::var("THIMBLE_MCU_SUITE") else {
        panic!(
            "THIMBLE_MCU_SUITE does not say where the recorded suite is; build with `cargo xtask suite mcu`"
        );
    };
    println!("cargo:rerun-if-changed={from}");
    let to = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("suite.bin");
    fs::copy(&from, to).unwrap_or_else(|error| panic!("cannot copy {from}: {error}"));
}
