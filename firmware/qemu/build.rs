//! Chooses the board of a target, and puts its linker script where the linker finds it.

use std::path::Path;
use std::{env, fs};

/// Targets by the beginning of their name, with the board that runs them.
const BOARDS: [(&str, &str); 3] = [
    ("thumbv7em-", "mps2_an386"),
    ("thumbv8m.main-", "mps2_an505"),
    ("riscv32imac-", "virt"),
];

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-check-cfg=cfg(board, values(\"mps2_an386\", \"mps2_an505\", \"virt\"))");
    println!("cargo:rerun-if-changed=scripts");
    let Some((_, board)) = BOARDS.iter().find(|(prefix, _)| target.starts_with(prefix)) else {
        panic!("no board for {target}");
    };
    println!("cargo:rustc-cfg=board=\"{board}\"");
    let folder = env::var("OUT_DIR").unwrap_or_default();
    for (script, to) in [
        (format!("{board}.x"), "memory.x"),
        ("device.x".to_owned(), "device.x"),
    ] {
        fs::copy(
            Path::new("scripts").join(&script),
            Path::new(&folder).join(to),
        )
        .unwrap_or_else(|error| panic!("cannot copy {script}: {error}"));
    }
    println!("cargo:rustc-link-search={folder}");
}
