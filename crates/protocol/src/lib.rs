//! What a device and the hub say to each other: desired states, manifests, reports, enrolment.
//!
//! Pure: no I/O and no clock. Both ends ship at different times, so a published message never changes meaning; a new field
//! gets a new number, and a reader passes over numbers that it does not know. Bytes are hostile until a constructor here
//! has accepted them. What changes a device is signed (COSE_Sign1, RFC 9052); TLS only keeps it private.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bundle;
pub mod capabilities;
mod codec;
pub mod enrol;
mod etag;
pub mod http;
pub mod ids;
pub mod keyring;
pub mod limits;
pub mod manifest;
pub mod report;
pub mod seal;
pub mod session;
pub mod sign;
pub mod state;

pub use capabilities::Capabilities;
pub use codec::DecodeError;
pub use enrol::{EnrolReply, EnrolRequest};
pub use etag::{ETag, ETagError};
pub use ids::{DeploymentId, DeviceId, StateVersion, UnixSeconds};
pub use keyring::{KeyId, Keyring};
pub use manifest::Manifest;
pub use report::{Report, ReportReply};
pub use session::Session;
pub use state::{DesiredState, Item};
