//! Plans of fleets: what people read, and what holds whatever happens.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "plans/away.rs"]
mod away;
#[path = "plans/golden.rs"]
mod golden;
#[path = "plans/property.rs"]
mod property;
#[path = "plans/world.rs"]
mod world;
