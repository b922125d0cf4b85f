//! What phones send: reading it, and the rules that say whose it is.

use crate::access::{FullAccess, PathId, Target};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::ProblemType;
use crate::query::{self, cursor, limit, query};
use crate::routes::{Allowed, Parameter, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::time::Shown;
use crate::views::{COUNT, NAME};
use axum::extract::{Request, State};
use axum::routing::{get, put};
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use textgate_dispatch::{InboundPage, InboundRule, InboundView};
use textgate_sms::VsId;

/// Most messages of one page, and how many where the caller does not say.
const PAGE_MOST: usize = 200;
const PAGE_DEFAULT: usize = 50;

const ADDRESS: Shape = Shape::Text(64);

static MESSAGE: Object = Object {
    name: "InboundMessage",
    about: "A message that a phone sent.",
    properties: &[
        required("id", Shape::Text(13), "Its id."),
        required("from", ADDRESS, "The phone, as the provider gave it."),
        required("to", ADDRESS, "The number or short code it was sent to."),
        optional(
            "text",
            Shape::Text(65_536),
            "The text, with `[…]` where parts are missing; null where it cannot be decrypted.",
        ),
        required("received_at", Shape::Time, "When it came; of several parts, the last."),
        required("gateway", NAME, "The gateway it came by; its number where it was removed meanwhile."),
        required("parts", COUNT, "In how many parts it came, or should have."),
        required("missing", COUNT, "How many of them never came."),
    ],
};

static MESSAGES: Object = Object {
    name: "InboundMessages",
    about: "A page of messages that phones sent, the newest first.",
    properties: &[
        required("messages", Shape::List(&Shape::Object(&MESSAGE), PAGE_MOST), "The messages."),
        optional("next", Shape::Text(13), "Pass it as `cursor` for the next page; null at the end."),
    ],
};

static RULE: Object = Object {
    name: "InboundRule",
    about: "Says whose a message is that a phone sent. What it says of number and keyword has to fit, and it says one of them at least.",
    properties: &[
        optional("number", ADDRESS, "The number or short code that it was sent to; any where left out."),
        optional("keyword", Shape::Text(40), "Its first word, in any case of letters; any where left out."),
        required(
            "virtual_server",
            Shape::Integer(1, u32::MAX as i64),
            "Whose it is then: the virtual server itself, or one below it.",
        ),
    ],
};

static RULES: Object = Object {
    name: "InboundRules",
    about: "Rules for messages of phones that come by the virtual server's own gateways: the first that fits counts, and what none \
            fits is its own. Whoever is given a message may have rules of its own for those below it.",
    properties: &[required("rules", Shape::List(&Shape::Object(&RULE), 1_000), "The rules, in order.")],
};

static LIST_PARAMETERS: &[Parameter] = &[
    query("from", ADDRESS, "Only from this phone, however its number is written."),
    query("cursor", Shape::Text(13), "`next` of the page before."),
    query("limit", Shape::Integer(1, PAGE_MOST as i64), "How many at most; 50 where left out."),
];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/inbound",
            id: "list_inbound",
            summary: "Messages that phones sent, the newest first.",
            access: Allowed::FullKey,
            parameters: LIST_PARAMETERS,
            body: None,
            success: Success::json(200, &MESSAGES, "A page of messages."),
            problems: &[ProblemType::InvalidRequest, ProblemType::StoreUnavailable],
            handler: get(list),
        },
        Route {
            method: "GET",
            path: "/v1/inbound/{id}",
            id: "get_inbound",
            summary: "One message that a phone sent.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &MESSAGE, "The message."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: get(show),
        },
        Route {
            method: "GET",
            path: "/v1/inbound/rules",
            id: "get_inbound_rules",
            summary: "The rules that say whose messages of phones are.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &RULES, "The rules."),
            problems: &[],
            handler: get(rules),
        },
        Route {
            method: "PUT",
            path: "/v1/inbound/rules",
            id: "put_inbound_rules",
            summary: "Put the rules that say whose messages of phones are, as a whole.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&RULES),
            success: Success::json(200, &RULES, "The rules as they are now."),
            problems: &[ProblemType::StoreUnavailable],
            handler: put(replace),
        },
        Route {
            method: "GET",
            path: "/v1/virtual-servers/{id}/inbound-rules",
            id: "get_inbound_rules_of",
            summary: "The rules of a virtual server that say whose messages of phones are: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &RULES, "The rules."),
            problems: &[ProblemType::NotFound],
            handler: get(rules_of),
        },
        Route {
            method: "PUT",
            path: "/v1/virtual-servers/{id}/inbound-rules",
            id: "put_inbound_rules_of",
            summary: "Put the rules of a virtual server that say whose messages of phones are: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&RULES),
            success: Success::json(200, &RULES, "The rules as they are now."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: put(replace_of),
        },
    ]
}

#[derive(Serialize)]
struct MessageShown {
    id: String,
    from: String,
    to: String,
    text: Option<String>,
    received_at: Shown,
    gateway: String,
    parts: u8,
    missing: u8,
}

