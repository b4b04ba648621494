//! Numbers that look random and that a seed repeats.

/// The environment variable that sets another seed.
const VARIABLE: &str = "SEED";

/// Returns what `SEED` in the environment says, or else this number, and prints it, so that what failed can be repeated.
#[must_use]
pub fn seed(otherwise: u64) -> u64 {
    let seed = std::env::var(VARIABLE).map_or(otherwise, |seed| seed.parse().unwrap());
    println!("to repeat: {VARIABLE}={seed}");
    seed
}

/// A generator: SplitMix64 (Steele, Lea, Flood 2014).
///
/// Remainders favour small numbers by less than one in 2^32 for bounds below 2^32, which no test notices.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts at a seed; any will do.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number less than `bound`, which is not 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Returns the place of one of so many, which are not 0.
    pub fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap()
    }

    /// Returns one of these, which must not be empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.index(choices.len())]
    }

    /// Returns so many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests;
