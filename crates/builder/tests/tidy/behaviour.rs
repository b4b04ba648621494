//! What a module does, told by an interpreter: results, traps, fuel, memory and globals.

use wasmi::{Config, Engine, Extern, Linker, Module, Store, Val, ValType};

/// Fuel for each call.
const FUEL: u64 = 20_000;

/// Instantiates a module without imports, calls each exported function, and tells everything that can be seen.
pub(super) fn outcome(bytes: &[u8]) -> Vec<String> {
    let mut config = Config::default();
    config
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(true)
        .wasm_tail_call(true)
        .consume_fuel(true);
    let engine = Engine::new(&config);
    let module = match Module::new(&engine, bytes) {
        Ok(module) => module,
        Err(error) => panic!("the oracle refuses it: {error}"),
    };
    let mut store = Store::new(&engine, ());
    store.set_fuel(FUEL).unwrap();
    let instance = match Linker::new(&engine).instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return vec![format!("start: {}", anonymous(&error.to_string()))],
    };
    let exports: Vec<_> = instance
        .exports(&store)
        .map(|export| (export.name().to_owned(), export.into_extern()))
        .collect();
    let mut lines = Vec::new();
    for (name, export) in &exports {
        let Extern::Func(function) = export else {
            continue;
        };
        let ty = function.ty(&store);
        let arguments: Vec<_> = ty.params().iter().map(|ty| argument(*ty)).collect();
        let mut results: Vec<_> = ty
            .results()
            .iter()
            .map(|ty| Val::default_for_ty(*ty))
            .collect();
        store.set_fuel(FUEL).unwrap();
        let end = function.call(&mut store, &arguments, &mut results);
        let left = store.get_fuel().unwrap();
        lines.push(match end {
            Ok(()) => format!(
                "{name}: {:?}, {left} left",
                results.iter().map(bits).collect::<Vec<_>>()
            ),
            Err(error) => format!("{name}: {}, {left} left", anonymous(&error.to_string())),
        });
    }
    for (name, export) in &exports {
        lines.push(match export {
            Extern::Memory(memory) => {
                format!("{name}: {}", thimble_image::Digest::of(memory.data(&store)))
            }
            Extern::Global(global) => format!("{name}: {}", bits(&global.get(&store))),
            Extern::Table(table) => format!("{name}: {} elements", table.size(&store)),
            Extern::Func(_) => continue,
        });
    }
    lines
}

/// A message without the number of the store, which is another one each time.
fn anonymous(message: &str) -> String {
    match message.split_once("StoreId(") {
        Some((before, rest)) => {
            let after = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            format!("{before}StoreId({after}")
        }
        None => message.to_owned(),
    }
}

fn argument(ty: ValType) -> Val {
    match ty {
        ValType::I32 => Val::I32(7),
        ValType::I64 => Val::I64(-3),
        other => Val::default_for_ty(other),
    }
}

fn bits(value: &Val) -> String {
    match value {
        Val::I32(value) => format!("i32 {value}"),
        Val::I64(value) => format!("i64 {value}"),
        Val::F32(value) => format!("f32 {:x}", value.to_bits()),
        Val::F64(value) => format!("f64 {:x}", value.to_bits()),
        Val::V128(_) => "v128".into(),
        Val::FuncRef(value) => format!("funcref {}", value.is_null()),
        Val::ExternRef(value) => format!("externref {}", value.is_null()),
    }
}
