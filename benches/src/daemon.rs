//! What the daemon promises: memory beside podman, cycles through its API, idle cost, its bus, coming back, and
//! neighbours of a hostile guest.
//!
//! Each figure starts the command `thimble daemon` with a folder of its own and speaks to it through its socket, as
//! everybody does. What runs natively beside it is podman with crun.

mod bus;
mod cycles;
mod floods;
mod guests;
mod idle;
mod memory;
mod podman;
mod process;
mod service;
mod start;

pub(crate) use bus::measure as bus;
pub(crate) use cycles::measure as cycles;
pub(crate) use floods::measure as floods;
pub(crate) use idle::measure as idle;
pub(crate) use memory::measure as memory;
pub(crate) use podman::{CHILD as RIVAL, child as rival};
pub(crate) use start::measure as start;

/// Folder names and container names of the figures begin so.
const PREFIX: &str = "bench";
