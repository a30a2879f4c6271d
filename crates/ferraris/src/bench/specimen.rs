//! The meter under test: sensors and converter with errors drawn from the seed, calibrated once from the bench's reference readings.

use grid::{Bend, ConverterSetting, SensorSet, World, WorldSetting};
use metrology::{
    Calibration, ChannelSet, Comparison, Core, Measurement, N_CHANNELS, N_PHASES, N_TEMPERATURES, Phase, Reading,
    SampleSet, Setup, SetupError, TemperatureCurve, adjusted, drifted, linearised,
};

use super::condition::{Condition, Influence, NOMINAL_CELSIUS, NOMINAL_VOLTS, Quantity, Side};
use super::variant::Variant;

/// One meter of a variant on the bench.
#[derive(Clone, Debug)]
pub(super) struct Specimen {
    /// Its variant.
    pub(super) variant: Variant,
    /// What is wrong with its sensors and converter.
    pub(super) converter: ConverterSetting,
    /// What it measures with: scales as they should be, and the calibration.
    pub(super) setup: Setup,
    /// Its sensors as they are and drift, and its thermometer.
    pub(super) sensors: SensorSet,
    /// What it knows about their drift.
    curves: [TemperatureCurve; N_CHANNELS],
}

impl Specimen {
    /// A meter as it leaves production, calibrated; then every current gain is spoilt by `spoilt_percent`.
    ///
    /// # Errors
    /// When the calibration would need corrections that the meter refuses.
    pub(super) fn new(variant: Variant, seed: u64, quick: bool, spoilt_percent: f64) -> anyhow::Result<Self> {
        let mut converter = match variant {
            Variant::Sm402d | Variant::St402d => ConverterSetting::direct(),
            Variant::St402c => ConverterSetting::transformers(),
        };
        let mut chance = Chance(seed ^ 0x51EC_1ACE);
        let sensors = SensorSet::drawn(|least, most| chance.between(least, most));
        converter.sensors = sensors.at_reference;
        let rate_hz = f64::from(converter.rate_hz);
        let mut setup = Setup::three_phase(rate_hz, converter.volts_per_lsb(), converter.amps_per_lsb());
        if variant.n_phases() == 1 {
            setup.channels = ChannelSet::SINGLE_PHASE;
        }
        setup.nominal_volts = NOMINAL_VOLTS;
        setup.starting_amperes = variant.currents().starting;
        let mut specimen = Self {
            variant,
            converter,
            setup,
            sensors,
            curves: [TemperatureCurve::FLAT; N_CHANNELS],
        };
        let seconds = if quick { 5.0 } else { 20.0 };
        specimen.calibrate(seed, seconds)?;
        specimen.characterise(seed, seconds)?;
        for phase in Phase::ALL {
            let current = &mut specimen.setup.calibration[phase.current().index()];
            *current = regained(current, current.gain() * (1.0 + spoilt_percent / 100.0))?;
        }
        Ok(specimen)
    }

    /// The same meter with transformers that are not linear, as they are at `amps`; `corrected` with a curve over the current that was
    /// found at eight currents, by comparison with the reference meter, and otherwise with its one calibration only.
    ///
    /// # Errors
    /// When the curve would need corrections that the meter refuses.
    pub(super) fn bent(&self, amps: f64, corrected: bool) -> anyhow::Result<Self> {
        let currents = self.variant.currents();
        let mut bent = self.clone();
        if corrected {
            let (least, most) = (currents.basic * 0.02, currents.maximum);
            let mut comparisons = vec![Vec::new(); N_PHASES];
            for place in 0..8_u8 {
                let amps = least * (most / least).powf(f64::from(place) / 7.0);
                let mut meter = self.clone();
                meter.bend(amps);
                let load = Condition::balanced(Quantity::Active, amps, 0.5, Side::Inductive);
                let mean = meter.mean(&load, 5.0, 77 + u64::from(place))?;
                for (list, phase) in comparisons.iter_mut().zip(Phase::ALL).take(self.variant.n_phases()) {
                    list.push(mean.comparison(phase));
                }
            }
            for (curve, list) in bent.setup.linearity.iter_mut().zip(&comparisons) {
                if !list.is_empty() {
                    *curve = linearised(list)?;
                }
            }
        }
        bent.bend(amps);
        Ok(bent)
    }

    /// Ratio and lead of transformers change with the current, from a fiftieth of Ib or In to Imax. A sine of one amplitude sees one ratio
    /// and one lead, so that the truth stays a closed form.
    fn bend(&mut self, amps: f64) {
        let currents = self.variant.currents();
        let bend = Bend {
            least_amperes: currents.basic * 0.02,
            greatest_amperes: currents.maximum,
        };
        let (percent, degrees) = bend.at(amps);
        for sensor in self.sensors.at_reference.iter_mut().skip(N_PHASES) {
            sensor.gain_percent += percent;
            sensor.lead_deg += degrees;
        }
    }

