//! Puts the stacks' part of a linker script where the linker finds it, and tells apart what Rust's names of targets do.

use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = env::var("OUT_DIR").unwrap_or_default();
    fs::copy("stacks.x", Path::new(&folder).join("stacks.x"))
        .unwrap_or_else(|error| panic!("cannot copy stacks.x: {error}"));
    println!("cargo:rustc-link-search={folder}");
    println!("cargo:rerun-if-changed=stacks.x");
    println!("cargo:rustc-check-cfg=cfg(armv8m_main)");
    if env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv8m.main-")) {
        println!("cargo:rustc-cfg=armv8m_main");
    }
}
