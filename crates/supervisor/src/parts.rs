//! What firmware gives to the supervisor.

use alloc::boxed::Box;

use thimble_abi::Errno;
use thimble_port_mcu::images::ImageStore;
use thimble_port_mcu::machine::Watch;
pub use thimble_port_mcu::shared::SharedRecords;
use thimble_runtime::kernel::Schedule;
use thimble_runtime::lifecycle::BackoffSettings;
use thimble_runtime::port::{Board, Clock, Directory, KeyValue, Network, Random};
use thimble_runtime::{ContainerId, Limits};
use thimble_serial::{FaultReport, LogStream, Space};

use crate::limits;
use crate::programs::Programs;

/// What a device allows.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Containers at most.
    pub containers_max: u32,
    /// Bytes of a manifest or a configuration at most.
    pub document_bytes_max: u32,
    /// The most bytes of a message's encoding that the device takes.
    pub message_bytes_max: u32,
    /// What a container may use unless somebody says otherwise.
    pub limits: Limits,
    /// Bytes of a container's stack unless somebody says otherwise.
    pub stack_bytes: u32,
    /// Bytes of output that are kept of a container unless somebody says otherwise.
    pub log_bytes: u32,
    /// Bytes of output that may be kept of a container.
    pub log_bytes_max: u32,
    /// How long a container that ended waits before it is started again.
    pub backoff: BackoffSettings,
    /// How the processor is divided.
    pub schedule: Schedule,
}

impl Default for Settings {
    /// For a few hundred kilobytes of memory.
    fn default() -> Self {
        Self {
            containers_max: 16,
            document_bytes_max: 4096,
            message_bytes_max: 4096,
            limits: limits::small(),
            stack_bytes: 4096,
            log_bytes: 512,
            log_bytes_max: 16 << 10,
            backoff: BackoffSettings::default(),
            schedule: Schedule::default(),
        }
    }
}

/// The device's parts.
pub struct Parts {
    /// Clocks.
    pub clock: Box<dyn Clock + Send>,
    /// Randomness.
    pub random: Box<dyn Random + Send>,
    /// Sockets.
    pub network: Box<dyn Network + Send>,
    /// Pins and sensors.
    pub board: Box<dyn Board + Send>,
    /// Key-value data.
    pub store: Box<dyn KeyValue + Send>,
    /// What the device must not forget.
    pub records: SharedRecords,
    /// Where images lie.
    pub images: Box<dyn ImageStore>,
    /// The engine.
    pub programs: &'static dyn Programs,
    /// Containers' files.
    pub volumes: Box<dyn Volumes>,
    /// What only firmware knows.
    pub facts: Box<dyn DeviceFacts>,
}

/// What containers keep beside their records: files, keys and values.
pub trait Volumes: Send {
    /// Opens the directory that a container has at a path, made if it is not there. All directories of a container take
    /// `quota_bytes` together at most.
    ///
    /// # Errors
    /// What went wrong, as guests are told it.
    fn open(
        &mut self,
        container: &str,
        path: &str,
        quota_bytes: u64,
    ) -> Result<Box<dyn Directory>, Errno>;

    /// Removes all that a container kept: files, keys and values. There may be nothing. It is called again after a power
    /// cut.
    ///
    /// # Errors
    /// What went wrong; some of it may be left.
    fn remove_all(&mut self, container: &str) -> Result<(), Errno>;

    /// Bytes that a container's files take.
    fn used_bytes(&mut self, container: &str) -> u64;
}

/// What only firmware knows of the device, and can do to it.
pub trait DeviceFacts: Send {
    /// The board's name.
    fn board(&self) -> &str;

    /// The firmware's version.
    fn version(&self) -> &str;

    /// Why it started: `power on`, `reset`, `watchdog`, `fault`, …
    fn started_by(&self) -> &str;

    /// What was wrong with storage at the start and was mended, empty if nothing.
    fn recovered(&self) -> &str {
        ""
    }

    /// The container that ran when the firmware failed, if that is why the device started.
    fn failed_in(&self) -> Option<&str> {
        None
    }

    /// A run of this container is about to begin: what fails from here on until something else happens, fails in it. To be
    /// noted for [`DeviceFacts::failed_in`], as slices are ([`DeviceFacts::watch`]).
    fn began(&mut self, id: ContainerId, container: &str) {
        let _ = (id, container);
    }

    /// Who is told of every slice.
    fn watch(&self) -> Watch {
        |_| {}
    }

    /// The heap.
    fn heap(&self) -> Space;

    /// The most bytes that were ever used of the heap.
    fn heap_peak_bytes(&self) -> u32 {
        0
    }

    /// The most bytes that were ever used of the processor's stack.
    fn stack_peak_bytes(&self) -> u32 {
        0
    }

    /// How often the processor woke while it had nothing to do.
    fn idle_wakeups(&self) -> u64 {
        0
    }

    /// Milliseconds that it slept.
    fn idle_ms(&self) -> u64 {
        0
    }

    /// The last fault of the firmware.
    fn fault(&self) -> Option<FaultReport> {
        None
    }

    /// Forgets the last fault.
    fn clear_fault(&mut self) {}

    /// Sets the clock that tells milliseconds since 1970.
    fn set_time(&mut self, unix_ms: u64);
}

/// Hears what containers write, as they write it: a console that follows.
pub trait Tap: Send {
    /// A container wrote something; at most a slice's worth, and never to be waited for.
    fn wrote(&mut self, container: &str, stream: LogStream, at_ms: u64, bytes: &[u8]);
}
