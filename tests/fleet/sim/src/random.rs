//! Numbers that look random and that a seed repeats: SplitMix64 (Steele, Lea, Flood 2014).

/// A generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator of its own, for one purpose: what one draws does not move the others.
    pub(crate) const fn of(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ mix(purpose.wrapping_add(0x51_7c_c1)));
        random.0 ^= random.next();
        random
    }

    /// A number less than `bound`; 0 if that is 0.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        let next = self.next();
        if bound == 0 { 0 } else { next % bound }
    }

    /// A number from `from` to `to`, both included.
    pub(crate) const fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// Whether something happens that happens so often in a thousand.
    pub(crate) const fn chance(&mut self, per_thousand: u64) -> bool {
        self.next() % 1000 < per_thousand
    }

    /// The place of one of so many.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap_or(0)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

/// Mixes the bits of a number.
pub(crate) const fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