    /// The world in front of this meter under `condition`.
    pub(super) fn world(&self, condition: &Condition, seed: u64) -> anyhow::Result<World> {
        let mut setting = WorldSetting::fixed(self.variant.connection(), 0.0, 0.0, seed);
        setting.converter = self.converter_at(condition.celsius);
        condition.apply(&mut setting);
        let mut world = World::new(&setting)?;
        if condition.influence == Influence::Bursts {
            world.set_bursts(2, 2)?;
        }
        Ok(world)
    }

    /// The meter as it starts under `condition`, with what its thermometer says.
    pub(super) fn core(&self, condition: &Condition) -> Result<Core, SetupError> {
        let mut core = Core::new(&self.setup)?;
        let (shown, curves) = self.thermometer(condition.celsius);
        core.compensate(shown, curves);
        Ok(core)
    }

    /// What the thermometer shows at a temperature, and what the meter knows about its drift.
    pub(super) fn thermometer(&self, celsius: f64) -> (f64, &[TemperatureCurve; N_CHANNELS]) {
        (celsius + self.sensors.thermometer_error, &self.curves)
    }

    /// The same meter, which knows nothing about its drift.
    #[cfg(test)]
    pub(super) fn without_curves(&self) -> Self {
        Self {
            curves: [TemperatureCurve::FLAT; N_CHANNELS],
            ..self.clone()
        }
    }

    /// The sensors at a temperature.
    fn converter_at(&self, celsius: f64) -> ConverterSetting {
        ConverterSetting {
            sensors: self.sensors.at(celsius),
            ..self.converter.clone()
        }
    }

    /// The curves over temperature, found like the calibration, in an oven whose temperature is known.
    fn characterise(&mut self, seed: u64, seconds: f64) -> anyhow::Result<()> {
        self.curves = [TemperatureCurve::FLAT; N_CHANNELS];
        let amps = self.variant.currents().basic;
        let load = Condition::balanced(Quantity::Active, amps, 0.5, Side::Inductive);
        let none = TemperatureCurve::FLAT.at(NOMINAL_CELSIUS);
        let mut points = [[none; N_TEMPERATURES]; N_CHANNELS];
        for (place, celsius) in OVEN_CELSIUS.into_iter().enumerate() {
            let mean = self.mean(&load.at_temperature(celsius), seconds, seed + 3 + place as u64)?;
            for channel in &mut points {
                channel[place].celsius = celsius;
            }
            for phase in Phase::ALL.into_iter().take(self.variant.n_phases()) {
                let (voltage, current) = drifted(celsius, &mean.comparison(phase));
                points[phase.voltage().index()][place] = voltage;
                points[phase.current().index()][place] = current;
            }
        }
        for (curve, points) in self.curves.iter_mut().zip(points) {
            *curve = TemperatureCurve::new(points)?;
        }
        Ok(())
    }

    /// One calibration, as a production line does it: without current for the noise floor, and for the codes at which the voltages, which have
    /// no direct part on a bench, have their middle; then Ib or In at PF 0.5 inductive, at 49 and
    /// at 51 Hz, where gains, leads and delays follow from what the reference meter reads.
    fn calibrate(&mut self, seed: u64, seconds: f64) -> anyhow::Result<()> {
        let counting = self.setup.starting_amperes;
        self.setup.starting_amperes = 0.0;
        let amps = self.variant.currents().basic;
        let load = |amps, part| {
            Condition::balanced(Quantity::Active, amps, 0.5, Side::Inductive).with(Influence::Frequency(part))
        };
        let idle = self.mean(&load(0.0, 1.0), seconds, seed)?;
        for (phase, reading) in Phase::ALL.into_iter().zip(&idle.readings).take(self.variant.n_phases()) {
            let (voltage, current) = (phase.voltage(), phase.current());
            let offset_lsb = reading.direct_volts / self.setup.per_lsb(voltage);
            self.setup.calibration[voltage.index()] = Calibration::new(1.0, 0.0, 0.0, offset_lsb, 0.0)?;
            let noise_lsb = reading.amps / self.setup.per_lsb(current);
            self.setup.calibration[current.index()] = Calibration::new(1.0, 0.0, 0.0, 0.0, noise_lsb)?;
        }
        let slow = self.mean(&load(amps, 0.98), seconds, seed + 1)?;
        let fast = self.mean(&load(amps, 1.02), seconds, seed + 2)?;
        for phase in Phase::ALL.into_iter().take(self.variant.n_phases()) {
            let (voltage, current) = (phase.voltage().index(), phase.current().index());
            let calibration = &mut self.setup.calibration;
            (calibration[voltage], calibration[current]) = adjusted(
                &calibration[voltage],
                &calibration[current],
                [&slow.comparison(phase), &fast.comparison(phase)],
            )?;
        }
        self.setup.starting_amperes = counting;
        Ok(())
    }

