//! What is kept of one phone number: shown, and erased.
//!
//! The number stands in the body and never in the address, which servers in between write into their logs.

use crate::access::FullAccess;
use crate::alert_setup::CONTACT;
use crate::alerts::{ALERT, AlertShown};
use crate::answer::{self, Answer};
use crate::body;
use crate::opt_outs::{CONSENT, ConsentShown, OPT_OUT, OptOutShown};
use crate::otp::{PASSCODE, PasscodeShown};
use crate::problem::ProblemType;
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::time::Shown;
use crate::views::{COUNT, MESSAGE, MessageShown};
use axum::extract::{Request, State};
use axum::routing::post;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use textgate_dispatch::{ContactView, InboundKept, PersonalData, PersonalDataOf};
use textgate_sms::VsId;

/// More entries than any number has.
const MANY: usize = 10_000_000;

static OF_NUMBER: Object = Object {
    name: "OfNumber",
    about: "The number that is asked about.",
    properties: &[required(
        "number",
        Shape::Text(64),
        "The phone number: only digits, beginning with a country code.",
    )],
};

static DATA: Object = Object {
    name: "PersonalData",
    about: "All that is kept of a number.",
    properties: &[
        required("number", Shape::Text(15), "The number."),
        required("at", Shape::Time, "When it was put together."),
        required(
            "virtual_servers",
            Shape::List(&Shape::Object(&DATA_OF), 1_000_000),
            "By virtual server; those that keep nothing are left out.",
        ),
    ],
};

static DATA_OF: Object = Object {
    name: "PersonalDataOfVirtualServer",
    about: "What one virtual server keeps of a number.",
    properties: &[
        required("id", COUNT, "Its number."),
        optional("path", Shape::Text(4096), "Its path; null where it was removed."),
        required("is_test_number", Shape::Flag, "Whether it is the SMS Mobile Number of its settings."),
        required(
            "messages",
            Shape::List(&Shape::Object(&MESSAGE), MANY),
            "Messages to it, with the texts that are kept, but for those of passcodes.",
        ),
        required(
            "passcodes",
            Shape::List(&Shape::Object(&PASSCODE), MANY),
            "Passcodes for it, without their codes.",
        ),
        required("inbound", Shape::List(&Shape::Object(&INBOUND), MANY), "Messages that it sent."),
        required("contacts", Shape::List(&Shape::Object(&CONTACT), 1_000), "Contacts that have it."),
        required(
            "alerts",
            Shape::List(&Shape::Object(&ALERT), MANY),
            "Alerts that went to it itself, and not to a group.",
        ),
        required("opt_outs", Shape::List(&Shape::Object(&OPT_OUT), 1_000), "What it wants no messages of."),
        required(
            "consents",
            Shape::List(&Shape::Object(&CONSENT), 1_000),
            "What it said about messages, or was said for it.",
        ),
    ],
};

static INBOUND: Object = Object {
    name: "InboundKept",
    about: "A message that a phone sent.",
    properties: &[
        required("gateway", Shape::Text(64), "The gateway it came by."),
        required("to", Shape::Text(64), "What it was sent to."),
        required("text", Shape::Text(65_536), "What it says."),
    ],
};

static ERASED: Object = Object {
    name: "ErasedData",
    about: "What was erased of a number.",
    properties: &[
        required("messages", COUNT, "Messages to it."),
        required(
            "segments",
            COUNT,
            "The segments of these messages: so much of what SMS credits were used for is not in the list of messages any more.",
        ),
        required(
            "cancelled",
            COUNT,
            "Of the messages, those that were still to be sent, and were cancelled.",
        ),
        required("passcodes", COUNT, "Passcodes for it."),
        required("inbound", COUNT, "Messages that it sent."),
        required("contacts", COUNT, "Contacts that had it; their groups are without them."),
        required("alerts", COUNT, "Alerts that went to it itself; they stay, without it."),
        required(
            "consents",
            COUNT,
            "Opt-outs and entries of the consent log: they stay, and hold, as what stands for the number and does not tell it.",
        ),
        required("test_numbers", COUNT, "SMS settings whose SMS Mobile Number it was."),
        required("receipts", COUNT, "Receipts without a message that named it."),
        required(
            "was_searched",
            Shape::Flag,
            "Whether the store's files were searched for the number afterwards, and it was in none of them. False where only a part of the virtual servers was asked about, and for PostgreSQL.",
        ),
        required("was_rebuilt", Shape::Flag, "Whether the store was written anew for it."),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "POST",
            path: "/v1/personal-data/export",
            id: "export_personal_data",
            summary: "All that the own virtual server and those below it keep of one number.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&OF_NUMBER),
            success: Success::json(200, &DATA, "What is kept."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: post(export),
        },
        Route {
            method: "POST",
            path: "/v1/personal-data/erase",
            id: "erase_personal_data",
            summary: "Erase all that the own virtual server and those below it keep of one number. Opt-outs stay in force.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&OF_NUMBER),
            success: Success::json(200, &ERASED, "It is erased."),
            problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: post(erase),
        },
    ]
}

