//! Links for the board.

fn main() {
    println!("cargo:rustc-link-arg=-Tmemory.x");
}
