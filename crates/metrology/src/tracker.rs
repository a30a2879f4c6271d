//! The frequency of the supply, from window to window.
//!
//! The angle of the reference voltage at mid-window, compared with that of the window before, gives the frequency at the edge
//! between the two; half a step ahead is the frequency of the window just finished, one and a half steps ahead that of the
//! next, which sets its length. So a ramp is followed without lag. A coarse frequency from zero crossings says when the angles
//! are not to be believed: after a jump of phase or frequency, or when another frequency was held.

use crate::channel::{N_PHASES, Phase};
use crate::rounding::between;
use crate::setup::NominalFrequency;

/// What the tracker knows when a window ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// The window's length in samples.
    pub(crate) length_samples: f64,
    /// Cycles of the oscillator in it.
    pub(crate) cycles: u32,
    /// The angle of each voltage's fundamental at mid-window, in turns; none when it is absent or not a sine of this frequency.
    pub(crate) angles_turns: [Option<f64>; N_PHASES],
    /// The coarse frequency of a voltage over this window.
    pub(crate) coarse_hertz: Option<f64>,
}

/// What it concludes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tracked {
    /// The frequency within the window.
    pub(crate) hertz: f64,
    /// The frequency expected in the next window, within the range that is tracked.
    pub(crate) next_hertz: f64,
    /// Whether the window had whole cycles of a present voltage.
    pub(crate) synchronised: bool,
}

/// The memory of the tracking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracker {
    nominal: NominalFrequency,
    rate_hz: f64,
    before: Option<Before>,
    last_hertz: f64,
}

#[derive(Clone, Copy, Debug)]
struct Before {
    angles_turns: [Option<f64>; N_PHASES],
    length_samples: f64,
    cycles: u32,
    edge_hertz: Option<f64>,
}

/// Angles are believed while they agree this well with the zero crossings.
const BELIEVED_HERTZ: f64 = 0.1;
/// A window is called synchronised while its frequency was predicted this well.
const SYNCHRONISED_HERTZ: f64 = 0.25;
/// Largest step between edges that is taken for a ramp: 3 Hz/s.
const RAMP_HERTZ: f64 = 0.6;

impl Tracker {
    pub(crate) const fn new(nominal: NominalFrequency, rate_hz: f64) -> Self {
        Self {
            nominal,
            rate_hz,
            before: None,
            last_hertz: nominal.hertz(),
        }
    }

    /// Holds a frequency to the range that is tracked: nominal -20 % to +20 %.
    pub(crate) const fn held(&self, hertz: f64) -> f64 {
        let nominal = self.nominal.hertz();
        between(hertz, nominal * 0.8, nominal * 1.2)
    }

    /// Takes the observation of a window that has just ended.
    pub(crate) fn observe(&mut self, seen: &Observation) -> Tracked {
        let assumed_hertz = f64::from(seen.cycles) * self.rate_hz / seen.length_samples;
        let edge = self.edge_hertz(seen);
        // Between windows of different lengths a ramp is not gone on with: it is found again two windows later.
        let uniform = self.before.filter(|before| before.cycles == seen.cycles);
        let step = match (edge, uniform.and_then(|before| before.edge_hertz)) {
            (Some(edge), Some(earlier)) if (edge - earlier).abs() < RAMP_HERTZ => edge - earlier,
            _ => 0.0,
        };
        let believed = |hertz: f64| {
            seen.coarse_hertz
                .is_none_or(|coarse| (hertz - coarse).abs() < BELIEVED_HERTZ)
        };
        let (hertz, next) = match (edge, seen.coarse_hertz) {
            (Some(edge), _) if believed(edge + step / 2.0) => (edge + step / 2.0, edge + step * 1.5),
            (Some(edge), _) if believed(edge) => (edge, edge),
            (_, None) => (self.last_hertz, self.last_hertz),
            (None, Some(coarse)) if (coarse - assumed_hertz).abs() < START_HERTZ => (assumed_hertz, assumed_hertz),
            (_, Some(coarse)) => (coarse, coarse),
        };
        self.before = Some(Before {
            angles_turns: seen.angles_turns,
            length_samples: seen.length_samples,
            cycles: seen.cycles,
            edge_hertz: edge,
        });
        self.last_hertz = self.held(hertz);
        let present = seen.angles_turns.iter().any(Option::is_some);
        Tracked {
            hertz,
            next_hertz: self.held(next),
            synchronised: present && (hertz - assumed_hertz).abs() < SYNCHRONISED_HERTZ,
        }
    }

