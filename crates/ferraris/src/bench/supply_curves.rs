//! Curves of supply quality: harmonics over the order, flicker over the rate of its changes, dips, swells and interruptions by case.

use metrology::VoltageEventKind;

use super::chart::{Axis, Band, BandKind, Chart, Joined, Point, Scale};
use super::plan::Curve;
use super::report::Line;
use super::supply::{Channels, OfEvent, OfSpectrum, SupplyTest};

/// What is drawn in one chart.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Topic {
    /// The errors of a spectrum's harmonics at a frequency in hertz.
    Harmonics(Channels, f64),
    /// Pst of a lamp of so many volts at so many hertz, over changes a minute.
    ShortTerm(f64, f64),
    /// Pst of one fluctuation of different depths.
    ShortTermDepths,
    /// The greatest Pinst of sinusoidal or rectangular fluctuations.
    Instantaneous { rectangular: bool },
    /// The residual or greatest voltage of events.
    EventVoltage,
    /// Their duration.
    EventDuration,
}

/// Writes all charts that these lines have points for; the number of charts.
pub(super) fn draw(html: &mut String, lines: &[Line]) -> usize {
    let mut topics: Vec<Topic> = Vec::new();
    for (_line, test) in tests(lines) {
        if let Some(topic) = Topic::of(test)
            && !topics.contains(&topic)
        {
            topics.push(topic);
        }
    }
    for topic in &topics {
        topic.chart(lines).draw(html);
    }
    topics.len()
}

fn tests(lines: &[Line]) -> impl Iterator<Item = (&Line, &SupplyTest)> {
    lines.iter().filter_map(|line| match &line.curve {
        Some(Curve::Supply(test)) => Some((line, test)),
        _ => None,
    })
}

impl Topic {
    fn of(test: &SupplyTest) -> Option<Self> {
        match test {
            SupplyTest::Harmonics {
                what: OfSpectrum::Distortion,
                ..
            } => None,
            SupplyTest::Harmonics { hertz, of, .. } => Some(Self::Harmonics(*of, *hertz)),
            SupplyTest::ShortTerm {
                lamp, nominal, scale, ..
            } => Some(if *scale == 1.0 {
                Self::ShortTerm(lamp_volts(*lamp), nominal.hertz())
            } else {
                Self::ShortTermDepths
            }),
            SupplyTest::Instantaneous { rectangular, .. } => Some(Self::Instantaneous {
                rectangular: *rectangular,
            }),
            SupplyTest::Event { what, .. } => Some(match what {
                OfEvent::Extreme => Self::EventVoltage,
                OfEvent::Duration => Self::EventDuration,
            }),
            _ => None,
        }
    }

    fn chart(self, lines: &[Line]) -> Chart {
        let of_topic: Vec<(&Line, &SupplyTest)> = tests(lines)
            .filter(|(_line, test)| Self::of(test) == Some(self))
            .collect();
        match self {
            Self::Harmonics(of, hertz) => harmonics(&of_topic, of, hertz),
            Self::ShortTerm(volts, hertz) => flicker(
                &of_topic,
                "Pst",
                format!("Pst of rectangular changes, {volts} V, {hertz} Hz"),
                [0.7, 7000.0],
                marks(&[1.0, 10.0, 100.0, 1000.0], "/min"),
            ),
            Self::ShortTermDepths => flicker(
                &of_topic,
                "Pst/due",
                "Pst over the Pst due, 39 changes a minute".to_owned(),
                [0.07, 7.0],
                marks(&[0.1, 0.2, 0.5, 1.0, 2.0, 5.0], ""),
            ),
            Self::Instantaneous { rectangular } => flicker(
                &of_topic,
                "Pinst",
                format!(
                    "Greatest Pinst, {}, over modulation",
                    if rectangular { "rectangular" } else { "sinusoidal" }
                ),
                [0.35, 50.0],
                marks(&[0.5, 1.0, 2.0, 5.0, 10.0, 20.0], " Hz"),
            ),
            Self::EventVoltage => events(
                &of_topic,
                "% Udin",
                "Dips, swells, interruptions: error of the voltage".to_owned(),
            ),
            Self::EventDuration => events(
                &of_topic,
                "cycles",
                "Dips, swells, interruptions: error of the duration".to_owned(),
            ),
        }
    }
}

fn lamp_volts(lamp: metrology::Lamp) -> f64 {
    match lamp {
        metrology::Lamp::V230 => 230.0,
        metrology::Lamp::V120 => 120.0,
    }
}

fn marks(values: &[f64], unit: &str) -> Vec<(f64, String)> {
    values.iter().map(|value| (*value, format!("{value}{unit}"))).collect()
}

