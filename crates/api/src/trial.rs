//! Trying SMS settings: what a gateway would send, before it is saved; and Test send, by the settings as they are.

use crate::access::{FullAccess, Target};
use crate::answer::{self, Answer};
use crate::body;
use crate::messages::{self, SENDING};
use crate::problem::ProblemType;
use crate::routes::{Allowed, Route, Success};
use crate::settings::GATEWAY_INPUT;
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::views;
use axum::extract::{Request, State};
use axum::routing::post;
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use textgate_dispatch::PreviewInput;
use textgate_sms::VsId;

static TEST: Object = Object {
    name: "TestRequest",
    about: "Where a test message goes.",
    properties: &[optional(
        "number",
        Shape::Text(64),
        "The number; the settings' SMS Mobile Number where left out.",
    )],
};

static PREVIEW_INPUT: Object = Object {
    name: "PreviewRequest",
    about: "A gateway that need not be saved, and the message whose way through it is to be seen.",
    properties: &[
        required(
            "gateway",
            Shape::Object(&GATEWAY_INPUT),
            "The gateway. Secrets that are blank or left out are those of the saved gateway of its name.",
        ),
        optional(
            "number",
            Shape::Text(64),
            "Where the message would go; the SMS Mobile Number, or else a made-up number, where left out.",
        ),
        optional("text", Shape::Text(65_536), "Its text; a test message's where left out."),
    ],
};

static PREVIEW: Object = Object {
    name: "Preview",
    about: "What a gateway would send for a passcode, by the code that sends. A name in ‹› stands for each secret, and for what is computed from it.",
    properties: &[
        required("segments", Shape::Integer(1, 255), "Segments on the air."),
        required("encoding", Shape::Text(64), "The encoding."),
        optional(
            "requests",
            Shape::List(&Shape::Object(&HTTP_REQUEST), 2),
            "HTTP requests: for a token where the provider wants one, then for the message.",
        ),
        optional("pdus", Shape::List(&Shape::Object(&PDU), 255), "Over SMPP: each submit_sm."),
    ],
};

static HTTP_REQUEST: Object = Object {
    name: "HttpRequest",
    about: "One HTTP request, without Content-Length.",
    properties: &[
        required("purpose", Shape::Text(16), "`token` or `message`."),
        required("method", Shape::Text(16), "The method."),
        required("url", Shape::Text(1 << 20), "The URL with its query."),
        required("headers", Shape::List(&Shape::Object(&HEADER), 100), "The headers."),
        required("body", Shape::Text(1 << 20), "The body; blank for none."),
    ],
};

static HEADER: Object = Object {
    name: "Header",
    about: "One header.",
    properties: &[
        required("name", Shape::Text(256), "Its name."),
        required("value", Shape::Text(65_536), "Its value."),
    ],
};

static PDU: Object = Object {
    name: "Pdu",
    about: "One PDU.",
    properties: &[
        required("name", Shape::Text(64), "Its standard's name: `submit_sm`."),
        required("fields", Shape::List(&Shape::Object(&PDU_FIELD), 100), "Its fields in order."),
        required("octets", Shape::Text(1 << 20), "All of it in hexadecimal."),
    ],
};

static PDU_FIELD: Object = Object {
    name: "PduField",
    about: "One field of a PDU.",
    properties: &[
        required("name", Shape::Text(64), "Its standard's name: `data_coding`."),
        required("value", Shape::Text(1 << 20), "Its value; octets in hexadecimal."),
        required("meaning", Shape::Text(1 << 20), "What it means; blank where the value says it."),
    ],
};

