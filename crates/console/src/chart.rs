//! Charts: SVG of our own, with everything they show in a table behind them.
//!
//! The drawing is stretched to its place, so the words stand around it as HTML: they keep their size on a phone. Ticks are evenly
//! spaced, so that no label needs a position of its own (the policy forbids styles in pages).

use crate::text::{Language, Text};
use askama::Template;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::fmt::Write as _;

/// Height of the drawing, in its own units.
pub(crate) const HEIGHT: f64 = 200.0;
/// Width of one step.
const STEP: f64 = 10.0;
/// Ticks of a chart of counts, besides 0.
const TICKS: u64 = 4;

/// A chart with its legend and its table.
#[derive(Template)]
#[template(path = "chart.html")]
pub(crate) struct Chart {
    /// Begins the ids of what is in it.
    pub(crate) id: &'static str,
    pub(crate) title: String,
    /// What it shows, in a sentence or two: for who does not see it.
    pub(crate) summary: String,
    pub(crate) legend: Vec<Legend>,
    /// From the top down.
    pub(crate) y_labels: Vec<String>,
    /// From the left.
    pub(crate) x_labels: Vec<String>,
    pub(crate) bars: Vec<Bar>,
    pub(crate) lines: Vec<Line>,
    pub(crate) table: Table,
    pub(crate) width: f64,
    /// Shown in place of the drawing where there is nothing to draw.
    pub(crate) nothing: Option<String>,
}

/// What a color, and its form, stand for.
pub(crate) struct Legend {
    /// `bar` or `line`, and which series.
    pub(crate) class: &'static str,
    pub(crate) label: String,
}

/// One step's bar, with what it says when it is pointed at.
pub(crate) struct Bar {
    pub(crate) x: f64,
    pub(crate) about: String,
    /// Class, from where, how high.
    pub(crate) parts: Vec<(&'static str, f64, f64)>,
}

/// One series as a line.
pub(crate) struct Line {
    pub(crate) class: &'static str,
    pub(crate) path: String,
}

/// What a chart shows, as words.
pub(crate) struct Table {
    /// What opens it.
    pub(crate) label: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

// Its template escapes what is in it.
impl askama::filters::HtmlSafe for Chart {}

impl Chart {
    /// Heights of the lines of the grid.
    fn grid(&self) -> Vec<f64> {
        let intervals = self.y_labels.len().saturating_sub(1).max(1);
        (0..=intervals).map(|n| HEIGHT * n as f64 / intervals as f64).collect()
    }

    /// Whether lines go over bars, and need a seam to be told from them.
    fn is_over_bars(&self) -> bool {
        self.bars.iter().any(|bar| !bar.parts.is_empty())
    }

    fn height(&self) -> f64 {
        HEIGHT
    }
}

/// How wide a chart of so many steps is.
pub(crate) fn width(steps: usize) -> f64 {
    steps as f64 * STEP
}

/// Where a step begins.
pub(crate) fn left_of(step: usize) -> f64 {
    step as f64 * STEP
}

// === counts ===

/// A scale for counts up to `most`: round numbers, evenly spaced from 0.
pub(crate) struct Counts {
    tick: u64,
}

impl Counts {
    pub(crate) fn up_to(most: u64) -> Self {
        let mut unit = 1_u64;
        loop {
            for tick in [unit, unit.saturating_mul(2), unit.saturating_mul(5)] {
                if tick.saturating_mul(TICKS) >= most {
                    return Self { tick };
                }
            }
            unit = unit.saturating_mul(10);
        }
    }

    /// How high a count is, in the drawing's units.
    pub(crate) fn height(&self, count: u64) -> f64 {
        HEIGHT * count as f64 / (self.tick.saturating_mul(TICKS)) as f64
    }

    /// From the top down.
    pub(crate) fn labels(&self, text: Text) -> Vec<String> {
        (0..=TICKS).rev().map(|n| text.number(n.saturating_mul(self.tick))).collect()
    }
}

// === durations ===

/// The shortest that is told apart (µs): a tenth of a millisecond.
const SHORTEST: u64 = 100;

/// A scale for durations (µs): each tick is ten times the one below it.
pub(crate) struct Durations {
    least_log: i32,
    decades: i32,
}

impl Durations {
    pub(crate) fn of(all: impl Iterator<Item = u64> + Clone) -> Self {
        let log = |micros: u64| (micros.max(SHORTEST) as f64).log10();
        let least_log = all.clone().map(log).fold(f64::INFINITY, f64::min);
        let most_log = all.map(log).fold(f64::NEG_INFINITY, f64::max);
        if !least_log.is_finite() {
            return Self { least_log: 3, decades: 3 };
        }
        let least_log = least_log.floor() as i32;
        // At least three ticks.
        let decades = (most_log.ceil() as i32 - least_log).max(2);
        Self { least_log, decades }
    }

    fn y(&self, micros: u64) -> f64 {
        let above = (micros.max(SHORTEST) as f64).log10() - f64::from(self.least_log);
        HEIGHT * (1.0 - above / f64::from(self.decades))
    }

    /// From the top down. Powers of ten stay in seconds: 100 s, and not 1.7 min.
    pub(crate) fn labels(&self, text: Text) -> Vec<String> {
        let label = |n: i32| match 10_u64.saturating_pow((self.least_log + n).unsigned_abs()) {
            micros @ ..1_000_000 => duration(text, micros),
            micros => format!("{}\u{a0}s", text.number(micros / 1_000_000)),
        };
        (0..=self.decades).rev().map(label).collect()
    }

