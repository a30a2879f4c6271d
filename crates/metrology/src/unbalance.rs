//! Unbalance of the supply (IEC 61000-4-30, 5.7): negative and zero sequence of the voltages' fundamentals, by the positive one.

use libm::sincos;

use crate::channel::N_PHASES;
use crate::measurement::Measurement;
use crate::rounding::nearest_u32;
use crate::solver::Phasor;

/// Unbalance of three voltages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unbalance {
    /// u2: negative by positive sequence, in millionths.
    pub negative_millionths: u32,
    /// u0: zero by positive sequence, in millionths.
    pub zero_millionths: u32,
}

impl Unbalance {
    /// The unbalance of a window; none unless all three voltages are present. Of voltages in reversed sequence the components
    /// are swapped first: a wrong connection is no unbalance.
    #[must_use]
    pub fn of(window: &Measurement) -> Option<Self> {
        let mut voltages = [Phasor::default(); N_PHASES];
        for (voltage, reading) in voltages.iter_mut().zip(&window.phases) {
            let lag = f64::from(reading.voltage_angle_millidegrees?) * (core::f64::consts::PI / 180_000.0);
            let (sine, cosine) = sincos(-lag);
            let volts = reading.voltage_fundamental_microvolts as f64;
            *voltage = Phasor {
                re: volts * cosine,
                im: volts * sine,
            };
        }
        let [l1, l2, l3] = voltages;
        let third = core::f64::consts::TAU / 3.0;
        let one_way = l1.plus(l2.turned(third)).plus(l3.turned(-third)).magnitude();
        let other_way = l1.plus(l2.turned(-third)).plus(l3.turned(third)).magnitude();
        let zero = l1.plus(l2).plus(l3).magnitude();
        let (positive, negative) = (one_way.max(other_way), one_way.min(other_way));
        (0.0 < positive).then(|| Self {
            negative_millionths: nearest_u32(negative / positive * 1e6),
            zero_millionths: nearest_u32(zero / positive * 1e6),
        })
    }
}
