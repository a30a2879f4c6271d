//! One chart as inline SVG: points over an axis, with what is allowed as bands behind them.

use core::fmt::Write;

/// A chart. Values beyond an axis are drawn at its end.
#[derive(Debug)]
pub(super) struct Chart {
    /// What it is, for those who cannot see it.
    pub(super) label: &'static str,
    /// Its title; says what the horizontal axis is where its marks do not.
    pub(super) title: String,
    /// The unit of the vertical axis.
    pub(super) unit: &'static str,
    /// The horizontal axis.
    pub(super) across: Axis,
    /// The vertical axis.
    pub(super) up: Axis,
    /// Values of the horizontal axis with their texts, one or more rows each.
    pub(super) marks: Vec<(f64, String)>,
    /// Values of the vertical axis that have a line.
    pub(super) levels: Vec<f64>,
    /// What is allowed, from the widest to the narrowest.
    pub(super) bands: Vec<Band>,
    /// What was found.
    pub(super) points: Vec<Point>,
    /// How points are joined.
    pub(super) joined: Joined,
}

/// An axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// The value at its begin.
    pub(super) least: f64,
    /// The value at its end.
    pub(super) most: f64,
    /// How values lie between.
    pub(super) scale: Scale,
}

/// How values lie on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm.
    Logarithmic,
    /// Linear up to this magnitude, by the logarithm of the magnitude beyond.
    LogarithmicBeyond(f64),
}

/// What is allowed over a part of the horizontal axis.
#[derive(Debug)]
pub(super) struct Band {
    /// From where to where on the horizontal axis.
    pub(super) across: [f64; 2],
    /// The least and the greatest value allowed.
    pub(super) up: [f64; 2],
    /// Who asks for it, and how much.
    pub(super) name: String,
    /// Who asks.
    pub(super) kind: BandKind,
}

/// Who asks for a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BandKind {
    /// One of several standards, named by tooltip only.
    Tooltip,
    /// The standard, its name within.
    Limit,
    /// We do.
    Goal,
}

/// A value found.
#[derive(Debug)]
pub(super) struct Point {
    /// Its place on the horizontal axis.
    pub(super) across: f64,
    /// The value.
    pub(super) value: f64,
    /// Its standard uncertainty.
    pub(super) sigma: f64,
    /// Whether it exceeds a limit.
    pub(super) exceeded: bool,
    /// What it is and how much.
    pub(super) name: String,
}

/// How points are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// By a line through all.
    Curve,
    /// Each with zero, for cases that have no order.
    Stems,
}

impl Chart {
    /// Writes it.
    pub(super) fn draw(&self, html: &mut String) {
        let rows = self.marks.iter().map(|(_place, text)| text.lines().count()).max();
        let mut bottom = BOTTOM + 11.0;
        for _row in 0..rows.unwrap_or(1) {
            bottom += ROW;
        }
        add(
            html,
            format_args!(
                "<svg viewBox=\"0 0 {WIDTH} {bottom}\" role=\"img\" aria-label=\"{}\"><text x=\"{LEFT}\" y=\"14\" class=\"t\">{}</text><text x=\"{}\" y=\"14\" class=\"y\">{}</text>",
                escaped(self.label),
                escaped(&self.title),
                LEFT - 4.0,
                escaped(self.unit)
            ),
        );
        for band in &self.bands {
            self.band(html, band);
        }
        for level in &self.levels {
            let (y, text) = (self.height(*level), (level * 1e6).round() / 1e6);
            add(
                html,
                format_args!(
                    "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"g\"/><text x=\"{}\" y=\"{:.1}\" class=\"y\">{text}</text>",
                    LEFT - 4.0,
                    y + 3.0
                ),
            );
        }
        for (place, text) in &self.marks {
            let x = self.place(*place);
            add(
                html,
                format_args!("<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\" class=\"g\"/>"),
            );
            let mut y = BOTTOM;
            for row in text.lines() {
                y += ROW;
                add(
                    html,
                    format_args!("<text x=\"{x:.1}\" y=\"{y}\" class=\"x\">{}</text>", escaped(row)),
                );
            }
        }
        if self.joined == Joined::Curve {
            let path: Vec<String> = self
                .points
                .iter()
                .map(|point| format!("{:.1},{:.1}", self.place(point.across), self.height(point.value)))
                .collect();
            add(
                html,
                format_args!("<polyline points=\"{}\" class=\"c\"/>", path.join(" ")),
            );
        }
        for point in &self.points {
            self.point(html, point);
        }
        html.push_str("</svg>");
    }

    /// A band, with its name as a tooltip, and within where there is one limit and one goal.
    fn band(&self, html: &mut String, band: &Band) {
        let [x, right] = band.across.map(|place| self.place(place));
        let [bottom, top] = band.up.map(|value| self.height(value));
        add(
            html,
            format_args!(
                "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" class=\"{}\"><title>{}</title></rect>",
                right - x,
                bottom - top,
                match band.kind {
                    BandKind::Tooltip | BandKind::Limit => "b",
                    BandKind::Goal => "o",
                },
                escaped(&band.name)
            ),
        );
        // The names of limits at the right, those of goals at the left, so that they never meet; above their
        // band, where the points that keep it are not.
        let (x, class) = match band.kind {
            BandKind::Tooltip => return,
            BandKind::Limit => (right - 3.0, "y"),
            BandKind::Goal => (x + 3.0, "l"),
        };
        add(
            html,
            format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" class=\"{class}\">{}</text>",
                top - 3.0,
                escaped(&band.name)
            ),
        );
    }

    fn point(&self, html: &mut String, point: &Point) {
        let x = self.place(point.across);
        let [from, to] = match self.joined {
            Joined::Curve => [point.value - 2.0 * point.sigma, point.value + 2.0 * point.sigma],
            Joined::Stems => [0.0, point.value],
        };
        add(
            html,
            format_args!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" class=\"e\"/><circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"2.5\"{}><title>{}</title></circle>",
                self.height(from),
                self.height(to),
                self.height(point.value),
                if point.exceeded { " class=\"bad\"" } else { "" },
                escaped(&point.name)
            ),
        );
    }

    fn place(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * self.across.part(value)
    }

    fn height(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * self.up.part(value)
    }
}

impl Axis {
    /// Where a value lies, from 0 at the begin to 1 at the end.
    fn part(&self, value: f64) -> f64 {
        let scaled = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.ln(),
            Scale::LogarithmicBeyond(linear) => (value / linear).asinh(),
        };
        let (begin, end) = (scaled(self.least), scaled(self.most));
        (scaled(value.clamp(self.least, self.most)) - begin) / (end - begin)
    }
}

/// Text as it may stand in an element or an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Writes to the page.
pub(super) fn add(html: &mut String, text: core::fmt::Arguments<'_>) {
    html.write_fmt(text).expect("a string takes everything");
}

const WIDTH: f64 = 400.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 390.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 226.0;
/// Of texts below the chart.
const ROW: f64 = 13.0;
