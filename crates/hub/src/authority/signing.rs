//! Keys that sign what devices are sent: one per tenant, and the next one while it is being replaced.

use core::fmt;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use thimble_protocol::keyring::KeyId;
use thimble_protocol::sign::{Signer, SignerError};
use thimble_protocol::state::SigningKey;

use super::devices::AuthorityError;
use super::master::{MasterError, MasterKey};

/// Signs states and manifests of one tenant (ES256), with ring.
pub struct TenantSigner {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
    public: SigningKey,
    random: SystemRandom,
}

impl fmt::Debug for TenantSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u64::from_be_bytes(self.public.id);
        write!(formatter, "TenantSigner({id:016x})")
    }
}

impl TenantSigner {
    /// Makes a key.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn create() -> Result<Self, AuthorityError> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| AuthorityError::NoRandomness)?;
        Self::from_pkcs8(document.as_ref())
    }

    /// What the key is kept as; `context` names the row.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn keep(&self, master: &MasterKey, context: &str) -> Result<Vec<u8>, MasterError> {
        master.seal(context, &self.pkcs8)
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// It was sealed with another key, or is damaged.
    pub fn open(master: &MasterKey, context: &str, sealed: &[u8]) -> Result<Self, AuthorityError> {
        Self::from_pkcs8(&master.open(context, sealed)?)
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, AuthorityError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
            .map_err(|_| AuthorityError::Sealed(MasterError::Damaged))?;
        let public = signing_key(pair.public_key().as_ref())?;
        Ok(Self {
            pair,
            pkcs8: pkcs8.to_vec(),
            public,
            random,
        })
    }

    /// What devices check signatures with.
    #[must_use]
    pub fn public(&self) -> &SigningKey {
        &self.public
    }
}

impl Signer for TenantSigner {
    fn key_id(&self) -> KeyId {
        self.public.id
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignerError> {
        let signature = self.pair.sign(&self.random, message);
        let signature = signature.map_err(|_| SignerError::Failed)?;
        signature
            .as_ref()
            .try_into()
            .map_err(|_| SignerError::Failed)
    }
}

/// The public key of an uncompressed point.
fn signing_key(point: &[u8]) -> Result<SigningKey, AuthorityError> {
    let Some((&4, coordinates)) = point.split_first() else {
        return Err(AuthorityError::Sealed(MasterError::Damaged));
    };
    let (Some((x, _)), Some(last)) = (coordinates.split_first_chunk::<32>(), coordinates.last())
    else {
        return Err(AuthorityError::Sealed(MasterError::Damaged));
    };
    let mut compressed = Vec::with_capacity(33);
    compressed.push(2 | (last & 1));
    compressed.extend_from_slice(x);
    SigningKey::of_point(&compressed).map_err(|_| AuthorityError::Sealed(MasterError::Damaged))
}

/// The keys of a tenant. A rotation first tells devices of the next key, in every state that is signed; when all took such a
/// state, the next key becomes the present one.
#[derive(Debug)]
pub struct TenantKeys {
    present: TenantSigner,
    next: Option<TenantSigner>,
}

impl TenantKeys {
    /// The keys that were kept.
    #[must_use]
    pub fn new(present: TenantSigner, next: Option<TenantSigner>) -> Self {
        Self { present, next }
    }

    /// The key that signs.
    #[must_use]
    pub fn present(&self) -> &TenantSigner {
        &self.present
    }

    /// The key that will sign, if there is to be another one.
    #[must_use]
    pub fn next(&self) -> Option<&TenantSigner> {
        self.next.as_ref()
    }

    /// What states say in `next_keys`.
    #[must_use]
    pub fn next_keys(&self) -> Vec<SigningKey> {
        self.next
            .iter()
            .map(|signer| signer.public.clone())
            .collect()
    }

    /// What a device is given when it enrols: both, since its first state may be signed with either.
    #[must_use]
    pub fn all(&self) -> Vec<SigningKey> {
        core::iter::once(&self.present)
            .chain(&self.next)
            .map(|signer| signer.public.clone())
            .collect()
    }

    /// The keys with a next one, made now unless there is one already.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn begin_rotation(self) -> Result<Self, AuthorityError> {
        let next = match self.next {
            Some(next) => next,
            None => TenantSigner::create()?,
        };
        Ok(Self {
            present: self.present,
            next: Some(next),
        })
    }

    /// The keys after the rotation; as they are if there is no next one.
    #[must_use]
    pub fn finish_rotation(self) -> Self {
        match self.next {
            Some(next) => Self {
                present: next,
                next: None,
            },
            None => self,
        }
    }
}
