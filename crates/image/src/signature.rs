//! Signatures in the Notary Project format, with a COSE envelope, and the policy that says whom to trust.
//!
//! Owns what a signature says, how it is made, and when it counts (Notary Project signature specification 1.1,
//! signature-envelope-cose, trust-store-trust-policy). An envelope is hostile until [`Envelope::parse`] has accepted
//! it, and says nothing that counts until [`verify`] or [`policy::judge`] has.
//!
//! What it does not do: time stamps of RFC 3161 are ignored, so that a chain must be valid at the time of
//! verification; revocation (OCSP, CRL) is not looked up; RSA and P-521 are refused as unsupported.

mod algorithm;
mod cbor;
mod certificate;
mod certificate_error;
mod chain;
mod envelope;
mod envelope_error;
mod header;
mod header_fields;
mod identity;
mod manifest;
mod name;
mod pem;
mod pem_signer;
pub mod policy;
mod sign;
mod time;
mod trust_store;
mod verify;

pub use algorithm::Algorithm;
pub use certificate::{CERTIFICATE_BYTES_MAX, Certificate};
pub use certificate_error::CertificateError;
pub use chain::{CHAIN_CERTIFICATES_MAX, ChainError, UsageFault};
pub use envelope::{ENVELOPE_BYTES_MAX, Envelope, SigningScheme};
pub use envelope_error::EnvelopeError;
pub use identity::{Identity, IdentityError};
pub use manifest::{
    SignatureManifest, SignatureManifestError, THUMBPRINTS, envelope_layer, signature_manifest,
};
pub use pem::PemError;
pub use pem_signer::{KeyError, PemSigner};
pub use sign::{SignError, Signer, SignerError, SigningOptions, sign};
pub use time::UnixTime;
pub use trust_store::{TrustStore, TrustStoreError};
pub use verify::{Check, Verified, VerifyError, verify};
