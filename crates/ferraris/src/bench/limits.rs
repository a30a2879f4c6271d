//! The error limits of the standards, in percent: at reference conditions, and the change that an influence may make.
//!
//! The texts are sold, not published; the numbers were collected from public sources and general knowledge, which
//! `docs/bench.md` says table by table.

use super::condition::{Condition, Influence, Quantity, Side};
use super::variant::Currents;

/// A standard's table for one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// EN 50470-3 class A.
    En50470A,
    /// EN 50470-3 class B.
    En50470B,
    /// EN 50470-3 class C.
    En50470C,
    /// IEC 62053-21 class 1.
    Iec21Class1,
    /// IEC 62053-21 class 2.
    Iec21Class2,
    /// IEC 62053-22 class 0.2S.
    Iec22Class02S,
    /// IEC 62053-22 class 0.5S.
    Iec22Class05S,
    /// IEC 62053-23 class 2 (reactive).
    Iec23Class2,
    /// IEC 62053-23 class 3 (reactive).
    Iec23Class3,
    /// IEC 62053-24 class 0.5S (reactive).
    Iec24Class05S,
    /// IEC 62053-24 class 1S (reactive).
    Iec24Class1S,
}

/// A temperature band of MID annex V table 2: its name, and its limits for each class from Imin to Itr, from Itr to Imax, and
/// from Itr to Imax with one phase loaded.
struct Band {
    name: &'static str,
    least_celsius: f64,
    most_celsius: f64,
    a: [f64; 3],
    b: [f64; 3],
    c: [f64; 3],
}

/// From the inside out: a temperature belongs to the first band that holds it.
const BANDS: [Band; 4] = [
    Band {
        name: "+5..30 C",
        least_celsius: 5.0,
        most_celsius: 30.0,
        a: [3.5, 3.5, 4.0],
        b: [2.0, 2.0, 2.5],
        c: [1.0, 0.7, 1.0],
    },
    Band {
        name: "-10..5, 30..40 C",
        least_celsius: -10.0,
        most_celsius: 40.0,
        a: [5.0, 4.5, 5.0],
        b: [2.5, 2.5, 3.0],
        c: [1.3, 1.0, 1.3],
    },
    Band {
        name: "-25..-10, 40..55 C",
        least_celsius: -25.0,
        most_celsius: 55.0,
        a: [7.0, 7.0, 7.0],
        b: [3.5, 3.5, 4.0],
        c: [1.7, 1.3, 1.7],
    },
    Band {
        name: "-40..-25, 55..70 C",
        least_celsius: -40.0,
        most_celsius: 70.0,
        a: [9.0, 9.0, 9.0],
        b: [4.0, 4.0, 4.5],
        c: [2.0, 1.5, 2.0],
    },
];

impl Band {
    fn of(celsius: f64) -> Option<&'static Self> {
        BANDS
            .iter()
            .find(|band| (band.least_celsius..=band.most_celsius).contains(&celsius))
    }
}

/// The name of the MID's temperature band.
pub(super) fn mid_band(celsius: f64) -> &'static str {
    Band::of(celsius).map_or("outside all bands", |band| band.name)
}

