//! The no-load condition: what a meter must not count because it is only noise or its own wiring (EN 50470-3, IEC 62053-21).
//!
//! Active and reactive power are averaged over the last second. Below 0.2 Un Ist nothing is counted, from 0.3 Un Ist on it is
//! again. The registers stop by the sum of the magnitudes over the phases, so that a small phase beside a loaded one is counted;
//! each phase's own condition only blanks what is displayed for it.

/// The average of one pair of powers over the last second, and the condition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoLoad {
    recent: [(f64, f64); WINDOWS],
    next: usize,
    seen: usize,
    idle: bool,
    /// Nominal voltage times starting current in watts; 0 counts everything.
    starting_watts: f64,
}

/// Windows of 200 ms that are averaged: one second or a little more.
const WINDOWS: usize = 5;
const STOPS_AT: f64 = 0.2;
const STARTS_AT: f64 = 0.3;

impl NoLoad {
    pub(crate) const fn new(starting_watts: f64) -> Self {
        Self {
            recent: [(0.0, 0.0); WINDOWS],
            next: 0,
            seen: 0,
            idle: true,
            starting_watts,
        }
    }

    /// Takes the powers of a window; gives whether there is no load.
    pub(crate) fn observe(&mut self, active_watts: f64, reactive_vars: f64) -> bool {
        if let Some(slot) = self.recent.get_mut(self.next) {
            *slot = (active_watts, reactive_vars);
        }
        self.next = (self.next + 1) % WINDOWS;
        self.seen = (self.seen + 1).min(WINDOWS);
        let (active, reactive) = self
            .recent
            .iter()
            .fold((0.0, 0.0), |sum, power| (sum.0 + power.0, sum.1 + power.1));
        let power = libm::fabs(active).max(libm::fabs(reactive)) / self.seen as f64;
        let limit = self.starting_watts * if self.idle { STARTS_AT } else { STOPS_AT };
        self.idle = power < limit;
        self.idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_starts_at_three_tenths_and_stops_at_two() {
        let mut no_load = NoLoad::new(4.6);
        assert!(no_load.observe(1.3, 0.0));
        assert!(!no_load.observe(1.6, 0.0));
        for _window in 0..10 {
            assert!(!no_load.observe(0.95, 0.1));
        }
        for _window in 0..10 {
            no_load.observe(0.9, -0.5);
        }
        assert!(no_load.observe(0.9, 0.0));
        for _window in 0..5 {
            no_load.observe(0.0, -2.0);
        }
        assert!(!no_load.observe(0.0, -2.0), "reactive power alone is a load");
    }

    #[test]
    fn noise_whose_mean_is_small_is_no_load() {
        let mut no_load = NoLoad::new(4.6);
        for window in 0..1_000 {
            let noise = if window % 2 == 0 { 0.9 } else { -0.9 };
            assert!(no_load.observe(noise, -noise));
        }
    }

    #[test]
    fn without_a_starting_current_everything_counts() {
        let mut no_load = NoLoad::new(0.0);
        assert!(!no_load.observe(0.0, 0.0));
        assert!(!no_load.observe(1e-9, 0.0));
    }
}
