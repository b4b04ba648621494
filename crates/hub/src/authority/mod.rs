//! Who is who: the hub's keys and certificates, and those of its devices.
//!
//! Private keys exist in the clear only in memory; whatever is kept is sealed with the master key ([`master`]). Devices are
//! known by certificates that [`devices`] issues or that an external authority issued ([`verifier`]); what they are sent is
//! signed with their tenant's key ([`signing`]). Only [`vault`] talks to the store, and nothing here to the network.

pub mod devices;
pub mod identity;
pub mod master;
pub mod request;
pub mod root;
pub mod server;
pub mod signing;
pub mod vault;
pub mod verifier;

pub use devices::{DeviceAuthority, IssuedCertificate, Lifetime};
pub use identity::{DeviceIdentity, TenantId, TrustDomain};
pub use master::MasterKey;
pub use request::DeviceKey;
pub use root::{Holder, Root};
pub use server::ServerCertificate;
pub use signing::{TenantKeys, TenantSigner};
pub use vault::{Vault, VaultError};
pub use verifier::{DeviceVerifier, ExternalAuthority, Standing, Standings};

#[cfg(test)]
mod tests;