    /// A line through the middle of each step that has a value; see [`line`].
    pub(crate) fn path(&self, values: &[Option<u64>]) -> String {
        line(values.iter().map(|value| value.map(|micros| self.y(micros))))
    }
}

/// A line through the middle of each step that has a height (from the top), with gaps at those that have none.
pub(crate) fn line(heights: impl Iterator<Item = Option<f64>>) -> String {
    let heights: Vec<Option<f64>> = heights.collect();
    let at = |step: usize| heights.get(step).copied().flatten();
    let mut path = String::new();
    for (step, y) in heights.iter().enumerate() {
        let Some(y) = y else { continue };
        let x = left_of(step) + STEP / 2.0;
        let (before, after) = (step.checked_sub(1).and_then(at), at(step + 1));
        // Writing into a String cannot fail.
        let _ = match (before, after) {
            // Alone, it would not be seen: it is as wide as its step.
            (None, None) => write!(path, "M{} {y:.1}h{STEP}", left_of(step)),
            (None, Some(_)) => write!(path, "M{x} {y:.1}"),
            (Some(_), _) => write!(path, "L{x} {y:.1}"),
        };
    }
    path
}

/// How long something took (µs), in the unit that people would say it in.
pub(crate) fn duration(text: Text, micros: u64) -> String {
    let of = |unit: u64, name: &str| {
        let value = micros as f64 / unit as f64;
        let shown =
            if value >= 10.0 || value.fract() < 0.05 { format!("{value:.0}") } else { format!("{value:.1}") };
        let shown = match text.language() {
            Language::En => shown,
            Language::De => shown.replace('.', ","),
        };
        format!("{shown}\u{a0}{name}")
    };
    const SECOND: u64 = 1_000_000;
    match micros / SECOND {
        0 => of(1_000, "ms"),
        1..=59 => of(SECOND, "s"),
        60..=3_599 => of(60 * SECOND, "min"),
        _ => of(3_600 * SECOND, "h"),
    }
}

// === time ===

/// Labels below a chart: five moments, evenly spaced, in UTC.
pub(crate) fn moments(text: Text, from_ms: i64, to_ms: i64) -> Vec<String> {
    (0..=4).map(|n| moment(text, from_ms + (to_ms - from_ms) * n / 4, to_ms - from_ms)).collect()
}

/// One moment, as short as the span allows.
pub(crate) fn moment(text: Text, ms: i64, span_ms: i64) -> String {
    let at = Offset::UTC.to_datetime(Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX));
    let pattern = match (text.language(), span_ms > 26 * 3_600_000) {
        (_, false) => "%H:%M",
        (Language::En, true) => "%b %-d",
        (Language::De, true) => "%-d.%-m.",
    };
    at.strftime(pattern).to_string()
}

/// A step's time for a table: with its day.
pub(crate) fn step_time(text: Text, ms: i64) -> String {
    let at = Offset::UTC.to_datetime(Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX));
    let pattern = match text.language() {
        Language::En => "%Y-%m-%d %H:%M",
        Language::De => "%d.%m.%Y %H:%M",
    };
    at.strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Text = Text::ENGLISH;

    #[test]
    fn ticks_of_counts_are_round_and_hold_the_most() {
        let labels = |most| Counts::up_to(most).labels(EN);
        assert_eq!(labels(0), ["4", "3", "2", "1", "0"]);
        assert_eq!(labels(5), ["8", "6", "4", "2", "0"]);
        assert_eq!(labels(3_900), ["4,000", "3,000", "2,000", "1,000", "0"]);
        assert!((Counts::up_to(8).height(8) - HEIGHT).abs() < 1e-9);
        Counts::up_to(u64::MAX);
    }

    #[test]
    fn durations_are_on_a_scale_of_tens() {
        let scale = Durations::of([1_500, 80_000].into_iter());
        assert_eq!(scale.labels(EN), ["100\u{a0}ms", "10\u{a0}ms", "1\u{a0}ms"]);
        assert_eq!(
            scale.path(&[Some(10_000), None, Some(100_000), Some(1_000)]),
            "M0 100.0h10M25 0.0L35 200.0"
        );
        assert_eq!(Durations::of([500].into_iter()).labels(EN), ["10\u{a0}ms", "1\u{a0}ms", "0.1\u{a0}ms"]);
        assert_eq!(
            Durations::of([0, 2_000_000_000].into_iter()).labels(EN).first().unwrap(),
            "10,000\u{a0}s"
        );
        assert!(Durations::of([].into_iter()).labels(EN).len() > 1);
    }

    #[test]
    fn durations_are_said_as_people_do() {
        let said = |micros| duration(EN, micros).replace('\u{a0}', " ");
        for (micros, expected) in [
            (350, "0.3 ms"),
            (4_000, "4 ms"),
            (1_500_000, "1.5 s"),
            (90_000_000, "1.5 min"),
            (7_200_000_000, "2 h"),
        ] {
            assert_eq!(said(micros), expected);
        }
    }

    #[test]
    fn what_stands_in_a_chart_is_escaped() {
        let evil = "<script>\"'".to_owned();
        let chart = Chart {
            id: "c",
            title: evil.clone(),
            summary: evil.clone(),
            legend: vec![Legend { class: "bar series-1", label: evil.clone() }],
            y_labels: vec![evil.clone(), "0".into()],
            x_labels: vec![evil.clone()],
            bars: vec![Bar { x: 0.0, about: evil.clone(), parts: vec![("series-1", 0.0, 1.0)] }],
            lines: Vec::new(),
            table: Table { label: evil.clone(), head: vec![evil.clone()], rows: vec![vec![evil]] },
            width: 10.0,
            nothing: None,
        };
        assert!(!chart.render().unwrap().contains("<script>"));
    }
}
