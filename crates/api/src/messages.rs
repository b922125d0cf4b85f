//! Messages: sending one, reading them, calling them back. `POST /v1/messages` is the way that every passcode takes.

use crate::access::{Access, FullAccess, PathId};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::query::{self, cursor, limit, query, time, yes_or_no};
use crate::routes::{Allowed, Parameter, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::{Api, Door};
use crate::time::Given;
use crate::views::{self, MessageShown, PageShown, TakenShown};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{delete, get, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use textgate_dispatch::{DirectoryError, Refusal, ResendRefusal, Taken};
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, PhoneNumber, VsId};
use textgate_store::Filter;

/// Most messages of one page, and how many where the caller does not say.
const PAGE_MOST: usize = 200;
const PAGE_DEFAULT: usize = 50;
/// What is looked for, where it does not exist.
const MESSAGE: &str = "this message";

/// 255 segments of 153 characters: no longer text can be sent (TS 23.040 §9.2.3.24.1).
const LONGEST_TEXT: usize = 255 * 153;

pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(crate) static IDEMPOTENCY: Parameter = Parameter {
    name: "Idempotency-Key",
    is_header: true,
    shape: Shape::Text(255),
    about: "1 to 255 visible ASCII characters. The same request under the same key is accepted once: repeating it answers the \
            same id, with `Idempotent-Replayed: true`.",
};

pub(crate) static MESSAGE_REQUEST: Object = Object {
    name: "MessageRequest",
    about: "A message to be sent.",
    properties: &[
        required(
            "to",
            Shape::Text(LONGEST_NUMBER),
            "The phone number: only digits, beginning with a country code.",
        ),
        required("text", Shape::Text(LONGEST_TEXT), "The text."),
        optional(
            "kind",
            Shape::OneOf(views::kinds),
            "What it is for: a one-time passcode goes ahead of an alert, and that ahead of a text. `text` where left out.",
        ),
        optional("sender", Shape::Text(64), "Another sender than the gateway's own."),
        optional(
            "flash",
            Shape::Flag,
            "Show it at once, and do not keep it. As set in the gateway where left out.",
        ),
        optional(
            "overwrite",
            Shape::Overwrite,
            "Replace the last message of the same type (1 to 7; true is 1) on the phone. As set in the gateway where left out.",
        ),
        optional(
            "validity_s",
            Shape::Integer(1, u32::MAX as i64),
            "How long it is worth sending (s): 300 for `otp`, 86,400 for `alert` and 172,800 for `text` where left out.",
        ),
        optional("send_at", Shape::TimeGiven, "When to send it; at once where left out."),
        optional("reference", Shape::Text(255), "Your own name for it, to find it again."),
        optional(
            "purpose",
            Shape::Text(64),
            "Of a passcode: what it is for; the fraud guard can count by it.",
        ),
        optional(
            "ip",
            Shape::Address,
            "Of a passcode: the address that it was asked for from; the fraud guard can count by it.",
        ),
    ],
};

/// Longer is no number; what is up to this long is told what it would be without its punctuation.
const LONGEST_NUMBER: usize = 64;

static CANCELLED: Object = Object {
    name: "CancelledMessage",
    about: "A message that was called back.",
    properties: &[
        required("id", Shape::Text(13), "Its id."),
        required("status", Shape::OneOf(views::states), "`cancelled`."),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "POST",
            path: "/v1/messages",
            id: "send_message",
            summary: "Send a message. It is on disk when this is answered.",
            access: Allowed::AnyKey,
            parameters: std::slice::from_ref(&IDEMPOTENCY),
            body: Some(&MESSAGE_REQUEST),
            success: Success::json(
                202,
                &views::TAKEN,
                "The message was accepted. Location is where it is found.",
            ),
            problems: ACCEPTING,
            handler: post(send),
        },
        Route {
            method: "POST",
            path: "/v1/messages/{id}/resend",
            id: "resend_message",
            summary: "Send a finished message again, as a new one. Not a passcode, and only while its text is kept.",
            access: Allowed::AnyKey,
            parameters: std::slice::from_ref(&IDEMPOTENCY),
            body: None,
            success: Success::json(
                202,
                &views::TAKEN,
                "The new message was accepted; its `resend_of` names the old one.",
            ),
            problems: RESENDING,
            handler: post(resend),
        },
        Route {
            method: "GET",
            path: "/v1/messages",
            id: "list_messages",
            summary: "Messages, the newest first, without their texts.",
            access: Allowed::AnyKey,
            parameters: LIST_PARAMETERS,
            body: None,
            success: Success::json(200, &views::PAGE, "A page of messages."),
            problems: &[ProblemType::InvalidRequest, ProblemType::StoreUnavailable],
            handler: get(list),
        },
        Route {
            method: "GET",
            path: "/v1/messages/{id}",
            id: "get_message",
            summary: "One message, with its attempts and receipts.",
            access: Allowed::AnyKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &views::MESSAGE, "The message."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: get(show),
        },
        Route {
            method: "DELETE",
            path: "/v1/messages/{id}",
            id: "cancel_message",
            summary: "Call a message back, while no gateway has taken it. Its credits are given back.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &CANCELLED, "The message is cancelled, now or before."),
            problems: &[ProblemType::NotFound, ProblemType::NotCancellable, ProblemType::StoreUnavailable],
            handler: delete(cancel),
        },
    ]
}