impl Table {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::En50470A => "EN 50470-3 A",
            Self::En50470B => "EN 50470-3 B",
            Self::En50470C => "EN 50470-3 C",
            Self::Iec21Class1 => "IEC 62053-21 cl. 1",
            Self::Iec21Class2 => "IEC 62053-21 cl. 2",
            Self::Iec22Class02S => "IEC 62053-22 cl. 0.2S",
            Self::Iec22Class05S => "IEC 62053-22 cl. 0.5S",
            Self::Iec23Class2 => "IEC 62053-23 cl. 2",
            Self::Iec23Class3 => "IEC 62053-23 cl. 3",
            Self::Iec24Class05S => "IEC 62053-24 cl. 0.5S",
            Self::Iec24Class1S => "IEC 62053-24 cl. 1S",
        }
    }

    pub(super) const fn quantity(self) -> Quantity {
        match self {
            Self::En50470A
            | Self::En50470B
            | Self::En50470C
            | Self::Iec21Class1
            | Self::Iec21Class2
            | Self::Iec22Class02S
            | Self::Iec22Class05S => Quantity::Active,
            Self::Iec23Class2 | Self::Iec23Class3 | Self::Iec24Class05S | Self::Iec24Class1S => Quantity::Reactive,
        }
    }

    /// The greatest error allowed at reference conditions; none where the table asks nothing.
    pub(super) fn error_limit(self, currents: &Currents, condition: &Condition) -> Option<f64> {
        if self.quantity() != condition.quantity
            || condition.influence != Influence::None
            || !condition.is_at_nominal_temperature()
        {
            return None;
        }
        let load = Load::new(currents, condition);
        if currents.maximum * ABOVE < condition.amps {
            return None;
        }
        match self {
            Self::En50470A => load.en_50470(load.imin(0.5, 0.4), [2.5, 2.0, 2.0, 3.0, 3.0]),
            Self::En50470B => load.en_50470(load.imin(0.5, 0.2), [1.5, 1.0, 1.0, 2.0, 2.0]),
            Self::En50470C => load.en_50470(load.imin(0.3, 0.2), [1.0, 0.5, 0.6, 0.6, 1.0]),
            Self::Iec21Class1 => load.iec_21([1.5, 1.0, 1.5, 1.0, 3.5, 2.5, 2.0], true),
            Self::Iec21Class2 => load.iec_21([2.5, 2.0, 2.5, 2.0, f64::NAN, f64::NAN, 3.0], false),
            Self::Iec22Class02S => load.iec_22([0.4, 0.2, 0.5, 0.3, 0.5, 0.3, 0.4]),
            Self::Iec22Class05S => load.iec_22([1.0, 0.5, 1.0, 0.6, 1.0, 0.6, 1.0]),
            Self::Iec23Class2 => load.iec_23([2.5, 2.0, 2.5, 2.0, 2.5, 3.0]),
            Self::Iec23Class3 => load.iec_23([4.0, 3.0, 4.0, 3.0, 4.0, 4.0]),
            Self::Iec24Class05S => load.iec_24([1.0, 0.5, 1.0, 0.5, 1.0]),
            Self::Iec24Class1S => load.iec_24([1.5, 1.0, 1.5, 1.0, 2.0]),
        }
    }

    /// The greatest change of the error that the condition's influence may make; none where the table asks nothing.
    pub(super) fn change_limit(self, currents: &Currents, condition: &Condition) -> Option<f64> {
        let load = Load::new(currents, condition);
        let unity = condition.factor_is(1.0);
        if condition.quantity == Quantity::Reactive {
            // Of IEC 62053-24 no table of influences is at hand.
            let [class_2, class_3] = match condition.influence {
                Influence::Voltage(part) if (0.9 / ABOVE..=1.1 * ABOVE).contains(&part) => match unity {
                    true => [1.0, 2.0],
                    false => [1.5, 3.0],
                },
                Influence::Frequency(_) => [2.5, 2.5],
                _ => return None,
            };
            return match self {
                Self::Iec23Class2 => Some(class_2),
                Self::Iec23Class3 => Some(class_3),
                _ => None,
            };
        }
        // One number each for A, B, C, 21 class 1 and 2, 22 class 0.2S and 0.5S; NaN where nothing is asked.
        let row = match condition.influence {
            Influence::None => return None,
            Influence::Voltage(part) => {
                if !load.from(if unity { 0.05 } else { 0.1 }, if unity { 0.02 } else { 0.1 }) || part < 0.8 / ABOVE {
                    return None;
                }
                let row = if unity {
                    [1.0, 0.7, 0.2, 0.7, 1.0, 0.1, 0.2]
                } else {
                    [1.5, 1.0, 0.4, 1.0, 1.5, 0.2, 0.4]
                };
                let times = if (0.9 / ABOVE..=1.1 * ABOVE).contains(&part) {
                    1.0
                } else {
                    3.0
                };
                row.map(|percent| percent * times)
            }
            Influence::Frequency(_) if unity => [0.8, 0.5, 0.2, 0.5, 0.8, 0.1, 0.2],
            Influence::Frequency(_) => [1.0, 0.7, 0.2, 0.7, 1.0, 0.1, 0.2],
            Influence::ReversedSequence => [1.5, 1.5, 0.1, 1.5, 1.5, 0.05, 0.1],
            Influence::MissingPhases(_) => [4.0, 2.0, 1.0, 2.0, 4.0, 0.5, 1.0],
            Influence::FifthHarmonic => [1.0, 0.8, 0.5, 0.8, 1.0, 0.4, 0.5],
            Influence::HalfWave | Influence::PhaseFired => [6.0, 3.0, 1.5, 3.0, 6.0, f64::NAN, f64::NAN],
            Influence::Bursts => [6.0, 3.0, 1.5, 3.0, 6.0, 0.6, 1.5],
        };
        asked(match self {
            Self::En50470A => row[0],
            Self::En50470B => row[1],
            Self::En50470C => row[2],
            Self::Iec21Class1 => row[3],
            Self::Iec21Class2 => row[4],
            Self::Iec22Class02S => row[5],
            Self::Iec22Class05S => row[6],
            _ => return None,
        })
    }

    /// MID annex V table 2: the greatest error under all influences together (0.9 to 1.1 Un, 2 % of frequency, PF 0.5i to
    /// 0.8c) in the temperature band of the condition.
    pub(super) fn mid_limit(self, currents: &Currents, condition: &Condition) -> Option<f64> {
        let rated = match condition.influence {
            Influence::None | Influence::Frequency(_) => true,
            Influence::Voltage(part) => (0.9 / ABOVE..=1.1 * ABOVE).contains(&part),
            _ => false,
        };
        if condition.quantity != Quantity::Active || !rated {
            return None;
        }
        let load = Load::new(currents, condition);
        let band = Band::of(condition.celsius)?;
        let (imin, [low, full, single]) = match self {
            Self::En50470A => (load.imin(0.5, 0.4), band.a),
            Self::En50470B => (load.imin(0.5, 0.2), band.b),
            Self::En50470C => (load.imin(0.3, 0.2), band.c),
            _ => return None,
        };
        let common =
            (condition.side != Side::Capacitive && 0.5 / ABOVE <= condition.factor) || 0.8 / ABOVE <= condition.factor;
        if !common {
            None
        } else if currents.transitional / ABOVE <= condition.amps {
            Some(if condition.is_single_phase_load() { single } else { full })
        } else {
            (imin / ABOVE <= condition.amps && !condition.is_single_phase_load()).then_some(low)
        }
    }

    /// The greatest mean temperature coefficient of the error, in percent per kelvin.
    pub(super) fn coefficient_limit(self, condition: &Condition) -> Option<f64> {
        let unity = condition.factor_is(1.0);
        let (at_unity, at_half) = match self {
            Self::En50470A => (0.1, 0.15),
            Self::En50470B => (0.05, 0.07),
            Self::En50470C => (0.03, 0.05),
            Self::Iec21Class1 => (0.05, 0.07),
            Self::Iec21Class2 => (0.1, 0.15),
            Self::Iec22Class02S => (0.01, 0.02),
            Self::Iec22Class05S => (0.03, 0.05),
            _ => return None,
        };
        Some(if unity { at_unity } else { at_half })
    }

    /// The greatest difference between the errors with one phase loaded and with all, at Ib or In and PF 1.
    pub(super) const fn difference_limit(self) -> Option<f64> {
        match self {
            Self::Iec21Class1 => Some(1.5),
            Self::Iec21Class2 => Some(2.5),
            Self::Iec22Class02S => Some(0.4),
            Self::Iec22Class05S => Some(1.0),
            _ => None,
        }
    }
}

