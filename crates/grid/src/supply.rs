//! The mains in front of the meter: frequency, and volts, angle and harmonics of every phase.

use crate::setting::{Field, Harmonics, SettingError, check_harmonics};

/// The mains as it is set. A single-phase meter sees the first phase only.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplySetting {
    /// Frequency of all phases, 40 to 70 Hz.
    pub frequency_hz: f64,
    /// L1, L2, L3.
    pub phases: [PhaseSupply; 3],
}

/// One phase of the mains, phase to neutral.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseSupply {
    /// Root mean square of the fundamental, 0 to 400 V. 0 is an outage of this phase.
    pub volts: f64,
    /// Angle of the fundamental against the running angle, counter-clockwise positive, -360 to 360 degrees. In the usual
    /// order of phases L2 is at -120 and L3 at 120.
    pub angle_deg: f64,
    /// Harmonics in percent of the fundamental.
    pub harmonics: Harmonics,
}

impl SupplySetting {
    /// Three pure sines of `volts` at `frequency_hz`, in the usual order of phases.
    #[must_use]
    pub fn symmetrical(volts: f64, frequency_hz: f64) -> Self {
        let phase = |angle_deg| PhaseSupply {
            volts,
            angle_deg,
            harmonics: Harmonics::new(),
        };
        Self {
            frequency_hz,
            phases: [phase(0.0), phase(-120.0), phase(120.0)],
        }
    }

    /// Three times 230 V at 50 Hz (EN 50160).
    #[must_use]
    pub fn nominal() -> Self {
        Self::symmetrical(230.0, 50.0)
    }

    /// Refuses what is out of range.
    ///
    /// # Errors
    /// The first field that is out of range, not a number or infinite.
    pub fn check(&self) -> Result<(), SettingError> {
        Field::of("frequency_hz").check(self.frequency_hz, 40.0, 70.0)?;
        for (index, phase) in self.phases.iter().enumerate() {
            Field::phase(index, "volts").check(phase.volts, 0.0, 400.0)?;
            Field::phase(index, "angle_deg").check(phase.angle_deg, -360.0, 360.0)?;
            check_harmonics(index, &phase.harmonics)?;
        }
        Ok(())
    }
}

/// A supply on its way from one setting to another: volts, angles and frequency move in a straight line.
#[derive(Clone, Debug)]
pub(crate) struct Ramp {
    from: SupplySetting,
    seconds: f64,
    elapsed_seconds: f64,
}

impl Ramp {
    pub(crate) const fn new(from: SupplySetting, seconds: f64) -> Self {
        Self {
            from,
            seconds,
            elapsed_seconds: 0.0,
        }
    }

    /// Where the supply stands on its way to `goal` after `seconds` more, or `None` once it has arrived.
    pub(crate) fn advance(&mut self, goal: &SupplySetting, seconds: f64) -> Option<SupplySetting> {
        self.elapsed_seconds += seconds;
        if self.seconds <= self.elapsed_seconds {
            return None;
        }
        let share = self.elapsed_seconds / self.seconds;
        let between = |from: f64, to: f64| from + (to - from) * share;
        let mut now = goal.clone();
        now.frequency_hz = between(self.from.frequency_hz, goal.frequency_hz);
        for (phase, from) in now.phases.iter_mut().zip(&self.from.phases) {
            phase.volts = between(from.volts, phase.volts);
            phase.angle_deg = between(from.angle_deg, phase.angle_deg);
        }
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[track_caller]
    fn check(change: impl Fn(&mut SupplySetting), expected: &str) {
        let mut setting = SupplySetting::nominal();
        assert_eq!(setting.check(), Ok(()));
        change(&mut setting);
        assert_eq!(
            setting.check().map_err(|error| error.to_string()),
            Err(expected.to_string())
        );
    }

    #[test]
    fn a_supply_is_refused_by_name_and_range() {
        check(|it| it.frequency_hz = 0.0, "frequency_hz is 0, allowed is 40 to 70");
        check(
            |it| it.frequency_hz = f64::NAN,
            "frequency_hz is NaN, allowed is 40 to 70",
        );
        check(
            |it| it.phases[0].volts = -1.0,
            "phases[0].volts is -1, allowed is 0 to 400",
        );
        check(
            |it| it.phases[2].volts = f64::INFINITY,
            "phases[2].volts is inf, allowed is 0 to 400",
        );
        check(
            |it| it.phases[1].angle_deg = 361.0,
            "phases[1].angle_deg is 361, allowed is -360 to 360",
        );
    }

    #[test]
    fn a_ramp_is_straight_and_ends() {
        let goal = SupplySetting::symmetrical(200.0, 51.0);
        let mut ramp = Ramp::new(SupplySetting::nominal(), 2.0);
        let half = ramp.advance(&goal, 1.0).expect("half of the way");
        assert_eq!(
            (half.phases[1].volts, half.frequency_hz, half.phases[1].angle_deg),
            (215.0, 50.5, -120.0)
        );
        assert_eq!(ramp.advance(&goal, 1.0), None);
    }
}
