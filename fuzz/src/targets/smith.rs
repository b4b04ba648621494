//! Valid modules from random bytes, which import only what the call table has.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use thimble_abi::{CallSpec, ValueType, calls};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wasm_smith::Config;
use wasmparser::WasmFeatures;

/// What containers may use: what both engines are set to.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES);

/// Whether a valid module has no vectors: small devices' engines do not.
pub(crate) fn is_without_vectors(module: &[u8]) -> bool {
    let features = FEATURES.difference(WasmFeatures::SIMD);
    wasmparser::Validator::new_with_features(features)
        .validate_all(module)
        .is_ok()
}

/// A module that imports every call and a memory: what modules may choose from.
static EVERYTHING: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let memory = memory(1, Some(4));
    shape(&calls::all().collect::<Vec<_>>(), Some(memory), None, &[])
});

/// A configuration with features that containers may use.
pub(crate) fn config(u: &mut Unstructured<'_>) -> Result<Config> {
    Ok(Config {
        available_imports: Some(EVERYTHING.clone()),
        allow_start_export: u.arbitrary()?,
        export_everything: u.arbitrary()?,
        generate_custom_sections: u.arbitrary()?,
        max_memory32_bytes: 8 << 20,
        max_table_elements: 2_000,
        max_tables: u.int_in_range(0..=3)?,
        max_funcs: u.int_in_range(1..=20)?,
        max_instructions: u.int_in_range(20..=400)?,
        max_memories: 1,
        max_tags: 0,
        min_uleb_size: u.int_in_range(1..=5)?,
        simd_enabled: u.arbitrary()?,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: u.ratio(1, 4)?,
        memory64_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        wide_arithmetic_enabled: false,
        canonicalize_nans: true,
        ..Config::default()
    })
}

/// A module with these imports, this memory of its own and these exported functions, which do nothing.
pub(crate) fn shape(
    imports: &[&CallSpec],
    imported_memory: Option<MemoryType>,
    own_memory: Option<MemoryType>,
    exports: &[(&str, Option<ValType>)],
) -> Vec<u8> {
    let (mut types, mut import_section) = (TypeSection::new(), ImportSection::new());
    for (index, spec) in (0..).zip(imports) {
        let parameters = spec
            .parameters
            .iter()
            .map(|parameter| val_type(parameter.value_type()));
        types
            .ty()
            .function(parameters, spec.returns.value_type().map(val_type));
        import_section.import(spec.module, spec.name, EntityType::Function(index));
    }
    if let Some(memory) = imported_memory {
        import_section.import("env", "memory", memory);
    }
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    let (mut memories, mut export_section) = (MemorySection::new(), ExportSection::new());
    for (name, result) in exports {
        types.ty().function([], *result);
        functions.function(types.len() - 1);
        let function = import_section
            .len()
            .saturating_sub(u32::from(imported_memory.is_some()));
        export_section.export(name, ExportKind::Func, function + functions.len() - 1);
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        code.function(&body);
    }
    if let Some(memory) = own_memory {
        memories.memory(memory);
        export_section.export("memory", ExportKind::Memory, 0);
    }
    let mut module = Module::new();
    module
        .section(&types)
        .section(&import_section)
        .section(&functions);
    module
        .section(&memories)
        .section(&export_section)
        .section(&code);
    module.finish()
}

/// A memory with pages of the usual size.
pub(crate) const fn memory(minimum: u64, maximum: Option<u64>) -> MemoryType {
    MemoryType {
        minimum,
        maximum,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

const fn val_type(ty: ValueType) -> ValType {
    match ty {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::F32 => ValType::F32,
        ValueType::F64 => ValType::F64,
    }
}
