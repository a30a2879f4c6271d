//! The second walk: codes go through the metrology, its windows into registers and means.

use core::f64::consts::{SQRT_2, TAU};
use std::path::Path;

use metrology::{
    Apparent, Calibration, Chain, Channel, ChannelSet, DirectCurrent, Direction, Element, EventKind, Measurement,
    N_CHANNELS, N_PHASES, NominalFrequency, Phase, PhaseReading, Position, Registers, SampleSet, Sequence, Setup,
    Tariff,
};

use super::converter::Converter;
use super::recording::{Fault, Recording};
use super::report::{self, ChannelLine, EventLine, Lost, Named, Report, Span, Value};
use super::survey::Survey;
use super::timebase::as_f64;

/// What of a recording goes into which meter, and how that meter is set up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wiring {
    /// The meter's name.
    pub(super) variant: &'static str,
    /// Whether it has one phase only.
    pub(super) single_phase: bool,
    /// The inputs that are measured.
    pub(super) channels: ChannelSet,
    /// Inputs of the recording that the meter does not have.
    pub(super) left_out: ChannelSet,
    /// As asked for.
    pub(super) nominal: Option<NominalFrequency>,
    /// As asked for.
    pub(super) nominal_volts: Option<f64>,
    /// 0 counts every load.
    pub(super) starting_amperes: f64,
    /// What is done with means.
    pub(super) direct_current: DirectCurrent,
}

/// The first window begins at this sample: its soft edge needs the one before it.
const FIRST_SAMPLE: u64 = 1;

/// Sample sets that are handed over together: less than the 0.2 s after which a channel may have a new spectrum.
const BLOCK: usize = 256;

/// Measures a recording.
pub(super) fn measure(recording: &dyn Recording, file: &Path, wiring: &Wiring) -> Result<Report, Fault> {
    let survey = Survey::of(recording)?;
    let converter = Converter::new(recording, &survey.peaks);
    let mut remarks = Vec::new();
    let (nominal, hertz) = frequency(&survey, wiring, &mut remarks).map_err(|what| Fault::whole(file, what))?;
    let setup = setup_of(recording, &survey, &converter, wiring, nominal).map_err(|what| Fault::whole(file, what))?;
    let refused = |error: metrology::SetupError| Fault::whole(file, format!("cannot be measured: {error}"));
    let mut chain = match hertz {
        Some(hertz) => Chain::with_start(&setup, hertz, FIRST_SAMPLE),
        None => Chain::new(&setup),
    }
    .map_err(refused)?;

    let mut tally = Tally::new();
    let mut samples = recording.samples()?;
    let mut values = [0.0; N_CHANNELS];
    let mut block: Vec<SampleSet> = Vec::with_capacity(BLOCK);
    while samples.next(&mut values)? {
        block.push(converter.codes(&values));
        if block.len() == BLOCK {
            tally.feed(&mut chain, &block);
            block.clear();
        }
    }
    tally.feed(&mut chain, &block);

    let seconds = as_f64(survey.n_sets) / recording.rate_hz();
    let Some((from, to)) = tally.span else {
        let cycles = nominal.cycles();
        return Err(Fault::whole(
            file,
            format!(
                "is too short: {seconds} s hold no measuring window of {cycles} cycles ({:.3} s)",
                0.2
            ),
        ));
    };
    if !wiring.left_out.is_empty() {
        let names: Vec<_> = wiring.left_out.iter().map(Channel::name).collect();
        remarks.push(format!(
            "left out: {}, which an {} does not have",
            names.join(", "),
            wiring.variant
        ));
    }
    if tally.n_free > 0 && survey.voltage_rms > 0.0 {
        remarks.push(format!(
            "{} of {} windows were not synchronised to a voltage; their length follows the last known frequency",
            tally.n_free, tally.n_windows
        ));
    }
    if tally.n_events_lost > 0 {
        remarks.push(format!("{} events more were not listed", tally.n_events_lost));
    }
    let span = Span {
        from_s: recording.start_s() + from.seconds(recording.rate_hz()),
        to_s: recording.start_s() + to.seconds(recording.rate_hz()),
    };
    let lost = Lost {
        start_s: from.seconds(recording.rate_hz()),
        end_s: seconds - to.seconds(recording.rate_hz()),
    };
    let elements: &[Element] = if wiring.single_phase {
        &[Element::Total, Element::Of(Phase::L1)]
    } else {
        &Element::ALL
    };
    let mut clipped = Named::new();
    for input in wiring.channels.iter() {
        clipped.push(input.name(), survey.clipped.get(input.index()).copied().unwrap_or(0));
    }
    Ok(Report {
        file: file.display().to_string(),
        format: recording.format(),
        recorded_at: recording.recorded_at().map(str::to_owned),
        variant: wiring.variant,
        rate_hz: recording.rate_hz(),
        samples: survey.n_sets,
        nominal_hz: nominal.hertz(),
        channels: channel_lines(recording, &survey, &converter, wiring),
        clipped,
        span,
        lost,
        windows: tally.n_windows,
        sequence: match tally.sequence {
            Some(Sequence::Normal) => Some("123"),
            Some(Sequence::Reversed) => Some("132"),
            None => None,
        },
        events: tally
            .events
            .iter()
            .map(|(at, kind, phase)| EventLine {
                at_s: recording.start_s() + at.seconds(recording.rate_hz()),
                kind,
                phase: phase_name(*phase),
            })
            .collect(),
        registers: report::energies(&tally.registers, elements),
        quantities: tally.quantities(wiring, elements),
        remarks,
    })
}