/// Limits and goal of a line over a part of the axis; its values are put on the vertical axis by `up`.
fn bands(line: &Line, across: [f64; 2], unit: &str, up: impl Fn(f64) -> f64) -> Vec<Band> {
    let limits = line.limits.iter().map(|check| Band {
        across,
        up: [check.limit.least, check.limit.most].map(&up),
        name: format!("{}: {}", check.limit.name, amount(&check.limit.text(), unit)),
        kind: BandKind::Limit,
    });
    let goal = line.goal.map(|goal| Band {
        across,
        up: [-goal, goal].map(&up),
        name: format!("goal: {}", amount(&goal.to_string(), unit)),
        kind: BandKind::Goal,
    });
    limits.chain(goal).collect()
}

/// A number with its unit, which is one when the number is.
fn amount(number: &str, unit: &str) -> String {
    match (number, unit) {
        ("1", "cycles") => "1 cycle".to_owned(),
        _ => format!("{number} {unit}"),
    }
}

/// The error of each order; limits and goal differ below and above h40.
fn harmonics(of_topic: &[(&Line, &SupplyTest)], of: Channels, hertz: f64) -> Chart {
    let (mut drawn, mut points) = (Vec::new(), Vec::new());
    for (line, _test) in of_topic {
        let (Some((first, _)), Some((last, _))) = (line.orders.first(), line.orders.last()) else {
            continue;
        };
        let across = [f64::from(*first) - 0.5, f64::from(*last) + 0.5];
        drawn.extend(bands(line, across, "%", |percent| percent));
        for (order, error) in &line.orders {
            points.push(Point {
                across: f64::from(*order),
                value: *error,
                sigma: 0.0,
                exceeded: !line.limits.iter().all(|check| check.limit.allows(*error)),
                name: format!("h{order}: {error:+.4} %"),
            });
        }
    }
    // One limit over all orders is written once.
    let mut widest: Option<usize> = None;
    let mut joined: Vec<Band> = Vec::new();
    for band in drawn {
        match widest {
            Some(place) if band.kind == BandKind::Limit && joined[place].name == band.name => {
                joined[place].across[1] = band.across[1];
            }
            _ => {
                if band.kind == BandKind::Limit {
                    widest = Some(joined.len());
                }
                joined.push(band);
            }
        }
    }
    let name = match of {
        Channels::Voltages => "U",
        Channels::Currents => "I",
    };
    Chart {
        label: "error of harmonics over order",
        title: format!("Harmonics of {name} at {hertz} Hz, over the order h"),
        unit: "%",
        across: Axis {
            least: 1.0,
            most: 51.0,
            scale: Scale::Linear,
        },
        up: Axis {
            least: -10.0,
            most: 10.0,
            scale: Scale::LogarithmicBeyond(0.002),
        },
        marks: [2.0, 10.0, 20.0, 30.0, 40.0, 50.0]
            .map(|order| (order, format!("h{order}")))
            .to_vec(),
        levels: vec![-1.0, -0.1, -0.01, 0.0, 0.01, 0.1, 1.0],
        bands: joined,
        points,
        joined: Joined::Curve,
    }
}

/// Pst or Pinst that should be 1.
fn flicker(
    of_topic: &[(&Line, &SupplyTest)],
    unit: &'static str,
    title: String,
    [least, most]: [f64; 2],
    marks: Vec<(f64, String)>,
) -> Chart {
    let up = |percent: f64| 1.0 + percent / 100.0;
    let mut points: Vec<Point> = of_topic
        .iter()
        .filter_map(|(line, test)| {
            let across = match test {
                SupplyTest::ShortTerm { a_minute, scale, .. } if *scale == 1.0 => *a_minute,
                SupplyTest::ShortTerm { scale, .. } => *scale,
                SupplyTest::Instantaneous { hertz, .. } => *hertz,
                _ => return None,
            };
            Some(Point {
                across,
                value: up(line.value),
                sigma: 0.0,
                exceeded: line.exceeded().next().is_some(),
                name: format!("{}: {:.4}", line.point, up(line.value)),
            })
        })
        .collect();
    points.sort_by(|one, other| one.across.total_cmp(&other.across));
    let bands = of_topic
        .first()
        .map_or_else(Vec::new, |(line, _test)| bands(line, [least, most], "%", up));
    let room = 1.4 * bands.iter().map(|band| band.up[1] - 1.0).fold(0.01, f64::max);
    let levels = bands.iter().flat_map(|band| band.up).chain([1.0]).collect();
    Chart {
        label: if unit == "Pinst" {
            "Pinst over modulation frequency"
        } else {
            "Pst over changes"
        },
        title,
        unit,
        across: Axis {
            least,
            most,
            scale: Scale::Logarithmic,
        },
        up: Axis {
            least: 1.0 - room,
            most: 1.0 + room,
            scale: Scale::Linear,
        },
        marks,
        levels,
        bands,
        points,
        joined: Joined::Curve,
    }
}

