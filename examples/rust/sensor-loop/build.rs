//! Gives the guest a stack of 16 KiB instead of the linker's 1 MiB, so that it fits a small device.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-zstack-size=16384");
}