/// The nominal frequency, and the frequency at the beginning where there is one.
fn frequency(
    survey: &Survey,
    wiring: &Wiring,
    remarks: &mut Vec<String>,
) -> Result<(NominalFrequency, Option<f64>), String> {
    let Some(found) = survey.fundamental else {
        return match survey.stray {
            Some(input) => Err(format!(
                "{} has no fundamental between 42.5 and 69 Hz to follow",
                input.name()
            )),
            None => {
                let nominal = wiring.nominal.unwrap_or(NominalFrequency::Hz50);
                remarks.push(format!(
                    "nothing alternates at the beginning; the meter started without a frequency, nominal {} Hz",
                    nominal.hertz()
                ));
                Ok((nominal, None))
            }
        };
    };
    let hertz = found.frequency_hz;
    let nominal = wiring.nominal.unwrap_or(if hertz < 55.0 {
        NominalFrequency::Hz50
    } else {
        NominalFrequency::Hz60
    });
    let (least, most) = match nominal {
        NominalFrequency::Hz50 => (42.5, 57.5),
        NominalFrequency::Hz60 => (51.0, 69.0),
    };
    if hertz < least || hertz > most {
        return Err(format!(
            "the fundamental of {} has {hertz:.3} Hz at the beginning; a meter of {} Hz follows {least} to {most} Hz",
            found.input.name(),
            nominal.hertz()
        ));
    }
    if !found.input.is_voltage() {
        remarks.push(
            "no voltage to follow: windows are of nominal length, which leaves up to 0.1 % in rms values".to_owned(),
        );
    }
    Ok((nominal, Some(hertz)))
}

fn setup_of(
    recording: &dyn Recording,
    survey: &Survey,
    converter: &Converter,
    wiring: &Wiring,
    nominal: NominalFrequency,
) -> Result<Setup, String> {
    let [v1, v2, v3, i1, i2, i3, neutral] = *converter.steps();
    let [peak1, peak2, peak3, ..] = survey.peaks;
    let later_volts = peak1.max(peak2).max(peak3) / SQRT_2;
    let measured_volts = [survey.voltage_rms, later_volts]
        .into_iter()
        .find(|volts| *volts >= 1.0)
        .map_or(230.0, |volts| volts.min(1e6));
    let mut setup = Setup {
        nominal_frequency: nominal,
        channels: wiring.channels,
        volts_per_lsb: [v1, v2, v3],
        amps_per_lsb: [i1, i2, i3, neutral],
        nominal_volts: wiring.nominal_volts.unwrap_or(measured_volts),
        starting_amperes: wiring.starting_amperes,
        apparent: Apparent::Arithmetic,
        // What clipped is known from the recorder's codes; ours never clip.
        clipping_code: 1 << 23,
        direct_current: wiring.direct_current,
        ..Setup::three_phase(recording.rate_hz(), v1, i1)
    };
    for ((input, origin), calibration) in Channel::ALL
        .into_iter()
        .zip(recording.origins())
        .zip(&mut setup.calibration)
    {
        let skew_s = origin.as_ref().map_or(0.0, |origin| origin.skew_s);
        if skew_s != 0.0 {
            // What is sampled late shows the wave as it is later: ahead of the others.
            *calibration = Calibration::new(1.0, 0.0, -skew_s * 1e9, 0.0, 0.0).map_err(|_range| {
                format!(
                    "{} is sampled {skew_s} s after the others; up to 0.0002 s can be corrected",
                    input.name()
                )
            })?;
        }
    }
    Ok(setup)
}

