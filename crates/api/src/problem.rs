//! Errors as RFC 9457 problem details: one table of types, and how the lower rooms' refusals map to it.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use textgate_dispatch::{DirectoryError, Refusal};
use textgate_gateway::Problem;

/// Makes the table of problem types: slug, HTTP status, title, and what it means for the caller.
macro_rules! problem_types {
    ($($variant:ident = $slug:literal $status:ident $title:literal $meaning:literal,)+) => {
        /// A kind of error, by what the caller can do about it. Its slug never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum ProblemType {
            $(#[doc = $meaning] $variant,)+
        }

        impl ProblemType {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The last part of its `type` address.
            pub(crate) fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)+ }
            }

            /// Its HTTP status.
            pub(crate) fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// The same short sentence for each of its occurrences.
            pub(crate) fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means and what to do, for the documentation.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

problem_types! {
    InvalidJson = "invalid-json" BAD_REQUEST "The body is not JSON"
        "The request's body cannot be read as JSON; the detail says where it breaks off. Correct it before you repeat the request.",
    InvalidRequest = "invalid-request" BAD_REQUEST "The request has problems"
        "Fields of the body, the query or the headers are missing or wrong. `errors` names all of them with what to do; correct them before you repeat the request.",
    Unauthorized = "unauthorized" UNAUTHORIZED "A valid API key is needed"
        "The request has no API key, or one that is not known. Send it as `Authorization: Bearer <key>`.",
    NoCredits = "no-credits" PAYMENT_REQUIRED "Not enough SMS credits"
        "The SMS settings' mode is Default and the SMS credits do not suffice. Ask your service provider to allocate more, or select Custom in the SMS settings.",
    Forbidden = "forbidden" FORBIDDEN "This API key may not do that"
        "The API key is known, but its role or its virtual server does not allow this. Use a key that may.",
    NumberRefused = "number-refused" FORBIDDEN "Passcodes are not sent to this number"
        "The fraud guard's rules keep passcodes from this number. Why stands in GET /v1/guard/report; whoever asked for the code is not to be told.",
    NotFound = "not-found" NOT_FOUND "There is no such thing"
        "The address is not one of the API's, or what it names does not exist or is not yours.",
    MethodNotAllowed = "method-not-allowed" METHOD_NOT_ALLOWED "This method is not for this address"
        "The address exists, but not with this method. The Allow header lists those it takes.",
    RequestTimeout = "request-timeout" REQUEST_TIMEOUT "The body took too long"
        "The request's body did not arrive in time. Repeat the request.",
    Conflict = "conflict" CONFLICT "It does not fit what is there"
        "The change contradicts what exists, for example a name is taken. The detail says what.",
    NotCancellable = "not-cancellable" CONFLICT "The message can no longer be cancelled"
        "A gateway has taken the message already, or its way has ended.",
    NotResendable = "not-resendable" CONFLICT "The message cannot be sent again"
        "It is still on its way, it is a one-time passcode, or its text has been erased. Send a new message. A passcode made by POST /v1/otp is sent again by its own resend, while it is pending and as often as its settings allow.",
    PasscodeNotPending = "passcode-not-pending" CONFLICT "The passcode is not pending any more"
        "It was approved, it has expired, too many wrong codes were given, or it was cancelled; the detail says which. Make a new one.",
    NotConfigured = "not-configured" CONFLICT "No SMS gateway is configured"
        "Neither this virtual server nor one above it has a gateway for this message. Select Custom in the SMS settings and add a gateway.",
    BodyTooLarge = "body-too-large" PAYLOAD_TOO_LARGE "The body is too large"
        "The request's body is larger than this address takes: 1 MiB for a batch, for a list of opt-outs and for receipts, 64 KiB for all else.",
    UnsupportedMediaType = "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "The body must be JSON"
        "Send the body as JSON, with `Content-Type: application/json`.",
    OptedOut = "opted-out" UNPROCESSABLE_ENTITY "The phone has opted out"
        "The phone wants no messages of this virtual server, or of this sender: send it none. It can text START to get them again; an opt-out that was added by mistake can be removed by DELETE /v1/opt-outs/{id}. Nothing was kept or charged.",
    IdempotencyConflict = "idempotency-conflict" UNPROCESSABLE_ENTITY "This Idempotency-Key was used for another request"
        "An Idempotency-Key stands for one request. Use a new key for a new message, and the same key only to repeat the same request.",
    RateLimited = "rate-limited" TOO_MANY_REQUESTS "Too many requests"
        "This API key has a limit of requests a second. Repeat the request after the seconds in Retry-After.",
    ResendTooSoon = "resend-too-soon" TOO_MANY_REQUESTS "The passcode was sent a moment ago"
        "Each resend of a passcode has a pause before it, which grows. Repeat the request after the seconds in Retry-After.",
    TooManyPasscodes = "too-many-passcodes" TOO_MANY_REQUESTS "Too many passcodes were asked for"
        "The fraud guard lets no more passcodes through for now. Which of its rules it was stands in GET /v1/guard/report; ask again after the seconds in Retry-After.",
    ProviderUnavailable = "provider-unavailable" BAD_GATEWAY "The provider gave no answer of use"
        "A gateway's provider was asked and did not answer, or refused. The detail says why; correct the gateway's settings, or repeat the request later.",
    Busy = "busy" SERVICE_UNAVAILABLE "Too much is waiting"
        "More waits than the server takes. Nothing was kept or charged; repeat the request after the seconds in Retry-After.",
    StoreUnavailable = "store-unavailable" SERVICE_UNAVAILABLE "The store is not available"
        "Nothing can be stored or read at the moment. Nothing was kept or charged; repeat the request after the seconds in Retry-After.",
    NotReady = "not-ready" SERVICE_UNAVAILABLE "Messages are not accepted now"
        "The program is starting or stopping, or its store cannot write. The detail says which.",
    Stopping = "stopping" SERVICE_UNAVAILABLE "The server is stopping"
        "Nothing was kept or charged; repeat the request after the seconds in Retry-After.",
}

