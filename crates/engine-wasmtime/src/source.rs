//! What is compiled: a module with three additions that its author does not see.
//!
//! Its start function becomes an export, so that it can be suspended; if guests are preempted by signals,
//! it has the type of a function without parameters and results, so that the compiler makes the trampoline
//! through which the guest is suspended; and functions of its own fill and copy its memory in pieces
//! (`bulk`). No index changes. Native code depends on all of this: a change here is a new `SOURCE_VERSION`.

use std::borrow::Cow;
use std::sync::Arc;

use thimble_runtime::engine::LoadError;
use thimble_runtime::module::{Module, ModuleError, start_as_export, with_plain_type};

use crate::bulk::BulkFunctions;
use crate::preempt::Method;
use crate::shape::ModuleShape;
use crate::trap::Origin;

/// What the engine compiles.
pub(crate) struct Source {
    /// All of it but the calls of the added functions.
    bytes: Arc<[u8]>,
    added: BulkFunctions,
    /// What the sections of the module say.
    pub(crate) shape: ModuleShape,
    /// The name under which the start function is exported.
    pub(crate) start: Option<String>,
    /// How its code leads back to the module's.
    pub(crate) origin: Origin,
}

impl Source {
    pub(crate) fn of(module: &Module, method: Method) -> Result<Self, LoadError> {
        let invalid = |error: ModuleError| LoadError::Invalid {
            reason: error.to_string(),
        };
        let mut bytes = Arc::clone(module.bytes());
        let shape = ModuleShape::of(&bytes);
        // Without a memory the instructions are invalid.
        let added = module.memory().map_or_else(BulkFunctions::default, |_| {
            BulkFunctions::of(&bytes, &shape)
        });
        let mut start = None;
        if let Some(function) = module.start() {
            let name = module.unused_export_name();
            bytes = start_as_export(&bytes, function, &name)
                .map_err(invalid)?
                .into();
            start = Some(name);
        }
        if method == Method::Signals && !shape.has_plain_type {
            bytes = with_plain_type(&bytes).map_err(invalid)?.into();
        }
        if let Some(memory) = module.memory().filter(|_| !added.is_empty()) {
            bytes = added
                .added_to(&bytes, memory.page_bytes)
                .map_err(invalid)?
                .into();
        }
        let is_changed = !Arc::ptr_eq(&bytes, module.bytes());
        let origin = Origin {
            code_shift: if is_changed {
                code_shift(&shape, &bytes)
            } else {
                0
            },
            functions: shape.functions,
        };
        Ok(Self {
            bytes,
            added,
            shape,
            start,
            origin,
        })
    }

    /// The bytes for the compiler. Native code that was kept does without them.
    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        if self.added.is_empty() {
            return Cow::Borrowed(&self.bytes);
        }
        let mut bytes = self.bytes.to_vec();
        self.added.take_over(&mut bytes);
        Cow::Owned(bytes)
    }
}

/// By how much the code of `source` lies behind that of the module. What is added stands before all of it or
/// behind all of it, so that every function moves by as much as the first one.
fn code_shift(module: &ModuleShape, source: &[u8]) -> u32 {
    let first_body = |shape: &ModuleShape| shape.code.map_or(0, |code| code.first_body);
    let shift = first_body(&ModuleShape::of(source)).saturating_sub(first_body(module));
    u32::try_from(shift).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_has_the_type_is_left_as_it_is() {
        let bytes = wat::parse_str("(module (func (export \"_start\")))").unwrap();
        let module = Module::parse(bytes).unwrap();
        let source = Source::of(&module, Method::Signals).unwrap();
        assert_eq!(&*source.bytes(), &**module.bytes());
        assert_eq!(source.origin.code_shift, 0);
    }
}
