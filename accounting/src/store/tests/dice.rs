//! Chance that depends on a seed alone.

use record::id;

/// A small generator of our own (xorshift64*).
pub(super) struct Dice(u64);

impl Dice {
    /// Dice of this seed and, of these, the ones with this number.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut dice = Self((seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1);
        dice.roll(2);
        dice
    }

    /// A number from nought to one below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    /// A number from `from` to one below `below`.
    pub(super) fn between(&mut self, from: i64, below: i64) -> i64 {
        from + i64::try_from(self.roll(u64::try_from(below - from).unwrap())).unwrap()
    }
}

/// The seed of this run: the environment's `SEED`, or a new one. Printed, so that it can be set.
pub(super) fn seed() -> u64 {
    let given = std::env::var_os("SEED").map(|seed| seed.into_string().unwrap().parse().unwrap());
    let seed = given.unwrap_or_else(|| id::fresh().as_u64_pair().1 >> 1);
    println!("SEED={seed}");
    seed
}
