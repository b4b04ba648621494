//! Why an import is not answered.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use thimble_abi::{ValueType, calls};

use super::{ModuleError, hints};

/// What to tell somebody whose module imports a function that no call of the host is: there is none of its name, or only
/// with another signature than the one declared.
#[must_use]
pub fn unanswered(
    module: &str,
    name: &str,
    parameters: &[ValueType],
    results: &[ValueType],
) -> ModuleError {
    let Some(spec) = calls::named(module, name).next() else {
        return ModuleError::UnknownImport {
            module: module.to_string(),
            name: name.to_string(),
            hint: hints::for_unknown_import(module, name),
        };
    };
    let expected: Vec<_> = spec
        .parameters
        .iter()
        .map(|parameter| parameter.value_type())
        .collect();
    ModuleError::WrongImportSignature {
        module: module.to_string(),
        name: name.to_string(),
        declared: text(parameters, results),
        expected: text(&expected, spec.returns.value_type().as_slice()),
    }
}

/// A signature as people write it.
fn text(parameters: &[ValueType], results: &[ValueType]) -> String {
    let mut text = String::from("(");
    for (index, parameter) in parameters.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{}", parameter.name());
    }
    text.push(')');
    for result in results {
        let _ = write!(text, " -> {}", result.name());
    }
    text
}
