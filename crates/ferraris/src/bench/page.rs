//! The report as one HTML page that needs nothing else: error curves as inline SVG, then every line.

use super::chart::{Axis, Band, BandKind, Chart, Joined, Point, Scale, add};
use super::condition::{Condition, Quantity, Side};
use super::limits::Table;
use super::plan::Curve;
use super::report::{Line, MeterReport, Report};
use super::supply_curves;

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
            "<p>Made by ferraris {}. Modelled meters of seed {}, {kind}.{spoilt} The truth is the closed form of the waveforms.</p>{SCOPE}<p class=\"sum {class}\">{}</p>",
            env!("CARGO_PKG_VERSION"),
            report.seed,
            report.summary
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
    for (quantity, name) in [(Quantity::Active, "active"), (Quantity::Reactive, "reactive")] {
        let tables = meter.variant.tables().iter();
        let names: Vec<&str> = tables
            .filter(|table| table.quantity() == quantity)
            .map(|table| table.name())
            .collect();
        add(
            html,
            format_args!("<p class=\"key\">Bands of {name} energy: {}.</p>", names.join(", ")),
        );
    }
    html.push_str("<p class=\"key\">The band of a stricter class lies within those of weaker ones. IEC 62053-21 is drawn where EN 50470-3 says nothing: PF 0.25i and 0.5c.</p><div class=\"charts\">");
    let mut begun: Vec<&Condition> = Vec::new();
    for condition in meter.lines.iter().filter_map(drawn) {
        if !begun.iter().any(|like| same_curve(like, condition)) {
            chart(html, meter, condition);
            begun.push(condition);
        }
    }
    html.push_str("</div><h3>Quality of the supply</h3><p>Green: the limits; blue, dashed: our goals. The error of harmonics has the scale of the curves above; each \
                   is 1 % of the fundamental, the worst of all channels is shown. Pst and Pinst should be 1. Events: the worst of eight moments within a cycle, \
                   by kind, residual (greatest) voltage in percent of Udin and length in cycles.</p><div class=\"charts\">");
    supply_curves::draw(html, &meter.lines);
    html.push_str("</div>");
    html.push_str("<details open><summary>The modelled sensors and what the calibration made of them</summary><table><tr><th>phase</th><th>gain V, I %</th><th>CT lead at 50 Hz</th><th>delay I against V us</th><th>offset V, I codes</th><th>calibrated gain V, I</th><th>calibrated lead at 0 Hz</th><th>calibrated delay us</th></tr>");
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
                "<h3>{section}</h3><table class=\"lines\"><thead><tr><th>point</th><th>found</th><th>1 sigma</th><th>limits</th><th>goal</th><th>verdict</th></tr></thead>"
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
    let (least, most) = (meter.currents.starting * 0.7, meter.currents.maximum * 1.4);
    // Where EN 50470-3 says nothing, IEC 62053-21 does.
    let rare = like.factor < 0.4 || (like.side == Side::Capacitive && like.factor_is(0.5));
    let tables = meter
        .variant
        .tables()
        .iter()
        .filter(|table| table.quantity() == like.quantity)
        .filter(|table| rare || !matches!(table, Table::Iec21Class1 | Table::Iec21Class2));
    let points = meter
        .lines
        .iter()
        .filter_map(|line| Some((drawn(line)?, line)))
        .filter(|(condition, _line)| same_curve(condition, like))
        .map(|(condition, line)| Point {
            across: condition.amps,
            value: line.value,
            sigma: line.uncertainty.unwrap_or(0.0),
            exceeded: line.exceeded().next().is_some(),
            name: format!("{}: {} %", line.point, line.value_text()),
        });
    Chart {
        label: "error over current",
        title: format!(
            "{} energy, {}",
            match like.quantity {
                Quantity::Active => "Active",
                Quantity::Reactive => "Reactive",
            },
            like.factor_name()
        ),
        unit: "%",
        across: Axis {
            least,
            most,
            scale: Scale::Logarithmic,
        },
        up: Axis {
            least: -MOST_PERCENT,
            most: MOST_PERCENT,
            scale: Scale::LogarithmicBeyond(LINEAR_PERCENT),
        },
        marks: [0.01, 0.1, 1.0, 10.0, 100.0]
            .into_iter()
            .filter(|amps| (least..=most).contains(amps))
            .map(|amps| (amps, format!("{amps} A")))
            .collect(),
        levels: vec![-1.0, -0.1, -0.01, 0.0, 0.01, 0.1, 1.0],
        bands: tables
            .flat_map(|table| bands([least, most], meter, like, *table))
            .collect(),
        points: points.collect(),
        joined: Joined::Curve,
    }
    .draw(html);
}

