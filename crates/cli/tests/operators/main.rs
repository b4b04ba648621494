//! `thimble fleet` against a hub that runs: what people type, and what they are told.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

mod declared;
mod deploying;
mod help;
mod place;
mod signing_in;
mod things;
