//! Many messages in one request, each answered on its own.

use crate::access::Access;
use crate::answer::{self, Answer};
use crate::body;
use crate::messages::{IDEMPOTENCY, MESSAGE_REQUEST, idempotency_key, parse};
use crate::problem::ProblemDetails;
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::views::{TAKEN, TakenShown};
use axum::extract::{Request, State};
use axum::routing::post;
use http::StatusCode;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;
use textgate_dispatch::{Refusal, Taken};

/// Most messages of one batch.
const MOST: usize = 1_000;

static BATCH: Object = Object {
    name: "Batch",
    about: "Messages to be sent.",
    properties: &[required(
        "messages",
        Shape::List(&Shape::Object(&MESSAGE_REQUEST), MOST),
        "The messages, 1 to 1,000. One that is wrong does not hold up the others.",
    )],
};

/// The batch as seen from outside its messages: for saying what is wrong with the list itself.
static BATCH_ONLY: Object = Object {
    name: "Batch",
    about: "",
    properties: &[required("messages", Shape::List(&Shape::Any, MOST), "")],
};

static RESULTS: Object = Object {
    name: "BatchResults",
    about: "What became of each message of a batch, in its order.",
    properties: &[required("results", Shape::List(&Shape::Object(&RESULT), MOST), "One for each message.")],
};

static RESULT: Object = Object {
    name: "BatchResult",
    about: "What became of one message of a batch: `message` where it was accepted, `problem` where not.",
    properties: &[
        required(
            "status",
            Shape::Integer(200, 599),
            "As if it had been sent alone: 202, or its problem's status.",
        ),
        optional("message", Shape::Object(&TAKEN), "The message that was accepted."),
        optional(
            "replayed",
            Shape::Flag,
            "True where the same request was accepted before under its Idempotency-Key.",
        ),
        optional("problem", Shape::Object(&crate::openapi::PROBLEM), "Why it was not accepted."),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: "POST",
        path: "/v1/messages/batch",
        id: "send_messages",
        summary: "Send up to 1,000 messages, each answered on its own. An Idempotency-Key counts for each with its index: `key#0`, `key#1`, ….",
        access: Allowed::AnyKey,
        parameters: std::slice::from_ref(&IDEMPOTENCY),
        body: Some(&BATCH),
        success: Success::json(
            200,
            &RESULTS,
            "The batch was read; each result tells what became of its message.",
        ),
        problems: &[],
        handler: post(send),
    }]
}

/// A batch whose messages are not looked into yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<'a> {
    #[serde(borrow)]
    messages: Entries<'a>,
}

/// At most [`MOST`] pieces of JSON.
struct Entries<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;
        impl<'de> Visitor<'de> for Bounded {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    if entries.len() == MOST {
                        return Err(A::Error::custom("too many"));
                    }
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_seq(Bounded)
    }
}

/// What became of one message.
#[derive(Serialize)]
struct ResultShown<'a> {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<TakenShown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct ResultsShown<'a> {
    results: Vec<ResultShown<'a>>,
}

/// Each entry's message, or its problem; in order.
type Parsed = Vec<Result<textgate_dispatch::Request, ProblemDetails>>;

fn parse_batch(bytes: &[u8], idempotency_key: Option<&str>) -> Result<Parsed, ProblemDetails> {
    let Ok(batch) = serde_json::from_slice::<Batch<'_>>(bytes) else {
        return Err(body::explain(bytes, &BATCH_ONLY));
    };
    if batch.messages.0.is_empty() {
        return Err(ProblemDetails::invalid_field("messages", "enter 1 to 1,000 messages"));
    }
    let one = |(index, entry): (usize, &&RawValue)| {
        let mut message = parse(entry.get().as_bytes())?;
        message.idempotency_key = idempotency_key.map(|key| format!("{key}#{index}"));
        Ok(message)
    };
    Ok(batch.messages.0.iter().enumerate().map(one).collect())
}

async fn send(State(api): State<Arc<Api>>, access: Access, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let idempotency_key = idempotency_key(&parts.headers)?;
    let bytes = body::read(&parts.headers, body, api.options.batch_body, api.options.body_time).await?;
    let parsed = parse_batch(&bytes, idempotency_key.as_deref())?;
    drop(bytes);
    let mut good = Vec::with_capacity(parsed.len());
    let outcomes: Vec<Option<ProblemDetails>> = parsed
        .into_iter()
        .map(|entry| match entry {
            Ok(message) => {
                good.push(message);
                None
            }
            Err(problem) => Some(problem),
        })
        .collect();
    let answers = if good.is_empty() { Vec::new() } else { api.dispatch.accept(access.vs, good).await };
    Ok(results(outcomes, answers))
}

