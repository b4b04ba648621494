//! The store and the registry, on a folder and on a real S3 server, with real clients and with hostile ones.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod clients;
mod collect;
mod conformance;
mod export;
mod hostile;
mod server;
mod uploads;