/// Why a message of any kind may not be accepted.
const ACCEPTING: &[ProblemType] = &[
    ProblemType::NumberRefused,
    ProblemType::TooManyPasscodes,
    ProblemType::NoCredits,
    ProblemType::NotConfigured,
    ProblemType::OptedOut,
    ProblemType::IdempotencyConflict,
    ProblemType::Busy,
    ProblemType::StoreUnavailable,
    ProblemType::Stopping,
];

/// Why a message may not be accepted.
pub(crate) const SENDING: &[ProblemType] = &[
    ProblemType::NoCredits,
    ProblemType::NotConfigured,
    ProblemType::OptedOut,
    ProblemType::IdempotencyConflict,
    ProblemType::Busy,
    ProblemType::StoreUnavailable,
    ProblemType::Stopping,
];

/// Why a message may not be sent again.
const RESENDING: &[ProblemType] = &[
    ProblemType::InvalidRequest,
    ProblemType::NotFound,
    ProblemType::NotResendable,
    ProblemType::NoCredits,
    ProblemType::NotConfigured,
    ProblemType::OptedOut,
    ProblemType::IdempotencyConflict,
    ProblemType::Busy,
    ProblemType::StoreUnavailable,
    ProblemType::Stopping,
];

// === send ===

/// The body of a message, as [`MESSAGE_REQUEST`] describes it. What fits it at first sight costs one pass and no detour; what
/// does not is looked at again, for the sake of a good answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageRequest {
    to: String,
    text: String,
    kind: Option<Kind>,
    sender: Option<String>,
    flash: Option<bool>,
    overwrite: Option<Overwrite>,
    validity_s: Option<u32>,
    send_at: Option<Given>,
    reference: Option<String>,
    purpose: Option<String>,
    ip: Option<IpAddr>,
}

/// Overwrite as dispatch takes it: 0 is off, 1 to 7 the type.
struct Overwrite(u8);

/// A message of this JSON; or every problem of it.
pub(crate) fn parse(json: &[u8]) -> Result<textgate_dispatch::Request, ProblemDetails> {
    match serde_json::from_slice::<MessageRequest>(json) {
        Ok(message) if message.is_within_bounds() => Ok(message.into()),
        _ => Err(body::explain(json, &MESSAGE_REQUEST)),
    }
}

