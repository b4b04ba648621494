//! What the host interface asks of the device: small traits that a port implements.
//!
//! Nothing here blocks. An operation that cannot finish at once returns [`core::task::Poll::Pending`]
//! after arranging that the given [`core::task::Waker`] is woken when asking again may help; waking too
//! often is harmless. Dropping an object gives up whatever it had begun. Errors are WASI's
//! [`Errno`](thimble_abi::Errno), which is what guests see.

mod board;
mod files;
mod network;
mod pulses;
mod store;
mod streams;

use thimble_abi::Errno;

pub use board::{Board, Direction, Level, NoBoard, PinEdge, PinName, SensorReading};
pub use files::{
    Directory, DirectoryReply, DirectoryRequest, Entry, File, FileReply, FileRequest, Metadata,
    Opened, Position, Times,
};
pub use network::{Group, Lookup, Network, Protocol, Received, Socket, SocketOption};
pub use pulses::{EDGE_BACKLOG, Pulses};
pub use store::{KeyValue, StoreReply, StoreRequest};
pub use streams::{Interest, Readiness, Stream};

use crate::bus::BusAccess;
use crate::config::ContainerId;
use crate::kernel::Usage;
use crate::record::{ExitRecord, Trace};
use crate::time::Instant;

/// Everything the device offers to host calls.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// Clocks.
    pub clock: &'a dyn Clock,
    /// Randomness.
    pub random: &'a dyn Random,
    /// Sockets and name look-up.
    pub network: &'a dyn Network,
    /// Pins and sensors.
    pub board: &'a dyn Board,
    /// Key-value data of containers.
    pub store: &'a dyn KeyValue,
    /// The message bus that all containers share.
    pub bus: &'a dyn BusAccess,
    /// Where traces go.
    pub observer: &'a dyn Observer,
}

/// The device's clocks.
pub trait Clock: Sync {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// Nanoseconds since 1970-01-01 UTC.
    fn realtime_nanos(&self) -> u64;

    /// The resolution of both clocks, in nanoseconds.
    fn resolution_nanos(&self) -> u64;
}

/// The device's source of randomness.
pub trait Random: Sync {
    /// Fills a buffer with cryptographically secure bytes.
    ///
    /// # Errors
    /// [`Errno::Io`] when the device has none to give.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno>;
}

/// Hears what happens to containers: for logs, metrics and people.
pub trait Observer: Sync {
    /// Something happened to a container.
    fn trace(&self, container: ContainerId, trace: Trace<'_>);

    /// A container's run has ended, and what it held is given back. Its next run begins after this returns, so this
    /// must not start it itself.
    fn ended(&self, container: ContainerId, record: &ExitRecord, usage: Usage) {
        let _ = (container, record, usage);
    }
}
