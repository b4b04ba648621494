//! The parts of a board that stand for little.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_port_mcu::machine::Watch;
use thimble_runtime::ContainerId;
use thimble_runtime::Instant;
use thimble_runtime::port::{
    Clock, Directory, DirectoryReply, DirectoryRequest, KeyValue, Lookup, Network, Protocol,
    Random, Socket, StoreReply, StoreRequest,
};
use thimble_serial::Space;
use thimble_supervisor::{DeviceFacts, Volumes};

use crate::board::Kept;

/// A clock that a test sets.
pub(crate) struct Manual(pub(crate) Arc<AtomicU64>);

impl Clock for Manual {
    fn now(&self) -> Instant {
        // Looking at it takes a microsecond.
        Instant::from_nanos(self.0.fetch_add(1000, Ordering::Relaxed))
    }

    fn realtime_nanos(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn resolution_nanos(&self) -> u64 {
        1
    }
}

/// No randomness.
pub(crate) struct Zeros;

impl Random for Zeros {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        buffer.fill(0);
        Ok(())
    }
}

/// No network.
pub(crate) struct NoNetwork;

impl Network for NoNetwork {
    fn socket(&self, _: Protocol, _: bool) -> Result<Box<dyn Socket>, Errno> {
        Err(Errno::NotSupported)
    }

    fn lookup(&self, _: &str) -> Result<Box<dyn Lookup>, Errno> {
        Err(Errno::NotSupported)
    }
}

/// No keys and values.
pub(crate) struct NoStore;

impl KeyValue for NoStore {
    fn poll(
        &self,
        _: &mut Context<'_>,
        _: &str,
        _: StoreRequest<'_>,
    ) -> Poll<Result<StoreReply, Errno>> {
        Poll::Ready(Err(Errno::NotSupported))
    }
}

/// Notes who has data.
pub(crate) struct Folders(pub(crate) Kept);

impl Volumes for Folders {
    fn open(&mut self, container: &str, _: &str, _: u64) -> Result<Box<dyn Directory>, Errno> {
        self.0.lock().unwrap().insert(container.to_owned());
        Ok(Box::new(NoDirectory))
    }

    fn remove_all(&mut self, container: &str) -> Result<(), Errno> {
        self.0.lock().unwrap().remove(container);
        Ok(())
    }

    fn used_bytes(&mut self, _: &str) -> u64 {
        0
    }
}

struct NoDirectory;

impl Directory for NoDirectory {
    fn poll(
        &mut self,
        _: &mut Context<'_>,
        _: DirectoryRequest<'_>,
    ) -> Poll<Result<DirectoryReply, Errno>> {
        Poll::Ready(Err(Errno::NotSupported))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

thread_local! {
    /// What boards are told of who runs, while a test wants to know.
    pub(crate) static TOLD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

fn tell(what: impl FnOnce() -> String) {
    TOLD.with_borrow_mut(|told| {
        if let Some(told) = told {
            told.push(what());
        }
    });
}

/// A board, and the container that ran when its firmware failed.
pub(crate) struct Facts(pub(crate) Option<&'static str>);

impl DeviceFacts for Facts {
    fn board(&self) -> &str {
        "desk"
    }

    fn version(&self) -> &str {
        "0.1.0"
    }

    fn started_by(&self) -> &str {
        "power on"
    }

    fn failed_in(&self) -> Option<&str> {
        self.0
    }

    fn began(&mut self, _: ContainerId, container: &str) {
        tell(|| format!("began {container}"));
    }

    fn watch(&self) -> Watch {
        |runs| match runs {
            Some((_, name)) => tell(|| format!("runs {name}")),
            None => tell(|| "over".to_owned()),
        }
    }

    fn heap(&self) -> Space {
        Space::default()
    }

    fn set_time(&mut self, _: u64) {}
}
