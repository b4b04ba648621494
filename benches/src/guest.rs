//! Guests that figures run, and starting them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use thimble_port_linux::machine::Machine;
use thimble_runtime::config::{ContainerConfig, ContainerId};
use thimble_runtime::engine::{Engine, LoadedModule};
use thimble_runtime::grant::Grants;
use thimble_runtime::kernel::State;
use thimble_runtime::module::Module;
use thimble_runtime::record::{End, ExitRecord};

use crate::device::{self, Output};

/// How long a guest may take before the figure gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns at once.
pub(crate) const TRIVIAL: &str =
    r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

/// Never gives the processor back by itself.
pub(crate) const BUSY: &str =
    r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#;

/// Writes a word to its memory and sleeps for weeks.
pub(crate) const SLEEPING: &str = r#"
(module
  (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1))
    (drop (call $sleep (i32.const 0x7fffffff)))))"#;

/// Says hello and sleeps for weeks.
pub(crate) const HELLO_SLEEPING: &str = r#"
(module
  (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\20\00\00\00\06\00\00\00")
  (data (i32.const 32) "hello\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 0)))
    (drop (call $sleep (i32.const 0x7fffffff)))))"#;

/// A module, parsed and loaded.
#[derive(Clone)]
pub(crate) struct Guest {
    module: Module,
    loaded: Arc<dyn LoadedModule>,
}

impl Guest {
    /// From WebAssembly text.
    pub(crate) fn from_text(engine: &dyn Engine, text: &str) -> Result<Self> {
        Self::from_bytes(engine, wat::parse_str(text)?)
    }

    /// From a module's bytes.
    pub(crate) fn from_bytes(engine: &dyn Engine, bytes: Vec<u8>) -> Result<Self> {
        let module = Module::parse(bytes)?;
        let loaded = engine.load(&module)?;
        Ok(Self { module, loaded })
    }

    /// What the engine made of it.
    pub(crate) fn loaded(&self) -> &dyn LoadedModule {
        &*self.loaded
    }

    /// Starts a container.
    pub(crate) fn start(
        &self,
        machine: &Machine,
        config: &Arc<ContainerConfig>,
    ) -> Result<ContainerId> {
        self.start_with_output(machine, config, None)
    }

    /// Starts a container and keeps what it writes.
    pub(crate) fn start_with_output(
        &self,
        machine: &Machine,
        config: &Arc<ContainerConfig>,
        output: Option<&Output>,
    ) -> Result<ContainerId> {
        let id = machine.create(Arc::clone(config));
        machine.start(id, &self.module, &*self.loaded, device::resources(output))?;
        Ok(id)
    }
}

/// A configuration with these grants.
pub(crate) fn config(name: &str, grants: &[&str]) -> Result<Arc<ContainerConfig>> {
    let mut config = ContainerConfig::new(name);
    config.grants = Grants::parse(grants.iter().copied())?;
    Ok(Arc::new(config))
}

/// Whether a container has ended.
pub(crate) fn has_ended(machine: &Machine, id: ContainerId) -> bool {
    !matches!(machine.state(id), Some(State::Running | State::Paused))
}

/// Whether a container has had its first slice.
pub(crate) fn has_run(machine: &Machine, id: ContainerId) -> bool {
    machine.usage(id).is_some_and(|usage| usage.slices > 0)
}

/// Runs containers on this thread until `done`.
pub(crate) fn run_until(machine: &Machine, mut done: impl FnMut(&Machine) -> bool) -> Result<()> {
    let begun = Instant::now();
    let mut late = false;
    machine.run_until(|machine| {
        late = begun.elapsed() > PATIENCE;
        late || done(machine)
    });
    if late {
        bail!("the guests did not come to an end within {PATIENCE:?}");
    }
    Ok(())
}

/// Waits, while other threads run containers, until `done`.
pub(crate) fn wait_until(done: impl Fn() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > PATIENCE {
            bail!("the guests did not come to an end within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}

/// Makes sure that a container has ended with exit code 0.
pub(crate) fn check_success(machine: &Machine, id: ContainerId) -> Result<ExitRecord> {
    let record = machine.record(id).context("the container has no record")?;
    match record.end {
        End::Exited(0) => Ok(record),
        end => bail!("the guest was to exit with 0, but: {end:?}"),
    }
}

/// Kills containers and runs the machine on this thread until they are gone.
pub(crate) fn kill_all(machine: &Machine, containers: &[ContainerId]) -> Result<()> {
    for id in containers.iter().filter(|id| !has_ended(machine, **id)) {
        machine.kill(*id)?;
    }
    run_until(machine, |machine| {
        containers.iter().all(|id| has_ended(machine, *id))
    })
}
