//! A module of functions that only call the host, for guests that make tail calls.
//!
//! wasmi loses the place of the result when a host function that was called in tail position stops the
//! guest. Through the shim, a tail call reaches a WebAssembly function, and the host is called from there in
//! the ordinary way. Modules without tail calls pay nothing.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thimble_abi::{CallSpec, ValueType};

/// The name under which the shim exports the function for the import at this position.
pub(crate) fn export_name(position: usize) -> String {
    position.to_string()
}

/// The shim's bytes: for each call an import and a function that forwards to it.
pub(crate) fn module(imports: &[&'static CallSpec]) -> Vec<u8> {
    let mut types = Vec::new();
    let mut imported = Vec::new();
    let mut functions = Vec::new();
    let mut exports = Vec::new();
    let mut code = Vec::new();
    for (position, spec) in imports.iter().enumerate() {
        put_type(&mut types, spec);
        // An import of the function type `position`, without names: only the order counts.
        imported.extend([0, 0, 0]);
        put_number(&mut imported, position);
        put_number(&mut functions, position);
        let name = export_name(position);
        put_number(&mut exports, name.len());
        exports.extend(name.as_bytes());
        exports.push(0);
        put_number(&mut exports, imports.len() + position);
        put_body(&mut code, position, spec.parameters.len());
    }
    let mut out = b"\0asm\x01\0\0\0".to_vec();
    for (id, entries) in [
        (1, types),
        (2, imported),
        (3, functions),
        (7, exports),
        (10, code),
    ] {
        let mut count = Vec::new();
        put_number(&mut count, imports.len());
        out.push(id);
        put_number(&mut out, count.len() + entries.len());
        out.extend(count);
        out.extend(entries);
    }
    out
}

fn put_type(out: &mut Vec<u8>, spec: &CallSpec) {
    out.push(0x60);
    put_number(out, spec.parameters.len());
    out.extend(
        spec.parameters
            .iter()
            .map(|parameter| type_code(parameter.value_type())),
    );
    let results = spec.returns.value_type();
    put_number(out, usize::from(results.is_some()));
    out.extend(results.map(type_code));
}

/// No locals; each parameter, then `call`, then `end`.
fn put_body(out: &mut Vec<u8>, function: usize, parameters: usize) {
    let mut body = Vec::from([0]);
    for parameter in 0..parameters {
        body.push(0x20);
        put_number(&mut body, parameter);
    }
    body.push(0x10);
    put_number(&mut body, function);
    body.push(0x0b);
    put_number(out, body.len());
    out.extend(body);
}

const fn type_code(ty: ValueType) -> u8 {
    match ty {
        ValueType::I32 => 0x7f,
        ValueType::I64 => 0x7e,
        ValueType::F32 => 0x7d,
        ValueType::F64 => 0x7c,
    }
}

/// LEB128, unsigned.
pub(crate) fn put_number(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
