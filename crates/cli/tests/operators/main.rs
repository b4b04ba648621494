//! `thimble fleet` against a hub that runs: what people type, and what they are told.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

mod declared;
mod deploying;
mod help;
mod openid;
mod place;
#[expect(dead_code, reason = "what the hub's own tests need beside this")]
#[path = "../../../hub/tests/openid/provider.rs"]
mod provider;
mod refused;
mod signing_in;
mod things;
mod trust;
