//! wasmi, with all that a device needs of it.

use wasmi::{Config, Engine, Extern, Func, Instance, Module, Store, Val};

/// Runs the first function.
pub(crate) fn run(module: &'static [u8]) -> Option<u64> {
    let mut config = Config::default();
    config
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(true)
        .consume_fuel(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, module).ok()?;
    let mut store = Store::new(&engine, ());
    store.set_fuel(10_000).ok()?;
    let answer = Func::wrap(&mut store, |value: u32| value.wrapping_add(1));
    let instance = Instance::new(&mut store, &module, &[Extern::from(answer)]).ok()?;
    let function = instance.get_func(&store, "run")?;
    let mut results = [Val::I64(0)];
    function.call(&mut store, &[], &mut results).ok()?;
    match results {
        [Val::I64(result)] => Some(result.cast_unsigned()),
        _ => None,
    }
}