/// A load as the tables look at it.
struct Load<'a> {
    currents: &'a Currents,
    condition: &'a Condition,
}

impl<'a> Load<'a> {
    const fn new(currents: &'a Currents, condition: &'a Condition) -> Self {
        Self { currents, condition }
    }

    /// Imin in amperes, given in parts of Itr for direct meters and for those behind transformers.
    fn imin(&self, direct: f64, transformers: f64) -> f64 {
        self.currents.transitional * if self.currents.direct { direct } else { transformers }
    }

    /// Whether the current is at least this part of Ib (direct) or In (transformers).
    fn from(&self, direct: f64, transformers: f64) -> bool {
        let part = if self.currents.direct { direct } else { transformers };
        self.currents.basic * part / ABOVE <= self.condition.amps
    }

    fn is(&self, factor: f64, side: Side) -> bool {
        self.condition.factor_is(factor) && self.condition.side == side
    }

    /// PF 0.5 inductive or 0.8 capacitive, the two that every table asks for.
    fn is_common(&self) -> bool {
        self.is(0.5, Side::Inductive) || self.is(0.8, Side::Capacitive)
    }

    /// `limits`: Imin to Itr; Itr to Imax at PF 1, and at PF 0.5i to 0.8c; one phase loaded at PF 1, and at 0.5i.
    fn en_50470(&self, imin: f64, limits: [f64; 5]) -> Option<f64> {
        let [low, unity, other, single_unity, single_other] = limits;
        let at_unity = self.condition.factor_is(1.0);
        if !(at_unity || self.is_common()) {
            return None;
        }
        if self.condition.amps < self.currents.transitional / ABOVE {
            let asked = at_unity && imin / ABOVE <= self.condition.amps && !self.condition.is_single_phase_load();
            return asked.then_some(low);
        }
        if self.condition.is_single_phase_load() {
            return match (at_unity, self.is(0.5, Side::Inductive)) {
                (true, _) => Some(single_unity),
                (false, true) => Some(single_other),
                (false, false) => None,
            };
        }
        Some(if at_unity { unity } else { other })
    }

