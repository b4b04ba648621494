//! Both ends of a serial line, the line between them, and the console.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "everything here is a test and may stop at the first surprise"
)]

mod codec;
mod frame;
mod golden;
mod link;
mod random;
mod samples;
mod shell;
mod terminal;
