//! A device with as little as the figures need: no network, no pins, streams in memory.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use anyhow::{Context as _, Result};
use thimble_abi::Errno;
use thimble_engine_wasmi::{Settings as WasmiSettings, WasmiEngine};
use thimble_engine_wasmtime::{CacheSettings, NoticeSink, Settings, WasmtimeEngine};
use thimble_port_linux::machine::{Devices, Machine};
use thimble_port_linux::network::LinuxNetwork;
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::store::MemoryStore;
use thimble_runtime::config::ContainerId;
use thimble_runtime::engine::Engine;
use thimble_runtime::host::Resources;
use thimble_runtime::kernel::Schedule;
use thimble_runtime::port::{Interest, NoBoard, Observer, Readiness, Stream};
use thimble_runtime::record::Trace;

/// An engine of Thimble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineName {
    Wasmtime,
    Wasmi,
}

impl EngineName {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Wasmtime, Self::Wasmi];

    /// As users write it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Wasmtime => "wasmtime",
            Self::Wasmi => "wasmi",
        }
    }

    /// Makes one with room for this many guests; native code is cached below `scratch`.
    pub(crate) fn make(self, guests: u32, scratch: &Path) -> Result<Arc<dyn Engine>> {
        Ok(match self {
            Self::Wasmi => Arc::new(WasmiEngine::new(WasmiSettings::linux())),
            Self::Wasmtime => {
                let settings = Settings {
                    cache: Some(CacheSettings::new(scratch.join("native"))),
                    slots: guests,
                    notices: NoticeSink::new(|notice| eprintln!("note: {notice}")),
                    ..Settings::default()
                };
                Arc::new(WasmtimeEngine::new(settings).context("cannot make the engine wasmtime")?)
            }
        })
    }
}

/// A machine without containers.
pub(crate) fn machine() -> Result<Machine> {
    let reactor = Reactor::new().context("cannot make a reactor")?;
    let devices = Devices {
        network: Box::new(LinuxNetwork::new(reactor.clone())),
        board: Box::new(NoBoard),
        store: Box::new(MemoryStore::default()),
        observer: Box::new(Teller),
        reactor,
    };
    Ok(Machine::new(devices, Schedule::default()))
}

/// What a container has open: an output that is kept, if somebody wants it, and nothing else.
pub(crate) fn resources(output: Option<&Output>) -> Resources {
    Resources {
        stdin: Box::new(Output::default()),
        stdout: Box::new(output.cloned().unwrap_or_default()),
        stderr: Box::new(Output::default()),
        mounts: Vec::new(),
        listeners: Vec::new(),
    }
}

/// Keeps what is written to it. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Output(Option<Arc<Mutex<Vec<u8>>>>);

impl Output {
    /// One that keeps; the default throws away.
    pub(crate) fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    /// What was written, as little-endian 64-bit numbers.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let Some(bytes) = &self.0 else {
            return Vec::new();
        };
        let bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|bytes| u64::from_le_bytes(*bytes))
            .collect()
    }
}

impl Stream for Output {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
        if let Some(kept) = &self.0 {
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(bytes);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>, _: Interest) -> Poll<Result<Readiness, Errno>> {
        Poll::Ready(Ok(Readiness {
            bytes: 1,
            hangup: false,
        }))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}

/// Tells what should not happen to the guests of figures.
struct Teller;

impl Observer for Teller {
    fn trace(&self, container: ContainerId, trace: Trace<'_>) {
        eprintln!("note: container {container}: {trace:?}");
    }
}
