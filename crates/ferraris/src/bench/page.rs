//! The report as one HTML page that needs nothing else: error curves as inline SVG, then every line.

use core::fmt::Write;

use super::condition::{Condition, Quantity, Side};
use super::limits::Table;
use super::report::{Line, MeterReport, Report};

/// The page.
pub(super) fn page(report: &Report) -> String {
    let mut html = String::from(HEAD);
    let kind = if report.quick { "quick run" } else { "full run" };
    let spoilt = match report.miscalibrated_percent {
        0.0 => String::new(),
        percent => format!(" <b>Current gains spoilt by {percent} % after the calibration.</b>"),
    };
    let class = if report.summary.exceeded == 0 { "ok" } else { "bad" };
    add(
        &mut html,
        format_args!(
            "<p>Modelled meters of seed {}, {kind}.{spoilt} The truth is the closed form of the waveforms.</p><p class=\"sum {class}\">{}</p>",
            report.seed, report.summary
        ),
    );
    for meter in &report.meters {
        meter_part(&mut html, meter);
    }
    html.push_str("</main></body></html>\n");
    html
}

fn meter_part(html: &mut String, meter: &MeterReport) {
    let currents = meter.currents;
    add(
        html,
        format_args!(
            "<h2>{}</h2><p>{}({}) A, 230 V, {} imp/kWh. {}</p>",
            meter.variant.name(),
            currents.basic,
            currents.maximum,
            meter.constant,
            "Errors over the current (logarithmic); the scale of the error is linear up to 0.002 % and logarithmic beyond, \
             so that errors and limits can be seen at once. Bars are two standard uncertainties."
        ),
    );
    html.push_str("<div class=\"charts\">");
    let mut drawn: Vec<(Quantity, String)> = Vec::new();
    for line in &meter.lines {
        let Some(condition) = line
            .curve
            .as_ref()
            .filter(|condition| !condition.is_single_phase_load())
        else {
            continue;
        };
        let name = (condition.quantity, condition.factor_name());
        if !drawn.contains(&name) {
            chart(html, meter, condition);
            drawn.push(name);
        }
    }
    html.push_str("</div>");
    html.push_str("<details><summary>The modelled sensors and what the calibration made of them</summary><table><tr><th>phase</th><th>gain V, I %</th><th>CT lead at 50 Hz</th><th>delay I against V us</th><th>offset V, I codes</th><th>calibrated gain V, I</th><th>calibrated lead at 0 Hz</th><th>calibrated delay us</th></tr>");
    for phase in &meter.phases {
        add(
            html,
            format_args!(
                "<tr><td>{}</td><td>{:+.3}, {:+.3}</td><td>{:.4}</td><td>{:+.3}</td><td>{}, {}</td><td>{:.7}, {:.7}</td><td>{:.4}</td><td>{:+.3}</td></tr>",
                phase.phase,
                phase.gain_percent[0],
                phase.gain_percent[1],
                phase.lead_deg,
                phase.delay_us,
                phase.offset_codes[0],
                phase.offset_codes[1],
                phase.calibrated_gain[0],
                phase.calibrated_gain[1],
                phase.calibrated_lead_deg,
                phase.calibrated_delay_us
            ),
        );
    }
    html.push_str("</table></details>");
    for (section, lines) in meter.sections() {
        add(
            html,
            format_args!(
                "<h3>{section}</h3><table><tr><th>point</th><th>found</th><th>1 sigma</th><th>limits</th><th>goal</th><th>verdict</th></tr>"
            ),
        );
        for line in lines {
            table_row(html, line);
        }
        html.push_str("</table>");
    }
}

fn table_row(html: &mut String, line: &Line) {
    let limits: Vec<String> = line
        .limits
        .iter()
        .map(|check| format!("<span>{} <b>{}</b></span>", check.limit.name, check.limit.text()))
        .collect();
    let class = if line.exceeded().next().is_some() { "bad" } else { "ok" };
    add(
        html,
        format_args!(
            "<tr><td>{}</td><td class=\"n\">{} {}</td><td class=\"n\">{}</td><td class=\"limits\">{}</td><td class=\"n\">{}</td><td class=\"{class}\">{}{}</td></tr>",
            line.point,
            line.value_text(),
            line.unit,
            line.uncertainty.map_or_else(String::new, |sigma| format!("{sigma:.4}")),
            limits.join(" "),
            line.goal.map_or_else(String::new, |goal| goal.to_string()),
            line.verdict(),
            if line.goal_met == Some(false) {
                ", goal missed"
            } else {
                ""
            }
        ),
    );
}

