//! A small seeded generator, for simulations: the same seed gives the same numbers on every machine and in every version.

/// `SplitMix64`. Source: <https://prng.di.unimi.it/splitmix64.c>. Not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator of its own for one purpose, so that what one purpose draws never shifts what another gets.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.draw();
        random
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 64 hexadecimal digits, as IDs of engines have.
    pub fn hex(&mut self) -> String {
        format!("{:016x}{:016x}{:016x}{:016x}", self.draw(), self.draw(), self.draw(), self.draw())
    }

    /// A number in `0..bound`; 0 when `bound` is 0. The bias of the remainder is far below anything a test could see.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_reference_implementation() {
        let mut random = Random(1_234_567);
        let numbers = [random.draw(), random.draw(), random.draw()];
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn purposes_do_not_share_numbers() {
        assert_ne!(Random::new(7, 1).draw(), Random::new(7, 2).draw());
        assert_eq!(Random::new(7, 1).hex().len(), 64);
        assert_eq!(Random::new(7, 1).below(0), 0);
    }
}
