//! What guest and host agree on: the call table, error numbers, memory layouts and grant names.
//!
//! Every import a guest may have is described once, in [`calls`]; the engines link from it, the runtime
//! dispatches on it and `spec/abi.md` is generated from it. Nothing here allocates, reads memory or has an
//! opinion on how a call is carried out. A published call never changes its meaning or its signature.

#![no_std]
#![forbid(unsafe_code)]

pub mod calls;
pub mod env;
pub mod errno;
pub mod event;
pub mod grant;
pub mod socket;
pub mod spec;
pub mod wasi;

pub use calls::{Call, CallSpec, ValueType};
pub use errno::Errno;
pub use grant::GrantKind;
