//! Links the guest so that `thimble build --pack` can give it exactly the memory that it needs: the stack behind the
//! data, and relocations, from which packing learns what is an address.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for argument in ["-zstack-size=1024", "--no-stack-first", "--emit-relocs"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
