//! The dashboard's charts.

use crate::chart::{
    Bar, Chart, Counts, Durations, HEIGHT, Legend, Line, Table, left_of, line, moments, step_time, width,
};
use crate::chart::{duration, moment};
use crate::text::Text;
use textgate_dispatch::{Series, SeriesStep};
use textgate_sms::MessageState;
use textgate_store::Histogram;

/// Percentiles that are drawn: class, part, key of the label.
static PERCENTILES: [(&str, f64, &str); 3] =
    [("series-1", 0.5, "chart.p50"), ("series-3", 0.95, "chart.p95"), ("series-4 dashed", 0.99, "chart.p99")];

/// All of them.
pub(super) fn all(text: Text, series: &Series) -> Vec<Chart> {
    vec![
        messages(text, series),
        latency(text, series, "to-sent", "chart.to_sent", |step| &step.figures.to_sent),
        latency(text, series, "to-delivered", "chart.to_delivered", |step| &step.figures.to_delivered),
    ]
}

/// Bars of what the gateways took and what failed, which add up to all whose way ended; lines of what receipts said later.
fn messages(text: Text, series: &Series) -> Chart {
    let of = |step: &SeriesStep, state| step.figures.came_to(state);
    let failed = |step: &SeriesStep| of(step, MessageState::Failed) + of(step, MessageState::Expired);
    let sent = |step: &SeriesStep| of(step, MessageState::Sent);
    let delivered = |step: &SeriesStep| of(step, MessageState::Delivered);
    let undelivered = |step: &SeriesStep| of(step, MessageState::Undelivered);
    let highest = |step: &SeriesStep| (sent(step) + failed(step)).max(delivered(step)).max(undelivered(step));
    let scale = Counts::up_to(series.steps.iter().map(highest).max().unwrap_or(0));
    let bar = |(at, step): (usize, &SeriesStep)| {
        let (below, above) = (scale.height(sent(step)), scale.height(failed(step)));
        let mut parts = Vec::new();
        if below > 0.0 {
            parts.push(("series-1", HEIGHT - below, below));
        }
        if above > 0.0 {
            parts.push(("series-3", HEIGHT - below - above, above));
        }
        let about = text
            .get("chart.step")
            .with("time", when(text, series, step))
            .with("sent", text.number(sent(step)))
            .with("delivered", text.number(delivered(step)))
            .with("failed", text.number(failed(step) + undelivered(step)));
        Bar { x: left_of(at), about: about.into(), parts }
    };
    let path = |count: &dyn Fn(&SeriesStep) -> u64| {
        line(series.steps.iter().map(|step| Some(HEIGHT - scale.height(count(step)))))
    };
    let total = &series.total;
    let mut lines = Vec::new();
    if total.came_to(MessageState::Delivered) > 0 {
        lines.push(Line { class: "series-2", path: path(&delivered) });
    }
    if total.came_to(MessageState::Undelivered) > 0 {
        lines.push(Line { class: "series-4 dashed", path: path(&undelivered) });
    }
    let legend = [
        ("bar series-1", "chart.sent"),
        ("bar series-3", "chart.failed"),
        ("line series-2", "chart.delivered"),
        ("line series-4 dashed", "chart.undelivered"),
    ];
    let number = |state| text.number(total.came_to(state));
    let rows = series.steps.iter().rev().filter(|step| !step.figures.is_empty()).map(|step| {
        vec![
            step_time(text, step.at_ms),
            text.number(of(step, MessageState::Accepted)),
            text.number(sent(step)),
            text.number(delivered(step)),
            text.number(undelivered(step)),
            text.number(of(step, MessageState::Failed)),
            text.number(of(step, MessageState::Expired)),
            text.number(step.figures.failovers),
        ]
    });
    let head =
        ["time", "accepted", "sent", "delivered", "undelivered", "failed_only", "expired", "failovers"];
    Chart {
        id: "messages",
        title: text.get(per_step(series.step_ms)).into(),
        summary: text
            .get("chart.messages_summary")
            .with("sent", number(MessageState::Sent))
            .with("delivered", number(MessageState::Delivered))
            .with(
                "failed",
                text.number(total.came_to(MessageState::Failed) + total.came_to(MessageState::Expired)),
            )
            .into(),
        legend: legend.map(|(class, key)| Legend { class, label: text.get(key).into() }).into(),
        y_labels: scale.labels(text),
        x_labels: moments(text, series.from_ms, series.to_ms),
        bars: series.steps.iter().enumerate().map(bar).collect(),
        lines,
        table: table(text, &head, rows.collect()),
        width: width(series.steps.len()),
        nothing: total.is_empty().then(|| text.get("chart.nothing").into()),
    }
}