    /// `limits`: PF 1 low and full; PF 0.5i and 0.8c low and full; 0.25i; 0.5c; one phase loaded.
    fn iec_21(&self, limits: [f64; 7], with_capacitive: bool) -> Option<f64> {
        let [unity_low, unity, other_low, other, quarter, half_capacitive, single] = limits;
        let at_unity = self.condition.factor_is(1.0);
        if self.condition.is_single_phase_load() {
            let asked = (at_unity && self.from(0.1, 0.05)) || (self.is(0.5, Side::Inductive) && self.from(0.2, 0.1));
            return asked.then_some(single);
        }
        let common = self.is(0.5, Side::Inductive) || (with_capacitive && self.is(0.8, Side::Capacitive));
        let on_request = self.from(0.2, 0.1) && self.condition.amps <= self.currents.basic * ABOVE;
        if at_unity {
            stepped(self.from(0.05, 0.02), self.from(0.1, 0.05), unity_low, unity)
        } else if common {
            stepped(self.from(0.1, 0.05), self.from(0.2, 0.1), other_low, other)
        } else if self.is(0.25, Side::Inductive) && on_request {
            asked(quarter)
        } else if self.is(0.5, Side::Capacitive) && on_request {
            asked(half_capacitive)
        } else {
            None
        }
    }

