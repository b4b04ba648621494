//! Links for the board.

use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = env::var("OUT_DIR").unwrap_or_default();
    fs::copy("memory.x", Path::new(&folder).join("memory.x"))
        .unwrap_or_else(|error| panic!("cannot copy memory.x: {error}"));
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rustc-link-search={folder}");
    println!("cargo:rustc-link-arg=--nmagic");
    println!("cargo:rustc-link-arg=-Tlink.x");
}
