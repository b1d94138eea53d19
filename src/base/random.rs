//! Random numbers for choices that may be guessed: fast, and the same again from the same seed.

/// A generator after Steele, Lea and Flood ("SplitMix", 2014): 64 bits of state, each value once in its period.
///
/// Not for anything that must be secret; that is `sys::random`, which is good for a seed too.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A generator; every seed is as good as any other.
    pub const fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number less than `bound`; 0 if that is 0. Off a fair draw by less than `bound` in 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from 0 up to, but without, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence() {
        // The values that Vigna's reference implementation gives for the seed 1234567.
        let mut rng = Rng::new(1_234_567);
        assert_eq!([rng.bits(), rng.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn draws_are_fair_and_inside() {
        let mut rng = Rng::new(0);
        let mut counts = [0_u32; 3];
        let mut sum = 0.0;
        for _ in 0..30_000 {
            counts[rng.below(3) as usize] += 1;
            let fraction = rng.fraction();
            assert!((0.0..1.0).contains(&fraction));
            sum += fraction;
        }
        // Six standard deviations are 490 draws, and 300 of the sum.
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert!((14_700.0..15_300.0).contains(&sum), "{sum}");
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
    }
}