const UNKNOWN: &[ProblemType] = &[ProblemType::NotFound];
/// As [`SENDING`], for a virtual server below.
const SENDING_OF: &[ProblemType] = &[
    ProblemType::NotFound,
    ProblemType::NoCredits,
    ProblemType::NotConfigured,
    ProblemType::OptedOut,
    ProblemType::Busy,
    ProblemType::StoreUnavailable,
    ProblemType::Stopping,
];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "POST",
            path: "/v1/sms-settings/preview",
            id: "preview_gateway",
            summary: "Show what a gateway would send, before it is saved. Nothing is sent.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&PREVIEW_INPUT),
            success: Success::json(200, &PREVIEW, "What it would send."),
            problems: &[],
            handler: post(preview),
        },
        Route {
            method: "POST",
            path: "/v1/sms-settings/test",
            id: "send_test",
            summary: "Send a test message by the settings as they are. Its attempts tell what each provider answered.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&TEST),
            success: Success::json(202, &views::TAKEN, "The test message was accepted."),
            problems: SENDING,
            handler: post(test),
        },
        Route {
            method: "POST",
            path: "/v1/virtual-servers/{id}/sms-settings/preview",
            id: "preview_gateway_of",
            summary: "The same for a virtual server: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&PREVIEW_INPUT),
            success: Success::json(200, &PREVIEW, "What it would send."),
            problems: UNKNOWN,
            handler: post(preview_of),
        },
        Route {
            method: "POST",
            path: "/v1/virtual-servers/{id}/sms-settings/test",
            id: "send_test_of",
            summary: "Send a test message of a virtual server: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&TEST),
            success: Success::json(202, &views::TAKEN, "The test message was accepted."),
            problems: SENDING_OF,
            handler: post(test_of),
        },
    ]
}

async fn preview(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    shown(&api, access.vs, request).await
}

async fn preview_of(State(api): State<Arc<Api>>, target: Target, request: Request) -> Answer {
    shown(&api, target.vs, request).await
}

async fn shown(api: &Api, vs: VsId, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let input: PreviewInput = body::parse(&bytes, &PREVIEW_INPUT)?;
    Ok(answer::json(StatusCode::OK, &api.dispatch.preview(vs, input)?))
}

#[derive(Default, Deserialize)]
struct TestInput {
    number: Option<String>,
}

async fn test(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    sent(&api, access.vs, request).await
}

async fn test_of(State(api): State<Arc<Api>>, target: Target, request: Request) -> Answer {
    sent(&api, target.vs, request).await
}

async fn sent(api: &Api, vs: VsId, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    // Nothing to say is nothing to send: then the settings' number is meant.
    let input = if bytes.is_empty() { TestInput::default() } else { body::parse(&bytes, &TEST)? };
    messages::taken(api.dispatch.send_test(vs, input.number).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use textgate_gateway::{Header, HttpRequest, Pdu, PduField, Plan, Preview};

    #[test]
    fn a_preview_is_asked_for_with_a_gateway_alone() {
        let body = json!({"gateway": {"plugin": "smpp", "settings": {"password": null}}});
        let input: PreviewInput = body::parse(body.to_string().as_bytes(), &PREVIEW_INPUT).unwrap();
        assert_eq!((input.gateway.plugin.as_str(), input.number, input.text), ("smpp", None, None));
        assert_eq!(input.gateway.settings, json!({"password": null}), "null clears a secret");
        assert!(body::parse::<PreviewInput>(b"{}", &PREVIEW_INPUT).is_err());
    }

    #[test]
    fn what_is_shown_is_what_is_described() {
        let text = || "x".to_owned();
        let headers = vec![Header { name: text(), value: text() }];
        let request = HttpRequest { purpose: "message", method: text(), url: text(), headers, body: text() };
        let field = PduField { name: text(), value: text(), meaning: text() };
        let pdu = Pdu { name: "submit_sm", fields: vec![field], octets: text() };
        let mut preview = Preview::new(Plan { segments: 1, encoding: "gsm7" });
        (preview.requests, preview.pdus) = (vec![request], vec![pdu]);
        let mut problems = Vec::new();
        PREVIEW.check(&serde_json::to_value(preview).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }
}
