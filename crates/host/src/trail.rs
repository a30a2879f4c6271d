//! The last cycles of all channels, as the oscilloscope on the page shows them.

use std::collections::VecDeque;

use grid::SampleSet;
use metrology::{Channel, Setup};
use serde_json::{Value, json};

/// The last quarter of a second of samples: ten cycles at 40 Hz.
pub(crate) struct Trail {
    sets: VecDeque<SampleSet>,
    capacity: usize,
}

impl Trail {
    pub(crate) fn new(rate_hz: u64) -> Self {
        let capacity = usize::try_from(rate_hz / 4).unwrap_or(MOST_VALUES);
        Self {
            sets: VecDeque::with_capacity(capacity),
            capacity,
        }
    }

    pub(crate) fn extend(&mut self, block: &[SampleSet]) {
        let surplus = (self.sets.len() + block.len()).saturating_sub(self.capacity);
        self.sets.drain(..surplus.min(self.sets.len()));
        self.sets.extend(block);
    }

    pub(crate) fn clear(&mut self) {
        self.sets.clear();
    }

    /// The last `cycles` cycles of `hertz`, thinned out to at most [`MOST_VALUES`] a channel: rate and channels.
    pub(crate) fn json(&self, setup: &Setup, cycles: usize, hertz: f64) -> (f64, Value) {
        let wanted = setup.rate_hz * cycles as f64 / hertz;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, at most a few thousand samples"
        )]
        let wanted = (wanted.round() as usize).min(self.sets.len());
        let step = wanted.div_ceil(MOST_VALUES).max(1);
        let first = self.sets.len() - wanted;
        let channel = |channel: Channel| {
            let per_lsb = setup.per_lsb(channel);
            let (unit, digits) = if channel.is_voltage() { ("V", 1e2) } else { ("A", 1e3) };
            let value = |set: &SampleSet| {
                let code = set.get(channel.index()).copied().unwrap_or(0);
                (f64::from(code) * per_lsb * digits).round() / digits
            };
            let values: Vec<f64> = self.sets.iter().skip(first).step_by(step).map(value).collect();
            json!({ "name": channel.name(), "unit": unit, "values": values })
        };
        let channels: Vec<Value> = setup.channels.iter().map(channel).collect();
        (setup.rate_hz / step as f64, Value::Array(channels))
    }
}

/// Most values of a channel that are shown.
const MOST_VALUES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_cycles_are_shown_thinned_out() {
        let setup = Setup::three_phase(8_000.0, 0.01, 0.001);
        let mut trail = Trail::new(8_000);
        for n in 0..3_000 {
            trail.extend(&[[n, 0, 0, -n, 0, 0, 0]]);
        }
        let (rate, channels) = trail.json(&setup, 10, 50.0);
        assert_eq!((rate, channels.as_array().map(Vec::len)), (4_000.0, Some(7)));
        let values = channels[0]["values"].as_array().expect("a list");
        assert_eq!(
            (values.len(), values[0].as_f64(), values[799].as_f64()),
            (800, Some(14.0), Some(29.98))
        );
        assert_eq!(channels[3]["values"][799].as_f64(), Some(-2.998));
        let (rate, channels) = trail.json(&setup, 4, 50.0);
        assert_eq!(
            (rate, channels[0]["values"].as_array().map(Vec::len)),
            (8_000.0, Some(640))
        );
        trail.clear();
        assert_eq!(trail.json(&setup, 4, 50.0).1[6]["values"], json!([]));
    }
}
