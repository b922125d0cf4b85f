//! Passcodes themselves: made, checked, sent again, cancelled and shown.

use super::shapes::{
    CHECK, CHECKED, CheckBody, CheckedShown, PASSCODE, PASSCODES, PasscodeBody, PasscodeShown,
    PasscodesShown, REQUEST, SENT, SentShown, states,
};
use crate::access::{Access, PathId};
use crate::answer::{self, Answer};
use crate::body;
use crate::messages::{IDEMPOTENCY, idempotency_key};
use crate::problem::{ProblemDetails, ProblemType};
use crate::query::{self, cursor, limit, query};
use crate::routes::{Allowed, Parameter, Route, Success};
use crate::shape::Shape;
use crate::state::{Api, Door};
use axum::extract::{Request, State};
use axum::routing::{delete, get, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use std::net::IpAddr;
use std::sync::Arc;
use textgate_dispatch::{PasscodeRequest, PasscodeSent};
use textgate_sms::{MessageId, PasscodeState, PhoneNumber};

/// Most passcodes of one page, and how many where the caller does not say.
const PAGE_MOST: usize = 200;
const PAGE_DEFAULT: usize = 50;

/// Why a passcode may not be sent again.
const RESENDING: &[ProblemType] = &[
    ProblemType::InvalidRequest,
    ProblemType::NotFound,
    ProblemType::PasscodeNotPending,
    ProblemType::ResendTooSoon,
    ProblemType::NotResendable,
    ProblemType::NoCredits,
    ProblemType::NotConfigured,
    ProblemType::OptedOut,
    ProblemType::IdempotencyConflict,
    ProblemType::Busy,
    ProblemType::StoreUnavailable,
    ProblemType::Stopping,
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "POST",
            path: "/v1/otp",
            id: "create_passcode",
            summary: "Make a one-time passcode and send it. Its code is told to nobody but the phone.",
            access: Allowed::AnyKey,
            parameters: std::slice::from_ref(&IDEMPOTENCY),
            body: Some(&REQUEST),
            success: Success::json(
                202,
                &SENT,
                "It is on disk and on its way. Location is where it is found.",
            ),
            problems: crate::messages::SENDING,
            handler: post(create),
        },
        Route {
            method: "GET",
            path: "/v1/otp",
            id: "list_passcodes",
            summary: "Passcodes of the last week, the newest first, without their codes.",
            access: Allowed::AnyKey,
            parameters: LIST_PARAMETERS,
            body: None,
            success: Success::json(200, &PASSCODES, "A page of passcodes."),
            problems: &[ProblemType::InvalidRequest, ProblemType::StoreUnavailable],
            handler: get(list),
        },
        Route {
            method: "POST",
            path: "/v1/otp/{id}/check",
            id: "check_passcode",
            summary: "Check a code. Each check counts; the right code is approved once.",
            access: Allowed::AnyKey,
            parameters: &[],
            body: Some(&CHECK),
            success: Success::json(200, &CHECKED, "What it came to. Only `approved` is a success."),
            problems: &[
                ProblemType::NotFound,
                ProblemType::PasscodeNotPending,
                ProblemType::StoreUnavailable,
            ],
            handler: post(check),
        },
        Route {
            method: "POST",
            path: "/v1/otp/{id}/resend",
            id: "resend_passcode",
            summary: "Send the same code again, after its pause; by another gateway where the first brought no receipt.",
            access: Allowed::AnyKey,
            parameters: std::slice::from_ref(&IDEMPOTENCY),
            body: None,
            success: Success::json(202, &SENT, "It is on its way again."),
            problems: RESENDING,
            handler: post(resend),
        },
        Route {
            method: "GET",
            path: "/v1/otp/{id}",
            id: "get_passcode",
            summary: "One passcode, without its code.",
            access: Allowed::AnyKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &PASSCODE, "The passcode."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: get(show),
        },
        Route {
            method: "DELETE",
            path: "/v1/otp/{id}",
            id: "cancel_passcode",
            summary: "Cancel a passcode: no code is right for it any more.",
            access: Allowed::AnyKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &PASSCODE, "It is cancelled, now or before."),
            problems: &[
                ProblemType::NotFound,
                ProblemType::PasscodeNotPending,
                ProblemType::StoreUnavailable,
            ],
            handler: delete(cancel),
        },
    ]
}

static LIST_PARAMETERS: &[Parameter] = &[
    query("to", Shape::Text(15), "Only to this number."),
    query("status", Shape::OneOf(states), "Only in this status."),
    query("cursor", Shape::Text(13), "`next` of the page before."),
    query("limit", Shape::Integer(1, PAGE_MOST as i64), "How many at most; 50 where left out."),
];

