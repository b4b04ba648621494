//! Packing modules: raw bytes, and generated modules with a global that is used as a stack pointer is.
//!
//! An input that begins with `S` is entropy for a generated module, any other is a module itself.

use std::mem;
use std::time::Duration;

use arbitrary::Unstructured;
use thimble_builder::module::TidyError;
use thimble_builder::pack::{MemoryOutcome, PackOptions, StackOutcome, pack};
use thimble_runtime::module::Module;

use crate::finding::{Violation, ensure};
use crate::shapes::Shapes;

use super::{Target, TargetSpec, smith};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "packing",
    summary: "packing a module: never panics, and what comes out is valid and has the same outside",
    bytes_max: 8192,
    patience: Duration::from_secs(20),
    tokens: &[
        b"\0asm\x01\0\0\0",
        b"\x0f__stack_pointer",
        b"\x0a__data_end",
        b"\x06\x09\x01\x7f\x01\x41\x90\x88\x04\x0b",
        b"\x23\0\x41\x10\x6b\x22\0\x24\0",
        b"\x20\0\x41\x10\x6a\x24\0",
        b"\x07linking",
        b"\x0areloc.CODE",
        b"\x04name",
        b"S",
    ],
    make: || Box::new(Packing),
};

struct Packing;

impl Target for Packing {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        match input.split_first() {
            Some((b'S', entropy)) => match generate(entropy) {
                Some((bytes, options)) => check(&bytes, &options, shapes),
                None => Ok(()),
            },
            _ => check(input, &PackOptions::default(), shapes),
        }
    }
}

/// A module from entropy, and how it is packed; `None` when there is too little.
fn generate(entropy: &[u8]) -> Option<(Vec<u8>, PackOptions)> {
    let mut u = Unstructured::new(entropy);
    let options = PackOptions {
        stack_bytes: u.arbitrary().ok()?,
        heap_bytes: u.arbitrary().ok()?,
        message_bytes: u.arbitrary().ok()?,
        ..PackOptions::default()
    };
    let mut config = smith::config(&mut u).ok()?;
    config.export_everything = true;
    let module = wasm_smith::Module::new(config, &mut u).ok()?;
    Some((module.to_bytes(), options))
}

fn check(bytes: &[u8], options: &PackOptions, shapes: &mut Shapes) -> Result<(), Violation> {
    let packed = match pack(bytes, options) {
        Ok(packed) => packed,
        Err(error) => {
            shapes.note(error.to_string().len());
            return ensure(
                !matches!(error, TidyError::Defect { .. }),
                "what is packed stays valid",
                || error.to_string(),
            );
        }
    };
    let report = &packed.report;
    shapes.note((
        mem::discriminant(&report.memory),
        mem::discriminant(&report.stack),
    ));
    let (before, after) = (Module::parse(bytes), Module::parse(packed.tidied.bytes));
    let (Ok(before), Ok(after)) = (&before, &after) else {
        return ensure(
            before.is_err() == after.is_err(),
            "what could be run still can",
            || format!("{:?} became {:?}", before.err(), after.err()),
        );
    };
    ensure(
        before.exports() == after.exports() && before.imports().len() == after.imports().len(),
        "the outside stays",
        || format!("{:?} became {:?}", before.exports(), after.exports()),
    )?;
    let deeper = matches!(report.stack, StackOutcome::Bounded { bytes, bytes_before, .. } if bytes > bytes_before);
    let asked = matches!(report.memory, MemoryOutcome::HeapFixed { .. });
    ensure(
        deeper || asked || report.memory_bytes <= report.memory_bytes_before,
        "memory gets no larger, unless the stack was too small",
        || format!("{report:?}"),
    )
}
