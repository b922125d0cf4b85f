//! What is set for alerts: contacts, groups, templates, settings.

use crate::access::{FullAccess, path_parameter};
use crate::alerts::severities;
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::ProblemType;
use crate::routes::{Allowed, Content, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::views::NAME;
use axum::extract::{FromRequestParts, Request, State};
use axum::routing::{MethodRouter, delete, get, put};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use textgate_dispatch::{AlertSettings, ContactInput, condition_names};

pub(crate) static CONTACT: Object = Object {
    name: "Contact",
    about: "Somebody who is told of alerts.",
    properties: &[
        required("name", NAME, "The name."),
        required("number", Shape::Text(15), "The number."),
        required("language", Shape::OneOf(languages), "The language of textgate's own alerts."),
    ],
};

static CONTACTS: Object = Object {
    name: "Contacts",
    about: "Contacts by name.",
    properties: &[required("contacts", Shape::List(&Shape::Object(&CONTACT), 1_000), "The contacts.")],
};

static NEW_CONTACT: Object = Object {
    name: "NewContact",
    about: "A contact to be put.",
    properties: &[
        required("number", Shape::Text(64), "The number: only digits, beginning with a country code."),
        optional(
            "language",
            Shape::OneOf(languages),
            "The language of textgate's own alerts; `en` where left out.",
        ),
    ],
};

static GROUP: Object = Object {
    name: "ContactGroup",
    about: "Several contacts.",
    properties: &[
        required("name", NAME, "The name."),
        required("contacts", Shape::List(&NAME, 100), "The contacts' names."),
    ],
};

static GROUPS: Object = Object {
    name: "ContactGroups",
    about: "Groups by name.",
    properties: &[required("groups", Shape::List(&Shape::Object(&GROUP), 100), "The groups.")],
};

static NEW_GROUP: Object = Object {
    name: "NewContactGroup",
    about: "A group to be put.",
    properties: &[required("contacts", Shape::List(&NAME, 100), "The contacts' names.")],
};

static TEMPLATE: Object = Object {
    name: "AlertTemplate",
    about: "A text with places to fill in.",
    properties: &[
        required("name", NAME, "The name."),
        required("text", Shape::Text(1_000), "The text; a place is `{name}`."),
        required("variables", Shape::List(&NAME, 20), "The places."),
    ],
};

static TEMPLATES: Object = Object {
    name: "AlertTemplates",
    about: "Alert templates by name.",
    properties: &[required("templates", Shape::List(&Shape::Object(&TEMPLATE), 100), "The templates.")],
};

static NEW_TEMPLATE: Object = Object {
    name: "NewAlertTemplate",
    about: "An alert template to be put.",
    properties: &[required(
        "text",
        Shape::Text(1_000),
        "The text; a place is `{name}`, of lower-case letters, digits and _.",
    )],
};

static SETTINGS: Object = Object {
    name: "AlertSettings",
    about: "What holds for all alerts of a virtual server. What is left out is as by default.",
    properties: &[
        optional(
            "group",
            NAME,
            "Whom textgate's own alerts tell by SMS; null: they are only in the console and here.",
        ),
        optional("escalate_group", NAME, "Who is told where nobody acknowledges."),
        optional("escalate_after_s", Shape::Integer(60, 86_400), "After how long (s); 900 by default."),
        optional(
            "dedup_s",
            Shape::Integer(0, 604_800),
            "For how long an alert of the same key is counted, not sent (s); 3,600 by default.",
        ),
        optional("quiet_hours", Shape::Object(&QUIET), "When alerts wait; null: never."),
        optional("off", Shape::List(&Shape::OneOf(condition_names), 32), "Conditions that raise no alert."),
        optional(
            "hold_s",
            Shape::Integer(0, 3_600),
            "How long a condition must hold before it is raised, and be over before it is cleared (s); 15 by default.",
        ),
        optional(
            "credits_percent",
            Shape::Integer(0, 99),
            "SMS credits: raised where less remains (% of what is allocated); 10 by default.",
        ),
        optional(
            "balance_below",
            Shape::Integer(0, u32::MAX as i64),
            "Balance at a provider: raised below this, in the provider's unit; 10 by default.",
        ),
        optional(
            "queue_over",
            Shape::Integer(1, 10_000_000),
            "Messages that wait for one gateway: raised above this; 5,000 by default.",
        ),
        optional(
            "delivery_drop_percent",
            Shape::Integer(1, 100),
            "Delivery rate: raised where it is so many percentage points lower than usual; 20 by default.",
        ),
        optional(
            "latency_factor",
            Shape::Integer(2, 255),
            "Time until a gateway takes a message: raised where it is so many times longer than usual; 5 by default.",
        ),
        optional(
            "disk_free_percent",
            Shape::Integer(0, 99),
            "The root's only: raised where less of the store's disk is free (%); 5 by default.",
        ),
        optional(
            "expires_within_days",
            Shape::Integer(1, 365),
            "Certificates: raised so many days before they expire; 14 by default.",
        ),
    ],
};

static QUIET: Object = Object {
    name: "QuietHours",
    about: "When alerts wait.",
    properties: &[
        required("from", Shape::Text(5), "From this time of day, as `22:00`."),
        required("to", Shape::Text(5), "To before this one; on the next day where it is earlier."),
        required("time_zone", Shape::Text(64), "In this time zone, as `Europe/Berlin` or `UTC`."),
        optional(
            "below",
            Shape::OneOf(severities),
            "Alerts of this severity and above do not wait; `critical` where left out.",
        ),
    ],
};

fn languages() -> Vec<&'static str> {
    vec!["en", "de"]
}

