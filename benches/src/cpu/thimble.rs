//! The kernels in Thimble's engines, through the engine contract, slice after slice.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use thimble_abi::Call;
use thimble_runtime::engine::{Budget, CallOutcome, Host, InstanceSpec, Yield};

use crate::clock::thread_time;
use crate::device::EngineName;
use crate::guest::Guest;

use super::Runner;

/// Fuel that stands for a microsecond, for the engine that counts.
const FUEL_PER_MICROSECOND: u64 = 1000;

/// An engine, with the length of its slices.
pub(super) struct Thimble {
    name: String,
    guest: Guest,
    budget: Budget,
}

impl Thimble {
    pub(super) fn load(
        engine: EngineName,
        wasm: &[u8],
        slice_ms: u64,
        scratch: &Path,
    ) -> Result<Self> {
        let guest = Guest::from_bytes(&*engine.make(1, scratch)?, wasm.to_vec())?;
        let budget = Budget {
            time: Duration::from_millis(slice_ms),
            fuel: slice_ms * 1000 * FUEL_PER_MICROSECOND,
        };
        let name = match engine {
            EngineName::Wasmtime => format!("T {slice_ms} ms"),
            EngineName::Wasmi => "T wasmi".to_owned(),
        };
        Ok(Self {
            name,
            guest,
            budget,
        })
    }
}

/// Answers every call with 1.
struct One;

impl Host for One {
    fn call(&mut self, _: Call, _: &[u64], _: &mut [u8]) -> CallOutcome {
        CallOutcome::Done(1)
    }

    fn memory_refused(&mut self, _: u64) {}
}

impl Runner for Thimble {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&mut self, kernel: &str) -> Result<(i32, Duration)> {
        let spec = InstanceSpec {
            memory_bytes_max: 1 << 20,
            table_elements_max: 1000,
            stack_bytes: None,
            entries: vec![format!("run_{kernel}")],
        };
        let mut guest = self.guest.loaded().instantiate(&spec)?;
        let begun = thread_time();
        loop {
            match guest.resume(&mut One, self.budget) {
                Yield::Preempted => {}
                Yield::Exited(result) => return Ok((result, thread_time() - begun)),
                end => bail!("the kernel {kernel} ended with {end:?}"),
            }
        }
    }
}