fn channel_lines(
    recording: &dyn Recording,
    survey: &Survey,
    converter: &Converter,
    wiring: &Wiring,
) -> Vec<ChannelLine> {
    let of_input = |input: Channel| {
        let origin = recording.origins().get(input.index())?.as_ref()?;
        let peak = *survey.peaks.get(input.index())?;
        let per_code = *converter.steps().get(input.index())?;
        Some(report::channel_line(input, origin, peak, per_code))
    };
    wiring.channels.iter().filter_map(of_input).collect()
}

const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::L1 => "L1",
        Phase::L2 => "L2",
        Phase::L3 => "L3",
    }
}

/// Registers and sums over all windows.
struct Tally {
    registers: Registers,
    span: Option<(Position, Position)>,
    n_windows: u64,
    /// Windows that followed no voltage.
    n_free: u64,
    seconds: f64,
    phases: [PhaseSums; N_PHASES],
    neutral_squares: f64,
    /// Seconds of windows that followed a voltage, and hertz times these.
    followed: (f64, f64),
    /// By input: what its spectra said.
    distortions: [Distortion; N_CHANNELS],
    sequence: Option<Sequence>,
    events: Vec<(Position, &'static str, Phase)>,
    n_events_lost: u64,
}

/// Sums of one phase, weighted with the seconds of each window.
#[derive(Clone, Copy, Default)]
struct PhaseSums {
    voltage_squares: f64,
    current_squares: f64,
    voltage_angle: MeanDirection,
    current_angle: MeanDirection,
}

/// The total harmonic distortion of one input over its spectra.
#[derive(Clone, Copy, Default)]
struct Distortion {
    until: Option<Position>,
    sum_percent: f64,
    n_spectra: u64,
}

/// A sum of directions, which has a mean even where angles jump from 360 degrees to 0.
#[derive(Clone, Copy, Default)]
struct MeanDirection {
    cosine: f64,
    sine: f64,
}

impl Tally {
    fn new() -> Self {
        Self {
            registers: Registers::new(Direction::SumOfPhases),
            span: None,
            n_windows: 0,
            n_free: 0,
            seconds: 0.0,
            phases: [PhaseSums::default(); N_PHASES],
            neutral_squares: 0.0,
            followed: (0.0, 0.0),
            distortions: [Distortion::default(); N_CHANNELS],
            sequence: None,
            events: Vec::new(),
            n_events_lost: 0,
        }
    }

    /// Gives the chain a block and takes what it finished.
    fn feed(&mut self, chain: &mut Chain, block: &[SampleSet]) {
        chain.push_block(block, |measurement| self.take(measurement));
        for (input, distortion) in Channel::ALL.into_iter().zip(&mut self.distortions) {
            let Some(spectrum) = chain.spectrum(input) else {
                continue;
            };
            if distortion.until == Some(spectrum.to) {
                continue;
            }
            distortion.until = Some(spectrum.to);
            if let Some(millionths) = spectrum.thd_millionths {
                distortion.sum_percent += f64::from(millionths) * 1e-4;
                distortion.n_spectra += 1;
            }
        }
    }

    fn take(&mut self, window: &Measurement) {
        self.registers.book(window, Tariff::FIRST);
        self.span = Some((self.span.map_or(window.from, |(from, _)| from), window.to));
        self.n_windows += 1;
        let seconds = as_f64(window.duration_nanos) * 1e-9;
        self.seconds += seconds;
        for (sums, reading) in self.phases.iter_mut().zip(&window.phases) {
            sums.take(reading, seconds);
        }
        self.neutral_squares += square_of_micro(window.neutral_current_microamperes) * seconds;
        if window.synchronised {
            self.followed.0 += seconds;
            self.followed.1 += seconds * as_f64(window.frequency_microhertz) * 1e-6;
        } else {
            self.n_free += 1;
        }
        self.sequence = window.sequence.or(self.sequence);
        for event in window.events.iter() {
            let (kind, phase) = match event.kind {
                EventKind::VoltageLost(phase) => ("voltage lost", phase),
                EventKind::VoltageReturned(phase) => ("voltage returned", phase),
                _ => continue,
            };
            if self.events.len() < MOST_EVENTS {
                self.events.push((event.at, kind, phase));
            } else {
                self.n_events_lost += 1;
            }
        }
        self.n_events_lost += u64::from(window.events.lost());
    }

