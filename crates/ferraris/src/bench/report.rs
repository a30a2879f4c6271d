//! What the bench found: a table for people, and the same as JSON for programs.

use core::fmt;

use metrology::Phase;

use super::plan::{Curve, Limit, Row};
use super::specimen::Specimen;
use super::trial::Outcome;
use super::variant::{Currents, Variant};

/// The result of a bench run.
#[derive(Debug, serde::Serialize)]
pub(super) struct Report {
    /// The seed of sensors, noise and all.
    pub(super) seed: u64,
    /// Whether points were left out and times cut.
    pub(super) quick: bool,
    /// Percent by which the current gains were spoilt after the calibration.
    pub(super) miscalibrated_percent: f64,
    /// The meters.
    pub(super) meters: Vec<MeterReport>,
    /// The sums over all meters.
    pub(super) summary: Summary,
}

/// How much was tested, and how it went.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(super) struct Summary {
    /// Lines of the report.
    pub(super) points: usize,
    /// Limits that values were held against.
    pub(super) limits: usize,
    /// Limits that were exceeded.
    pub(super) exceeded: usize,
    /// Goals of our own.
    pub(super) goals: usize,
    /// Goals that were missed.
    pub(super) goals_missed: usize,
}

/// The results of one meter.
#[derive(Debug, serde::Serialize)]
pub(super) struct MeterReport {
    /// Its variant.
    pub(super) variant: Variant,
    /// Its currents.
    pub(super) currents: Currents,
    /// Pulses per kWh.
    pub(super) constant: u32,
    /// How its sensors drift: v1 v2 v3 i1 i2 i3 in.
    pub(super) drifts: [Drift; 7],
    /// By how much its thermometer is wrong, in kelvins.
    pub(super) thermometer_error_k: f64,
    /// What was wrong with its sensors, and what the calibration made of it.
    pub(super) phases: Vec<PhaseReport>,
    /// The lines.
    pub(super) lines: Vec<Line>,
}

/// How a channel drifts from what it is at 23 degrees.
#[derive(Debug, serde::Serialize)]
pub(super) struct Drift {
    gain_ppm_per_k: f64,
    gain_ppm_per_k2: f64,
    lead_deg_per_k: f64,
}

impl From<grid::Drift> for Drift {
    fn from(drift: grid::Drift) -> Self {
        Self {
            gain_ppm_per_k: drift.gain_ppm_per_k,
            gain_ppm_per_k2: drift.gain_ppm_per_k2,
            lead_deg_per_k: drift.lead_deg_per_k,
        }
    }
}

/// Errors of the sensors of one phase and their calibration.
#[derive(Debug, serde::Serialize)]
pub(super) struct PhaseReport {
    /// The phase.
    pub(super) phase: String,
    /// Gain errors of voltage and current channel in percent.
    pub(super) gain_percent: [f64; 2],
    /// Lead of the current transformer at 50 Hz, in degrees.
    pub(super) lead_deg: f64,
    /// Delay of the current channel against the voltage channel in microseconds.
    pub(super) delay_us: f64,
    /// Offsets of voltage and current channel in codes.
    pub(super) offset_codes: [f64; 2],
    /// Gains that the calibration found, voltage and current.
    pub(super) calibrated_gain: [f64; 2],
    /// Lead of the current channel that the calibration found, extrapolated to 0 Hz, in degrees.
    pub(super) calibrated_lead_deg: f64,
    /// Delay of the current channel that the calibration found, in microseconds.
    pub(super) calibrated_delay_us: f64,
}

/// One line of the report.
#[derive(Debug, serde::Serialize)]
pub(super) struct Line {
    /// The part of the report.
    pub(super) section: &'static str,
    /// What was tested.
    pub(super) point: String,
    /// What was found.
    pub(super) value: f64,
    /// Its unit.
    pub(super) unit: &'static str,
    /// Standard uncertainty by the meter's noise.
    pub(super) uncertainty: Option<f64>,
    /// What the standards allow.
    pub(super) limits: Vec<Check>,
    /// What we ask of ourselves.
    pub(super) goal: Option<f64>,
    /// Whether the goal was met.
    pub(super) goal_met: Option<bool>,
    /// Of a spectrum: order and error of each harmonic, of which the value is the worst.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) orders: Vec<(u8, f64)>,
    /// What it is drawn over.
    #[serde(skip)]
    pub(super) curve: Option<Curve>,
}

/// A limit and its verdict.
#[derive(Debug, serde::Serialize)]
pub(super) struct Check {
    /// The limit.
    #[serde(flatten)]
    pub(super) limit: Limit,
    /// Whether the value keeps it.
    pub(super) passed: bool,
}

impl Report {
    pub(super) fn new(seed: u64, quick: bool, miscalibrated_percent: f64, meters: Vec<MeterReport>) -> Self {
        let mut summary = Summary::default();
        for line in meters.iter().flat_map(|meter| &meter.lines) {
            summary.points += 1;
            summary.limits += line.limits.len();
            summary.exceeded += line.exceeded().count();
            summary.goals += usize::from(line.goal.is_some());
            summary.goals_missed += usize::from(line.goal_met == Some(false));
        }
        Self {
            seed,
            quick,
            miscalibrated_percent,
            meters,
            summary,
        }
    }
}