const READING: &[ProblemType] = &[ProblemType::StoreUnavailable];
const CHANGING: &[ProblemType] =
    &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable];

fn route(
    (method, path): (&'static str, &'static str),
    (id, summary): (&'static str, &'static str),
    body: Option<&'static Object>,
    shown: Option<&'static Object>,
    handler: MethodRouter<Arc<Api>>,
) -> Route {
    let success = match shown {
        Some(object) => Success { status: 200, about: "As it is now.", content: Content::Json(object) },
        None => Success::nothing("It is gone."),
    };
    let problems = if method == "GET" { READING } else { CHANGING };
    Route {
        method,
        path,
        id,
        summary,
        access: Allowed::FullKey,
        parameters: &[],
        body,
        success,
        problems,
        handler,
    }
}

pub(crate) fn routes() -> Vec<Route> {
    let contact = "/v1/contacts/{name}";
    let group = "/v1/contact-groups/{name}";
    let template = "/v1/alert-templates/{name}";
    let settings = "/v1/alert-settings";
    vec![
        route(("GET", "/v1/contacts"), ("list_contacts", "Contacts."), None, Some(&CONTACTS), get(contacts)),
        route(
            ("PUT", contact),
            ("put_contact", "Add a contact, or change it."),
            Some(&NEW_CONTACT),
            Some(&CONTACT),
            put(put_contact),
        ),
        route(
            ("DELETE", contact),
            ("remove_contact", "Remove a contact, also from its groups."),
            None,
            None,
            delete(remove_contact),
        ),
        route(
            ("GET", "/v1/contact-groups"),
            ("list_contact_groups", "Groups of contacts."),
            None,
            Some(&GROUPS),
            get(groups),
        ),
        route(
            ("PUT", group),
            ("put_contact_group", "Make a group, or change it."),
            Some(&NEW_GROUP),
            Some(&GROUP),
            put(put_group),
        ),
        route(
            ("DELETE", group),
            ("remove_contact_group", "Remove a group."),
            None,
            None,
            delete(remove_group),
        ),
        route(
            ("GET", "/v1/alert-templates"),
            ("list_alert_templates", "Alert templates."),
            None,
            Some(&TEMPLATES),
            get(templates),
        ),
        route(
            ("PUT", template),
            ("put_alert_template", "Add an alert template, or change it."),
            Some(&NEW_TEMPLATE),
            Some(&TEMPLATE),
            put(put_template),
        ),
        route(
            ("DELETE", template),
            ("remove_alert_template", "Remove an alert template."),
            None,
            None,
            delete(remove_template),
        ),
        route(
            ("GET", settings),
            ("get_alert_settings", "What holds for all alerts."),
            None,
            Some(&SETTINGS),
            get(show_settings),
        ),
        route(
            ("PUT", settings),
            ("put_alert_settings", "Put what holds for all alerts."),
            Some(&SETTINGS),
            Some(&SETTINGS),
            put(put_settings),
        ),
    ]
}

