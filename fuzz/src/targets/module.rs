//! Reading and rewriting modules: raw bytes, and generated modules whose sections are shaken.
//!
//! An input that begins with `S` is entropy for a generated module, any other is a module itself.

mod facts;
mod shake;

use std::mem;
use std::time::Duration;

use arbitrary::Unstructured;
use thimble_abi::Call;
use thimble_abi::calls::EnvCall;
use thimble_abi::env::{APP_HEAP_ALIGNMENT, APP_HEAP_BYTES, APP_HEAP_SMALL_BYTES};
use thimble_runtime::module::{Module, ModuleError, PAGE_BYTES, start_as_export};
use wasmparser::Validator;

use crate::finding::{Violation, ensure};
use crate::shapes::Shapes;

use super::{Target, TargetSpec, smith};
use facts::Facts;

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "module",
    summary: "Module::parse: never panics, and rewriting keeps what a module means",
    bytes_max: 8192,
    patience: Duration::from_secs(10),
    tokens: &[
        b"\0asm\x01\0\0\0",
        b"\x02\x0f\x01\x03env\x06memory\x02\x00\x01",
        b"\x05\x03\x01\0\x01",
        b"\x08\x01\0",
        b"\x0c\x01\0",
        b"\0\x02\x01x",
        b"wasi_snapshot_preview1",
        b"\x03env",
        b"memory",
        b"ocre_subscribe_message",
        b"S",
    ],
    make: || Box::new(Modules),
};

struct Modules;

impl Target for Modules {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        match input.split_first() {
            Some((b'S', entropy)) => match generate(entropy) {
                Some(bytes) => check(&bytes, shapes),
                None => Ok(()),
            },
            _ => check(input, shapes),
        }
    }
}

/// A module from entropy; `None` when there is too little.
fn generate(entropy: &[u8]) -> Option<Vec<u8>> {
    let mut u = Unstructured::new(entropy);
    let shakes = shake::Shakes::new(&mut u).ok()?;
    let config = smith::config(&mut u).ok()?;
    let module = wasm_smith::Module::new(config, &mut u).ok()?;
    Some(shakes.apply(&module.to_bytes()))
}

fn is_valid(bytes: &[u8]) -> bool {
    Validator::new_with_features(smith::FEATURES)
        .validate_all(bytes)
        .is_ok()
}

fn check(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    let valid = is_valid(bytes);
    let module = match Module::parse(bytes) {
        Ok(module) => module,
        Err(error) => {
            shapes.note((mem::discriminant(&error), error.to_string().len()));
            let at_fault = matches!(
                error,
                ModuleError::Malformed { .. } | ModuleError::Truncated { .. }
            );
            return ensure(
                !valid || (!at_fault && !facts::imports_are_known(bytes)),
                "a valid module with known imports is accepted",
                || error.to_string(),
            );
        }
    };
    shapes.note((
        valid,
        module.imports().len().min(8),
        module.exports().len().min(8),
    ));
    shapes.note((
        module.memory().is_some(),
        module.app_heap().is_some(),
        module.start().is_some(),
    ));
    let rewritten_valid = is_valid(module.bytes());
    ensure(valid == rewritten_valid, "rewriting keeps validity", || {
        format!(
            "valid before: {valid}, after: {rewritten_valid}; after: {:02x?}",
            module.bytes()
        )
    })?;
    if !valid {
        return Ok(());
    }
    let (before, after) = (Facts::of(bytes), Facts::of(module.bytes()));
    check_functions(&before, &after)?;
    check_memory(&module, &before, &after)?;
    check_offsets(&module, &before, &after)?;
    check_start(&module)
}

