//! Chance that can be repeated.

/// A generator of Marsaglia's kind.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Begins with `FERRARIS_SEED`, or with the time, and prints the seed.
    #[must_use]
    pub fn begin(test: &str) -> Self {
        let given = std::env::var("FERRARIS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.map_or(1, |since| {
                u64::from(since.subsec_nanos()) << 20 | since.as_secs() & 0xF_FFFF
            })
        });
        println!("{test}: FERRARIS_SEED={seed}");
        Self(seed | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// Octets.
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number().to_be_bytes()[0]).collect()
    }
}
