//! Rollouts from an order to what devices are told, with a real store and real blobs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

#[path = "rollouts/collect.rs"]
mod collect;
#[path = "rollouts/crashes.rs"]
mod crashes;
#[path = "rollouts/keep.rs"]
mod keep;
#[path = "rollouts/life.rs"]
mod life;
#[path = "rollouts/plant.rs"]
mod plant;
#[path = "rollouts/quiet.rs"]
mod quiet;
#[path = "rollouts/scripts.rs"]
mod scripts;
#[path = "rollouts/states.rs"]
mod states;
