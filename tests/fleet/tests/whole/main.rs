//! Whole fleets: real hubs, real daemons, real databases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise, its parts that are no test functions too"
)]

mod hostile;
mod kills;
mod nodes;
mod operator;
mod schema;
mod story;
mod trust;
mod ward;
