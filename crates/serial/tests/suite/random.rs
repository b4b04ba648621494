//! Randomness that a seed repeats (`SplitMix64`).

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub(crate) fn bytes(&mut self, count_max: u64) -> Vec<u8> {
        (0..self.below(count_max + 1))
            .map(|_| self.byte())
            .collect()
    }

    /// A number, small ones and limits often.
    pub(crate) fn number(&mut self) -> u64 {
        let bits = self.below(65);
        let number = self.next();
        match (self.below(8), bits) {
            (0, _) => 0,
            (1, _) => u64::MAX,
            (_, 0) => 0,
            (_, bits) => number >> (64 - bits),
        }
    }

    pub(crate) fn text(&mut self) -> String {
        const CHARACTERS: &[char] = &['a', 'z', '0', '/', ':', ' ', '\n', 'ä', '€', '🧵', '"'];
        (0..self.below(12))
            .map(|_| CHARACTERS[usize::try_from(self.below(CHARACTERS.len() as u64)).unwrap()])
            .collect()
    }
}