async fn create(State(api): State<Arc<Api>>, access: Access, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let key = idempotency_key(&parts.headers)?;
    let bytes = body::read(&parts.headers, body, api.options.body, api.options.body_time).await?;
    let wanted = read(body::parse(&bytes, &REQUEST)?, key)?;
    sent(&api.dispatch.create_passcode(access.vs, wanted).await?)
}

fn read(body: PasscodeBody, idempotency_key: Option<String>) -> Result<PasscodeRequest, ProblemDetails> {
    let ip = match body.ip.as_deref().filter(|ip| !ip.is_empty()) {
        None => None,
        Some(ip) => Some(ip.parse::<IpAddr>().map_err(|_| {
            ProblemDetails::invalid_field(
                "ip",
                "enter an IP address alone, for example 192.0.2.1 or 2001:db8::1",
            )
        })?),
    };
    Ok(PasscodeRequest {
        to: body.to,
        purpose: body.purpose,
        template: body.template,
        locale: body.locale,
        length: body.length,
        alphabet: body.alphabet,
        ttl_s: body.ttl_s,
        app: body.app,
        domain: body.domain,
        ip,
        idempotency_key,
    })
}

/// The answer to a passcode that is on its way.
fn sent(sent: &PasscodeSent) -> Answer {
    let shown = SentShown::from(&sent.passcode);
    let mut response = answer::json(StatusCode::ACCEPTED, &shown);
    let headers = response.headers_mut();
    // An id is 13 ASCII letters and digits: a header's value as it is.
    if let Ok(location) = HeaderValue::try_from(format!("/v1/otp/{}", shown.id)) {
        headers.insert(header::LOCATION, location);
    }
    if sent.is_duplicate {
        headers.insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    }
    Ok(response)
}

async fn check(State(api): State<Arc<Api>>, access: Access, id: PathId, request: Request) -> Answer {
    let id = id.of("this passcode")?;
    let bytes = api.read(request).await?;
    let CheckBody { code } = body::parse(&bytes, &CHECK)?;
    let checked = api.dispatch.check_passcode(access.vs, id, &code).await?;
    Ok(answer::json(StatusCode::OK, &CheckedShown::new(id.to_string(), checked)))
}

async fn resend(State(api): State<Arc<Api>>, access: Access, id: PathId, headers: HeaderMap) -> Answer {
    let (id, key) = (id.of("this passcode")?, idempotency_key(&headers)?);
    sent(&api.dispatch.resend_passcode(access.vs, id, key).await?)
}

async fn show(State(api): State<Arc<Api>>, access: Access, id: PathId) -> Answer {
    let passcode = api.dispatch.passcode(access.vs, id.of("this passcode")?).await?;
    Ok(answer::json(StatusCode::OK, &PasscodeShown::from(passcode)))
}

async fn cancel(State(api): State<Arc<Api>>, access: Access, id: PathId) -> Answer {
    let passcode = api.dispatch.cancel_passcode(access.vs, id.of("this passcode")?).await?;
    Ok(answer::json(StatusCode::OK, &PasscodeShown::from(passcode)))
}

async fn list(State(api): State<Arc<Api>>, access: Access, uri: Uri) -> Answer {
    let Question { to, state, before, limit } = Question::read(&uri, api.door)?;
    let page = api.dispatch.passcodes(access.vs, to, state, before, limit).await?;
    Ok(answer::json(StatusCode::OK, &PasscodesShown::from(page)))
}

/// A question for passcodes.
struct Question {
    to: Option<PhoneNumber>,
    state: Option<PasscodeState>,
    before: Option<MessageId>,
    limit: usize,
}

impl Question {
    fn read(uri: &Uri, door: Door) -> Result<Self, ProblemDetails> {
        let mut question = Self { to: None, state: None, before: None, limit: PAGE_DEFAULT };
        query::read(uri, LIST_PARAMETERS, door, |name, value| question.set(name, &value))?;
        Ok(question)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "to" => self.to = Some(PhoneNumber::parse(value).map_err(|error| error.to_string())?),
            "status" => {
                let unknown = || format!("choose one of: {}", states().join(", "));
                self.state = Some(PasscodeState::from_name(value).ok_or_else(unknown)?);
            }
            "cursor" => self.before = Some(cursor(value)?),
            _ => self.limit = limit(value, PAGE_MOST)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_strictly() {
        let ask = |query: &str| Question::read(&format!("/v1/otp?{query}").parse().unwrap(), Door::Keys);
        let question =
            ask("to=15550100100&status=too_many_attempts&limit=9&cursor=0000000000001").ok().unwrap();
        assert_eq!((question.state, question.limit), (Some(PasscodeState::TooManyAttempts), 9));
        assert_eq!(question.before, Some(MessageId::from_u64(1)));
        for wrong in ["to=+1", "status=sent", "limit=0", "limit=201", "cursor=x", "code=1", "limit=1&limit=2"]
        {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }
}
