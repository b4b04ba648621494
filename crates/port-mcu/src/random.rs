//! Randomness: ChaCha20 with a seed of the chip's source of noise.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use thimble_abi::Errno;
use thimble_runtime::port::Random;

use crate::machine::Lock;

/// Bytes of a seed.
pub const SEED_BYTES: usize = 32;

/// Secure random bytes, as long as nobody knows the seed.
pub struct SeededRandom(Lock<ChaCha20Rng>);

impl SeededRandom {
    /// A generator from a seed, which the chip's source of noise gave.
    #[must_use]
    pub fn new(seed: [u8; SEED_BYTES]) -> Self {
        Self(Lock::new(ChaCha20Rng::from_seed(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        let mut generator = self.0.take().map_err(|_| Errno::Io)?;
        generator.fill_bytes(buffer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_depend_on_the_seed_and_do_not_repeat() {
        let draw = |random: &SeededRandom| {
            let mut bytes = [0; 16];
            random.fill(&mut bytes).unwrap();
            bytes
        };
        let (one, same, other) = (
            SeededRandom::new([1; SEED_BYTES]),
            SeededRandom::new([1; SEED_BYTES]),
            SeededRandom::new([2; SEED_BYTES]),
        );
        let first = draw(&one);
        assert_eq!(first, draw(&same));
        assert_ne!(first, draw(&one));
        assert_ne!(first, draw(&other));
    }
}
