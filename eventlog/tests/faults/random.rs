//! Numbers that look random and come again with the same seed.

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The seed of this run: `DAYBOOK_FAULT_SEED`, or always the same.
pub fn seed() -> u64 {
    std::env::var("DAYBOOK_FAULT_SEED").map_or(1, |seed| seed.parse().expect("DAYBOOK_FAULT_SEED is a number"))
}
