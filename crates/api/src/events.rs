//! What happens to messages, as server-sent events: bounded, and no place to wait for who does not read.

use crate::access::Access;
use crate::answer::{self, Answer};
use crate::problem::{ProblemDetails, ProblemType};
use crate::query;
use crate::routes::{Allowed, Route, Success};
use crate::state::Api;
use crate::time::Shown;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use http::{StatusCode, Uri};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use textgate_dispatch::{DirectoryError, Happening, Watch, Watched, What};

/// A sign of life at least this often, so that proxies and clients know that the connection is.
const SILENCE: Duration = Duration::from_secs(15);

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: "GET",
        path: "/v1/events",
        id: "watch_messages",
        summary: "What happens to messages from now on, as server-sent events.",
        access: Allowed::AnyKey,
        parameters: &[],
        body: None,
        success: Success::other("text/event-stream", "Events, for as long as the connection lasts."),
        problems: &[ProblemType::InvalidRequest, ProblemType::Busy],
        handler: get(watch),
    }]
}

async fn watch(State(api): State<Arc<Api>>, access: Access, uri: Uri) -> Answer {
    query::read(&uri, &[], api.door, |_, _| Ok(()))?;
    let watch = api.dispatch.watch(access.vs).map_err(|error| match error {
        DirectoryError::Conflict(why) => ProblemDetails::new(ProblemType::Busy, why),
        other => other.into(),
    })?;
    let stream = stream::unfold(Stage::Begin(watch), next);
    Ok(answer::with_type(StatusCode::OK, "text/event-stream", Body::from_stream(stream)))
}

/// Where a stream stands.
enum Stage {
    Begin(Watch),
    Goes(Watch),
    Ended,
}

async fn next(state: Stage) -> Option<(Result<Bytes, Infallible>, Stage)> {
    let mut watch = match state {
        // At once, so that the reader knows that from here on nothing is missed.
        Stage::Begin(watch) => return Some((Ok(Bytes::from_static(b": watching\n\n")), Stage::Goes(watch))),
        Stage::Goes(watch) => watch,
        Stage::Ended => return None,
    };
    match tokio::time::timeout(SILENCE, watch.next()).await {
        Err(_) => Some((Ok(Bytes::from_static(b": still here\n\n")), Stage::Goes(watch))),
        Ok(Some(Watched::Happened(happening))) => Some((Ok(event(&happening)), Stage::Goes(watch))),
        Ok(Some(Watched::Missed)) => {
            let note = "event: dropped\ndata: {\"detail\":\"you read too slowly and missed events; connect again, and list \
                        messages with since for what happened meanwhile\"}\n\n";
            Some((Ok(Bytes::from_static(note.as_bytes())), Stage::Ended))
        }
        Ok(None) => None,
    }
}

/// One event: never with a number or a text.
fn event(happening: &Happening) -> Bytes {
    let (id, at) = (happening.id.to_string(), Shown(happening.at_ms));
    let (name, data) = match &happening.what {
        What::Accepted => ("accepted", json!({"id": id, "at": at})),
        What::Attempt { gateway, class, detail } => (
            "attempt",
            json!({"id": id, "at": at, "gateway": gateway, "outcome": class.name(), "detail": detail}),
        ),
        What::Receipt { gateway, state } => {
            ("receipt", json!({"id": id, "at": at, "gateway": gateway, "status": state.name()}))
        }
        What::State(state) => ("status", json!({"id": id, "at": at, "status": state.name()})),
    };
    // JSON has no line breaks of its own, so nothing in it ends the event.
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_sms::{MessageId, OutcomeClass, VsId};

    #[test]
    fn what_a_provider_says_cannot_end_an_event() {
        let what = What::Attempt {
            gateway: "main".into(),
            class: OutcomeClass::Refused,
            detail: "no\n\nevent: status\ndata: {}".into(),
        };
        let (at_ms, at) = (0, std::time::Instant::now());
        let told = event(&Happening { id: MessageId::from_u64(1), vs: VsId(1), at_ms, at, what });
        let told = std::str::from_utf8(&told).unwrap();
        assert_eq!(told.lines().count(), 3, "{told}");
        assert!(told.ends_with("\n\n") && told.contains("\"outcome\":\"refused\""));
    }
}