    /// `limits`: PF 1 low and full; PF 0.5i and 0.8c low and full; 0.25i and 0.5c; one phase loaded at PF 1 and 0.5i.
    fn iec_22(&self, limits: [f64; 7]) -> Option<f64> {
        let [
            unity_low,
            unity,
            other_low,
            other,
            on_request,
            single_unity,
            single_other,
        ] = limits;
        let at_unity = self.condition.factor_is(1.0);
        if self.condition.is_single_phase_load() {
            return if at_unity && self.from(0.05, 0.05) {
                Some(single_unity)
            } else {
                (self.is(0.5, Side::Inductive) && self.from(0.1, 0.1)).then_some(single_other)
            };
        }
        if at_unity {
            stepped(self.from(0.01, 0.01), self.from(0.05, 0.05), unity_low, unity)
        } else if self.is_common() {
            stepped(self.from(0.02, 0.02), self.from(0.1, 0.1), other_low, other)
        } else {
            let rare = self.is(0.25, Side::Inductive) || self.is(0.5, Side::Capacitive);
            (rare && self.from(0.1, 0.1)).then_some(on_request)
        }
    }

    /// `limits`: sin 1 low and full; sin 0.5 low and full; sin 0.25; one phase loaded.
    fn iec_23(&self, limits: [f64; 6]) -> Option<f64> {
        let [unity_low, unity, half_low, half, quarter, single] = limits;
        if self.condition.is_single_phase_load() {
            let asked = (self.condition.factor_is(1.0) && self.from(0.1, 0.05))
                || (self.condition.factor_is(0.5) && self.from(0.2, 0.1));
            return asked.then_some(single);
        }
        if self.condition.factor_is(1.0) {
            stepped(self.from(0.05, 0.02), self.from(0.1, 0.05), unity_low, unity)
        } else if self.condition.factor_is(0.5) {
            stepped(self.from(0.1, 0.05), self.from(0.2, 0.1), half_low, half)
        } else {
            (self.condition.factor_is(0.25) && self.from(0.2, 0.1)).then_some(quarter)
        }
    }

    /// `limits`: sin 1 low and full; sin 0.5 low and full; sin 0.25.
    fn iec_24(&self, limits: [f64; 5]) -> Option<f64> {
        let [unity_low, unity, half_low, half, quarter] = limits;
        if self.condition.is_single_phase_load() {
            return None;
        }
        if self.condition.factor_is(1.0) {
            stepped(self.from(0.01, 0.01), self.from(0.05, 0.05), unity_low, unity)
        } else if self.condition.factor_is(0.5) {
            stepped(self.from(0.05, 0.05), self.from(0.1, 0.1), half_low, half)
        } else {
            (self.condition.factor_is(0.25) && self.from(0.1, 0.1)).then_some(quarter)
        }
    }
}

/// The goal of our own (a tenth of class 0.5S and less), for the same condition.
pub(super) fn goal(currents: &Currents, condition: &Condition) -> f64 {
    match condition.influence {
        Influence::None => {
            let full = if currents.direct {
                currents.transitional
            } else {
                currents.basic * 0.05
            };
            let base = if full / ABOVE <= condition.amps {
                0.01
            } else if currents.starting * 1.1 < condition.amps {
                0.02
            } else {
                0.05
            };
            if condition.factor < 0.45 { base * 2.0 } else { base }
        }
        Influence::Frequency(_) => 0.02,
        _ => 0.005,
    }
}

/// The stricter limit where it holds, else the looser one where that holds.
fn stepped(from: bool, fully: bool, low: f64, full: f64) -> Option<f64> {
    if fully { Some(full) } else { from.then_some(low) }
}

/// Not a number stands for "nothing is asked".
fn asked(percent: f64) -> Option<f64> {
    (!percent.is_nan()).then_some(percent)
}

