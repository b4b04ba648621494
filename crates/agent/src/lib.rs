//! What a device does about the state that its hub declared: fetch, verify, measure, wait, ask, switch, watch, commit or roll
//! back.
//!
//! One value, [`Agent`]: [`Event`]s go in with the time, [`Action`]s come out, [`Agent::deadline`] says when it wants to be
//! woken. It does no I/O, reads no clock and knows neither HTTP nor a container API. What must survive a power cut leaves it
//! as [`Action::Save`] before anything that relies on it; a new agent made of the last saved bytes goes on from there,
//! whichever actions were carried out since.
//!
//! A driver owes it four things: it carries out actions in their order, a save durably before the next; it answers each
//! [`Ticket`] once, and may forget those that a newer one of the same kind replaced; it carries out actions twice as well as
//! once; and it never stops, starts or removes containers of a deployment by itself, but for restarts of the same version.

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

extern crate alloc;

pub mod action;
pub mod agent;
pub mod event;
mod fits;
mod gate;
mod graph;
mod kept;
mod saved;
pub mod settings;
pub mod status;
pub mod trust;
mod window;

pub use action::{Action, Ticket};
pub use agent::{Agent, RestoreError};
pub use event::{Capacity, Consent, Event, Failure};
pub use fits::blobs;
pub use settings::{Now, Settings};
pub use status::Status;
pub use trust::{OpenedState, Refusal, RefusalCause, Signatures, Trust};
