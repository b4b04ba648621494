//! What the kernel hands to workers, and gets back.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::task::Waker;

use crate::config::{ContainerConfig, ContainerId};
use crate::engine::{Budget, Guest, Interrupt, Yield};
use crate::host::HostState;
use crate::port::Ports;
use crate::record::ExitRecord;
use crate::time::Instant;

use super::slot::Usage;

/// A container that runs or could: its guest, its host state and how to wake it.
pub struct Body {
    /// The guest.
    pub guest: Box<dyn Guest>,
    /// Its side of the host interface.
    pub host: HostState,
    /// Makes it ready again.
    pub waker: Waker,
}

impl Body {
    /// Tells the guest and its host state of a configuration that they do not have yet.
    pub(super) fn reconfigure(&mut self, config: &Arc<ContainerConfig>) {
        if !self.host.has_config(config) {
            self.guest.set_memory_bytes_max(config.limits.memory_bytes);
            self.host.reconfigure(Arc::clone(config));
        }
    }
}

/// A container on loan to a worker, for one slice.
pub struct Lease {
    /// Which container.
    pub id: ContainerId,
    pub(super) body: Box<Body>,
    pub(super) budget: Budget,
    pub(super) began: Instant,
}

impl Lease {
    /// The container's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.body.host.name()
    }

    /// Runs the slice.
    pub fn run(&mut self, ports: &Ports<'_>) -> Yield {
        let Body { guest, host, waker } = &mut *self.body;
        guest.resume(&mut host.bind(ports, waker), self.budget)
    }
}

/// A run that is over.
pub struct Ended {
    /// What is left of it.
    pub body: Box<Body>,
    /// How it ended and what it used; `None` if nobody knows of it any more.
    pub outcome: Option<(ExitRecord, Usage)>,
}

/// What a worker should do.
pub enum Next {
    /// Run this.
    Run(Lease),
    /// Drop the body of this container that has ended, after releasing what it holds.
    Dispose(Ended),
    /// Nothing until this time, or until something is woken.
    Idle {
        /// The next deadline.
        until: Option<Instant>,
    },
}

/// What to do after a container was told something.
#[derive(Default)]
pub struct Effect {
    /// Interrupt this guest: it is running.
    pub interrupt: Option<Arc<dyn Interrupt>>,
    /// Drop the body of this container that has ended, after releasing what it holds.
    pub dispose: Option<Ended>,
    /// Whether a worker that has nothing to do should ask again.
    pub notify: bool,
}
