//! Registries: what is said to one and what is done with its answers (OCI distribution specification 1.1).
//!
//! Machines that a port drives. [`Machine::advance`] says what to do: send a request, wait, let the caller check, or
//! stop. The port tells what came of it: [`Machine::head`], [`Machine::body`] and [`Machine::end`], or
//! [`Machine::failed`]. The machine signs in, follows redirects, tries again, resumes, and checks every byte; the port
//! needs an HTTP client, a clock and a [`crate::store::BlobStore`], nothing more.

mod attach;
mod auth;
mod challenge;
mod check;
mod download;
mod fault;
mod http;
mod lookup;
mod machine;
mod operation;
mod place;
mod pull;
mod push;
mod referrers;
mod said;
mod upload;
mod url;

#[cfg(test)]
mod tests;

pub use auth::{Credentials, Secret};
pub use fault::{Fault, RegistryError, TransportError, TransportErrorKind};
pub use http::{Head, Method, Outgoing, Request};
pub use lookup::{ListReferrers, Resolve, SignIn};
pub use machine::{Action, Flow, Limits, Machine};
pub use operation::{BlobProgress, Call, Event, Operation, Taking, Verdict, Want};
pub use pull::{Found, Pull};
pub use push::{Delivery, Push};
pub use url::{Origin, Target, Url, UrlError};

/// Bytes of a token server's answer at most.
pub const TOKEN_BYTES_MAX: u64 = 64 << 10;
/// Bytes of an error's body that are read.
pub const ERROR_BYTES_MAX: u64 = 64 << 10;
/// Redirects that one request follows.
pub const REDIRECTS_MAX: u32 = 5;
/// Indexes inside each other at most.
pub const NESTING_MAX: usize = 4;
/// Signatures of an image that are fetched.
pub const SIGNATURES_MAX: usize = 32;
/// Bytes of a signature's manifest, and of each of its blobs, at most.
pub const SIGNATURE_BYTES_MAX: u64 = 1 << 20;
/// Pages of referrers that are asked for.
pub const REFERRER_PAGES_MAX: u32 = 8;
/// Bytes of a blob that go up in one request.
pub const CHUNK_BYTES: u64 = 8 << 20;
/// Repositories from which a blob is mounted, tried at most.
pub const MOUNTS_MAX: usize = 4;
/// Manifests and indexes that one push sends at most.
pub const PUSHED_DOCUMENTS_MAX: usize = 1024;
