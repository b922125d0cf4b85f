//! The audit log of the own virtual server and those below it.

use crate::access::FullAccess;
use crate::answer::{self, Answer};
use crate::credits::{ENTRIES_DEFAULT, ENTRIES_MOST};
use crate::problem::{ProblemDetails, ProblemType};
use crate::query::{self, limit, query, time};
use crate::routes::{Allowed, Parameter, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::{Api, Door};
use crate::views::{AUDIT_ENTRY, AuditShown, COUNT, NAME, hex};
use axum::extract::State;
use axum::routing::get;
use http::{StatusCode, Uri};
use serde::Serialize;
use std::sync::Arc;
use textgate_sms::VsId;
use textgate_store::{AuditCheck, AuditFilter, AuditPoint};

static AUDIT: Object = Object {
    name: "AuditLog",
    about: "A page of the audit log, the newest entry first.",
    properties: &[
        required("entries", Shape::List(&Shape::Object(&AUDIT_ENTRY), ENTRIES_MOST), "The entries."),
        optional("next", NAME, "Pass it as `cursor` for the next page; null at the end."),
    ],
};

static VERIFIED: Object = Object {
    name: "AuditVerification",
    about: "What a verification of the audit log found.",
    properties: &[
        required("entries", COUNT, "How many entries were found as they were written, from the first on."),
        required("head", Shape::Text(96), "The last of them, `number:hash`: keep it at another place."),
        optional("broken_entry", COUNT, "The first entry that was not; null where there is none."),
        optional("problem", Shape::Text(255), "What is wrong with it."),
    ],
};

static LIST_PARAMETERS: &[Parameter] = &[
    query("actor", Shape::Text(255), "Only with this in the actor, in any case."),
    query("action", Shape::Text(255), "Only with this in the action, in any case."),
    query("virtual_server", COUNT, "Only of the virtual server of this id."),
    query("since", Shape::TimeGiven, "Only at this time or later."),
    query("until", Shape::TimeGiven, "Only before this time."),
    query("cursor", Shape::Text(20), "`next` of the page before."),
    query("limit", Shape::Integer(1, ENTRIES_MOST as i64), "How many at most; 100 where left out."),
];

static VERIFY_PARAMETERS: &[Parameter] =
    &[query("head", Shape::Text(96), "A head that was kept, `number:hash`: it must still be in the log.")];

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: "GET",
        path: "/v1/audit",
        id: "list_audit",
        summary: "Who did what on the own virtual server and those below it, the newest first.",
        access: Allowed::FullKey,
        parameters: LIST_PARAMETERS,
        body: None,
        success: Success::json(200, &AUDIT, "The entries."),
        problems: &[ProblemType::InvalidRequest, ProblemType::StoreUnavailable],
        handler: get(list),
    }]
}

pub(crate) fn control_routes() -> Vec<Route> {
    vec![Route {
        method: "GET",
        path: "/control/audit/verify",
        id: "verify_audit",
        summary: "Verify the chain of the audit log.",
        access: Allowed::Control,
        parameters: VERIFY_PARAMETERS,
        body: None,
        success: Success::json(200, &VERIFIED, "What was found."),
        problems: &[ProblemType::InvalidRequest, ProblemType::StoreUnavailable],
        handler: get(verify),
    }]
}

#[derive(Serialize)]
struct AuditList {
    entries: Vec<AuditShown>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Verified {
    entries: u64,
    head: String,
    broken_entry: Option<u64>,
    problem: Option<String>,
}

async fn list(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, uri: Uri) -> Answer {
    let Question { filter, before, limit } = Question::parse(&uri, api.door)?;
    let page = api.dispatch.audit(access.vs, filter, before, limit).await?;
    let entries = page.entries.into_iter().map(Into::into).collect();
    let next = page.next.map(|next| next.to_string());
    Ok(answer::json(StatusCode::OK, &AuditList { entries, next }))
}

async fn verify(State(api): State<Arc<Api>>, _: FullAccess, uri: Uri) -> Answer {
    let mut kept = None;
    query::read(&uri, VERIFY_PARAMETERS, api.door, |_, value| {
        kept = point(&value);
        kept.is_some().then_some(()).ok_or_else(|| "enter a head as it was printed: number:hash".to_owned())
    })?;
    let AuditCheck { at, broken, .. } = api.dispatch.verify_audit(kept).await?;
    let (broken_entry, problem) = broken.unzip();
    let head = format!("{}:{}", at.id, hex(&at.hash));
    Ok(answer::json(StatusCode::OK, &Verified { entries: at.id, head, broken_entry, problem }))
}

/// A place of the chain as it is printed.
fn point(text: &str) -> Option<AuditPoint> {
    let (id, digits) = text.trim().split_once(':')?;
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
    let mut hash = [0; 32];
    for (octet, pair) in hash.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *octet = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    rest.is_empty().then_some(AuditPoint { id: id.parse().ok()?, hash })
}

/// A question for entries.
struct Question {
    filter: AuditFilter,
    before: Option<u64>,
    limit: usize,
}

impl Question {
    fn parse(uri: &Uri, door: Door) -> Result<Self, ProblemDetails> {
        let mut question = Self { filter: AuditFilter::default(), before: None, limit: ENTRIES_DEFAULT };
        query::read(uri, LIST_PARAMETERS, door, |name, value| question.set(name, value))?;
        Ok(question)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "actor" => self.filter.actor = Some(value),
            "action" => self.filter.action = Some(value),
            "virtual_server" => {
                let id = value.parse().map_err(|_| "enter a virtual server's id".to_owned())?;
                self.filter.vs = Some(VsId(id));
            }
            "since" => self.filter.from_ms = Some(time(&value)?),
            "until" => self.filter.until_ms = Some(time(&value)?),
            "cursor" => {
                let wrong = |_| "enter the value of `next` as it was given".to_owned();
                self.before = Some(value.parse().map_err(wrong)?);
            }
            _ => self.limit = limit(&value, ENTRIES_MOST)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_strictly() {
        let of = |query: &str| Question::parse(&format!("/v1/audit{query}").parse().unwrap(), Door::Keys);
        let question = of("?actor=ada&virtual_server=2&since=1800000000&cursor=9&limit=7").unwrap();
        assert_eq!((question.before, question.limit), (Some(9), 7));
        assert_eq!((question.filter.vs, question.filter.from_ms), (Some(VsId(2)), Some(1_800_000_000_000)));
        for wrong in ["?limit=1001", "?cursor=x", "?virtual_server=a", "?until=soon", "?more=1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_head_is_read_as_it_is_printed() {
        let hash = [0xab; 32];
        assert_eq!(point(&format!("7:{}", hex(&hash))), Some(AuditPoint { id: 7, hash }));
        for wrong in ["", "7", "7:", "7:ab", "x:ab", &format!("7:{}0", hex(&hash))] {
            assert_eq!(point(wrong), None, "{wrong}");
        }
    }
}
