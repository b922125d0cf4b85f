//! Pages that renew themselves: a stream of server-sent events that only says that there is news, at most once a second. The page's
//! script then asks for the page again, and puts the part that is live in the old one's place (`static/live.js`).

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use std::convert::Infallible;
use std::time::Duration;
use textgate_dispatch::{Dispatch, Watch};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two times of news.
const PACE: Duration = Duration::from_secs(1);
/// Without news, a sign of life after this, so that proxies keep the connection; and figures move on in time.
const SILENCE: Duration = Duration::from_secs(15);
/// A stream ends after this. The browser asks again, and so passes the gate again: a session that has ended gets no more news.
const LONGEST: Duration = Duration::from_secs(120);

/// Where news come from.
enum Source {
    /// From the messages of a virtual server.
    Messages(Watch),
    /// From the figures, when they went to the store.
    Figures(watch::Receiver<u64>, CancellationToken),
}

impl Source {
    /// Waits for news. `false` when the program stops.
    async fn news(&mut self) -> bool {
        match self {
            Self::Messages(watch) => watch.news().await,
            Self::Figures(changes, ending) => tokio::select! {
                () = ending.cancelled() => false,
                changed = changes.changed() => changed.is_ok(),
            },
        }
    }
}

/// Whether a page asks by itself, without its reader doing anything: the stream, or the script for a fresh part. That is no use of
/// a session, or a page left open would keep it for ever.
pub(crate) fn is_by_itself(headers: &HeaderMap) -> bool {
    let is_stream =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes() == b"text/event-stream");
    is_stream || headers.contains_key("textgate-live")
}

/// News of messages.
pub(crate) fn of_messages(watch: Watch) -> Response {
    stream_of(Source::Messages(watch))
}

/// News of figures.
pub(crate) fn of_figures(dispatch: &Dispatch) -> Response {
    stream_of(Source::Figures(dispatch.figures_changes(), dispatch.ending()))
}

fn stream_of(source: Source) -> Response {
    let begin = Instant::now();
    let events = stream::unfold((source, None::<Instant>), move |(mut source, last)| async move {
        let Some(last) = last else {
            // At once: the page knows that from here on nothing is missed.
            return Some((text("retry: 2000\n: watching\n\n"), (source, Some(begin))));
        };
        let end = begin + LONGEST;
        tokio::time::sleep_until((last + PACE).min(end)).await;
        let silent_until = (Instant::now() + SILENCE).min(end);
        let told = match tokio::time::timeout_at(silent_until, source.news()).await {
            Ok(true) => "event: news\ndata:\n\n",
            Ok(false) => return None,
            Err(_) if Instant::now() >= end => return None,
            Err(_) if matches!(source, Source::Figures(..)) => "event: news\ndata:\n\n",
            Err(_) => ": still here\n\n",
        };
        Some((text(told), (source, Some(Instant::now()))))
    });
    let mut response = Response::new(Body::from_stream(events));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

fn text(event: &'static str) -> Result<Bytes, Infallible> {
    Ok(Bytes::from_static(event.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_page_asks_for_by_itself_is_no_use_of_a_session() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            is_by_itself(&headers)
        };
        assert!(with("accept", "text/event-stream") && with("textgate-live", "1"));
        assert!(!with("accept", "text/html,*/*") && !is_by_itself(&HeaderMap::new()));
    }
}
