//! What device and hub say to each other: bytes, signatures, patience.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "everything here is a test and may stop at the first surprise"
)]

mod bundle;
mod codec;
mod envelope;
mod etag;
mod golden;
mod messages;
mod refusals;
mod samples;
mod schema;
mod seal;
mod session;
mod sizes;
