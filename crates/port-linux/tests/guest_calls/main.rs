//! What guests get from the modules `env` and `thimble`, over the simulated board, a real bus and store,
//! and a clock that stands still unless told otherwise.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod defects;
mod env;
mod fixture;
mod pointers;
mod thimble;
