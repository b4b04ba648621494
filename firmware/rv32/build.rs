//! Links for the board.

fn main() {
    // Frames are larger than those of Arm's instructions, for which `stacks.x` is measured.
    println!("cargo:rustc-link-arg=--defsym=__stack_bytes=12288");
    println!("cargo:rustc-link-arg=-Tmemory.x");
}