/// One error, on its way to the caller.
#[derive(Debug)]
pub(crate) struct ProblemDetails {
    kind: ProblemType,
    detail: Cow<'static, str>,
    errors: Vec<Problem>,
    retry_after_s: Option<u64>,
    /// Extension members (RFC 9457 §3.2), where the type has any.
    more: Option<Box<Map<String, Value>>>,
}

/// How an error is written (RFC 9457 §3.1).
#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    errors: &'a [Problem],
    #[serde(flatten)]
    more: Option<&'a Map<String, Value>>,
}

// === impl ProblemType ===

impl ProblemType {
    /// Its `type` address, relative to the API's root; it is documented there.
    pub(crate) fn address(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// The type of this slug.
    pub(crate) fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }
}

// === impl ProblemDetails ===

impl ProblemDetails {
    pub(crate) fn new(kind: ProblemType, detail: impl Into<Cow<'static, str>>) -> Self {
        // RFC 9110 §10.2.3: a 503 says when to come again.
        let retry_after_s = (kind.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after_s, more: None }
    }

    /// A request whose fields have these problems.
    pub(crate) fn invalid(errors: Vec<Problem>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.path.is_empty() => one.message.clone().into(),
            [one] => format!("{}: {}", one.path, one.message).into(),
            _ => Cow::Borrowed("several fields have problems; see errors"),
        };
        Self { errors, ..Self::new(ProblemType::InvalidRequest, detail) }
    }

    /// A request with one wrong field.
    pub(crate) fn invalid_field(path: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![Problem::new(path, message)])
    }

    /// A thing that does not exist, or that this caller may not know of: the two look the same.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(ProblemType::NotFound, format!("{what} does not exist"))
    }

    pub(crate) fn forbidden(detail: &'static str) -> Self {
        Self::new(ProblemType::Forbidden, detail)
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    #[must_use]
    fn with(mut self, more: Value) -> Self {
        self.more = match more {
            Value::Object(more) => Some(Box::new(more)),
            _ => None,
        };
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.kind.status()
    }

    pub(crate) fn to_json(&self) -> Value {
        serde_json::to_value(self.wire()).unwrap_or_default()
    }

    fn wire(&self) -> Wire<'_> {
        Wire {
            r#type: self.kind.address(),
            title: self.kind.title(),
            status: self.status().as_u16(),
            detail: &self.detail,
            errors: &self.errors,
            more: self.more.as_deref(),
        }
    }
}

impl IntoResponse for ProblemDetails {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.wire()).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match self.kind {
            // RFC 6750 §3.
            ProblemType::Unauthorized => {
                headers
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"textgate\""));
            }
            // What is left of a body that was given up on would be read as the next request.
            ProblemType::RequestTimeout | ProblemType::BodyTooLarge => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

