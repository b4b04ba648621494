//! What is compiled: a module with two additions that its author does not see.
//!
//! Its start function becomes an export, so that it can be suspended; and if guests are preempted by
//! signals, it has the type of a function without parameters and results, so that the compiler makes the
//! trampoline through which the guest is suspended. No index changes.

use std::sync::Arc;

use thimble_runtime::engine::LoadError;
use thimble_runtime::module::{Module, start_as_export};
use wasmparser::{Parser, Payload};

use crate::preempt::Method;
use crate::shape::ModuleShape;

const SECTION_TYPE: u8 = 1;
/// A function type without parameters and results: its form and two counts.
const PLAIN_TYPE: [u8; 3] = [0x60, 0, 0];
/// Bytes before the first section.
const HEADER_BYTES: usize = 8;

/// What the engine compiles.
pub(crate) struct Source {
    pub(crate) bytes: Arc<[u8]>,
    /// What its sections say.
    pub(crate) shape: ModuleShape,
    /// The name under which the start function is exported.
    pub(crate) start: Option<String>,
    /// By how much its code lies behind that of the module.
    pub(crate) code_shift: u32,
}

impl Source {
    pub(crate) fn of(module: &Module, method: Method) -> Result<Self, LoadError> {
        let mut bytes = Arc::clone(module.bytes());
        let mut start = None;
        if let Some(function) = module.start() {
            let name = module.unused_export_name();
            bytes = start_as_export(&bytes, function, &name)
                .map_err(|error| LoadError::Invalid {
                    reason: error.to_string(),
                })?
                .into();
            start = Some(name);
        }
        let shape = ModuleShape::of(&bytes);
        if method == Method::Signals && !shape.has_plain_type {
            bytes = with_plain_type(&bytes).into();
        }
        // The sections that differ all lie before the code.
        let longer = bytes.len().saturating_sub(module.bytes().len());
        Ok(Self {
            bytes,
            shape,
            start,
            code_shift: u32::try_from(longer).unwrap_or(0),
        })
    }
}

/// The module with one type more, the last one.
fn with_plain_type(module: &[u8]) -> Vec<u8> {
    let (section, types) = type_section(module);
    let (before, after) = (
        module.get(..section.start).unwrap_or_default(),
        module.get(section.end..).unwrap_or_default(),
    );
    let (count, entries) = types;
    let mut body = Vec::with_capacity(entries.len() + 8);
    put_u32(&mut body, count.saturating_add(1));
    body.extend_from_slice(entries);
    body.extend_from_slice(&PLAIN_TYPE);
    let mut bytes = Vec::with_capacity(module.len() + 16);
    bytes.extend_from_slice(before);
    bytes.push(SECTION_TYPE);
    put_u32(&mut bytes, u32::try_from(body.len()).unwrap_or(u32::MAX));
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(after);
    bytes
}

/// Where the whole type section is, or would be; how many types it has, and their bytes.
fn type_section(module: &[u8]) -> (std::ops::Range<usize>, (u32, &[u8])) {
    let mut end = HEADER_BYTES;
    for payload in Parser::new(0).parse_all(module) {
        let Ok(payload) = payload else { break };
        if let Payload::TypeSection(section) = payload {
            let entries = section.original_position()..section.range().end;
            let entries = module.get(entries).unwrap_or_default();
            return (end..section.range().end, (section.count(), entries));
        }
        match payload.as_section() {
            // Custom sections may come before it.
            Some((0, range)) => end = range.end,
            Some(_) => break,
            None => {}
        }
    }
    // The only sections before it are custom ones: it may as well be the first.
    (HEADER_BYTES..HEADER_BYTES, (0, &[]))
}

/// Writes a number as the binary format does (LEB128).
fn put_u32(out: &mut Vec<u8>, mut value: u32) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds the type and checks that the module is valid and calls the type by the index it must have.
    #[track_caller]
    fn check(text: &str) {
        let module = wat::parse_str(text).unwrap();
        let before = types(&module);
        let rewritten = with_plain_type(&module);
        wasmparser::Validator::new()
            .validate_all(&rewritten)
            .unwrap();
        let after = types(&rewritten);
        let (last, rest) = after.split_last().unwrap();
        assert_eq!((rest, last.as_str()), (&before[..], "() -> ()"), "{text}");
        assert!(ModuleShape::of(&rewritten).has_plain_type);
    }

    fn types(module: &[u8]) -> Vec<String> {
        let mut types = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            if let Payload::TypeSection(section) = payload.unwrap() {
                for ty in section.into_iter_err_on_gc_types() {
                    let ty = ty.unwrap();
                    let join = |types: &[wasmparser::ValType]| {
                        types
                            .iter()
                            .map(ToString::to_string)
                            .collect::<Vec<_>>()
                            .join(" ")
                    };
                    types.push(format!(
                        "({}) -> ({})",
                        join(ty.params()),
                        join(ty.results())
                    ));
                }
            }
        }
        types
    }

    #[test]
    fn the_type_is_added_wherever_the_types_are() {
        check("(module)");
        check("(module (memory 1))");
        check("(module (func (param i32)) (func (result i64) (i64.const 1)))");
        check("(module (@custom \"a\" (before first) \"x\") (func (param f32 f64)))");
        check("(module (@custom \"a\" (before first) \"x\") (memory 1))");
        check("(module (@custom \"a\" (after type) \"x\") (func (param i32)))");
        // The count grows from one byte to two.
        let many: String = (0..127)
            .map(|n| format!("(type (func (param{})))", " i32".repeat(n + 1)))
            .collect();
        check(&format!("(module {many})"));
    }

    #[test]
    fn a_module_that_has_the_type_is_left_as_it_is() {
        let bytes = wat::parse_str("(module (func (export \"_start\")))").unwrap();
        let module = Module::parse(bytes).unwrap();
        let source = Source::of(&module, Method::Signals).unwrap();
        assert_eq!((&source.bytes, source.code_shift), (module.bytes(), 0));
    }
}
