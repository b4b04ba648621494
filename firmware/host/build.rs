//! Links for the board, and makes modules of the containers' text.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rustc-link-arg=-Tboard.x");
    println!("cargo:rerun-if-changed=containers");
    let folder = env::var("OUT_DIR").unwrap_or_default();
    for name in ["events", "ocre"] {
        let from = format!("containers/{name}.wat");
        let module = wat::parse_file(&from).unwrap_or_else(|error| panic!("{error}"));
        let to = Path::new(&folder).join(name).with_extension("wasm");
        fs::write(&to, module).unwrap_or_else(|error| panic!("cannot write {name}: {error}"));
    }
}
