//! Transfers against a real registry, and against ones that break every rule.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod cutting;
mod evil;
mod images;
mod outside;
mod real;
mod resume;
mod scripted;
mod sign_in;