/// Functions keep their indices, types and bodies.
fn check_functions(before: &Facts, after: &Facts) -> Result<(), Violation> {
    ensure(
        before.functions == after.functions,
        "functions keep their indices",
        || format!("{:?} became {:?}", before.functions, after.functions),
    )?;
    ensure(
        before.bodies == after.bodies,
        "code is copied byte for byte",
        || {
            format!(
                "{} bodies became {}",
                before.bodies.len(),
                after.bodies.len()
            )
        },
    )?;
    let kept = after.exports.get(..before.exports.len()) == Some(before.exports.as_slice());
    ensure(kept, "exports are kept in order", || {
        format!("{:?} became {:?}", before.exports, after.exports)
    })
}

/// The memory is the module's own, exported under the name that is told, and as large as told.
fn check_memory(module: &Module, before: &Facts, after: &Facts) -> Result<(), Violation> {
    let detail = || {
        format!(
            "{:?} and {:?}; before {:?}, after {:?}",
            module.memory(),
            module.app_heap(),
            before.memory,
            after.memory
        )
    };
    let (Some(memory), Some(old), Some(new)) = (module.memory(), &before.memory, &after.memory)
    else {
        let none = module.memory().is_none() && before.memory.is_none() && after.memory.is_none();
        return ensure(none, "memory appears or is lost", detail);
    };
    ensure(!new.imported, "memory is the module's own", detail)?;
    ensure(
        memory.imported == old.imported,
        "memory was imported as told",
        detail,
    )?;
    ensure(
        new.export.as_ref() == Some(&memory.export),
        "memory is exported as told",
        detail,
    )?;
    ensure(
        new.bytes == memory.initial_bytes(),
        "memory is as large as told",
        detail,
    )?;
    let receives = module
        .imports()
        .iter()
        .any(|import| import.spec.call == Call::Env(EnvCall::SubscribeMessage));
    ensure(
        receives || module.app_heap().is_none(),
        "only receivers have an app heap",
        detail,
    )?;
    let Some(heap) = module.app_heap() else {
        return ensure(
            new.bytes == old.bytes && new.maximum == old.maximum,
            "memory keeps its limits",
            detail,
        );
    };
    let (start, bytes, room) = if memory.page_bytes < PAGE_BYTES {
        let start = old.bytes.next_multiple_of(u64::from(APP_HEAP_ALIGNMENT));
        let end = start + u64::from(APP_HEAP_SMALL_BYTES);
        (start, APP_HEAP_SMALL_BYTES, end - old.bytes)
    } else {
        (old.bytes, APP_HEAP_BYTES, PAGE_BYTES)
    };
    ensure(
        u64::from(heap.start) == start,
        "the app heap lies behind the memory",
        detail,
    )?;
    ensure(
        heap.end.wrapping_sub(heap.start) == bytes,
        "the app heap has its size",
        detail,
    )?;
    ensure(
        new.bytes == old.bytes + room,
        "the app heap takes what it needs",
        detail,
    )?;
    let grows = match (old.maximum, new.maximum) {
        (None, None) => true,
        (Some(old), Some(new)) => new == (old + room).min(1 << 32) || new == u64::from(u32::MAX),
        _ => false,
    };
    ensure(grows, "the module may grow as far as before", detail)
}

/// Offsets into the rewritten code lead back to the original.
fn check_offsets(module: &Module, before: &Facts, after: &Facts) -> Result<(), Violation> {
    for (old, new) in before.body_offsets.iter().zip(&after.body_offsets) {
        let told = module.original_offset(*new);
        ensure(told == *old, "offsets lead back to the original", || {
            format!("{new} leads to {told} instead of {old}")
        })?;
    }
    Ok(())
}

/// The start function as an export leaves a valid module.
fn check_start(module: &Module) -> Result<(), Violation> {
    let Some(start) = module.start() else {
        return Ok(());
    };
    let bytes = start_as_export(module.bytes(), start, "\0fuzz").map_err(|error| {
        Violation::new("the start function becomes an export", error.to_string())
    })?;
    let facts = Facts::of(&bytes);
    let exported = facts
        .exports
        .iter()
        .any(|(name, index)| name == "\0fuzz" && *index == start);
    ensure(
        is_valid(&bytes) && exported,
        "the start function becomes an export",
        || format!("{bytes:02x?}"),
    )
}
