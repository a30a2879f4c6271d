//! Chance from a seed: numbers that depend on nothing but the seed, the purpose and a counter.

/// A stream of random numbers (SplitMix64): a counter, scrambled. Cheap enough for noise on every sample.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    counter: u64,
}

impl Chance {
    /// The stream of `seed` for one purpose; streams of different purposes have nothing in common.
    pub(crate) const fn new(seed: u64, purpose: u64) -> Self {
        Self {
            counter: draw(seed, purpose, 0),
        }
    }

    pub(crate) const fn bits(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(GOLDEN);
        scramble(self.counter)
    }

    /// Two independent numbers from a bell curve with mean 0 and variance 1.
    ///
    /// A count of 64 fair coins plus a triangle that fills the gaps between the counts: no function of `libm` is needed, and
    /// against the Gaussian curve only the fourth moment differs (excess kurtosis -0.03). The reach is 8 sigma.
    pub(crate) fn bell_pair(&mut self) -> [f64; 2] {
        let fill = self.bits();
        let first = fill & 0xFFFF;
        let second = fill >> 16 & 0xFFFF;
        let third = fill >> 32 & 0xFFFF;
        let fourth = fill >> 48;
        [self.bell(first + second), self.bell(third + fourth)]
    }

    fn bell(&mut self, fill: u64) -> f64 {
        let coins = f64::from(self.bits().count_ones()) - 32.0;
        let triangle = (fill as f64 - 65_535.0) / 65_536.0;
        (coins + triangle) * BELL_SCALE
    }
}

/// The number of `seed` for one purpose and index, without any state.
pub(crate) const fn draw(seed: u64, purpose: u64, index: u64) -> u64 {
    scramble(scramble(seed ^ scramble(purpose.wrapping_add(GOLDEN))).wrapping_add(index.wrapping_mul(GOLDEN)))
}

/// [`draw`] as a number from 0 up to but not including 1.
pub(crate) fn share(seed: u64, purpose: u64, index: u64) -> f64 {
    (draw(seed, purpose, index) >> 11) as f64 / 9_007_199_254_740_992.0
}

const fn scramble(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// One by the root of the variance: 64 coins give 16, the triangle gives 1/6.
const BELL_SCALE: f64 = 0.248_708_001_686_903_46;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bell_has_mean_0_variance_1_and_hardly_any_kurtosis() {
        let mut chance = Chance::new(1, 2);
        let n = 500_000;
        let (mut mean, mut square, mut fourth, mut pair) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..n {
            let [one, other] = chance.bell_pair();
            mean += one + other;
            square += one * one + other * other;
            fourth += one * one * one * one + other * other * other * other;
            pair += one * other;
        }
        let n = f64::from(n);
        assert!((mean / (2.0 * n)).abs() < 0.005);
        assert!((square / (2.0 * n) - 1.0).abs() < 0.005);
        assert!((fourth / (2.0 * n) - 2.97).abs() < 0.03);
        assert!((pair / n).abs() < 0.006);
    }

    #[test]
    fn the_scale_is_one_by_the_root_of_the_variance() {
        assert!(
            (BELL_SCALE * libm::sqrt(16.0 + 1.0 / 6.0) - 1.0).abs() < 1e-9,
            "{}",
            1.0 / libm::sqrt(16.0 + 1.0 / 6.0)
        );
    }

    #[test]
    fn seeds_and_purposes_part_the_streams() {
        let first = Chance::new(1, 1).bits();
        assert_eq!(first, Chance::new(1, 1).bits());
        assert_ne!(first, Chance::new(2, 1).bits());
        assert_ne!(first, Chance::new(1, 2).bits());
    }

    #[test]
    fn shares_fill_the_unit_interval_evenly() {
        let mut quarters = [0; 4];
        for index in 0..10_000 {
            let share = share(5, 6, index);
            assert!((0.0..1.0).contains(&share));
            for (quarter, n) in quarters.iter_mut().enumerate() {
                *n += u32::from(0.25 * quarter as f64 <= share && share < 0.25 * (quarter + 1) as f64);
            }
        }
        assert!(quarters.iter().all(|n| (2350..2650).contains(n)), "{quarters:?}");
    }
}
