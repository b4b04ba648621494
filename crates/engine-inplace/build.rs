//! Chooses the loop in assembly for the target, if there is one: `cfg(assembly = "thumb")` or `"riscv"`.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(assembly, values(\"thumb\", \"riscv\"))");
    let of = |name: &str| env::var(name).unwrap_or_default();
    let has = |feature: &str| {
        of("CARGO_CFG_TARGET_FEATURE")
            .split(',')
            .any(|one| one == feature)
    };
    // Thumb-2 with its division: Cortex-M3 and later, not M0 or M23, nor processors with an operating system.
    let is_thumb = ["thumbv7m-", "thumbv7em-", "thumbv8m.main-"]
        .iter()
        .any(|prefix| of("TARGET").starts_with(prefix));
    let is_riscv = of("CARGO_CFG_TARGET_ARCH") == "riscv32"
        && has("m")
        && has("c")
        && of("CARGO_CFG_TARGET_ABI") != "ilp32e";
    if is_thumb {
        println!("cargo::rustc-cfg=assembly=\"thumb\"");
    } else if is_riscv {
        println!("cargo::rustc-cfg=assembly=\"riscv\"");
    }
}
