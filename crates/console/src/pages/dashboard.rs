//! Snapshot > Dashboard: what a person would rather look at than read. Messages by time, how long they took, how gateways are, and for
//! how long SMS Credits last.

mod charts;

use crate::answer::{self, Answer, Failure};
use crate::chart::{Chart, duration};
use crate::console::Console;
use crate::form::Form;
use crate::lines::{Line, health_kind, lines};
use crate::live;
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::text::Text;
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use http::Uri;
use std::sync::Arc;
use textgate_dispatch::{Dispatch, Forecast, GatewayNow, GatewaySeries, Scope, Series, UserRole};
use textgate_sms::MessageState;
use textgate_store::Figures;

const HOUR_MS: i64 = 3_600_000;
/// Ranges to choose from, and how long a step of each is (ms).
static RANGES: [(&str, i64, i64); 4] = [
    ("1h", HOUR_MS, 60_000),
    ("24h", 24 * HOUR_MS, 10 * 60_000),
    ("7d", 7 * 24 * HOUR_MS, HOUR_MS),
    ("30d", 30 * 24 * HOUR_MS, 6 * HOUR_MS),
];
/// The past in which a message makes a virtual server one that is in use.
const EVER_MS: i64 = 399 * 24 * HOUR_MS;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/dashboard", Need::Read, show),
        Route::get("/console/vs/{vs}/dashboard/live", Need::Read, news),
    ]
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardPage {
    page: Page,
    /// Address, label, whether it is this one.
    ranges: Vec<Choice>,
    /// Own messages, or with all below; empty where there is nothing below.
    scopes: Vec<Choice>,
    /// Where a newcomer begins; `None` once messages were sent.
    first_steps: Option<FirstSteps>,
    tiles: Vec<Tile>,
    charts: Vec<Chart>,
    gateways: Vec<GatewayRow>,
    is_default: bool,
}

struct Choice {
    address: String,
    label: String,
    is_here: bool,
}

struct Tile {
    label: String,
    value: String,
    about: String,
}

/// What is to be done before the first message.
struct FirstSteps {
    has_gateway: bool,
    may_change: bool,
}

struct GatewayRow {
    name: String,
    health: String,
    health_kind: &'static str,
    breaker: String,
    breaker_kind: &'static str,
    reason: String,
    waiting: String,
    in_flight: String,
    attempts: String,
    failed: String,
    failovers: String,
    p95: String,
    /// Its modems; none where it has connections instead, or is the service provider's.
    lines: Vec<Line>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let question = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let range = RANGES.iter().find(|(name, ..)| *name == question.get("range")).unwrap_or(&RANGES[0]);
    let (dispatch, text, vs) = (&console.dispatch, visit.text(), visit.vs);
    let has_below = may_see_below(dispatch, &visit);
    let with_below = has_below && question.get("of") != "own";
    let scope = Scope { vs, with_below };
    let now_ms = dispatch.now_ms();
    let series = dispatch.series(scope, None, now_ms - range.1, now_ms + 1, range.2).await?;
    let forecast = dispatch.forecast(vs).await?;
    let settings = dispatch.virtual_server(vs).await?;
    let is_default = settings.mode == textgate_dispatch::Mode::Default && settings.parent.is_some();
    let now = dispatch.gateways_now(vs)?;
    let is_new = series.total.is_empty() && is_unused(dispatch, scope, now_ms).await?;
    let first_steps = is_new.then(|| FirstSteps {
        has_gateway: !now.is_empty(),
        may_change: visit.person.may_change(dispatch, vs),
    });
    let address = |range: &str, of: &str| {
        let of = if of.is_empty() { String::new() } else { format!("&of={of}") };
        format!("{}?range={range}{of}", visit.to("dashboard"))
    };
    let of = if has_below && !with_below { "own" } else { "" };
    let ranges = RANGES.iter().map(|(name, ..)| Choice {
        address: address(name, of),
        label: text.word("range", name).into(),
        is_here: *name == range.0,
    });
    let scopes = [("own", "dashboard.own"), ("", "dashboard.with_below")].map(|(of, key)| Choice {
        address: address(range.0, of),
        label: text.get(key).into(),
        is_here: (of == "own") != with_below,
    });
    answer::html(&DashboardPage {
        page: Page::new(&console, &visit, text.get("nav.dashboard")),
        ranges: ranges.collect(),
        scopes: if has_below { scopes.into() } else { Vec::new() },
        first_steps,
        tiles: tiles(text, &series.total, forecast, is_default),
        charts: charts::all(text, &series),
        gateways: gateways(text, &now, &series),
        is_default,
    })
}

async fn news(State(console): State<Arc<Console>>, _: Visit) -> Answer {
    Ok(live::of_figures(&console.dispatch))
}

/// Whether there is something below that this person sees.
fn may_see_below(dispatch: &Dispatch, visit: &Visit) -> bool {
    let (branches, _) = dispatch.branches(visit.vs, visit.vs, 2);
    visit.person.role != UserRole::Operator && branches.len() > 1
}

/// Whether nothing was ever sent, as far back as figures are kept.
async fn is_unused(dispatch: &Dispatch, scope: Scope, now_ms: i64) -> Result<bool, Failure> {
    let ever = dispatch.series(scope, None, now_ms - EVER_MS, now_ms + 1, 24 * HOUR_MS).await?;
    Ok(ever.total.came_to(MessageState::Accepted) == 0)
}