impl MessageRequest {
    fn is_within_bounds(&self) -> bool {
        let fits = |text: &str, most| {
            (text.len() <= most || text.chars().count() <= most) && !text.as_bytes().contains(&0)
        };
        fits(&self.to, LONGEST_NUMBER)
            && fits(&self.text, LONGEST_TEXT)
            && self.sender.as_deref().is_none_or(|sender| fits(sender, 64))
            && self.reference.as_deref().is_none_or(|reference| fits(reference, 255))
            && self.purpose.as_deref().is_none_or(|purpose| fits(purpose, 64))
            && self.validity_s != Some(0)
    }
}

impl From<MessageRequest> for textgate_dispatch::Request {
    fn from(message: MessageRequest) -> Self {
        Self {
            to: message.to,
            text: message.text,
            kind: message.kind,
            sender: message.sender,
            flash: message.flash,
            overwrite: message.overwrite.map(|overwrite| overwrite.0),
            validity_s: message.validity_s,
            send_at_ms: message.send_at.map(|time| time.0),
            reference: message.reference,
            idempotency_key: None,
            is_test: false,
            resend_of: None,
            purpose: message.purpose,
            ip: message.ip,
            was_judged: false,
            by: None,
            is_answer: false,
        }
    }
}

impl<'de> Deserialize<'de> for Overwrite {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Overwrite;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or 1 to 7")
            }

            fn visit_bool<E>(self, is_on: bool) -> Result<Overwrite, E> {
                Ok(Overwrite(u8::from(is_on)))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Overwrite, E> {
                match u8::try_from(number) {
                    Ok(number @ 1..=7) => Ok(Overwrite(number)),
                    _ => Err(E::custom("out of range")),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The Idempotency-Key of a request, if it has one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ProblemDetails> {
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let bytes = value.as_bytes();
    let is_good = (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if is_good && all.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(ProblemDetails::invalid_field(
            "Idempotency-Key",
            "send one header of 1 to 255 visible ASCII characters",
        )),
    }
}

async fn send(State(api): State<Arc<Api>>, access: Access, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let idempotency_key = idempotency_key(&parts.headers)?;
    let bytes = body::read(&parts.headers, body, api.options.body, api.options.body_time).await?;
    let mut message = parse(&bytes)?;
    message.idempotency_key = idempotency_key;
    let answers = api.dispatch.accept(access.vs, vec![message]).await;
    // One answer for each; none would be a store that stopped in between.
    taken(answers.into_iter().next().unwrap_or(Err(Refusal::StoreUnavailable)))
}

async fn resend(State(api): State<Arc<Api>>, access: Access, id: PathId, headers: HeaderMap) -> Answer {
    let (id, key) = (id.of(MESSAGE)?, idempotency_key(&headers)?);
    match api.dispatch.resend(access.vs, id, key).await {
        Ok(accepted) => taken(Ok(accepted)),
        Err(ResendRefusal::Refused(refusal)) => taken(Err(refusal)),
        Err(ResendRefusal::NotFound) => Err(ProblemDetails::not_found(MESSAGE)),
        Err(unavailable @ ResendRefusal::StoreUnavailable(_)) => {
            Err(DirectoryError::from(unavailable).into())
        }
        Err(other) => Err(ProblemDetails::new(ProblemType::NotResendable, other.to_string())),
    }
}

/// The answer to a message that was or was not accepted.
pub(crate) fn taken(answer: Result<Taken, Refusal>) -> Answer {
    let taken = answer?;
    let shown = TakenShown::new(&taken);
    let mut response = answer::json(StatusCode::ACCEPTED, &shown);
    let headers = response.headers_mut();
    // An id is 13 ASCII letters and digits: a header's value as it is.
    if let Ok(location) = HeaderValue::try_from(shown.location()) {
        headers.insert(header::LOCATION, location);
    }
    if taken.is_duplicate {
        headers.insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    }
    Ok(response)
}

// === read ===

async fn show(State(api): State<Arc<Api>>, access: Access, id: PathId) -> Answer {
    let view = api.dispatch.message(access.vs, id.of(MESSAGE)?).await?;
    Ok(answer::json(StatusCode::OK, &MessageShown::from(view)))
}

async fn list(State(api): State<Arc<Api>>, access: Access, uri: Uri) -> Answer {
    let question = Question::parse(&uri, LIST_PARAMETERS, &api, access.vs)?;
    let page = api.dispatch.messages(access.vs, question.filter, question.before, question.limit).await?;
    Ok(answer::json(StatusCode::OK, &PageShown::from(page)))
}

static LIST_PARAMETERS: &[Parameter] = &[
    query("status", Shape::OneOf(views::states), "Only in this status."),
    query("to", Shape::Text(15), "Only to this number."),
    query("kind", Shape::OneOf(views::kinds), "Only of this kind."),
    query("gateway", Shape::Text(64), "Only with an attempt at this gateway (its name)."),
    query("reference", Shape::Text(255), "Only with this reference."),
    query("since", Shape::TimeGiven, "Only accepted at this time or later."),
    query("until", Shape::TimeGiven, "Only accepted before this time."),
    query("cursor", Shape::Text(13), "`next` of the page before."),
    query("limit", Shape::Integer(1, PAGE_MOST as i64), "How many at most; 50 where left out."),
];

/// A question for messages.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) filter: Filter,
    pub(crate) before: Option<MessageId>,
    pub(crate) limit: usize,
    pub(crate) with_texts: bool,
}

impl Question {
    /// Reads a query strictly: a parameter that is unknown, twice there or wrong would silently answer another question.
    pub(crate) fn parse(uri: &Uri, known: &[Parameter], api: &Api, vs: VsId) -> Result<Self, ProblemDetails> {
        let named = |name: &str| api.dispatch.gateway_named(vs, name);
        Self::read(uri, known, api.door, &named)
    }

    fn read(
        uri: &Uri,
        known: &[Parameter],
        door: Door,
        named: &dyn Fn(&str) -> Option<GatewayId>,
    ) -> Result<Self, ProblemDetails> {
        let mut question =
            Self { filter: Filter::default(), before: None, limit: PAGE_DEFAULT, with_texts: false };
        query::read(uri, known, door, |name, value| question.set(name, &value, named))?;
        Ok(question)
    }

    fn set(
        &mut self,
        name: &str,
        value: &str,
        named: &dyn Fn(&str) -> Option<GatewayId>,
    ) -> Result<(), String> {
        let choose = |words: Vec<&str>| format!("choose one of: {}", words.join(", "));
        let filter = &mut self.filter;
        match name {
            "status" => {
                let state = MessageState::from_name(value).ok_or_else(|| choose(views::states()))?;
                filter.state = Some(state);
            }
            "to" => filter.to = Some(PhoneNumber::parse(value).map_err(|error| error.to_string())?),
            "kind" => filter.kind = Some(Kind::from_name(value).ok_or_else(|| choose(views::kinds()))?),
            "gateway" => {
                let unknown =
                    "no gateway of this virtual server has this name; give its number if it was removed";
                filter.gateway = Some(named(value).ok_or(unknown)?);
            }
            "texts" => self.with_texts = yes_or_no(value)?,
            "reference" if value.chars().count() > 255 => return Err("use at most 255 characters".into()),
            "reference" => filter.reference = Some(value.to_owned()),
            "since" => filter.since_ms = Some(time(value)?),
            "until" => filter.until_ms = Some(time(value)?),
            "cursor" => self.before = Some(cursor(value)?),
            _ => self.limit = limit(value, PAGE_MOST)?,
        }
        Ok(())
    }
}

// === cancel ===

#[derive(Serialize)]
struct CancelledShown {
    id: String,
    status: MessageState,
}

async fn cancel(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, id: PathId) -> Answer {
    let id = id.of(MESSAGE)?;
    cancelled(id, api.dispatch.cancel(access.vs, id).await)
}

/// Cancelling twice is cancelling: only what went another way is a conflict.
fn cancelled(id: MessageId, answer: Result<(MessageState, bool), DirectoryError>) -> Answer {
    match answer? {
        (status, true) | (status @ MessageState::Cancelled, false) => Ok(shown_cancelled(id, status)),
        (status, false) => {
            let detail = match status {
                MessageState::Accepted | MessageState::Scheduled => {
                    "a gateway has just taken this message; ask for it again in a moment".to_owned()
                }
                _ => format!("this message is {status}"),
            };
            Err(ProblemDetails::new(ProblemType::NotCancellable, detail))
        }
    }
}

fn shown_cancelled(id: MessageId, status: MessageState) -> Response {
    answer::json(StatusCode::OK, &CancelledShown { id: id.to_string(), status })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn problem(body: Value) -> Value {
        match parse(body.to_string().as_bytes()) {
            Ok(_) => panic!("{body} was taken"),
            Err(problem) => problem.to_json(),
        }
    }

    fn paths(body: Value) -> Vec<String> {
        let json = problem(body);
        let errors = json["errors"].as_array().unwrap();
        errors.iter().map(|error| error["path"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_whole_message_is_read() {
        let body = json!({
            "to": "15550100100", "text": "Your code is 493817", "kind": "otp", "sender": "ACME", "flash": true,
            "overwrite": 3, "validity_s": 60, "send_at": "2027-01-15T08:00:00Z", "reference": "r-1",
        });
        let request = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!((request.to.as_str(), request.text.as_str()), ("15550100100", "Your code is 493817"));
        assert_eq!((request.kind, request.flash, request.overwrite), (Some(Kind::Otp), Some(true), Some(3)));
        assert_eq!((request.validity_s, request.send_at_ms), (Some(60), Some(1_800_000_000_000)));
        assert_eq!((request.sender.as_deref(), request.reference.as_deref()), (Some("ACME"), Some("r-1")));
    }

    #[test]
    fn what_is_left_out_or_null_is_as_set() {
        for body in
            [json!({"to": "1", "text": ""}), json!({"to": "1", "text": "", "kind": null, "overwrite": null})]
        {
            let request = parse(body.to_string().as_bytes()).unwrap();
            assert!(request.kind.is_none() && request.overwrite.is_none() && request.send_at_ms.is_none());
        }
    }

    #[test]
    fn overwrite_is_yes_no_or_a_type() {
        let of = |value: Value| {
            let body = json!({"to": "1", "text": "", "overwrite": value});
            parse(body.to_string().as_bytes()).ok().and_then(|request| request.overwrite)
        };
        assert_eq!((of(json!(true)), of(json!(false)), of(json!(7))), (Some(1), Some(0), Some(7)));
        for wrong in [json!(0), json!(8), json!(-1), json!("1"), json!(1.5)] {
            assert_eq!(paths(json!({"to": "1", "text": "", "overwrite": wrong})), ["overwrite"]);
        }
    }

    #[test]
    fn every_problem_of_a_message_is_named_at_once() {
        let body = json!({"text": 493817, "kind": "sms", "validity_s": 0, "send_at": "soon", "priority": 1});
        assert_eq!(paths(body), ["priority", "to", "text", "kind", "validity_s", "send_at"]);
        assert_eq!(paths(json!([])), [""]);
    }

    #[test]
    fn no_problem_tells_the_text_or_the_number() {
        let body = json!({"to": ["15550100199"], "text": {"code": "493817"}, "sender": "x".repeat(65), "flash": "493817"});
        let told = problem(body).to_string();
        assert!(!told.contains("493817") && !told.contains("15550100199"), "{told}");
    }

    #[test]
    fn nul_and_endless_texts_are_refused() {
        assert_eq!(
            paths(json!({"to": "1\0", "text": "a\0b", "reference": "\0"})),
            ["to", "text", "reference"]
        );
        assert_eq!(
            paths(json!({"to": "1".repeat(65), "text": "a".repeat(LONGEST_TEXT + 1)})),
            ["to", "text"]
        );
        assert!(parse(json!({"to": "1", "text": "a".repeat(LONGEST_TEXT)}).to_string().as_bytes()).is_ok());
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        let told = parse(br#"{"to":"1","to":"2","text":"a"}"#).err().unwrap().to_json();
        assert_eq!(told["errors"][0]["path"], "to");
    }

    #[test]
    fn an_idempotency_key_is_1_to_255_visible_characters() {
        let key = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
            }
            idempotency_key(&headers).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[b"order-1"]), Ok(Some("order-1".into())));
        assert!(key(&[&[b'a'; 255]]).is_ok());
        for wrong in [&[&b""[..]][..], &[&[b'a'; 256]], &[b"a b"], &["ä".as_bytes()], &[b"a", b"b"]] {
            assert_eq!(key(wrong), Err(400), "{wrong:?}");
        }
    }

    fn question(query: &str, door: Door) -> Result<Question, Vec<String>> {
        let named = |name: &str| (name == "main").then_some(GatewayId(3));
        let uri = format!("/v1/messages?{query}").parse().unwrap();
        Question::read(&uri, LIST_PARAMETERS, door, &named).map_err(|problem| {
            let json = problem.to_json();
            let errors = json["errors"].as_array().cloned().unwrap_or_default();
            errors.iter().map(|error| error["path"].as_str().unwrap_or_default().to_owned()).collect()
        })
    }

    #[test]
    fn a_question_has_its_filters() {
        let id = MessageId::from_u64(77);
        let query = format!(
            "status=sent&to=15550100100&kind=otp&gateway=main&reference=a%20b&since=2027-01-15T08:00:00Z&until=1800000001&cursor={id}&limit=7"
        );
        let question = question(&query, Door::Keys).unwrap();
        assert_eq!((question.before, question.limit), (Some(id), 7));
        let filter = question.filter;
        assert_eq!((filter.state, filter.kind), (Some(MessageState::Sent), Some(Kind::Otp)));
        assert_eq!((filter.reference.as_deref(), filter.gateway), (Some("a b"), Some(GatewayId(3))));
        assert_eq!((filter.since_ms, filter.until_ms), (Some(1_800_000_000_000), Some(1_800_000_001_000)));
        assert_eq!(filter.to, PhoneNumber::parse("15550100100").ok());
    }

    #[test]
    fn a_wrong_question_is_told_all_that_is_wrong() {
        let wrong =
            question("status=x&limit=0&limit=3&to=%2B1555&page=2&cursor=1&vs=acme&gateway=x", Door::Keys)
                .unwrap_err();
        assert_eq!(wrong, ["status", "limit", "limit", "to", "page", "cursor", "vs", "gateway"]);
        assert!(question("limit=201", Door::Keys).is_err());
        assert!(question("vs=acme", Door::Control).is_ok(), "who acts for another says so in the query");
    }

    #[test]
    fn cancelling_twice_is_cancelling_and_cancelling_late_is_a_conflict() {
        let id = MessageId::from_u64(1);
        let status = |state, changed| match cancelled(id, Ok((state, changed))) {
            Ok(response) => response.status(),
            Err(problem) => problem.status(),
        };
        assert_eq!(status(MessageState::Cancelled, true), 200);
        assert_eq!(status(MessageState::Cancelled, false), 200);
        assert_eq!(status(MessageState::Sent, false), 409);
        assert_eq!(status(MessageState::Accepted, false), 409);
        let unknown = cancelled(id, Err(DirectoryError::NotFound("this message".into())));
        assert_eq!(unknown.unwrap_err().status(), 404);
    }

    #[test]
    fn an_accepted_message_is_answered_with_its_place() {
        let taken_message = Taken {
            id: MessageId::from_u64(1),
            state: MessageState::Accepted,
            segments: 1,
            encoding: "gsm7".into(),
            is_duplicate: false,
        };
        let response = taken(Ok(taken_message.clone())).unwrap();
        assert_eq!(response.status(), 202);
        assert_eq!(response.headers()["location"], "/v1/messages/0000000000001");
        assert!(!response.headers().contains_key("idempotent-replayed"));
        let replayed = taken(Ok(Taken { is_duplicate: true, ..taken_message })).unwrap();
        assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    }
}
