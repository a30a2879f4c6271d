//! A coarse frequency from the zero crossings of a voltage: starts the tracking, and notices when it holds to the wrong frequency.
//!
//! It sees means over a sixteenth of a nominal cycle ("chunks"), which takes noise and high harmonics away. A steady waveform
//! crosses zero with the period of its fundamental whatever its harmonics, so over ten cycles the result is good to 6 mHz.

/// Chunks of a nominal cycle.
pub(crate) const CHUNKS_PER_CYCLE: u32 = 16;

/// The rising zero crossings of one voltage; times are counted in chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossings {
    chunks: u32,
    /// The last three levels, the latest at the end.
    recent: [i64; 3],
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
        recent: [0; 3],
        armed: false,
        first: None,
        last: 0.0,
        periods: 0,
        shortest: f64::INFINITY,
        longest: 0.0,
    };

    /// Takes the level of the next chunk, in any unit that stays the same; only levels below -`hysteresis` arm the next crossing. A crossing is seen one
    /// chunk late, because its place is interpolated between two levels on either side.
    pub(crate) fn observe(&mut self, level: i64, hysteresis: i64) {
        let [earlier, below, above] = self.recent;
        self.recent = [below, above, level];
        self.chunks = self.chunks.saturating_add(1);
        if above < -hysteresis {
            // The first levels ever have no neighbours to interpolate with.
            self.armed |= 2 < self.chunks;
        } else if self.armed && 0 <= above {
            self.armed = false;
            let zero = zero_of_cubic(earlier as f32, below.min(0) as f32, above as f32, level as f32);
            let at = f64::from(self.chunks) + f64::from(zero);
            if self.first.is_some() {
                self.periods = self.periods.saturating_add(1);
                self.shortest = self.shortest.min(at - self.last);
                self.longest = self.longest.max(at - self.last);
            } else {
                self.first = Some(at);
            }
            self.last = at;
        }
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

    /// Starts to count anew from the last crossing, if there was a whole period before it.
    pub(crate) fn restart(&mut self) {
        self.last -= f64::from(self.chunks);
        self.first = (self.periods != 0).then_some(self.last);
        self.periods = 0;
        self.chunks = 0;
        self.shortest = f64::INFINITY;
        self.longest = 0.0;
    }
}

/// Where, between 0 and 1, the cubic through (-1, a), (0, b), (1, c), (2, d) is zero; b is not above zero, c not below. Single precision
/// is good to a ten millionth of a chunk, and the small processor has it in hardware.
fn zero_of_cubic(a: f32, b: f32, c: f32, d: f32) -> f32 {
    let linear = c - b / 2.0 - a / 3.0 - d / 6.0;
    let square = (a + c) / 2.0 - b;
    let cubic = (b - c) / 2.0 + (d - a) / 6.0;
    let mut x = -b / (c - b).max(f32::MIN_POSITIVE);
    for _newton in 0..3 {
        let value = b + x * (linear + x * (square + x * cubic));
        let slope = linear + x * (2.0 * square + x * 3.0 * cubic);
        if 0.0 < slope {
            x = (x - value / slope).clamp(0.0, 1.0);
        }
    }
    x
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn a_distorted_voltage_gives_its_frequency() {
        for (hertz, tolerance) in [(42.5, 0.006), (49.2, 0.006), (50.0, 0.006), (57.5, 0.006)] {
            let mut crossings = Crossings::NONE;
            let mut worst = 0.0_f64;
            for chunk in 0..2_000_u32 {
                let turns = hertz / 50.0 * f64::from(chunk) / f64::from(CHUNKS_PER_CYCLE) + 0.1;
                let wave = |order: f64| libm::sin(core::f64::consts::TAU * turns * order);
                let level = wave(1.0) + 0.05 * wave(5.0) + 0.03 * wave(3.0);
                crossings.observe(crate::rounding::nearest_i64(level * 1e6), 30_000);
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
            crossings.observe(if chunk % 2 == 0 { 20 } else { -20 }, 30);
        }
        assert_eq!(crossings.period(), None);
    }
}