/// The condition of a line that is a point of an error curve.
fn drawn(line: &Line) -> Option<&Condition> {
    match &line.curve {
        Some(Curve::Load(condition)) if !condition.is_single_phase_load() => Some(condition),
        _ => None,
    }
}

/// Whether two conditions differ in their current only.
fn same_curve(one: &Condition, other: &Condition) -> bool {
    one.quantity == other.quantity && one.factor_name() == other.factor_name()
}

/// The limits of a table over the current.
fn bands([least, most]: [f64; 2], meter: &MeterReport, like: &Condition, table: Table) -> Vec<Band> {
    let amps = |step: u32| least * (most / least).powf(f64::from(step) / f64::from(STEPS));
    let limit = |step: u32| {
        let mut condition = like.clone();
        condition.amps = amps(step);
        table.error_limit(&meter.currents, &condition)
    };
    let mut bands = Vec::new();
    let mut begin = 0;
    for step in 0..=STEPS {
        if step == STEPS || limit(step) != limit(begin) {
            if let Some(percent) = limit(begin) {
                bands.push(Band {
                    across: [amps(begin), amps(step)],
                    up: [-percent, percent],
                    name: format!("{}: {percent} %", table.name()),
                    kind: BandKind::Tooltip,
                });
            }
            begin = step;
        }
    }
    bands
}

const STEPS: u32 = 480;
const MOST_PERCENT: f64 = 5.0;
const LINEAR_PERCENT: f64 = 0.002;

/// What the page is no proof of: a reader from outside must not take it for more.
const SCOPE: &str = "<p>A computation, no test of a device: the sensors are modelled, their errors drawn from the seed; fields, surges and ageing are not \
in it. The limits were collected from public sources and are to be compared with the texts of the standards.</p>";

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>Ferraris bench: type test of the modelled meters</title><style>\
body{font:15px/1.45 system-ui,sans-serif;color:#1a1d21;background:#fff;margin:0}main{max-width:1260px;margin:0 auto;padding:1.5rem}\
h1{font-size:1.6rem;margin:0}h2{margin-top:2.5rem;border-bottom:2px solid #1a1d21}h3{margin:1.4rem 0 .3rem;font-size:1rem}\
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(370px,1fr));gap:.6rem;align-items:start}\
svg{width:100%;border:1px solid #d9dde2;border-radius:4px}svg text{font-size:10px;fill:#4a5058}svg .t{font-size:12px;font-weight:600;fill:#1a1d21}\
svg .x{text-anchor:middle}svg .y{text-anchor:end}svg text.y,svg text.l,svg text.x{paint-order:stroke;stroke:#fff;stroke-width:2px}.o{fill:#1f4e9c;fill-opacity:.06;stroke:#1f4e9c;stroke-width:.7;stroke-dasharray:4 2}.g{stroke:#c9ced4;stroke-width:.5}.b{fill:#2f8f5b;fill-opacity:.13;stroke:#2f8f5b;stroke-width:.6}\
.c{fill:none;stroke:#1f4e9c;stroke-width:1.3}.e{stroke:#1f4e9c;stroke-width:1}circle{fill:#1f4e9c}circle.bad{fill:#b3261e}\
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;padding:.15rem .5rem;border-bottom:1px solid #e5e8eb;vertical-align:top}\
.n{font-variant-numeric:tabular-nums;white-space:nowrap;text-align:right}.limits span{display:inline-block;margin-right:.7rem;color:#4a5058}\
.ok{color:#1d6b3f}.bad{color:#b3261e;font-weight:700}.sum{font-size:1.1rem;font-weight:600}details{margin:.8rem 0}.key{margin:.2rem 0;font-size:13px;color:#4a5058}\
.lines{table-layout:fixed}.lines th:nth-child(1){width:22%}.lines th:nth-child(2){width:10rem}.lines th:nth-child(3){width:4.5rem}.lines th:nth-child(5){width:4rem}.lines th:nth-child(6){width:8rem}\
.lines th:nth-child(2),.lines th:nth-child(3),.lines th:nth-child(5){text-align:right}\
@media print{body{font-size:11px}main{padding:0;max-width:none}h2{break-before:page}h3{break-after:avoid}tr,svg{break-inside:avoid}table{font-size:9px}.charts{grid-template-columns:repeat(3,1fr)}*{print-color-adjust:exact}}\
</style></head><body><main><h1>Type test of the modelled meters</h1>";
