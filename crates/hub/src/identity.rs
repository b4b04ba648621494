//! Who asks, and what they may do.
//!
//! Owns passwords, tokens, sign-in at OpenID providers, and the making of a [`Caller`]: the only way from a request to a
//! [`Scope`](thimble_hub_store::Scope). Of a token only its SHA-256 is kept, of a password its argon2id hash. Who has a role
//! in a tenant has it in the tenants below. A tenant in which somebody has no role does not exist for them.

mod attempts;
mod authenticate;
mod caller;
mod federated;
mod found;
mod openid;
mod passwords;
mod permission;
mod recover;
mod sign_in;
#[cfg(test)]
mod tests;
mod token;

pub use attempts::{Attempts, TooManyAttempts};
pub(crate) use authenticate::lineage;
pub use authenticate::{IdentityError, authenticate, caller};
pub use caller::Caller;
pub use federated::{OpenIdBeginning, begin_openid, finish_openid, set_roles};
pub use found::{FoundError, Founder, found};
pub use openid::{OpenId, OpenIdError};
pub use passwords::{PasswordError, Passwords};
pub use permission::{Permission, Permissions};
pub use recover::{RecoverError, recover};
pub use sign_in::{SignedIn, sign_in};
pub use token::{NewSecret, TOKEN_PREFIX, TokenHash};