/// The name in the path; empty, and so nobody's, where it is not even UTF-8.
struct Name(String);

impl FromRequestParts<Arc<Api>> for Name {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Infallible> {
        Ok(Self(path_parameter(parts, "name").await.unwrap_or_default()))
    }
}

#[derive(Deserialize)]
struct NewGroup {
    contacts: Vec<String>,
}

#[derive(Deserialize)]
struct NewTemplate {
    text: String,
}

fn shown(value: &impl serde::Serialize) -> Answer {
    Ok(answer::json(StatusCode::OK, value))
}

async fn contacts(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown(&json!({"contacts": api.dispatch.contacts(access.vs)}))
}

async fn put_contact(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    Name(name): Name,
    request: Request,
) -> Answer {
    let input: ContactInput = body::parse(&api.read(request).await?, &NEW_CONTACT)?;
    shown(&api.dispatch.put_contact(&access.actor, access.vs, &name, input).await?)
}

async fn remove_contact(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    Name(name): Name,
) -> Answer {
    api.dispatch.remove_contact(&access.actor, access.vs, &name).await?;
    Ok(answer::done())
}

async fn groups(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown(&json!({"groups": api.dispatch.groups(access.vs)}))
}

async fn put_group(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    Name(name): Name,
    request: Request,
) -> Answer {
    let NewGroup { contacts } = body::parse(&api.read(request).await?, &NEW_GROUP)?;
    shown(&api.dispatch.put_group(&access.actor, access.vs, &name, contacts).await?)
}

async fn remove_group(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    Name(name): Name,
) -> Answer {
    api.dispatch.remove_group(&access.actor, access.vs, &name).await?;
    Ok(answer::done())
}

async fn templates(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown(&json!({"templates": api.dispatch.alert_templates(access.vs)}))
}

async fn put_template(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    Name(name): Name,
    request: Request,
) -> Answer {
    let NewTemplate { text } = body::parse(&api.read(request).await?, &NEW_TEMPLATE)?;
    shown(&api.dispatch.put_alert_template(&access.actor, access.vs, &name, &text).await?)
}

async fn remove_template(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    Name(name): Name,
) -> Answer {
    api.dispatch.remove_alert_template(&access.actor, access.vs, &name).await?;
    Ok(answer::done())
}

async fn show_settings(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown(&api.dispatch.alert_settings(access.vs))
}

async fn put_settings(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    request: Request,
) -> Answer {
    let settings: AlertSettings = body::parse(&api.read(request).await?, &SETTINGS)?;
    shown(&api.dispatch.put_alert_settings(&access.actor, access.vs, settings).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_fit_their_description_whole_and_empty() {
        let empty: AlertSettings = body::parse(b"{}", &SETTINGS).unwrap();
        assert_eq!(empty, AlertSettings::default());
        let mut problems = Vec::new();
        let value = serde_json::to_value(empty).unwrap();
        SETTINGS.check(&value, "", &mut problems);
        assert_eq!(problems, []);
        let names: Vec<&str> = SETTINGS.properties.iter().map(|property| property.name).collect();
        assert!(value.as_object().unwrap().keys().all(|name| names.contains(&name.as_str())));
        let whole = br#"{"quiet_hours":{"from":"22:00","to":"07:00","time_zone":"UTC"},"off":["disk_full"],"hold_s":0}"#;
        let whole: AlertSettings = body::parse(whole, &SETTINGS).unwrap();
        assert_eq!(whole.off, ["disk_full"]);
        assert!(body::parse::<AlertSettings>(br#"{"off":["nonsense"]}"#, &SETTINGS).is_err());
    }
}