#[derive(Deserialize)]
struct OfNumber {
    number: String,
}

#[derive(Serialize)]
struct DataShown {
    number: String,
    at: Shown,
    virtual_servers: Vec<DataOfShown>,
}

#[derive(Serialize)]
struct DataOfShown {
    id: VsId,
    path: Option<String>,
    is_test_number: bool,
    messages: Vec<MessageShown>,
    passcodes: Vec<PasscodeShown>,
    inbound: Vec<InboundKept>,
    contacts: Vec<ContactView>,
    alerts: Vec<AlertShown>,
    opt_outs: Vec<OptOutShown>,
    consents: Vec<ConsentShown>,
}

fn all<T, S: From<T>>(views: Vec<T>) -> Vec<S> {
    views.into_iter().map(S::from).collect()
}

impl From<PersonalDataOf> for DataOfShown {
    fn from(of: PersonalDataOf) -> Self {
        Self {
            id: of.vs,
            path: of.path,
            is_test_number: of.is_test_number,
            messages: all(of.messages),
            passcodes: all(of.passcodes),
            inbound: of.inbound,
            contacts: of.contacts,
            alerts: all(of.alerts),
            opt_outs: all(of.opt_outs),
            consents: all(of.consents),
        }
    }
}

async fn export(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let OfNumber { number } = body::parse(&api.read(request).await?, &OF_NUMBER)?;
    let data = api.dispatch.personal_data(&access.actor, access.vs, &number).await?;
    let PersonalData { number, at_ms, virtual_servers } = data;
    let shown = DataShown { number, at: Shown(at_ms), virtual_servers: all(virtual_servers) };
    Ok(answer::json(StatusCode::OK, &shown))
}

async fn erase(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let OfNumber { number } = body::parse(&api.read(request).await?, &OF_NUMBER)?;
    let erased = api.dispatch.erase_number(&access.actor, access.vs, &number).await?;
    Ok(answer::json(StatusCode::OK, &erased))
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_dispatch::{ConsentView, ErasedView, OptOutView};

    #[test]
    fn what_is_shown_is_what_is_described() {
        let of = PersonalDataOf {
            vs: VsId(2),
            path: None,
            is_test_number: true,
            messages: vec![],
            passcodes: vec![],
            inbound: vec![InboundKept { gateway: "main".into(), to: "123".into(), text: "Stop".into() }],
            contacts: vec![ContactView {
                name: "Ann".into(),
                number: "15550100101".into(),
                language: "en".into(),
            }],
            alerts: vec![],
            opt_outs: vec![OptOutView { id: 1, number: None, sender: None, since_ms: 0, source: "api" }],
            consents: vec![ConsentView {
                id: 1,
                number: None,
                sender: None,
                wish: "in",
                at_ms: 0,
                source: "console",
                by: "user ada".into(),
                note: String::new(),
            }],
        };
        let number = "15550100101".to_owned();
        let shown = DataShown { number, at: Shown(0), virtual_servers: vec![of.into()] };
        let mut problems = Vec::new();
        DATA.check(&serde_json::to_value(shown).unwrap(), "", &mut problems);
        ERASED.check(&serde_json::to_value(ErasedView::default()).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }
}
