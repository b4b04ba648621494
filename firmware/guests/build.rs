//! Takes the guests that `cargo xtask firmware` built.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-env-changed=THIMBLE_MCU_GUESTS");
    let Ok(from) = env::var("THIMBLE_MCU_GUESTS") else {
        panic!(
            "THIMBLE_MCU_GUESTS does not say where the guests are; build with `cargo xtask firmware`"
        );
    };
    let target = env::var("TARGET").unwrap_or_default();
    let to = env::var("OUT_DIR").unwrap_or_default();
    let native = format!("native-{target}.a");
    for (from_name, to_name) in [
        ("kernels.wasm", "kernels.wasm"),
        ("big.wasm", "big.wasm"),
        (native.as_str(), "libnative.a"),
    ] {
        let from = Path::new(&from).join(from_name);
        println!("cargo:rerun-if-changed={}", from.display());
        fs::copy(&from, Path::new(&to).join(to_name))
            .unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
    }
    println!("cargo:rustc-link-search={to}");
    println!("cargo:rustc-link-lib=static=native");
}
