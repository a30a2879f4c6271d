//! A coarse frequency from the zero crossings of a voltage: starts the tracking, and notices when it holds to the wrong frequency.
//!
//! It sees means over a sixteenth of a nominal cycle ("chunks"), which takes noise and high harmonics away. A steady waveform
//! crosses zero with the period of its fundamental whatever its harmonics, so over ten cycles the result is good to 20 mHz.

/// Chunks of a nominal cycle.
pub(crate) const CHUNKS_PER_CYCLE: u32 = 16;

/// The rising zero crossings of one voltage; times are counted in chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossings {
    chunks: u32,
    before: f64,
    /// The voltage was clearly below zero since the last crossing.
    armed: bool,
    first: Option<f64>,
    last: f64,
    periods: u32,
    shortest: f64,
    longest: f64,
}

impl Crossings {
    pub(crate) const NONE: Self = Self {
        chunks: 0,
        before: 0.0,
        armed: false,
        first: None,
        last: 0.0,
        periods: 0,
        shortest: f64::INFINITY,
        longest: 0.0,
    };

    /// Takes the mean level of the next chunk; only levels below -`hysteresis` arm the next crossing.
    pub(crate) fn observe(&mut self, level: f64, hysteresis: f64) {
        self.chunks = self.chunks.saturating_add(1);
        if level < -hysteresis {
            self.armed = true;
        } else if self.armed && 0.0 <= level {
            self.armed = false;
            // Between the last level, below zero, and this one.
            let at = f64::from(self.chunks) - level / (level - self.before.min(0.0)).max(f64::MIN_POSITIVE);
            if self.first.is_some() {
                self.periods = self.periods.saturating_add(1);
                self.shortest = self.shortest.min(at - self.last);
                self.longest = self.longest.max(at - self.last);
            } else {
                self.first = Some(at);
            }
            self.last = at;
        }
        self.before = level;
    }

    /// Whole periods seen since the last restart.
    pub(crate) const fn periods(&self) -> u32 {
        self.periods
    }

    /// The mean period in chunks, without the longest and the shortest when there are enough: so that one jump of phase, or a
    /// gap, does not count.
    pub(crate) fn period(&self) -> Option<f64> {
        let first = self.first?;
        let sum = self.last - first;
        match self.periods {
            0 => None,
            1..=3 => Some(sum / f64::from(self.periods)),
            _ => Some((sum - self.longest - self.shortest) / f64::from(self.periods - 2)),
        }
    }

    /// Starts to count anew from the last crossing.
    pub(crate) fn restart(&mut self) {
        self.last -= f64::from(self.chunks);
        self.first = self.first.map(|_before| self.last);
        self.periods = 0;
        self.chunks = 0;
        self.shortest = f64::INFINITY;
        self.longest = 0.0;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn a_distorted_voltage_gives_its_frequency() {
        for (hertz, tolerance) in [(42.5, 0.02), (49.2, 0.02), (50.0, 0.02), (57.5, 0.02)] {
            let mut crossings = Crossings::NONE;
            let mut worst = 0.0_f64;
            for chunk in 0..2_000_u32 {
                let turns = hertz / 50.0 * f64::from(chunk) / f64::from(CHUNKS_PER_CYCLE) + 0.1;
                let wave = |order: f64| libm::sin(core::f64::consts::TAU * turns * order);
                crossings.observe(wave(1.0) + 0.05 * wave(5.0) + 0.03 * wave(3.0), 0.03);
                if chunk % 161 == 160 {
                    let measured = 50.0 * f64::from(CHUNKS_PER_CYCLE) / crossings.period().expect("many periods");
                    worst = worst.max((measured - hertz).abs());
                    crossings.restart();
                }
            }
            std::println!("{hertz} Hz: worst {worst} Hz");
            assert!(worst < tolerance, "{worst}");
        }
    }

    #[test]
    fn noise_around_zero_is_no_period() {
        let mut crossings = Crossings::NONE;
        for chunk in 0..1_000 {
            crossings.observe(if chunk % 2 == 0 { 0.02 } else { -0.02 }, 0.03);
        }
        assert_eq!(crossings.period(), None);
    }
}
