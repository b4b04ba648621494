//! How a device becomes one of a fleet.

use alloc::string::String;
use alloc::vec::Vec;

use crate::capabilities::Capabilities;
use crate::ids::DeviceId;
use crate::state::SigningKey;

/// A device asks to become one of a fleet, or for a new certificate (then over TLS with its present one). The same request
/// sent again gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolRequest {
    /// A certification request (PKCS #10, RFC 2986, DER) for the device's P-256 key, signed with it. Its subject is ignored.
    pub csr: Vec<u8>,
    /// The code that whoever installs the device was given; without one, somebody has to approve the device.
    pub claim_code: Option<String>,
    /// What it is.
    pub capabilities: Capabilities,
}

/// What the hub answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnrolReply {
    /// The device is one of the fleet.
    Issued(Issued),
    /// Somebody has to approve it: ask again with the same request.
    Pending {
        /// Seconds until then.
        retry_s: u32,
        /// What people compare before they approve: the first 8 bytes of the SHA-256 of the public key, in hexadecimal.
        fingerprint: String,
    },
}

/// Everything that a device needs to be one of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its id.
    pub device: DeviceId,
    /// Its certificate and the authorities between it and the root, DER, its own first.
    pub chain: Vec<Vec<u8>>,
    /// Authorities that the hub's own certificate comes from, DER, beside those that the device was given.
    pub authorities: Vec<Vec<u8>>,
    /// Keys that sign its states and manifests.
    pub keys: Vec<SigningKey>,
    /// Where the device's resources are: `https://host:port`.
    pub hub: String,
}
