//! What is connected behind the meter: fixed currents as on a test bench, or a household.

use crate::setting::{Field, Harmonics, SettingError, check_harmonics};

/// What is connected behind the meter.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to put the large one on")]
pub enum LoadSetting {
    /// Impressed currents, independent of the voltage, as a test bench gives them.
    Fixed(FixedLoad),
    /// Appliances behind a source impedance: currents follow from the voltage at the terminals, and it from them.
    Household(HouseholdSetting),
}

/// Impressed currents of every phase, as they flow through the meter's terminals. A single-phase meter sees the first.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedLoad {
    /// L1, L2, L3.
    pub phases: [PhaseLoad; 3],
}

/// The impressed current of one phase.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseLoad {
    /// Root mean square of the fundamental, 0 to 120 A.
    pub amps: f64,
    /// The angle by which the current lags the voltage of its phase, -360 to 360 degrees: 60 is inductive, 180 feeds in.
    pub angle_deg: f64,
    /// Harmonics in percent of the current's fundamental; their angles count from its rising zero crossing.
    pub harmonics: Harmonics,
}

/// A household with its solar inverter.
#[derive(Clone, Debug, PartialEq)]
pub struct HouseholdSetting {
    /// How busy the household is, 0 to 5: a factor on every consumer's current. 1 is an ordinary day.
    pub level: f64,
    /// Peak power of the solar inverter, 0 to 30 000 W. What it gives follows the sun of the local time.
    pub pv_watts: f64,
    /// Resistance of each phase's source, the way back included, 0.01 to 5 ohm.
    pub source_ohms: f64,
    /// Inductance of each phase's source, the way back included, 0 to 0.01 H.
    pub source_henries: f64,
}

impl LoadSetting {
    /// Nothing is connected.
    #[must_use]
    pub fn none() -> Self {
        Self::symmetrical(0.0, 0.0)
    }

    /// The same sine current of `amps` in all phases, lagging by `angle_deg`.
    #[must_use]
    pub fn symmetrical(amps: f64, angle_deg: f64) -> Self {
        let phase = PhaseLoad {
            amps,
            angle_deg,
            harmonics: Harmonics::new(),
        };
        Self::Fixed(FixedLoad {
            phases: [phase.clone(), phase.clone(), phase],
        })
    }

    /// Refuses what is out of range.
    ///
    /// # Errors
    /// The first field that is out of range, not a number or infinite.
    pub fn check(&self) -> Result<(), SettingError> {
        match self {
            Self::Fixed(load) => load.check(),
            Self::Household(household) => household.check(),
        }
    }
}

impl FixedLoad {
    fn check(&self) -> Result<(), SettingError> {
        for (index, phase) in self.phases.iter().enumerate() {
            Field::phase(index, "amps").check(phase.amps, 0.0, 120.0)?;
            Field::phase(index, "angle_deg").check(phase.angle_deg, -360.0, 360.0)?;
            check_harmonics(index, &phase.harmonics)?;
        }
        Ok(())
    }
}

impl HouseholdSetting {
    /// An ordinary household without a solar inverter at the end of the reference line of IEC 60725 (0.24 + j0.15 ohm in
    /// the phase and 0.16 + j0.10 ohm in the neutral conductor at 50 Hz).
    #[must_use]
    pub const fn ordinary() -> Self {
        Self {
            level: 1.0,
            pv_watts: 0.0,
            source_ohms: 0.4,
            source_henries: 0.000_796,
        }
    }

    fn check(&self) -> Result<(), SettingError> {
        Field::of("level").check(self.level, 0.0, 5.0)?;
        Field::of("pv_watts").check(self.pv_watts, 0.0, 30_000.0)?;
        Field::of("source_ohms").check(self.source_ohms, 0.01, 5.0)?;
        Field::of("source_henries").check(self.source_henries, 0.0, 0.01)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[track_caller]
    fn check_household(change: impl Fn(&mut HouseholdSetting), expected: &str) {
        let mut setting = HouseholdSetting::ordinary();
        assert_eq!(setting.check(), Ok(()));
        change(&mut setting);
        let refused = LoadSetting::Household(setting).check();
        assert_eq!(refused.map_err(|error| error.to_string()), Err(expected.to_string()));
    }

    #[test]
    fn a_household_is_refused_by_name_and_range() {
        check_household(|it| it.level = 5.1, "level is 5.1, allowed is 0 to 5");
        check_household(|it| it.level = f64::NAN, "level is NaN, allowed is 0 to 5");
        check_household(|it| it.pv_watts = -1.0, "pv_watts is -1, allowed is 0 to 30000");
        check_household(|it| it.source_ohms = 0.0, "source_ohms is 0, allowed is 0.01 to 5");
        check_household(
            |it| it.source_henries = f64::INFINITY,
            "source_henries is inf, allowed is 0 to 0.01",
        );
    }

    #[test]
    fn fixed_currents_are_refused_by_name_and_range() {
        assert_eq!(LoadSetting::none().check(), Ok(()));
        let error = LoadSetting::symmetrical(121.0, 0.0).check().expect_err("too much");
        assert_eq!(error.to_string(), "phases[0].amps is 121, allowed is 0 to 120");
        let error = LoadSetting::symmetrical(1.0, f64::NEG_INFINITY)
            .check()
            .expect_err("no angle");
        assert_eq!(error.to_string(), "phases[0].angle_deg is -inf, allowed is -360 to 360");
    }
}