/// Voltage or duration of each case.
fn events(of_topic: &[(&Line, &SupplyTest)], unit: &'static str, title: String) -> Chart {
    let (mut points, mut marks) = (Vec::new(), Vec::new());
    let mut place = 0.0;
    for (line, test) in of_topic {
        let SupplyTest::Event { kind, part, cycles, .. } = test else {
            continue;
        };
        place += 1.0;
        let name = match kind {
            VoltageEventKind::Dip => "dip",
            VoltageEventKind::Swell => "swell",
            VoltageEventKind::Interruption => "interr.",
        };
        marks.push((place, format!("{name}\n{:.0} %\n{cycles} cyc.", part * 100.0)));
        points.push(Point {
            across: place,
            value: line.value,
            sigma: 0.0,
            exceeded: line.exceeded().next().is_some(),
            name: format!("{}: {} {unit}", line.point, line.value_text()),
        });
    }
    let (least, most) = (0.5, place + 0.5);
    let bands = of_topic.first().map_or_else(Vec::new, |(line, _test)| {
        bands(line, [least, most], unit, |error| error)
    });
    let widest = bands.iter().map(|band| band.up[1]).fold(0.01, f64::max);
    Chart {
        label: "error of events by case",
        title,
        unit,
        across: Axis {
            least,
            most,
            scale: Scale::Linear,
        },
        up: Axis {
            least: -1.4 * widest,
            most: 1.4 * widest,
            scale: Scale::Linear,
        },
        marks,
        levels: [-1.0, -0.5, 0.0, 0.5, 1.0].map(|part| part * widest).to_vec(),
        bands,
        points,
        joined: Joined::Stems,
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Look, plan};
    use super::super::trial::Outcome;
    use super::super::variant::Variant;
    use super::*;

    /// The lines of a plan with invented results: every trial is off by `error`, a spectrum in each order.
    fn lines(quick: bool, error: f64) -> Vec<Line> {
        let plan = plan(Variant::St402c, quick);
        let mut outcomes: Vec<Outcome> = plan.trials.iter().map(|_trial| Outcome::of(error)).collect();
        for row in &plan.rows {
            if let (Look::Plain(trial), Some(Curve::Supply(SupplyTest::Harmonics { what, .. }))) =
                (&row.look, &row.curve)
            {
                let orders = match what {
                    OfSpectrum::To40 => 2..=40,
                    OfSpectrum::Above40 => 41..=50,
                    OfSpectrum::Distortion => continue,
                };
                outcomes[*trial].orders = orders.map(|order| (order, error)).collect();
            }
        }
        plan.rows.into_iter().map(|row| Line::new(row, &outcomes)).collect()
    }

    /// Every tag that opens closes in its order, every attribute is quoted, nothing unescaped is left, no number is none.
    fn check_well_formed(text: &str) {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            assert!(!before.contains('>'), "a stray > in {before}");
            let (tag, next) = after.split_once('>').expect("a tag ends");
            rest = next;
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
                continue;
            }
            let name = tag.split([' ', '/']).next().expect("a name");
            let quotes = tag.matches('"').count();
            assert_eq!(quotes, 2 * tag.matches("=\"").count(), "{tag}");
            assert!(!tag.contains("NaN") && !tag.contains("inf"), "{tag}");
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty() && rest.is_empty(), "{open:?} {rest}");
        let entities = ["&amp;", "&lt;", "&gt;", "&quot;"];
        let escapes: usize = entities.iter().map(|entity| text.matches(entity).count()).sum();
        assert_eq!(text.matches('&').count(), escapes);
    }

    /// M7, Q1: the report shows each test of supply quality as a curve, in a quick run and in a full one.
    #[test]
    fn each_quality_test_has_its_curve() {
        for (quick, charts) in [(true, 2 + 1 + 2 + 2), (false, 8 + 4 + 1 + 2 + 2)] {
            let mut html = String::new();
            assert_eq!(draw(&mut html, &lines(quick, 0.01)), charts);
            check_well_formed(&html);
            for title in [
                ">Harmonics of U at 50.013 Hz, over the order h<",
                ">Harmonics of I at 50.013 Hz, over the order h<",
                ">Pst of rectangular changes, 230 V, 50 Hz<",
                ">Greatest Pinst, sinusoidal, over modulation<",
                ">Greatest Pinst, rectangular, over modulation<",
                ">Dips, swells, interruptions: error of the voltage<",
                ">Dips, swells, interruptions: error of the duration<",
            ] {
                assert_eq!(html.matches(title).count(), 1, "{title}");
            }
            for svg in html.split("</svg>").filter(|svg| !svg.is_empty()) {
                assert!(svg.contains("<circle") && svg.contains("class=\"b\"") && svg.contains("class=\"o\""));
            }
            let orders = html.matches("<title>h").count();
            assert_eq!(orders, if quick { 2 } else { 8 } * 49);
            assert!(!html.contains("class=\"bad\""));
        }
    }

    /// What exceeds its limit is red, and what was not found at all still is drawn, at the end of its axis.
    #[test]
    fn a_value_beyond_its_limit_stands_out() {
        for error in [-20.0, f64::INFINITY] {
            let mut html = String::new();
            draw(&mut html, &lines(false, error));
            assert_eq!(html.matches("class=\"bad\"").count(), html.matches("<circle").count());
            check_well_formed(&html);
        }
    }
}