    /// Means over the span, by OBIS name.
    fn quantities(&self, wiring: &Wiring, elements: &[Element]) -> Named<Value> {
        let mut all = report::powers(&self.registers, elements, self.seconds);
        let has = |input: Channel| wiring.channels.contains(input);
        let mut currents = 0.0;
        for (phase, sums) in Phase::ALL.into_iter().zip(&self.phases) {
            let base = report::offset_of(Element::Of(phase));
            if has(phase.current()) {
                let amperes = (sums.current_squares / self.seconds).sqrt();
                currents += amperes;
                all.push(
                    format!("1-0:{}.7.0", base + 11),
                    Value {
                        value: amperes,
                        unit: "A",
                    },
                );
            }
            if has(phase.voltage()) {
                let volts = (sums.voltage_squares / self.seconds).sqrt();
                all.push(
                    format!("1-0:{}.7.0", base + 12),
                    Value {
                        value: volts,
                        unit: "V",
                    },
                );
            }
        }
        for (input, distortion) in Channel::ALL.into_iter().zip(&self.distortions).take(2 * N_PHASES) {
            let phase = Phase::ALL.get(input.index() % N_PHASES).copied().unwrap_or(Phase::L1);
            let c = report::offset_of(Element::Of(phase)) + if input.is_voltage() { 12 } else { 11 };
            if distortion.n_spectra > 0 {
                let value = distortion.sum_percent / as_f64(distortion.n_spectra);
                all.push(format!("1-0:{c}.7.124"), Value { value, unit: "%" });
            }
        }
        if has(Channel::In) {
            let amperes = (self.neutral_squares / self.seconds).sqrt();
            all.push(
                "1-0:91.7.0",
                Value {
                    value: amperes,
                    unit: "A",
                },
            );
        }
        if !wiring.single_phase {
            all.push(
                "1-0:90.7.0",
                Value {
                    value: currents,
                    unit: "A",
                },
            );
        }
        for element in elements {
            if let Some(value) = report::power_factor(&self.registers, *element) {
                all.push(
                    format!("1-0:{}.7.0", report::offset_of(*element) + 13),
                    Value { value, unit: "" },
                );
            }
        }
        if self.followed.0 > 0.0 {
            all.push(
                "1-0:14.7.0",
                Value {
                    value: self.followed.1 / self.followed.0,
                    unit: "Hz",
                },
            );
        }
        for (phase, sums) in Phase::ALL.into_iter().zip(&self.phases) {
            if let Some(degrees) = sums.voltage_angle.degrees() {
                let value = degrees.rem_euclid(360.0);
                all.push(format!("1-0:81.7.{}", phase.index()), Value { value, unit: "°" });
            }
        }
        for (phase, sums) in Phase::ALL.into_iter().zip(&self.phases) {
            if let Some(value) = sums.current_angle.degrees() {
                all.push(
                    format!("1-0:81.7.{}", 11 * phase.index() + 4),
                    Value { value, unit: "°" },
                );
            }
        }
        all
    }
}

impl PhaseSums {
    fn take(&mut self, reading: &PhaseReading, seconds: f64) {
        self.voltage_squares += square_of_micro(reading.voltage_microvolts) * seconds;
        self.current_squares += square_of_micro(reading.current_microamperes) * seconds;
        if let Some(millidegrees) = reading.voltage_angle_millidegrees {
            self.voltage_angle.add(f64::from(millidegrees), seconds);
        }
        if let Some(millidegrees) = reading.current_angle_millidegrees {
            self.current_angle.add(f64::from(millidegrees), seconds);
        }
    }
}

impl MeanDirection {
    fn add(&mut self, millidegrees: f64, weight: f64) {
        let (sine, cosine) = (millidegrees / 360_000.0 * TAU).sin_cos();
        self.cosine += cosine * weight;
        self.sine += sine * weight;
    }

    fn degrees(self) -> Option<f64> {
        (self.cosine != 0.0 || self.sine != 0.0).then(|| self.sine.atan2(self.cosine).to_degrees())
    }
}

/// The square of a reading in millionths, in whole units.
fn square_of_micro(reading: u64) -> f64 {
    let whole = as_f64(reading) * 1e-6;
    whole * whole
}

/// More events than these are counted, not listed.
const MOST_EVENTS: usize = 1_000;
