//! Fleets that are played.
//!
//! The agent, the session, the messages, placement and the planner are the real ones; the hub's store, the network, flash and
//! containers are models that fail in every way that a seed thinks of. Whatever happens follows from the seed: the same life
//! can be lived again, with a trace. [`Life`] is one; [`script`] plays what is written down, step by step.

#![forbid(unsafe_code)]

mod apps;
mod device;
mod hub;
mod judge;
mod life;
mod queue;
mod random;
pub mod script;
mod signature;
mod tally;
mod trace;
mod world;

pub use life::{Life, Lived, Traced};
pub use signature::Signatures;
pub use tally::{Trouble, Troubles};
pub use world::{Counts, Sabotage, Violation};