/// Currents are compared with this much room for rounding.
const ABOVE: f64 = 1.000_001;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::condition::Phases;
    use crate::bench::variant::Variant;

    #[track_caller]
    fn check(variant: Variant, table: Table, amps: f64, factor: f64, side: Side, expected: Option<f64>) {
        let condition = Condition::balanced(table.quantity(), amps, factor, side);
        assert_eq!(table.error_limit(&variant.currents(), &condition), expected);
    }

    #[test]
    fn limits_begin_and_tighten_where_the_tables_say() {
        use Side::{Capacitive, Inductive, Unity};
        use Variant::{St402c, St402d};
        check(St402d, Table::En50470C, 0.1, 1.0, Unity, None);
        check(St402d, Table::En50470C, 0.15, 1.0, Unity, Some(1.0));
        check(St402d, Table::En50470C, 0.5, 1.0, Unity, Some(0.5));
        check(St402d, Table::En50470C, 100.0, 0.5, Inductive, Some(0.6));
        check(St402d, Table::En50470C, 101.0, 0.5, Inductive, None);
        check(St402d, Table::En50470B, 0.25, 0.5, Inductive, None);
        check(St402d, Table::Iec21Class1, 0.25, 1.0, Unity, Some(1.5));
        check(St402d, Table::Iec21Class1, 0.5, 1.0, Unity, Some(1.0));
        check(St402d, Table::Iec21Class2, 5.0, 0.8, Capacitive, None);
        check(St402d, Table::Iec21Class1, 1.0, 0.25, Inductive, Some(3.5));
        check(St402d, Table::Iec21Class1, 10.0, 0.25, Inductive, None);
        check(St402c, Table::Iec22Class05S, 0.05, 1.0, Unity, Some(1.0));
        check(St402c, Table::Iec22Class05S, 0.25, 1.0, Unity, Some(0.5));
        check(St402c, Table::Iec22Class05S, 0.5, 0.8, Capacitive, Some(0.6));
        check(St402c, Table::Iec24Class05S, 0.05, 1.0, Inductive, Some(1.0));
        check(St402d, Table::Iec23Class2, 1.0, 0.25, Capacitive, Some(2.5));
    }

    #[test]
    fn one_loaded_phase_has_limits_of_its_own() {
        let currents = Variant::St402d.currents();
        let mut condition = Condition::balanced(Quantity::Active, 5.0, 0.5, Side::Inductive);
        condition.phases = Phases::Only(metrology::Phase::L2);
        assert_eq!(Table::En50470C.error_limit(&currents, &condition), Some(1.0));
        assert_eq!(Table::Iec21Class1.error_limit(&currents, &condition), Some(2.0));
        assert_eq!(Table::En50470C.mid_limit(&currents, &condition), Some(1.0));
        assert_eq!(Table::En50470C.change_limit(&currents, &condition), None);
    }

    #[test]
    fn the_bands_of_temperature_widen_outwards() {
        let currents = Variant::St402d.currents();
        let limit = |celsius: f64| {
            let condition = Condition::balanced(Quantity::Active, 5.0, 1.0, Side::Unity).at_temperature(celsius);
            assert_eq!(Table::En50470C.error_limit(&currents, &condition), None);
            Table::En50470C.mid_limit(&currents, &condition)
        };
        assert_eq!([5.0, 30.0].map(limit), [Some(0.7); 2]);
        assert_eq!([-10.0, 4.9, 40.0].map(limit), [Some(1.0); 3]);
        assert_eq!([-25.0, 55.0].map(limit), [Some(1.3); 2]);
        assert_eq!([-40.0, 70.0].map(limit), [Some(1.5); 2]);
        assert_eq!([-41.0, 71.0].map(limit), [None; 2]);
        assert_eq!(mid_band(-40.0), "-40..-25, 55..70 C");
    }

    #[test]
    fn voltages_far_from_nominal_may_change_three_times_as_much() {
        let currents = Variant::St402d.currents();
        let mut condition = Condition::balanced(Quantity::Active, 5.0, 1.0, Side::Unity);
        let mut limit = |part| {
            condition.influence = Influence::Voltage(part);
            Table::En50470C.change_limit(&currents, &condition)
        };
        assert_eq!(limit(0.9), Some(0.2));
        assert!(limit(1.15).is_some_and(|percent| (percent - 0.6).abs() < 1e-9));
        assert_eq!(limit(0.6), None);
    }
}
