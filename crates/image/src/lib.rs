//! The OCI image format: documents, digests, references, and what a device stores of them.
//!
//! Owns what an image is and how its bytes are read, written, named and checked. Pure: no files, no sockets, no
//! clock. Bytes from a registry, an archive or a disk are hostile until a constructor here has accepted them.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod config;
pub mod descriptor;
pub mod digest;
pub mod document;
mod json;
pub mod layout;
pub mod media_type;
pub mod program;
pub mod reference;
pub mod registry;
pub mod signature;
pub mod store;

pub use config::ImageConfig;
pub use descriptor::{Descriptor, Platform};
pub use digest::{Digest, Hasher};
pub use document::{Document, Index, Manifest};
pub use reference::Reference;
