//! The kernels in Wasmtime without preemption: the same compiler with the settings of our engine, used
//! directly.

use std::time::Duration;

use anyhow::Result;
use wasmtime::{Collector, Config, Engine, Linker, Module, OptLevel, Store};

use crate::clock::thread_time;

use super::Runner;

/// Wasmtime.
pub(super) struct Plain {
    engine: Engine,
    module: Module,
    linker: Linker<()>,
}

impl Plain {
    pub(super) fn load(wasm: &[u8]) -> Result<Self> {
        let mut config = Config::new();
        config.cranelift_opt_level(OptLevel::Speed);
        config.collector(Collector::Null);
        let engine = Engine::new(&config).map_err(failed)?;
        let module = Module::new(&engine, wasm).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("thimble", "abi_version", || 1_i32)
            .map_err(failed)?;
        Ok(Self {
            engine,
            module,
            linker,
        })
    }
}

impl Runner for Plain {
    fn name(&self) -> &str {
        "wasmtime"
    }

    fn run(&mut self, kernel: &str) -> Result<(i32, Duration)> {
        let mut store = Store::new(&self.engine, ());
        let instance = self
            .linker
            .instantiate(&mut store, &self.module)
            .map_err(failed)?;
        let function = instance
            .get_typed_func::<(), i32>(&mut store, &format!("run_{kernel}"))
            .map_err(failed)?;
        let begun = thread_time();
        let result = function.call(&mut store, ()).map_err(failed)?;
        Ok((result, thread_time() - begun))
    }
}

fn failed(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
