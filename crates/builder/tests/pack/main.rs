//! Packing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
use thimble_builder::pack::{PackOptions, pack};
#[test]
fn look() {
    for path in std::env::var("LOOK").unwrap().split(' ') {
        let bytes = std::fs::read(path).unwrap();
        let packed = pack(&bytes, &PackOptions::default()).unwrap();
        println!("== {path} {} -> {}", bytes.len(), packed.tidied.bytes.len());
        for line in packed.report.lines() {
            println!("   {line}");
        }
        if let Ok(out) = std::env::var("OUT") {
            let name = std::path::Path::new(path).file_name().unwrap();
            std::fs::write(std::path::Path::new(&out).join(name), &packed.tidied.bytes).unwrap();
        }
    }
}
