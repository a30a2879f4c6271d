//! Volts and amperes become codes of at most 24 bits, as the metrology takes them from its converter; the scale is exact.
//!
//! Where a recording counts in steps (raw, integer COMTRADE), a code is the recorded count times a power of two, so nothing is rounded
//! unless the recording uses more than 24 bits. Otherwise the step is chosen so that the greatest value of the recording just fits.

use metrology::{N_CHANNELS, SampleSet};

use super::recording::{Recording, Values};

/// The scale of each input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Converter {
    steps: Values,
}

/// The greatest magnitude of a code.
const GREATEST_CODE: f64 = 8_388_607.0;

/// The greatest magnitude for which codes are scaled up, to stay off the rails that mean clipping.
const COMFORTABLE_CODE: f64 = 8_000_000.0;

impl Converter {
    /// The finest scale that holds `peaks`, the greatest magnitudes of the recording.
    pub(super) fn new(recording: &dyn Recording, peaks: &Values) -> Self {
        let mut steps = [1.0; N_CHANNELS];
        for ((step, peak), origin) in steps.iter_mut().zip(peaks).zip(recording.origins()) {
            let recorded = origin.as_ref().and_then(|origin| origin.step);
            *step = match recorded {
                _ if *peak == 0.0 => recorded.unwrap_or(1.0),
                Some(recorded) => scaled(recorded, *peak),
                None => peak / COMFORTABLE_CODE,
            };
        }
        Self { steps }
    }

    /// Volts or amperes per code, by input.
    pub(super) const fn steps(&self) -> &Values {
        &self.steps
    }

    /// The codes of a set of values.
    pub(super) fn codes(&self, values: &Values) -> SampleSet {
        let mut codes = [0; N_CHANNELS];
        for ((code, value), step) in codes.iter_mut().zip(values).zip(&self.steps) {
            *code = code_of(value / step);
        }
        codes
    }
}

/// The recorded step times the power of two with which `peak` is a large code, but one of 24 bits.
fn scaled(recorded: f64, peak: f64) -> f64 {
    let counts = peak / recorded;
    // A 24-bit recording that reached its rails keeps its own scale.
    if counts > COMFORTABLE_CODE && counts <= GREATEST_CODE + 1.0 {
        return recorded;
    }
    let step = recorded * (counts / COMFORTABLE_CODE).log2().ceil().exp2();
    if step.is_normal() {
        step
    } else {
        peak / COMFORTABLE_CODE
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to 24 bits before")]
fn code_of(counts: f64) -> i32 {
    counts.round().clamp(-GREATEST_CODE - 1.0, GREATEST_CODE) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_counts_stay_whole_numbers_of_steps() {
        // 16 bits gain seven bits of room, 24 bits at the rail keep theirs, 32 bits lose eight.
        assert_eq!(scaled(0.5, 16_000.0), 0.5 / 128.0);
        assert_eq!(scaled(0.5, 8_388_607.0 * 0.5), 0.5);
        assert_eq!(scaled(0.5, 8_388_608.0 * 0.5), 0.5);
        assert_eq!(scaled(0.5, 2_147_483_648.0 * 0.5), 0.5 * 512.0);
    }

    #[test]
    fn codes_never_leave_24_bits() {
        assert_eq!(code_of(1e30), 8_388_607);
        assert_eq!(code_of(-1e30), -8_388_608);
        assert_eq!(code_of(2.5), 3);
        assert_eq!(code_of(-2.5), -3);
    }
}
