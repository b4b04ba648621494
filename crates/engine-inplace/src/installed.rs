//! Modules that are installed once and then run from flash: [`prepare`] validates one and writes its side table,
//! [`open_installed`] joins the two at every start. Of neither is anything copied into memory.
//!
//! What comes of it is what [`thimble_runtime::module::Module::parse`] and the engine's `load` make of the same bytes in
//! memory: the same refusals, the same interface, the same memory.

use alloc::borrow::ToOwned as _;
use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec::Vec;

use thimble_abi::calls::{self, EnvCall, ThimbleCall};
use thimble_abi::{Call, CallSpec, ValueType, env};
use thimble_runtime::engine::{LoadError, LoadedModule};
use thimble_runtime::module::{
    AppHeap, Interface, ModuleError, Names, app_heap_bytes, check_header, unanswered,
};

use crate::Settings;
use crate::guest::InplaceModule;
use crate::program::{
    Bytes, ImportKind, KIND_FUNCTION, KIND_MEMORY, KIND_TABLE, Program, Words, custom_sections,
};
use crate::table::{Digest, Store};
use crate::types::{self, FunctionType};
use crate::validate::{Imported, Limits, Validated, validate_accepting};

/// Validates a module, checks that its imports are answered, and writes its side table, bound to the digest that the
/// caller has of these very bytes.
///
/// # Errors
/// [`LoadError`] says what is wrong. What was written until then is no table.
pub fn prepare(
    module: &[u8],
    digest: &Digest,
    limits: &Limits,
    store: &mut dyn Store,
) -> Result<Validated, LoadError> {
    check_header(module)?;
    wanted_app_heap_bytes(module)?;
    let mut unanswered = None;
    let validated = validate_accepting(module, digest, limits, store, &mut |imported| {
        let error = refused(imported);
        unanswered = error;
        unanswered.is_none()
    });
    match (validated, unanswered) {
        (_, Some(error)) => Err(error.into()),
        (validated, None) => validated.map_err(|refusal| LoadError::Invalid {
            reason: refusal.to_string(),
        }),
    }
}

/// Joins an installed module and its side table, both where they lie, and says what the host must know of the module.
///
/// # Errors
/// [`LoadError::Failed`] if the table is not this module's, or another version wrote it: the module must be prepared
/// again. [`LoadError::Module`] if it was prepared when the host answered other calls.
///
/// # Safety
/// [`prepare`] wrote the table on this device, for these very bytes, and nobody has changed either since. Guests rely on
/// it: what a wrong table says can make them reach any memory.
pub unsafe fn open_installed(
    module: &'static [u8],
    table: &'static [u8],
    digest: Digest,
    settings: Settings,
) -> Result<(Arc<dyn LoadedModule>, Interface), LoadError> {
    let words = words(table).ok_or_else(|| LoadError::Failed {
        reason: "its side table does not lie at a multiple of four".to_owned(),
    })?;
    // SAFETY: the caller vouches for it.
    let program = unsafe { Program::open(Bytes::Static(module), Words::Static(words), digest) };
    let program = program.map_err(|error| LoadError::Failed {
        reason: error.to_string(),
    })?;
    let imports = answers(&program)?;
    let app_heap = app_heap(&program, &imports)?;
    let interface = interface(&program, &imports, app_heap.as_ref());
    let more_pages = app_heap.map_or(0, |heap| heap.pages);
    let module = InplaceModule {
        program: Arc::new(program),
        imports,
        more_pages: u32::try_from(more_pages).unwrap_or(u32::MAX),
        settings,
    };
    Ok((Arc::new(module), interface))
}

