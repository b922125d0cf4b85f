//! What requests and answers about webhooks look like.

use crate::query::query;
use crate::routes::Parameter;
use crate::shape::{Object, Shape, optional, required};
use crate::views::{COUNT, NAME};
use textgate_store::{EventState, WebhookKind, WebhookStatus};

/// Entries of one page of a log, and how many where the caller does not say.
pub(super) const PAGE_MOST: usize = 200;
pub(super) const PAGE_DEFAULT: usize = 50;
const URL: Shape = Shape::Text(2_048);
const EVENT: Shape = Shape::OneOf(events);
const EVENTS: Shape = Shape::List(&EVENT, 32);
const ID: Shape = Shape::Text(64);

fn events() -> Vec<&'static str> {
    WebhookKind::ALL.map(WebhookKind::name).into()
}

fn statuses() -> Vec<&'static str> {
    WebhookStatus::ALL.iter().map(|status| status.name()).collect()
}

fn states() -> Vec<&'static str> {
    EventState::ALL.iter().map(|state| state.name()).collect()
}

pub(super) static WEBHOOK: Object = Object {
    name: "Webhook",
    about: "An address that is told of events; its secret is told only when it is made or rotated.",
    properties: &[
        required("id", COUNT, "Its number."),
        required("url", URL, "Where events are posted."),
        required("events", EVENTS, "What it is told of."),
        required("texts", Shape::Flag, "Whether it is told what alerts and phones say."),
        required(
            "status",
            Shape::OneOf(statuses),
            "`on`; `off`; `failing`: on, but an event was given up after days; `gone`: off, because it answered 410.",
        ),
        optional(
            "former_secret_until",
            Shape::Time,
            "Until when events are signed with the secret before as well.",
        ),
        required("created_at", Shape::Time, "When it was made."),
    ],
};

pub(super) static WEBHOOKS: Object = Object {
    name: "Webhooks",
    about: "The webhooks of a virtual server.",
    properties: &[required("webhooks", Shape::List(&Shape::Object(&WEBHOOK), 100), "By number.")],
};

pub(super) static MADE: Object = Object {
    name: "WebhookWithSecret",
    about: "A webhook with its new secret: it is told only now.",
    properties: &[
        required("webhook", Shape::Object(&WEBHOOK), "The webhook."),
        required(
            "secret",
            Shape::Text(128),
            "What events are signed with, as Standard Webhooks has it: `whsec_…`.",
        ),
    ],
};

pub(super) static NEW: Object = Object {
    name: "NewWebhook",
    about: "A webhook to be made.",
    properties: &[
        required("url", URL, "Where events are to be posted: https://…"),
        required("events", EVENTS, "What it is to be told of."),
        optional("texts", Shape::Flag, "Whether it is told what alerts and phones say; no where left out."),
        optional("enabled", Shape::Flag, "Whether events are delivered; yes where left out."),
    ],
};

pub(super) static CHANGE: Object = Object {
    name: "WebhookChange",
    about: "What to change of a webhook; what is left out stays.",
    properties: &[
        optional("url", URL, "Where events are to be posted."),
        optional("events", EVENTS, "What it is to be told of."),
        optional("texts", Shape::Flag, "Whether it is told what alerts and phones say."),
        optional(
            "enabled",
            Shape::Flag,
            "Whether events are delivered. What it was owed when it was switched off waits.",
        ),
    ],
};

pub(super) static EVENT_ENTRY: Object = Object {
    name: "WebhookEvent",
    about: "An event that an endpoint is owed, or was.",
    properties: &[
        required("id", ID, "Its id, as in the header `webhook-id`."),
        required("type", EVENT, "What happened."),
        optional("message", Shape::Text(13), "To which message; null where it was none."),
        optional("inbound", Shape::Text(13), "About which message of a phone; null where it was none."),
        optional("alert", Shape::Text(13), "To which alert; null where it was none."),
        required("at", Shape::Time, "When."),
        required("state", Shape::OneOf(states), "`owed`, `delivered`, or `given_up` after days."),
        required("attempts", COUNT, "How often it was tried."),
        optional("tried_at", Shape::Time, "When it was last tried."),
        optional("answer", Shape::Text(255), "What was answered then: the status, or why there was none."),
    ],
};

pub(super) static LOG: Object = Object {
    name: "WebhookEvents",
    about: "A page of an endpoint's delivery log, the newest event first.",
    properties: &[
        required("events", Shape::List(&Shape::Object(&EVENT_ENTRY), PAGE_MOST), "The events."),
        optional("next", ID, "Pass it as `cursor` for the next page; null at the end."),
    ],
};

pub(super) static REPLAY: Object = Object {
    name: "WebhookReplay",
    about: "Which events to deliver again: either `event` or `since`.",
    properties: &[
        optional("event", ID, "This one, by its id."),
        optional("since", Shape::TimeGiven, "All that happened at this time or later."),
    ],
};

pub(super) static REPLAYED: Object = Object {
    name: "WebhookReplayed",
    about: "What is delivered again.",
    properties: &[required(
        "events",
        COUNT,
        "How many events: those that were delivered or given up before.",
    )],
};

pub(super) static LOG_PARAMETERS: &[Parameter] = &[
    query("cursor", NAME, "`next` of the page before."),
    query("limit", Shape::Integer(1, PAGE_MOST as i64), "How many at most; 50 where left out."),
];