/// Puts the answers of the good ones back between the problems of the others.
fn results(
    outcomes: Vec<Option<ProblemDetails>>,
    answers: Vec<Result<Taken, Refusal>>,
) -> axum::response::Response {
    let mut answers = answers.into_iter();
    let outcomes: Vec<Result<Taken, ProblemDetails>> = outcomes
        .into_iter()
        .map(|problem| match problem {
            Some(problem) => Err(problem),
            None => answers.next().unwrap_or(Err(Refusal::StoreUnavailable)).map_err(Into::into),
        })
        .collect();
    let shown = outcomes.iter().map(|outcome| match outcome {
        Ok(taken) => ResultShown {
            status: StatusCode::ACCEPTED.as_u16(),
            message: Some(TakenShown::new(taken)),
            replayed: taken.is_duplicate.then_some(true),
            problem: None,
        },
        Err(problem) => ResultShown {
            status: problem.status().as_u16(),
            message: None,
            replayed: None,
            problem: Some(problem.to_json()),
        },
    });
    answer::json(StatusCode::OK, &ResultsShown { results: shown.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use textgate_sms::{MessageId, MessageState};

    fn taken(n: u64) -> Taken {
        Taken {
            id: MessageId::from_u64(n),
            state: MessageState::Accepted,
            segments: 1,
            encoding: "gsm7".into(),
            is_duplicate: n == 2,
        }
    }

    #[test]
    fn each_message_has_the_key_with_its_index() {
        let body =
            json!({"messages": [{"to": "1", "text": "a"}, {"to": 1}, {"to": "2", "text": "b"}]}).to_string();
        let parsed = parse_batch(body.as_bytes(), Some("k")).unwrap();
        let keys: Vec<_> =
            parsed.iter().map(|e| e.as_ref().ok().and_then(|m| m.idempotency_key.clone())).collect();
        assert_eq!(keys, [Some("k#0".into()), None, Some("k#2".into())]);
    }

    #[test]
    fn a_batch_is_1_to_1000_messages() {
        let batch = |n: usize| {
            let body = json!({"messages": vec![json!({"to": "1", "text": "a"}); n]}).to_string();
            parse_batch(body.as_bytes(), None).map(|parsed| parsed.len()).map_err(|problem| problem.to_json())
        };
        assert_eq!(batch(1_000), Ok(1_000));
        assert_eq!(batch(0).unwrap_err()["errors"][0]["path"], "messages");
        assert_eq!(batch(1_001).unwrap_err()["errors"][0]["message"], "use at most 1000 entries");
    }

    #[test]
    fn a_batch_that_is_none_is_told_so() {
        let told = |body: &str| parse_batch(body.as_bytes(), None).err().unwrap().to_json();
        assert_eq!(told("{}")["errors"][0]["path"], "messages");
        assert_eq!(told(r#"{"messages":[],"more":1}"#)["errors"][0]["path"], "more");
        assert_eq!(told(r#"{"messages":[{"to""#)["type"], "/problems/invalid-json");
        assert_eq!(told(r#"{"messages":[],"messages":[]}"#)["errors"][0]["path"], "messages");
    }

    #[tokio::test]
    async fn answers_stand_in_the_order_of_their_messages() {
        let wrong = || Some(ProblemDetails::invalid_field("to", "this field is required"));
        let response =
            results(vec![None, wrong(), None, None], vec![Ok(taken(1)), Err(Refusal::Busy), Ok(taken(2))]);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let json: Value = serde_json::from_slice(&body).unwrap();
        let statuses: Vec<_> =
            json["results"].as_array().unwrap().iter().map(|r| r["status"].clone()).collect();
        assert_eq!(statuses, [202, 400, 503, 202]);
        assert_eq!(json["results"][0]["message"]["id"], "0000000000001");
        assert_eq!(json["results"][3]["replayed"], true);
        assert_eq!(json["results"][1]["problem"]["errors"][0]["path"], "to");
        let mut problems = Vec::new();
        RESULTS.check(&json, "", &mut problems);
        assert_eq!(problems, []);
    }
}
