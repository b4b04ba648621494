//! Links for the board.

fn main() {
    // The loader of the board puts sections where they are: pages need no alignment.
    println!("cargo:rustc-link-arg=--nmagic");
    println!("cargo:rustc-link-arg=-Tlink.x");
}