impl From<Refusal> for ProblemDetails {
    fn from(refusal: Refusal) -> Self {
        let kind = match &refusal {
            Refusal::Invalid(_) => ProblemType::InvalidRequest,
            Refusal::NoCredits { .. } => ProblemType::NoCredits,
            Refusal::NotConfigured => ProblemType::NotConfigured,
            Refusal::IdempotencyConflict => ProblemType::IdempotencyConflict,
            Refusal::NotAgain => ProblemType::NotResendable,
            Refusal::OptedOut => ProblemType::OptedOut,
            Refusal::NumberRefused => ProblemType::NumberRefused,
            Refusal::TooManyPasscodes { .. } => ProblemType::TooManyPasscodes,
            Refusal::Busy => ProblemType::Busy,
            Refusal::StoreUnavailable => ProblemType::StoreUnavailable,
            Refusal::Stopping => ProblemType::Stopping,
        };
        let detail = refusal.to_string();
        match refusal {
            Refusal::Invalid(problems) => Self::invalid(problems),
            Refusal::NoCredits { needed, remaining } => {
                Self::new(kind, detail).with(json!({"needed": needed, "remaining": remaining}))
            }
            Refusal::TooManyPasscodes { retry_after_s } => {
                Self::new(kind, detail).retry_after(retry_after_s.into())
            }
            _ => Self::new(kind, detail),
        }
    }
}

impl From<DirectoryError> for ProblemDetails {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Invalid(problems) => Self::invalid(problems),
            DirectoryError::NotFound(_) => Self::new(ProblemType::NotFound, error.to_string()),
            DirectoryError::Conflict(why) => Self::new(ProblemType::Conflict, why),
            DirectoryError::StoreUnavailable(why) => {
                // Paths and the system's errors are the operator's, not the tenant's.
                tracing::warn!(%why, "the store is not available");
                Self::new(ProblemType::StoreUnavailable, "the store is not available; try again in a moment")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_read_back() {
        for kind in ProblemType::ALL {
            assert_eq!(ProblemType::from_slug(kind.slug()), Some(*kind));
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }

    #[test]
    fn every_refusal_has_its_type_and_status() {
        let cases = [
            (Refusal::Invalid(vec![Problem::new("to", "remove +: 15550100100")]), "invalid-request", 400),
            (Refusal::NoCredits { needed: 2, remaining: 1 }, "no-credits", 402),
            (Refusal::NotConfigured, "not-configured", 409),
            (Refusal::IdempotencyConflict, "idempotency-conflict", 422),
            (Refusal::NumberRefused, "number-refused", 403),
            (Refusal::OptedOut, "opted-out", 422),
            (Refusal::TooManyPasscodes { retry_after_s: 9 }, "too-many-passcodes", 429),
            (Refusal::Busy, "busy", 503),
            (Refusal::StoreUnavailable, "store-unavailable", 503),
            (Refusal::Stopping, "stopping", 503),
        ];
        for (refusal, slug, status) in cases {
            let problem = ProblemDetails::from(refusal);
            let json = problem.to_json();
            assert_eq!(json["type"], format!("/problems/{slug}"));
            assert_eq!(json["status"], status);
            let response = problem.into_response();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            assert_eq!(response.headers().contains_key("retry-after"), matches!(status, 429 | 503), "{slug}");
        }
    }

    #[test]
    fn too_few_credits_say_how_many_are_needed_and_left() {
        let json = ProblemDetails::from(Refusal::NoCredits { needed: 2, remaining: 1 }).to_json();
        assert_eq!((&json["needed"], &json["remaining"]), (&json!(2), &json!(1)));
    }

    #[test]
    fn each_wrong_field_stands_in_errors_with_its_path() {
        let json = ProblemDetails::from(DirectoryError::Invalid(vec![
            Problem::new("gateways[0].settings.host", "enter Host"),
            Problem::new("test_number", "remove +: 15550100100"),
        ]))
        .to_json();
        assert_eq!(json["errors"][0], json!({"path": "gateways[0].settings.host", "message": "enter Host"}));
        assert_eq!(json["errors"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn the_stores_own_words_stay_inside() {
        let json = ProblemDetails::from(DirectoryError::StoreUnavailable("/var/lib/x: EIO".into())).to_json();
        assert!(!json.to_string().contains("/var/lib"));
    }

    #[test]
    fn a_401_names_its_scheme() {
        let response = ProblemDetails::new(ProblemType::Unauthorized, "no").into_response();
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
}