/// One error curve: the points of one quantity and power factor, the limits of the classes as bands behind them.
fn chart(html: &mut String, meter: &MeterReport, like: &Condition) {
    let axis = Axis {
        least: meter.currents.starting * 0.7,
        most: meter.currents.maximum * 1.4,
    };
    add(
        html,
        format_args!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"error over current\"><text x=\"{LEFT}\" y=\"14\" class=\"t\">{} energy, {}</text>",
            match like.quantity {
                Quantity::Active => "Active",
                Quantity::Reactive => "Reactive",
            },
            like.factor_name()
        ),
    );
    // Where EN 50470-3 says nothing, IEC 62053-21 does.
    let rare = like.factor < 0.4 || (like.side == Side::Capacitive && like.factor_is(0.5));
    let bands: Vec<Table> = meter
        .variant
        .tables()
        .iter()
        .copied()
        .filter(|table| table.quantity() == like.quantity)
        .filter(|table| rare || !matches!(table, Table::Iec21Class1 | Table::Iec21Class2))
        .collect();
    for table in &bands {
        band(html, &axis, meter, like, *table);
    }
    for percent in [-1.0, -0.1, -0.01, 0.0, 0.01, 0.1, 1.0_f64] {
        let y = height(percent);
        add(
            html,
            format_args!(
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"g\"/><text x=\"{}\" y=\"{:.1}\" class=\"y\">{percent}</text>",
                LEFT - 4.0,
                y + 3.0
            ),
        );
    }
    for amps in [0.01, 0.1, 1.0, 10.0, 100.0] {
        if (axis.least..=axis.most).contains(&amps) {
            let x = axis.place(amps);
            add(
                html,
                format_args!(
                    "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\" class=\"g\"/><text x=\"{x:.1}\" y=\"{}\" class=\"x\">{amps} A</text>",
                    BOTTOM + 13.0
                ),
            );
        }
    }
    let points: Vec<(f64, &Line)> = meter
        .lines
        .iter()
        .filter_map(|line| Some((line.curve.as_ref()?, line)))
        .filter(|(condition, _line)| {
            !condition.is_single_phase_load()
                && condition.quantity == like.quantity
                && condition.factor_name() == like.factor_name()
        })
        .map(|(condition, line)| (condition.amps, line))
        .collect();
    let path: Vec<String> = points
        .iter()
        .map(|(amps, line)| format!("{:.1},{:.1}", axis.place(*amps), height(line.value)))
        .collect();
    add(
        html,
        format_args!("<polyline points=\"{}\" class=\"c\"/>", path.join(" ")),
    );
    for (amps, line) in points {
        let x = axis.place(amps);
        let sigma = 2.0 * line.uncertainty.unwrap_or(0.0);
        add(
            html,
            format_args!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" class=\"e\"/><circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"2.5\"><title>{}: {} %</title></circle>",
                height(line.value - sigma),
                height(line.value + sigma),
                height(line.value),
                line.point,
                line.value_text()
            ),
        );
    }
    html.push_str("</svg>");
}

/// The limits of a table over the current, as rectangles; each has its name as a tooltip.
fn band(html: &mut String, axis: &Axis, meter: &MeterReport, like: &Condition, table: Table) {
    let limit = |step: u32| {
        let mut condition = like.clone();
        condition.amps = axis.amps(step);
        table.error_limit(&meter.currents, &condition)
    };
    let mut begin = 0;
    for step in 0..=STEPS {
        if step == STEPS || limit(step) != limit(begin) {
            if let Some(percent) = limit(begin) {
                let (x, right) = (axis.place(axis.amps(begin)), axis.place(axis.amps(step)));
                let (top, bottom) = (height(percent), height(-percent));
                add(
                    html,
                    format_args!(
                        "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" class=\"b\"><title>{}: {percent} %</title></rect>",
                        right - x,
                        bottom - top,
                        table.name()
                    ),
                );
            }
            begin = step;
        }
    }
}

/// The logarithmic axis of the current.
struct Axis {
    least: f64,
    most: f64,
}

impl Axis {
    fn place(&self, amps: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (amps / self.least).ln() / (self.most / self.least).ln()
    }

    fn amps(&self, step: u32) -> f64 {
        self.least * (self.most / self.least).powf(f64::from(step) / f64::from(STEPS))
    }
}

/// The height of an error in percent.
fn height(percent: f64) -> f64 {
    let scaled = (percent.clamp(-MOST_PERCENT, MOST_PERCENT) / LINEAR_PERCENT).asinh();
    let middle = (TOP + BOTTOM) / 2.0;
    middle - (BOTTOM - TOP) / 2.0 * scaled / (MOST_PERCENT / LINEAR_PERCENT).asinh()
}

fn add(html: &mut String, text: core::fmt::Arguments<'_>) {
    html.write_fmt(text).expect("a string takes everything");
}

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 390.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 226.0;
const STEPS: u32 = 480;
const MOST_PERCENT: f64 = 5.0;
const LINEAR_PERCENT: f64 = 0.002;

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>Ferraris bench: type test of the modelled meters</title><style>\
body{font:15px/1.45 system-ui,sans-serif;color:#1a1d21;background:#fff;margin:0}main{max-width:1260px;margin:0 auto;padding:1.5rem}\
h1{font-size:1.6rem;margin:0}h2{margin-top:2.5rem;border-bottom:2px solid #1a1d21}h3{margin:1.4rem 0 .3rem;font-size:1rem}\
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(370px,1fr));gap:.6rem}\
svg{width:100%;border:1px solid #d9dde2;border-radius:4px}svg text{font-size:10px;fill:#4a5058}svg .t{font-size:12px;font-weight:600;fill:#1a1d21}\
svg .x{text-anchor:middle}svg .y{text-anchor:end}.g{stroke:#c9ced4;stroke-width:.5}.b{fill:#2f8f5b;fill-opacity:.13;stroke:#2f8f5b;stroke-width:.6}\
.c{fill:none;stroke:#1f4e9c;stroke-width:1.3}.e{stroke:#1f4e9c;stroke-width:1}circle{fill:#1f4e9c}\
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;padding:.15rem .5rem;border-bottom:1px solid #e5e8eb;vertical-align:top}\
.n{font-variant-numeric:tabular-nums;white-space:nowrap;text-align:right}.limits span{display:inline-block;margin-right:.7rem;color:#4a5058}\
.ok{color:#1d6b3f}.bad{color:#b3261e;font-weight:700}.sum{font-size:1.1rem;font-weight:600}details{margin:.8rem 0}\
</style></head><body><main><h1>Type test of the modelled meters</h1>";
