//! Measures wasmi on a board that QEMU plays, with the settings of `crates/engine-wasmi` for small devices.
//!
//! All of a guest is on the heap, its linear memory and wasmi's code too.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::borrow::ToOwned as _;
use alloc::vec::Vec;

use firmware_guests::{Engine, Installed, KERNELS, Refused, Wasi, host_add};
use wasmi::{
    AsContext as _, Caller, CompilationMode, Config, Error, Extern, ExternType, Func, Instance,
    Module, Store, Val,
};

/// Bytes of stack that a guest begins with, and may have.
const STACK_BYTES: (usize, usize) = (1 << 10, 16 << 10);
const CALLS_MAX: usize = 256;

firmware_boards::entry!(main);

fn main() -> bool {
    firmware_guests::measure(&mut Wasmi {
        module: None,
        guest: None,
        is_kernels: false,
        fuel_used: 0,
    })
}

struct Wasmi {
    module: Option<Module>,
    guest: Option<(Store<Wasi>, Instance)>,
    is_kernels: bool,
    fuel_used: u64,
}

impl Engine for Wasmi {
    const NAME: &'static str = "wasmi";

    fn install(&mut self, module: &'static [u8]) -> Result<Installed, Refused> {
        self.is_kernels = module.as_ptr() == KERNELS.as_ptr();
        let mut config = Config::default();
        config
            .wasm_multi_memory(false)
            .wasm_custom_page_sizes(true)
            .ignore_custom_sections(true)
            .consume_fuel(true)
            .compilation_mode(CompilationMode::LazyTranslation)
            // The smaller one first: wasmi panics where they cross.
            .set_min_stack_height(STACK_BYTES.0)
            .set_max_stack_height(STACK_BYTES.1)
            .set_max_recursion_depth(CALLS_MAX)
            .set_max_cached_stacks(0);
        let engine = wasmi::Engine::new(&config);
        let module = Module::new(&engine, module).map_err(|_| "the module is not valid")?;
        self.module = Some(module);
        Ok(Installed::default())
    }

    fn instantiate(&mut self) -> Result<(), Refused> {
        let module = self.module.as_ref().ok_or("there is no module")?;
        let mut store = Store::new(module.engine(), Wasi::default());
        store.set_fuel(u64::MAX).map_err(|_| "there is no fuel")?;
        let mut imports: Vec<Extern> = Vec::new();
        for import in module.imports() {
            let ExternType::Func(ty) = import.ty() else {
                return Err("an import is no function");
            };
            let function = match self.is_kernels {
                true => Func::wrap(&mut store, host_add),
                false => {
                    let name = import.name().to_owned();
                    Func::new(
                        &mut store,
                        ty.clone(),
                        move |caller, parameters, results| {
                            answer(&name, caller, parameters, results)
                        },
                    )
                }
            };
            imports.push(function.into());
        }
        let instance =
            Instance::new(&mut store, module, &imports).map_err(|_| "the guest cannot be made")?;
        self.guest = Some((store, instance));
        Ok(())
    }

    fn call(&mut self, export: &str, argument: Option<u32>) -> Result<u32, Refused> {
        let (store, instance) = self.guest.as_mut().ok_or("there is no guest")?;
        let function = instance
            .get_func(&*store, export)
            .ok_or("there is no such export")?;
        let argument = argument.map(|argument| Val::I32(argument.cast_signed()));
        let mut results = [Val::I32(0)];
        let results = match export {
            "_start" => &mut results[..0],
            _ => &mut results[..],
        };
        store.set_fuel(u64::MAX).map_err(|_| "there is no fuel")?;
        function
            .call(&mut *store, argument.as_slice(), results)
            .map_err(|_| "the guest trapped")?;
        self.fuel_used = u64::MAX - store.get_fuel().map_err(|_| "there is no fuel")?;
        Ok(match results {
            [Val::I32(result)] => result.cast_unsigned(),
            _ => 0,
        })
    }

    fn own_bytes(&mut self) -> usize {
        self.guest.as_ref().map_or(0, |(store, instance)| {
            instance
                .get_memory(store, "memory")
                .map_or(0, |memory| memory.data_size(store))
        })
    }

    fn fuel(&self) -> u64 {
        self.fuel_used
    }

    fn written(&self) -> (u32, u32) {
        self.guest.as_ref().map_or((0, 0), |(store, _)| {
            let wasi = *store.as_context().data();
            (wasi.written, wasi.sum)
        })
    }

    fn clear(&mut self) {
        self.guest = None;
        self.module = None;
    }
}

fn answer(
    name: &str,
    mut caller: Caller<'_, Wasi>,
    parameters: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    let mut arguments = [0; 5];
    for (argument, parameter) in arguments.iter_mut().zip(parameters) {
        *argument = match parameter {
            Val::I32(value) => value.cast_unsigned(),
            // An offset, which no answer looks at.
            _ => 0,
        };
    }
    let memory = caller
        .get_export("memory")
        .and_then(Extern::into_memory)
        .ok_or_else(|| Error::new("no memory"))?;
    let (bytes, wasi) = memory.data_and_store_mut(&mut caller);
    let answer = arguments
        .get(..parameters.len())
        .and_then(|arguments| wasi.answer(name, arguments, bytes))
        .ok_or_else(|| Error::new("no such call"))?;
    if let Some(result) = results.first_mut() {
        *result = Val::I32(answer.cast_signed());
    }
    Ok(())
}