fn words(table: &'static [u8]) -> Option<&'static [u32]> {
    // SAFETY: any four bytes are a number.
    let (before, words, _) = unsafe { table.align_to::<u32>() };
    before.is_empty().then_some(words)
}

/// Why an import is refused, if it is.
fn refused(imported: Imported<'_>) -> Option<ModuleError> {
    let Imported { module, name, .. } = imported;
    let kind = match imported.kind {
        KIND_FUNCTION => return answer(module, name, imported.ty?).err(),
        KIND_MEMORY => return None,
        KIND_TABLE => "table",
        _ => "global",
    };
    Some(ModuleError::ImportKind {
        module: module.to_owned(),
        name: name.to_owned(),
        kind,
    })
}

/// The call that answers an import.
fn answer(module: &str, name: &str, ty: FunctionType<'_>) -> Result<Call, ModuleError> {
    let spec = calls::named(module, name).find(|spec| has_type(spec, ty));
    spec.map(|spec| spec.call).ok_or_else(|| {
        let [parameters, results] = [ty.parameters, ty.results].map(numbers);
        unanswered(module, name, &parameters, &results)
    })
}

fn has_type(spec: &CallSpec, ty: FunctionType<'_>) -> bool {
    let parameters = spec.parameters.iter();
    let results = spec.returns.value_type();
    parameters
        .map(|parameter| byte(parameter.value_type()))
        .eq(ty.parameters.iter().copied())
        && results.into_iter().map(byte).eq(ty.results.iter().copied())
}

const fn byte(ty: ValueType) -> u8 {
    match ty {
        ValueType::I32 => types::I32,
        ValueType::I64 => types::I64,
        ValueType::F32 => types::F32,
        ValueType::F64 => types::F64,
    }
}

/// The types that are numbers.
fn numbers(types: &[u8]) -> Vec<ValueType> {
    let all = [
        ValueType::I32,
        ValueType::I64,
        ValueType::F32,
        ValueType::F64,
    ];
    let number = |wanted: &u8| all.into_iter().find(|ty| byte(*ty) == *wanted);
    types.iter().filter_map(number).collect()
}

/// The calls that answer the imported functions, in order.
fn answers(program: &Program) -> Result<Arc<[Call]>, ModuleError> {
    let functions = program
        .imports()
        .filter(|import| import.kind == ImportKind::Function);
    let calls = (0..).zip(functions).map(|(index, import)| {
        let none = FunctionType {
            parameters: &[],
            results: &[],
        };
        let ty = program.function_type(index).unwrap_or(none);
        answer(import.module, import.name, ty)
    });
    calls.collect()
}

/// The room for Ocre's messages, if the module receives them.
fn app_heap(program: &Program, imports: &[Call]) -> Result<Option<AppHeap>, ModuleError> {
    let receives = imports.contains(&Call::Env(EnvCall::SubscribeMessage));
    match program.memory() {
        Some(memory) if receives => {
            let wanted_bytes = wanted_app_heap_bytes(program.bytes())?;
            Ok(memory.pages().app_heap(wanted_bytes))
        }
        _ => Ok(None),
    }
}

/// What the module says about the room for messages that it wants.
fn wanted_app_heap_bytes(module: &[u8]) -> Result<Option<u32>, ModuleError> {
    let mut wanted_bytes = None;
    for (name, section) in custom_sections(module) {
        if name == env::APP_HEAP_SECTION {
            wanted_bytes = Some(app_heap_bytes(section.rest(), section.offset() as usize)?);
        }
    }
    Ok(wanted_bytes)
}

fn interface(program: &Program, imports: &[Call], app_heap: Option<&AppHeap>) -> Interface {
    let is_function = |name| {
        let export = program.export(name);
        export.is_some_and(|export| export.kind == KIND_FUNCTION)
    };
    let dispatchers = if imports.contains(&Call::Env(EnvCall::RegisterDispatcher)) {
        let functions = program.exports();
        functions
            .filter(|(_, export)| export.kind == KIND_FUNCTION)
            .map(|(name, _)| name)
            .collect()
    } else {
        Names::default()
    };
    Interface {
        hears_stop: imports.contains(&Call::Thimble(ThimbleCall::EventWait)),
        app_heap: app_heap.map(|heap| heap.range.clone()),
        dispatchers,
        is_command: is_function("_start"),
        is_reactor: is_function("_initialize"),
        starts_itself: program.table().is_ok_and(|table| table.head.start != 0),
    }
}
