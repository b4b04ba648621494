//! Signatures, judged from outside: by tables of tampering, by openssl, and by the reference implementation.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that tests share may stop at the first surprise, too"
)]

mod attempt;
mod bytes;
mod corpus;
mod faults;
mod identities;
mod openssl;
mod peer;
mod pki;
mod policies;
mod policy_faults;
mod refusals;
mod signing;
mod trust;
mod workshop;

use std::error::Error;

/// What an error says, with all its sources.
fn says(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
