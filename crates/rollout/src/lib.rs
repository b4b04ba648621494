//! Which device gets what, who is updated next, and why the others are not.
//!
//! Pure: no I/O, no clock, no randomness. [`selector`] picks devices by their labels, [`placement`] says which deployment each
//! device is to have in the end, and [`plan()`] says which devices change now. A plan is never changed: it is carried out, or a
//! new one is made. The same snapshot gives the same plan, on every node and after every restart.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

extern crate alloc;

pub mod ids;
pub mod label;
pub mod placement;
pub mod plan;
pub mod policy;
pub mod selector;
pub mod snapshot;
pub mod standing;
pub mod window;

pub use ids::{Assigned, DeploymentId, DeviceId, RolloutId, UnixMs};
pub use label::{LabelError, Labels};
pub use plan::{Assignment, Closed, Plan, Transition, plan};
pub use policy::{Policy, PolicyError};
pub use selector::{Selector, SelectorError};
pub use snapshot::{Progress, Snapshot, State};
pub use standing::Standing;