    /// What the meter reads under `condition`, and what the reference meter reads.
    fn mean(&self, condition: &Condition, seconds: f64, seed: u64) -> anyhow::Result<Mean> {
        let mut world = self.world(condition, seed)?;
        let truth = world
            .truth()
            .ok_or_else(|| anyhow::anyhow!("a bench has fixed currents"))?;
        let mut sums = [Means::default(); N_PHASES];
        let mut windows = 0.0;
        run(&mut world, self.core(condition)?, seconds, |measurement| {
            windows += 1.0;
            for (sum, reading) in sums.iter_mut().zip(&measurement.phases) {
                let duration = measurement.duration_nanos as f64 * 1e-9;
                sum.volts += reading.voltage_microvolts as f64 * 1e-6;
                sum.direct_volts += reading.voltage_direct_microvolts as f64 * 1e-6;
                sum.amps += reading.current_microamperes as f64 * 1e-6;
                sum.watts += reading.energy.active_microjoules as f64 * 1e-6 / duration;
                sum.vars += reading.energy.reactive_microvarseconds as f64 * 1e-6 / duration;
            }
        });
        Ok(Mean {
            truth_hertz: truth.frequency_hz,
            readings: sums.map(|sum| Means {
                volts: sum.volts / windows,
                direct_volts: sum.direct_volts / windows,
                amps: sum.amps / windows,
                watts: sum.watts / windows,
                vars: sum.vars / windows,
            }),
            truth: truth.phases.map(|phase| Means {
                volts: phase.volts,
                direct_volts: 0.0,
                amps: phase.amps,
                watts: phase.active_watts,
                vars: phase.fundamental_reactive_vars,
            }),
        })
    }
}

/// Runs a meter in `world` until the measurements of nominally `seconds` (5 a second) were handed to `each`, after the
/// warm-up. Their number is exact: a pattern such as a burst needs whole periods.
pub(super) fn run(world: &mut World, mut core: Core, seconds: f64, mut each: impl FnMut(&Measurement)) {
    let (mut block, mut windows) = ([[0; N_CHANNELS]; BLOCK], 0.0);
    let enough = WARM_UP_WINDOWS + (seconds * 5.0).round();
    while windows < enough {
        world.fill(&mut block);
        core.push_block(&block, |measurement| {
            windows += 1.0;
            if WARM_UP_WINDOWS < windows && windows <= enough {
                each(measurement);
            }
        });
    }
}

/// The calibration with another gain.
fn regained(calibration: &Calibration, gain: f64) -> Result<Calibration, SetupError> {
    Calibration::new(
        gain,
        calibration.lead_degrees(),
        calibration.delay_nanos(),
        calibration.offset_lsb(),
        calibration.noise_lsb(),
    )
}

/// Mean readings of our meter and of the reference.
struct Mean {
    truth_hertz: f64,
    readings: [Means; N_PHASES],
    truth: [Means; N_PHASES],
}

/// Mean readings of one phase.
#[derive(Clone, Copy, Debug, Default)]
struct Means {
    volts: f64,
    direct_volts: f64,
    amps: f64,
    watts: f64,
    vars: f64,
}

impl Mean {
    fn comparison(&self, phase: Phase) -> Comparison {
        Comparison {
            reference: self.truth[phase.index()].reading(self.truth_hertz),
            own: self.readings[phase.index()].reading(self.truth_hertz),
        }
    }
}

impl Means {
    const fn reading(&self, hertz: f64) -> Reading {
        Reading {
            hertz,
            volts: self.volts,
            watts: self.watts,
            vars: self.vars,
        }
    }
}

/// Chance from a seed (SplitMix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * ((self.bits() >> 11) as f64 / 9_007_199_254_740_992.0)
    }
}

/// Where the curves over temperature have their points.
const OVEN_CELSIUS: [f64; N_TEMPERATURES] = [-40.0, -20.0, 0.0, 23.0, 40.0, 55.0, 70.0];

/// Samples that are made and measured at once.
pub(super) const BLOCK: usize = 400;

/// Three seconds: transformers and filters of the model settle.
const WARM_UP_WINDOWS: f64 = 15.0;

/// A block of the model, for those who look at single samples.
pub(super) type Block = [SampleSet; BLOCK];

#[cfg(test)]
mod tests {
    use super::*;

    /// Without its curves the meter drifts by what its sensors do; with them hardly.
    #[test]
    fn the_stored_curves_are_what_holds_the_meter_over_temperature() {
        let mut specimen = Specimen::new(Variant::Sm402d, 5, true, 0.0).expect("a good seed");
        specimen.sensors.drifts[0].gain_ppm_per_k = 20.0;
        specimen.sensors.drifts[3].gain_ppm_per_k = 10.0;
        specimen.characterise(5, 2.0).expect("in range");
        let hot = Condition::balanced(Quantity::Active, 5.0, 1.0, Side::Unity).at_temperature(65.0);
        let error = |specimen: &Specimen| {
            let mean = specimen.mean(&hot, 2.0, 9).expect("in range");
            (mean.readings[0].watts / mean.truth[0].watts - 1.0) * 100.0
        };
        let with = error(&specimen);
        let without = error(&specimen.without_curves());
        println!("with {with:+.4} %, without {without:+.4} %");
        assert!(with.abs() < 0.02 && 0.05 < without.abs());
    }
}