    /// The mean frequency between the middles of this window and the one before, by the first voltage that both have.
    fn edge_hertz(&self, seen: &Observation) -> Option<f64> {
        let before = self.before?;
        let advance = Phase::ALL.into_iter().find_map(|phase| {
            let now = seen.angles_turns.get(phase.index()).copied().flatten()?;
            let then = before.angles_turns.get(phase.index()).copied().flatten()?;
            let turns = now - then;
            Some(turns - libm::round(turns))
        })?;
        let distance_samples = f64::midpoint(seen.length_samples, before.length_samples);
        let cycles = f64::midpoint(f64::from(seen.cycles), f64::from(before.cycles));
        Some((cycles + advance) * self.rate_hz / distance_samples)
    }
}

/// A first window keeps the frequency it was started with when the zero crossings agree this well.
const START_HERTZ: f64 = 0.03;

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: f64 = 8_000.0;

    /// Windows over a supply that has made `turns(t)` turns until t, with a coarse frequency that is 3 mHz wrong.
    fn follow(turns: impl Fn(f64) -> f64, start_hertz: f64, n_windows: u32, check: impl Fn(u32, f64, &Tracked)) {
        let mut tracker = Tracker::new(NominalFrequency::Hz50, RATE_HZ);
        let (mut begin, mut next) = (0.0, start_hertz);
        for window in 0..n_windows {
            let length_samples = 10.0 * RATE_HZ / next;
            let (middle, end) = (begin + length_samples / RATE_HZ / 2.0, begin + length_samples / RATE_HZ);
            let angle = turns(middle) - 10.0 * f64::from(window) - 5.0;
            let mean_hertz = (turns(end) - turns(begin)) / (end - begin);
            let seen = Observation {
                length_samples,
                cycles: 10,
                angles_turns: [Some(angle - libm::round(angle)), None, None],
                coarse_hertz: Some(mean_hertz + 0.003),
            };
            let tracked = tracker.observe(&seen);
            check(window, mean_hertz, &tracked);
            begin = end;
            next = tracked.next_hertz;
        }
    }

    #[test]
    fn a_steady_frequency_is_found_in_the_second_window() {
        follow(
            |seconds| 51.3 * seconds,
            50.9,
            10,
            |window, hertz, tracked| {
                if 1 <= window {
                    assert!((tracked.hertz - hertz).abs() < 1e-6, "{window} {tracked:?}");
                    assert!(tracked.synchronised);
                }
            },
        );
    }

    #[test]
    fn a_ramp_is_followed_without_lag() {
        follow(
            |seconds| (48.0 + seconds / 2.0) * seconds,
            48.0,
            20,
            |window, hertz, tracked| {
                if 3 <= window {
                    assert!((tracked.hertz - hertz).abs() < 1e-3, "{window} {tracked:?} {hertz}");
                    assert!((tracked.next_hertz - hertz - 0.2).abs() < 0.02);
                }
            },
        );
    }

    #[test]
    fn a_step_is_followed_within_three_windows() {
        follow(
            |seconds| {
                if seconds < 1.0 {
                    50.0 * seconds
                } else {
                    45.0 * seconds + 5.0
                }
            },
            50.0,
            14,
            |window, hertz, tracked| {
                if 8 <= window {
                    assert!((tracked.hertz - hertz).abs() < 1e-6, "{window} {tracked:?} {hertz}");
                }
            },
        );
    }

    #[test]
    fn a_jump_of_phase_spoils_one_prediction_at_most() {
        follow(
            |seconds| 50.1 * seconds + if seconds < 1.1 { 0.0 } else { 0.15 },
            50.1,
            14,
            |window, hertz, tracked| {
                let error = (tracked.next_hertz - 50.1).abs();
                assert!(window == 5 || error < 0.01, "{window} {tracked:?} {hertz}");
            },
        );
    }

    #[test]
    fn without_voltage_the_last_frequency_is_kept() {
        let mut tracker = Tracker::new(NominalFrequency::Hz60, RATE_HZ);
        let mut seen = Observation {
            length_samples: 12.0 * RATE_HZ / 60.5,
            cycles: 12,
            angles_turns: [None, Some(0.1), None],
            coarse_hertz: Some(60.5),
        };
        tracker.observe(&seen);
        assert!((tracker.observe(&seen).hertz - 60.5).abs() < 1e-9);
        seen.angles_turns = [None; N_PHASES];
        seen.coarse_hertz = None;
        let free = tracker.observe(&seen);
        assert!((free.next_hertz - 60.5).abs() < 1e-9 && !free.synchronised);
    }
}
