//! The daemon as a service of a device: who may be it, where it listens, who restarts it, whom it tells.
//!
//! The order at the start, in a process that has one thread and has initialised nothing:
//!
//! 1. [`sockets`]: from the supervising parent, from the service manager, or made here;
//! 2. [`supervise::run`], unless this is the child already: it returns when the service ends;
//! 3. in the child: [`lock`] the state folder, [`crash::take`] what the last one left, [`crash::install`] before
//!    the engine, open everything, [`isolation::apply`](crate::isolation::apply), start threads;
//! 4. [`notify::ready`] when requests are answered.

pub mod clock;
pub mod crash;
mod lock;
pub mod memory;
pub mod notify;
mod signals;
mod sockets;
pub mod supervise;

pub use self::lock::{LockError, StateLock, lock};
pub use self::sockets::{Bind, SocketError, Sockets, sockets};
