//! What all settings share: harmonics, the range of a number, and the error that names the field that is out of it.

use core::fmt;

use heapless::Vec;

/// Harmonics that a phase can have: orders 2 to 50, each once.
pub const MAX_HARMONICS: usize = 49;

/// The harmonics of one phase, in any order, each order at most once.
pub type Harmonics = Vec<Harmonic, MAX_HARMONICS>;

/// One harmonic of a voltage or a current.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Harmonic {
    /// Multiple of the fundamental's frequency, 2 to 50.
    pub order: u8,
    /// Root mean square in percent of the fundamental, 0 to 100.
    pub percent: f64,
    /// The harmonic's own angle at the rising zero crossing of the fundamental of the same wave, -360 to 360 degrees.
    pub phase_deg: f64,
}

/// A setting that was refused: the field, what it was, and what it may be. Nothing has been changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SettingError {
    /// The field.
    pub field: Field,
    /// The value that was refused.
    pub found: f64,
    /// What the field may be.
    pub allowed: Allowed,
}

/// A field of a setting. It prints as a path such as `phases[1].harmonics[0].percent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The list that the field stands in and its place there: `("phases", 0)` is L1.
    pub item: Option<(&'static str, usize)>,
    /// Index in the list of harmonics.
    pub harmonic: Option<usize>,
    /// The field's own name.
    pub name: &'static str,
}

/// What a field may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowed {
    /// A finite number from `least` to `most`, both included.
    Range {
        /// The least allowed value.
        least: f64,
        /// The greatest allowed value.
        most: f64,
    },
    /// An order of a harmonic that the list does not already have.
    Unused,
}

impl Field {
    pub(crate) const fn of(name: &'static str) -> Self {
        Self {
            item: None,
            harmonic: None,
            name,
        }
    }

    pub(crate) const fn phase(index: usize, name: &'static str) -> Self {
        Self {
            item: Some(("phases", index)),
            harmonic: None,
            name,
        }
    }

    pub(crate) const fn sensor(index: usize, name: &'static str) -> Self {
        Self {
            item: Some(("sensors", index)),
            harmonic: None,
            name,
        }
    }

    /// Refuses what is not a finite number from `least` to `most`.
    pub(crate) fn check(self, found: f64, least: f64, most: f64) -> Result<(), SettingError> {
        if (least..=most).contains(&found) {
            Ok(())
        } else {
            Err(SettingError {
                field: self,
                found,
                allowed: Allowed::Range { least, most },
            })
        }
    }
}

/// Checks the harmonics of the phase with this index.
pub(crate) fn check_harmonics(phase: usize, harmonics: &[Harmonic]) -> Result<(), SettingError> {
    let mut seen = 0_u64;
    for (index, harmonic) in harmonics.iter().enumerate() {
        let field = |name| Field {
            item: Some(("phases", phase)),
            harmonic: Some(index),
            name,
        };
        let order = f64::from(harmonic.order);
        field("order").check(order, 2.0, f64::from(MAX_ORDER))?;
        field("percent").check(harmonic.percent, 0.0, 100.0)?;
        field("phase_deg").check(harmonic.phase_deg, -360.0, 360.0)?;
        let bit = 1_u64 << harmonic.order;
        if seen & bit != 0 {
            return Err(SettingError {
                field: field("order"),
                found: order,
                allowed: Allowed::Unused,
            });
        }
        seen |= bit;
    }
    Ok(())
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((list, index)) = self.item {
            write!(f, "{list}[{index}].")?;
        }
        if let Some(index) = self.harmonic {
            write!(f, "harmonics[{index}].")?;
        }
        f.write_str(self.name)
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, found, allowed } = self;
        match allowed {
            Allowed::Range { least, most } => write!(f, "{field} is {found}, allowed is {least} to {most}"),
            Allowed::Unused => write!(f, "{field} is {found}, which the list already has"),
        }
    }
}

impl core::error::Error for SettingError {}

/// The greatest order of a harmonic.
pub(crate) const MAX_ORDER: u8 = 50;

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[track_caller]
    fn check(harmonics: &[Harmonic], expected: Option<&str>) {
        assert_eq!(
            check_harmonics(1, harmonics)
                .err()
                .map(|error| error.to_string())
                .as_deref(),
            expected
        );
    }

    const FIFTH: Harmonic = Harmonic {
        order: 5,
        percent: 4.0,
        phase_deg: 0.0,
    };

    #[test]
    fn harmonics_are_refused_by_name_and_range() {
        check(&[FIFTH], None);
        check(&[Harmonic { order: 50, ..FIFTH }, FIFTH], None);
        check(
            &[Harmonic { order: 1, ..FIFTH }],
            Some("phases[1].harmonics[0].order is 1, allowed is 2 to 50"),
        );
        check(
            &[Harmonic { order: 51, ..FIFTH }],
            Some("phases[1].harmonics[0].order is 51, allowed is 2 to 50"),
        );
        check(
            &[FIFTH, FIFTH],
            Some("phases[1].harmonics[1].order is 5, which the list already has"),
        );
        check(
            &[Harmonic {
                percent: f64::NAN,
                ..FIFTH
            }],
            Some("phases[1].harmonics[0].percent is NaN, allowed is 0 to 100"),
        );
        check(
            &[Harmonic {
                phase_deg: f64::INFINITY,
                ..FIFTH
            }],
            Some("phases[1].harmonics[0].phase_deg is inf, allowed is -360 to 360"),
        );
    }
}