/// When a step is, as short as the span allows.
fn when(text: Text, series: &Series, step: &SeriesStep) -> String {
    if series.to_ms - series.from_ms > 26 * 3_600_000 {
        step_time(text, step.at_ms)
    } else {
        moment(text, step.at_ms, 0)
    }
}

fn per_step(step_ms: i64) -> &'static str {
    match step_ms {
        60_000 => "chart.per_minute",
        600_000 => "chart.per_ten_minutes",
        3_600_000 => "chart.per_hour",
        _ => "chart.per_six_hours",
    }
}

fn latency(
    text: Text,
    series: &Series,
    id: &'static str,
    title: &'static str,
    of: fn(&SeriesStep) -> &Histogram,
) -> Chart {
    let quantiles = |part: f64| series.steps.iter().map(move |step| of(step).quantile(part));
    let every = PERCENTILES.iter().flat_map(|(_, part, _)| quantiles(*part)).flatten();
    let scale = Durations::of(every);
    // The median last: where they are one, it is the one to be seen.
    let lines = PERCENTILES.iter().rev().map(|(class, part, _)| {
        let values: Vec<Option<u64>> = quantiles(*part).collect();
        Line { class, path: scale.path(&values) }
    });
    let mut total = Histogram::default();
    series.steps.iter().for_each(|step| total.add(of(step)));
    let said = |histogram: &Histogram, part| {
        histogram.quantile(part).map_or_else(|| "–".to_owned(), |micros| duration(text, micros))
    };
    let rows = series.steps.iter().rev().filter(|step| of(step).count() > 0).map(|step| {
        let histogram = of(step);
        let mut row = vec![step_time(text, step.at_ms), text.number(histogram.count())];
        row.extend(PERCENTILES.iter().map(|(_, part, _)| said(histogram, *part)));
        row
    });
    let legend = PERCENTILES.iter().map(|(class, _, key)| Legend {
        class: match *class {
            "series-1" => "line series-1",
            "series-3" => "line series-3",
            _ => "line series-4 dashed",
        },
        label: text.get(key).into(),
    });
    // A step without a value is a gap; each has room to be pointed at.
    let bars = series.steps.iter().enumerate().filter(|(_, step)| of(step).count() > 0).map(|(at, step)| {
        let about = text
            .get("chart.latency_step")
            .with("time", when(text, series, step))
            .with("p50", said(of(step), 0.5))
            .with("p95", said(of(step), 0.95))
            .with("p99", said(of(step), 0.99));
        Bar { x: left_of(at), about: about.into(), parts: Vec::new() }
    });
    Chart {
        id,
        title: text.get(title).into(),
        summary: text
            .get("chart.latency_summary")
            .with("p50", said(&total, 0.5))
            .with("p95", said(&total, 0.95))
            .with("p99", said(&total, 0.99))
            .into(),
        legend: legend.collect(),
        y_labels: scale.labels(text),
        x_labels: moments(text, series.from_ms, series.to_ms),
        bars: bars.collect(),
        lines: lines.collect(),
        table: table(text, &["time", "measured", "p50", "p95", "p99"], rows.collect()),
        width: width(series.steps.len()),
        nothing: (total.count() == 0).then(|| text.get("chart.nothing_measured").into()),
    }
}

fn table(text: Text, head: &[&'static str], rows: Vec<Vec<String>>) -> Table {
    let head = head.iter().map(|name| text.word("chart_column", name).into()).collect();
    Table { label: text.get("chart.numbers").into(), head, rows }
}