#[derive(Serialize)]
struct PageShown {
    messages: Vec<MessageShown>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct RuleGiven {
    number: Option<String>,
    keyword: Option<String>,
    virtual_server: u32,
}

#[derive(Deserialize)]
struct RulesGiven {
    rules: Vec<RuleGiven>,
}

#[derive(Serialize)]
struct RuleShown {
    number: Option<String>,
    keyword: Option<String>,
    virtual_server: u32,
}

#[derive(Serialize)]
struct RulesShown {
    rules: Vec<RuleShown>,
}

impl From<InboundView> for MessageShown {
    fn from(message: InboundView) -> Self {
        let InboundView { id, from, to, text, gateway, at_ms, parts, missing } = message;
        Self { id: id.to_string(), from, to, text, received_at: Shown(at_ms), gateway, parts, missing }
    }
}

impl From<RuleGiven> for InboundRule {
    fn from(rule: RuleGiven) -> Self {
        let RuleGiven { number, keyword, virtual_server } = rule;
        Self { number, keyword, virtual_server: VsId(virtual_server) }
    }
}

fn shown(rules: Vec<InboundRule>) -> Answer {
    let one = |rule: InboundRule| {
        let InboundRule { number, keyword, virtual_server } = rule;
        RuleShown { number, keyword, virtual_server: virtual_server.0 }
    };
    Ok(answer::json(StatusCode::OK, &RulesShown { rules: rules.into_iter().map(one).collect() }))
}

// === handlers ===

async fn list(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, uri: Uri) -> Answer {
    let (mut from, mut before, mut most) = (None, None, PAGE_DEFAULT);
    query::read(&uri, LIST_PARAMETERS, api.door, |name, value| {
        match name {
            "from" if value.is_empty() || value.chars().count() > 64 => {
                return Err("enter the phone's number".to_owned());
            }
            "from" => from = Some(value),
            "cursor" => before = Some(cursor(&value)?),
            _ => most = limit(&value, PAGE_MOST)?,
        }
        Ok(())
    })?;
    let InboundPage { messages, next } =
        api.dispatch.inbound(access.vs, from.as_deref(), before, most).await?;
    let messages = messages.into_iter().map(MessageShown::from).collect();
    Ok(answer::json(StatusCode::OK, &PageShown { messages, next: next.map(|id| id.to_string()) }))
}

async fn show(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, id: PathId) -> Answer {
    let message = api.dispatch.inbound_message(access.vs, id.of("this message")?).await?;
    Ok(answer::json(StatusCode::OK, &MessageShown::from(message)))
}

async fn rules(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown(api.dispatch.inbound_rules(access.vs)?)
}

async fn rules_of(State(api): State<Arc<Api>>, target: Target) -> Answer {
    shown(api.dispatch.inbound_rules(target.vs)?)
}

async fn replace(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    put_rules(&api, &access.actor, access.vs, request).await
}

async fn replace_of(State(api): State<Arc<Api>>, target: Target, request: Request) -> Answer {
    put_rules(&api, &target.access.actor, target.vs, request).await
}

async fn put_rules(api: &Api, actor: &str, vs: VsId, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let given: RulesGiven = body::parse(&bytes, &RULES)?;
    let rules = given.rules.into_iter().map(InboundRule::from).collect();
    shown(api.dispatch.put_inbound_rules(actor, vs, rules).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_gateway::Problem;

    fn check(object: &Object, shown: impl Serialize) -> Vec<Problem> {
        let mut problems = Vec::new();
        object.check(&serde_json::to_value(shown).unwrap(), "", &mut problems);
        problems
    }

    #[test]
    fn bodies_fit_their_descriptions() {
        let body = br#"{"rules":[{"number":"+12345","keyword":"Acme","virtual_server":2},{"keyword":"x","virtual_server":3}]}"#;
        let given: RulesGiven = body::parse(body, &RULES).unwrap();
        assert_eq!(given.rules[0].virtual_server, 2);
        for wrong in
            [r#"{}"#, r#"{"rules":[{}]}"#, r#"{"rules":[{"virtual_server":"acme"}]}"#, r#"{"rules":{}}"#]
        {
            assert!(body::parse::<RulesGiven>(wrong.as_bytes(), &RULES).is_err(), "{wrong}");
        }
        let message = || MessageShown {
            id: "0".repeat(13),
            from: "15550100100".into(),
            to: "12345".into(),
            text: None,
            received_at: Shown(0),
            gateway: "main".into(),
            parts: 3,
            missing: 1,
        };
        assert_eq!(check(&MESSAGE, message()), []);
        assert_eq!(check(&MESSAGES, PageShown { messages: vec![message()], next: None }), []);
        let rule = RuleShown { number: None, keyword: Some("x".into()), virtual_server: 2 };
        assert_eq!(check(&RULES, RulesShown { rules: vec![rule] }), []);
    }
}
