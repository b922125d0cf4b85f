//! Snapshot > Gateway statistics: how well each gateway does for each country.

use crate::answer::{self, Answer};
use crate::console::Console;
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::text::Text;
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use std::sync::Arc;
use textgate_dispatch::GatewayStanding;

/// Most lines of the table: the busiest ones.
const ROWS_MOST: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/console/vs/{vs}/gateway-statistics", Need::Read, show)]
}

#[derive(Template)]
#[template(path = "gateway_statistics.html")]
struct StatisticsPage {
    page: Page,
    rows: Vec<Row>,
}

/// One gateway and country.
struct Row {
    country: String,
    gateway: String,
    attempts: u64,
    /// Of 100; `None` where there is nothing to tell by.
    taken: Option<u64>,
    submit_ms: u64,
    delivered: Option<u64>,
    entered: Option<u64>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let text = visit.text();
    let mut standings = console.dispatch.gateway_statistics(visit.vs)?;
    // What has faded away tells nothing.
    standings.retain(|standing| standing.attempts >= 0.5);
    standings.truncate(ROWS_MOST);
    let page =
        Page::new(&console, &visit, text.get("nav.gateway_statistics")).lead(text.get("statistics.lead"));
    answer::html(&StatisticsPage {
        page,
        rows: standings.iter().map(|standing| row(standing, text)).collect(),
    })
}

fn row(standing: &GatewayStanding, text: Text) -> Row {
    Row {
        country: standing.country.map_or_else(|| "—".to_owned(), |country| text.country(country).into()),
        gateway: standing.name.clone(),
        attempts: standing.attempts.round() as u64,
        taken: percent(standing.sent, standing.attempts),
        submit_ms: standing.submit_ms.round() as u64,
        // Without a receipt ever, none is expected.
        delivered: (standing.delivered > 0.0)
            .then(|| percent(standing.delivered, standing.delivered + standing.undelivered))
            .flatten(),
        entered: (standing.converted > 0.0)
            .then(|| percent(standing.converted, standing.passcodes))
            .flatten(),
    }
}

fn percent(part: f32, whole: f32) -> Option<u64> {
    (whole >= 0.5).then(|| (part / whole * 100.0).round().clamp(0.0, 100.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_a_hundred_and_never_more() {
        assert_eq!(percent(3.0, 4.0), Some(75));
        assert_eq!(percent(5.0, 4.0), Some(100));
        assert_eq!(percent(0.0, 0.1), None);
    }
}
