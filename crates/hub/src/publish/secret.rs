//! Secrets, sealed for one device each.

use p256::elliptic_curve::rand_core::{TryCryptoRng, TryRng};
use p256::pkcs8::DecodePublicKey as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};
use thimble_hub_store::{Device, Id as _};
use thimble_protocol::ids::DeviceId;
use thimble_protocol::seal::seal;
use thimble_protocol::state::SealedSecret;

use super::PublishError;

/// Seals a value for a device.
pub(super) fn seal_for(
    device: &Device,
    name: &str,
    number: u64,
    value: &[u8],
) -> Result<SealedSecret, PublishError> {
    let damaged = |reason: String| PublishError::Damaged {
        what: format!("the key of device {}", device.id),
        reason,
    };
    let key = p256::PublicKey::from_public_key_der(&device.public_key)
        .map_err(|error| damaged(error.to_string()))?;
    let revision = u32::try_from(number).map_err(|_| PublishError::Secret {
        reason: format!("the secret {name:?} has had more than {} values", u32::MAX),
    })?;
    let mut random = Expanded::new()?;
    let id = DeviceId(device.id.bytes());
    seal(value, name, revision, id, &key, &mut random).map_err(|error| PublishError::Seal {
        device: device.id,
        name: name.to_owned(),
        error,
    })
}

/// Random bytes of the system, expanded by SHA-256 in counter mode: the system is asked once and may refuse, but whoever uses
/// the bytes cannot be told so.
struct Expanded {
    seed: [u8; 32],
    blocks: u64,
}

impl Expanded {
    fn new() -> Result<Self, PublishError> {
        let mut seed = [0; 32];
        SystemRandom::new()
            .fill(&mut seed)
            .map_err(|_| PublishError::NoRandomness)?;
        Ok(Self { seed, blocks: 0 })
    }
}

impl TryRng for Expanded {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Self::Error> {
        for piece in target.chunks_mut(32) {
            self.blocks += 1;
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.blocks.to_le_bytes());
            let block = hash.finalize();
            for (to, from) in piece.iter_mut().zip(block.iter()) {
                *to = *from;
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for Expanded {}
