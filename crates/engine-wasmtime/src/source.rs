//! What is compiled: a module with two additions that its author does not see.
//!
//! Its start function becomes an export, so that it can be suspended; and if guests are preempted by
//! signals, it has the type of a function without parameters and results, so that the compiler makes the
//! trampoline through which the guest is suspended. No index changes.

use std::sync::Arc;

use thimble_runtime::engine::LoadError;
use thimble_runtime::module::{Module, ModuleError, start_as_export, with_plain_type};

use crate::preempt::Method;
use crate::shape::ModuleShape;

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
        let invalid = |error: ModuleError| LoadError::Invalid {
            reason: error.to_string(),
        };
        let mut bytes = Arc::clone(module.bytes());
        let mut start = None;
        if let Some(function) = module.start() {
            let name = module.unused_export_name();
            bytes = start_as_export(&bytes, function, &name)
                .map_err(invalid)?
                .into();
            start = Some(name);
        }
        let shape = ModuleShape::of(&bytes);
        if method == Method::Signals && !shape.has_plain_type {
            bytes = with_plain_type(&bytes).map_err(invalid)?.into();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_has_the_type_is_left_as_it_is() {
        let bytes = wat::parse_str("(module (func (export \"_start\")))").unwrap();
        let module = Module::parse(bytes).unwrap();
        let source = Source::of(&module, Method::Signals).unwrap();
        assert_eq!((&source.bytes, source.code_shift), (module.bytes(), 0));
    }
}
