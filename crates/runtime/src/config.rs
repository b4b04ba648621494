//! What a container is to be: its name, arguments, grants and limits.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::bus::QueuePolicy;
use crate::grant::Grants;
use crate::limits::Limits;

/// Names a container for as long as the runtime lives; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(u64);

impl ContainerId {
    /// The id with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// A share of the processor, relative to the other containers' shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CpuShare(u32);

impl CpuShare {
    /// One: what a container gets unless told otherwise.
    pub const ONE: Self = Self(1000);

    /// A share in thousandths, from 0.001 to 10,000.
    #[must_use]
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        if thousandths == 0 || thousandths > 10_000_000 {
            None
        } else {
            Some(Self(thousandths))
        }
    }

    /// The share in thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

/// A container's configuration.
#[derive(Clone, Debug)]
pub struct ContainerConfig {
    /// Its name: key-value data belongs to it.
    pub name: String,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// What it may do.
    pub grants: Grants,
    /// What it may use.
    pub limits: Limits,
    /// What happens when a message arrives and its queue is full.
    pub queue_policy: QueuePolicy,
    /// Its share of the processor.
    pub cpu_share: CpuShare,
    /// The time between being asked to stop and being killed.
    pub stop_grace: Duration,
    /// The time after which it is ended, if any.
    pub timeout: Option<Duration>,
    /// The exported function to run, `None` for `_start`, or what a reactor has.
    pub entry: Option<String>,
}

impl ContainerConfig {
    /// The configuration of a container that is given nothing.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            args: alloc::vec![name.clone()],
            name,
            env: Vec::new(),
            grants: Grants::default(),
            limits: Limits::default(),
            queue_policy: QueuePolicy::default(),
            cpu_share: CpuShare::ONE,
            stop_grace: Duration::from_secs(10),
            timeout: None,
            entry: None,
        }
    }
}

/// What is to change in a container's configuration, while it runs or not; `None` leaves things as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerUpdate {
    /// Its share of the processor.
    pub cpu_share: Option<CpuShare>,
    /// What it may use. What it has already it keeps, even if that is more; table elements count from its next start.
    pub limits: Option<Limits>,
    /// What happens when a message arrives and its queue is full.
    pub queue_policy: Option<QueuePolicy>,
    /// The time between being asked to stop and being killed.
    pub stop_grace: Option<Duration>,
}

impl ContainerUpdate {
    /// The configuration that a container has after this.
    #[must_use]
    pub fn applied_to(&self, config: &ContainerConfig) -> ContainerConfig {
        let mut config = config.clone();
        config.cpu_share = self.cpu_share.unwrap_or(config.cpu_share);
        config.queue_policy = self.queue_policy.unwrap_or(config.queue_policy);
        config.stop_grace = self.stop_grace.unwrap_or(config.stop_grace);
        if let Some(limits) = &self.limits {
            config.limits = limits.clone();
        }
        config
    }
}