fn tiles(text: Text, total: &Figures, forecast: Forecast, is_default: bool) -> Vec<Tile> {
    let of = |state| total.came_to(state);
    let (sent, delivered) = (of(MessageState::Sent), of(MessageState::Delivered));
    let (failed, expired) = (of(MessageState::Failed), of(MessageState::Expired));
    let undelivered = of(MessageState::Undelivered);
    let number = |number: u64| text.number(number);
    let tile = |key, value: String, about: String| Tile { label: text.get(key).into(), value, about };
    let about = |key, name, value: String| String::from(text.get(key).with(name, value));
    let share = (delivered * 1000).checked_div(sent);
    let share = share.map_or(String::new(), |permille| {
        let permille = permille.min(1000);
        about("dashboard.of_sent", "percent", decimal(text, permille / 10, permille % 10))
    });
    let latency = |part| total.to_sent.quantile(part).map(|micros| duration(text, micros));
    let none = || "–".to_owned();
    let mut tiles = vec![
        tile(
            "dashboard.sent",
            number(sent),
            about("dashboard.of_accepted", "number", number(of(MessageState::Accepted))),
        ),
        tile("dashboard.delivered", number(delivered), share),
        tile(
            "dashboard.not_delivered",
            number(failed + expired + undelivered),
            text.get("dashboard.not_delivered_parts")
                .with("failed", number(failed))
                .with("expired", number(expired))
                .with("undelivered", number(undelivered))
                .into(),
        ),
        tile(
            "dashboard.to_sent",
            latency(0.95).unwrap_or_else(none),
            latency(0.5).map_or(String::new(), |median| about("dashboard.median", "time", median)),
        ),
    ];
    if is_default || forecast.credits.allocated > 0 {
        tiles.push(tile("dashboard.credits", number(forecast.credits.remaining), lasts(text, forecast)));
    }
    tiles
}

/// For how long the credits last, in words.
fn lasts(text: Text, forecast: Forecast) -> String {
    match forecast.days_left {
        _ if forecast.credits.remaining == 0 => text.get("dashboard.credits_none").into(),
        None => text.get("dashboard.credits_unused").into(),
        Some(days) if days > 1_000.0 => text.get("dashboard.credits_long").into(),
        Some(days) if days < 1.0 => {
            text.get("dashboard.credits_hours").with("number", (days * 24.0).ceil()).into()
        }
        Some(days) => text.get("dashboard.credits_days").with("number", days.floor()).into(),
    }
}

fn decimal(text: Text, whole: u64, tenth: u64) -> String {
    match text.language() {
        crate::text::Language::En => format!("{whole}.{tenth}"),
        crate::text::Language::De => format!("{whole},{tenth}"),
    }
}

fn gateways(text: Text, now: &[GatewayNow], series: &Series) -> Vec<GatewayRow> {
    let nothing = Figures::default();
    let did = |id| series.gateways.iter().find(|did| did.id == id).map_or(&nothing, |did| &did.figures);
    let present = now.iter().map(|gateway| {
        let status = &gateway.status;
        let told = |number: u64| if gateway.is_own { text.number(number) } else { "–".to_owned() };
        GatewayRow {
            health: text.word("health", status.health).into(),
            health_kind: health_kind(status.health),
            breaker: text.word("breaker", status.breaker).into(),
            breaker_kind: match status.breaker {
                "closed" => "calm",
                "open" => "bad",
                _ => "warn",
            },
            reason: status.reason.clone().unwrap_or_default(),
            waiting: told(status.waiting.iter().sum()),
            in_flight: told(status.in_flight),
            lines: lines(text, &status.lines),
            ..row(text, gateway.name.clone(), did(gateway.id))
        }
    });
    let is_past = |did: &&GatewaySeries| !now.iter().any(|gateway| gateway.id == did.id);
    let past = series.gateways.iter().filter(is_past).map(|did| row(text, did.name.clone(), &did.figures));
    present.chain(past).collect()
}

/// What a gateway did; of one that is not used now, there is no more to tell.
fn row(text: Text, name: String, figures: &Figures) -> GatewayRow {
    let attempts: u64 = figures.attempts.iter().sum();
    let sent = figures.attempts(textgate_sms::OutcomeClass::Sent);
    GatewayRow {
        name,
        health: text.get("dashboard.not_used").into(),
        health_kind: "calm",
        breaker: String::new(),
        breaker_kind: "calm",
        reason: String::new(),
        waiting: "–".into(),
        in_flight: "–".into(),
        attempts: text.number(attempts),
        failed: text.number(attempts.saturating_sub(sent)),
        failovers: text.number(figures.failovers),
        p95: figures.to_sent.quantile(0.95).map_or_else(|| "–".into(), |micros| duration(text, micros)),
        lines: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Language;
    use textgate_dispatch::CreditsView;

    fn said(remaining: u64, days_left: Option<f64>) -> String {
        let credits = CreditsView { allocated: 1_000, used: 1_000 - remaining, remaining };
        lasts(Text::new(Language::En), Forecast { credits, per_day: 1.0, days_left })
    }

    #[test]
    fn a_forecast_is_told_in_words_that_fit_its_length() {
        assert!(said(0, Some(0.0)).contains("None"));
        assert!(said(5, Some(0.4)).contains("10 hours"));
        assert!(said(5, Some(12.9)).contains("12 days"));
        assert_ne!(said(5, None), said(5, Some(5_000.0)));
    }

    #[test]
    fn a_share_has_one_decimal_as_the_language_writes_it() {
        let mut total = Figures::default();
        (0..1_000).for_each(|_| total.count(MessageState::Sent));
        (0..972).for_each(|_| total.count(MessageState::Delivered));
        let forecast = Forecast { credits: CreditsView::default(), per_day: 0.0, days_left: None };
        let about = |language| tiles(Text::new(language), &total, forecast, false)[1].about.clone();
        assert!(about(Language::En).starts_with("97.2"), "{}", about(Language::En));
        assert!(about(Language::De).starts_with("97,2"), "{}", about(Language::De));
    }
}