impl MeterReport {
    pub(super) fn new(specimen: &Specimen, rows: Vec<Row>, outcomes: &[Outcome]) -> Self {
        let sensors = &specimen.sensors.at_reference;
        let calibration = &specimen.setup.calibration;
        let phases = Phase::ALL.into_iter().take(specimen.variant.n_phases()).map(|phase| {
            let (v, i) = (phase.voltage().index(), phase.current().index());
            PhaseReport {
                phase: format!("{phase:?}"),
                gain_percent: [sensors[v].gain_percent, sensors[i].gain_percent],
                lead_deg: sensors[i].lead_deg,
                delay_us: sensors[i].delay_us - sensors[v].delay_us,
                offset_codes: [sensors[v].offset_codes, sensors[i].offset_codes],
                calibrated_gain: [calibration[v].gain(), calibration[i].gain()],
                calibrated_lead_deg: calibration[i].lead_degrees(),
                calibrated_delay_us: calibration[i].delay_nanos() / 1000.0,
            }
        });
        Self {
            variant: specimen.variant,
            currents: specimen.variant.currents(),
            constant: specimen.variant.constant(),
            drifts: specimen.sensors.drifts.map(Drift::from),
            thermometer_error_k: specimen.sensors.thermometer_error,
            phases: phases.collect(),
            lines: rows.into_iter().map(|row| Line::new(row, outcomes)).collect(),
        }
    }

    /// The sections in order, each with its lines.
    pub(super) fn sections(&self) -> Vec<(&'static str, Vec<&Line>)> {
        let mut sections: Vec<(&'static str, Vec<&Line>)> = Vec::new();
        for line in &self.lines {
            match sections.iter_mut().find(|(section, _lines)| *section == line.section) {
                Some((_section, lines)) => lines.push(line),
                None => sections.push((line.section, vec![line])),
            }
        }
        sections
    }
}

impl Line {
    pub(super) fn new(row: Row, outcomes: &[Outcome]) -> Self {
        let Outcome {
            value,
            uncertainty,
            orders,
        } = row.look.at(outcomes);
        let check = |limit: Limit| Check {
            passed: limit.allows(value),
            limit,
        };
        Self {
            section: row.section,
            point: row.point,
            value,
            unit: row.unit,
            uncertainty,
            limits: row.limits.into_iter().map(check).collect(),
            goal: row.goal,
            goal_met: row.goal.map(|goal| value.abs() <= goal),
            orders,
            curve: row.curve,
        }
    }

    /// The limits that the value does not keep.
    pub(super) fn exceeded(&self) -> impl Iterator<Item = &Limit> {
        self.limits
            .iter()
            .filter(|check| !check.passed)
            .map(|check| &check.limit)
    }

    /// The limit that leaves the least room.
    pub(super) fn strictest(&self) -> Option<&Limit> {
        self.limits
            .iter()
            .map(|check| &check.limit)
            .min_by(|one, other| one.most.total_cmp(&other.most))
    }

    /// The value as text, with as many digits as its unit needs.
    pub(super) fn value_text(&self) -> String {
        match self.unit {
            "%" => format!("{:+.4}", self.value),
            "%/K" => format!("{:+.5}", self.value),
            "imp" => format!("{:.0}", self.value),
            _ => format!("{:.3}", self.value),
        }
    }

    /// "ok", or the tables whose limits are exceeded.
    pub(super) fn verdict(&self) -> String {
        let names: Vec<&str> = self.exceeded().map(|limit| limit.name.as_str()).collect();
        if names.is_empty() {
            if self.limits.is_empty() { "-" } else { "ok" }.to_owned()
        } else {
            format!("EXCEEDED: {}", names.join(", "))
        }
    }
}

impl Limit {
    /// "0.5" when it is the same both ways, else "-100..10".
    pub(super) fn text(&self) -> String {
        if self.least == -self.most || self.least == 0.0 {
            format!("{}", (self.most * 1e6).round() / 1e6)
        } else {
            format!("{}..{}", self.least, self.most)
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} points, {} limits: {}; {} of {} goals met",
            self.points,
            self.limits,
            match self.exceeded {
                0 => "all kept".to_owned(),
                exceeded => format!("{exceeded} EXCEEDED"),
            },
            self.goals - self.goals_missed,
            self.goals
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for meter in &self.meters {
            let Currents { basic, maximum, .. } = meter.currents;
            writeln!(
                f,
                "{}: {basic}({maximum}) A, {} imp/kWh, sensors of seed {}, one calibration{}\n",
                meter.variant.name(),
                meter.constant,
                self.seed,
                match self.miscalibrated_percent {
                    0.0 => String::new(),
                    percent => format!(", then spoilt by {percent} %"),
                }
            )?;
            for (section, lines) in meter.sections() {
                let width = lines
                    .iter()
                    .map(|line| line.point.chars().count())
                    .max()
                    .unwrap_or(0)
                    .max(40);
                writeln!(
                    f,
                    "  {section:<width$}  {:>9} {:<5} {:>7}  {:>8}  {:<24}  {:>6}  verdict",
                    "found", "", "1 sigma", "limit", "strictest of the tables", "goal"
                )?;
                for line in lines {
                    let (limit, table) = line
                        .strictest()
                        .map_or_else(Default::default, |limit| (limit.text(), limit.name.clone()));
                    writeln!(
                        f,
                        "  {:<width$}  {:>9} {:<5} {:>7}  {limit:>8}  {table:<24.24}  {:>6}  {}{}",
                        line.point,
                        line.value_text(),
                        line.unit,
                        line.uncertainty.map_or_else(String::new, |sigma| format!("{sigma:.4}")),
                        line.goal.map_or_else(String::new, |goal| goal.to_string()),
                        line.verdict(),
                        if line.goal_met == Some(false) {
                            ", goal missed"
                        } else {
                            ""
                        }
                    )?;
                }
                writeln!(f)?;
            }
        }
        writeln!(f, "{}", self.summary)
    }
}
