//! Phones that want no messages: the list, and the log of what was said about it.

use crate::access::{Access, FullAccess, path_parameter};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::query::{self, limit, query};
use crate::routes::{Allowed, Content, Parameter, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::{Api, Door};
use crate::time::Shown;
use crate::views::COUNT;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::routing::{MethodRouter, delete, get, post};
use futures_util::stream;
use http::request::Parts;
use http::{HeaderValue, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use textgate_dispatch::{ConsentBy, ConsentView, NewOptOut, OptOutView, OptOutsImported};
use textgate_store::ConsentSource;

/// Most entries of a page.
const PAGE_MOST: usize = 1_000;
const SENDER: Shape = Shape::Text(21);
const NOTE: Shape = Shape::Text(255);

fn sources() -> Vec<&'static str> {
    ConsentSource::ALL.iter().map(|source| source.name()).collect()
}

fn wishes() -> Vec<&'static str> {
    vec!["out", "in"]
}

pub(crate) static OPT_OUT: Object = Object {
    name: "OptOut",
    about: "A phone that wants no messages.",
    properties: &[
        required("id", COUNT, "Its number in the list."),
        optional("number", Shape::Text(15), "The phone's number; null where it was erased."),
        optional("sender", SENDER, "The sender that it wants nothing from; null: from all."),
        required("since", Shape::Time, "Since when."),
        required("source", Shape::OneOf(sources), "Where it was said."),
    ],
};

static OPT_OUTS: Object = Object {
    name: "OptOuts",
    about: "A page of opt-outs, the newest first.",
    properties: &[
        required("opt_outs", Shape::List(&Shape::Object(&OPT_OUT), PAGE_MOST), "The opt-outs."),
        optional("next", Shape::Text(20), "Pass it as `cursor` for the next page; null at the end."),
    ],
};

static NEW_OPT_OUT: Object = Object {
    name: "NewOptOut",
    about: "An opt-out to be added.",
    properties: &[
        required(
            "number",
            Shape::Text(64),
            "The phone's number: only digits, beginning with a country code.",
        ),
        optional("sender", SENDER, "Of which sender nothing is wanted; of all where left out."),
        optional("note", NOTE, "Why, for the consent log."),
    ],
};

pub(crate) static CONSENT: Object = Object {
    name: "Consent",
    about: "An entry of the consent log.",
    properties: &[
        required("id", COUNT, "Its number; later entries have higher ones."),
        optional("number", Shape::Text(15), "The phone's number; null where it was erased."),
        optional("sender", SENDER, "About which sender; null: about all."),
        required("wish", Shape::OneOf(wishes), "`out`: no messages are wanted; `in`: messages are, again."),
        required("at", Shape::Time, "When it was said."),
        required("source", Shape::OneOf(sources), "Where it was said."),
        required("by", Shape::Text(255), "By whom: `phone`, or as in the audit log."),
        required("note", NOTE, "Of a phone, its words; else why."),
    ],
};

static CONSENTS: Object = Object {
    name: "ConsentLog",
    about: "A page of the consent log, the newest entry first.",
    properties: &[
        required("entries", Shape::List(&Shape::Object(&CONSENT), PAGE_MOST), "The entries."),
        optional("next", Shape::Text(20), "Pass it as `cursor` for the next page; null at the end."),
    ],
};

static LIST: Object = Object {
    name: "OptOutList",
    about: "A list of opt-outs to be added.",
    properties: &[required(
        "list",
        Shape::Text(1 << 20),
        "CSV: a number on each line, and after a comma a sender where it is about one. At most 50,000 lines.",
    )],
};

static IMPORTED: Object = Object {
    name: "OptOutsImported",
    about: "What an import came to.",
    properties: &[
        required("added", COUNT, "How many are new."),
        required("known", COUNT, "How many were there."),
    ],
};

static PARAMETERS: &[Parameter] = &[
    query("number", Shape::Text(64), "Only of this number."),
    query("cursor", Shape::Text(20), "`next` of the page before."),
    query("limit", Shape::Integer(1, PAGE_MOST as i64), "How many at most; 100 where left out."),
];

static WHY: &[Parameter] = &[query("note", NOTE, "Why, for the consent log.")];

const READING: &[ProblemType] = &[ProblemType::InvalidRequest, ProblemType::StoreUnavailable];
const CHANGING: &[ProblemType] = &[
    ProblemType::InvalidRequest,
    ProblemType::NotFound,
    ProblemType::Conflict,
    ProblemType::StoreUnavailable,
];

fn route(
    (method, path): (&'static str, &'static str),
    (id, summary): (&'static str, &'static str),
    parameters: &'static [Parameter],
    body: Option<&'static Object>,
    success: Success,
    handler: MethodRouter<Arc<Api>>,
) -> Route {
    let problems = if method == "GET" { READING } else { CHANGING };
    Route {
        method,
        path,
        id,
        summary,
        access: Allowed::FullKey,
        parameters,
        body,
        success,
        problems,
        handler,
    }
}

pub(crate) fn routes() -> Vec<Route> {
    let all = "/v1/opt-outs";
    vec![
        route(
            ("GET", all),
            ("list_opt_outs", "Phones that want no messages, the newest first."),
            PARAMETERS,
            None,
            Success::json(200, &OPT_OUTS, "The opt-outs."),
            get(list),
        ),
        route(
            ("POST", all),
            (
                "add_opt_out",
                "Add an opt-out: it is in force when this answers. 200 where it was there already.",
            ),
            &[],
            Some(&NEW_OPT_OUT),
            Success::json(201, &OPT_OUT, "It is in force."),
            post(add),
        ),
        route(
            ("POST", "/v1/opt-outs/import"),
            ("import_opt_outs", "Add a list of opt-outs, where every line of it can be read."),
            &[],
            Some(&LIST),
            Success::json(200, &IMPORTED, "All of them are in force."),
            post(import),
        ),
        route(
            ("GET", "/v1/opt-outs/log"),
            ("list_consents", "What was said about messages, by phones and for them, the newest first."),
            PARAMETERS,
            None,
            Success::json(200, &CONSENTS, "The entries."),
            get(log),
        ),
        route(
            ("GET", "/v1/opt-outs/log.csv"),
            (
                "export_consents",
                "The whole consent log as CSV, the newest first. What a spreadsheet would take for a formula begins with an apostrophe.",
            ),
            &[],
            None,
            Success {
                status: 200,
                about: "The log, with a header line.",
                content: Content::Other("text/csv"),
            },
            get(export),
        ),
        route(
            ("DELETE", "/v1/opt-outs/{id}"),
            (
                "remove_opt_out",
                "End an opt-out, where it was added by mistake or the phone's owner asks for it.",
            ),
            WHY,
            None,
            Success::nothing("Messages go to this number again."),
            delete(remove),
        ),
    ]
}

#[derive(Serialize)]
pub(crate) struct OptOutShown {
    id: u64,
    number: Option<String>,
    sender: Option<String>,
    since: Shown,
    source: &'static str,
}

#[derive(Serialize)]
struct OptOutsShown {
    opt_outs: Vec<OptOutShown>,
    next: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct ConsentShown {
    id: u64,
    number: Option<String>,
    sender: Option<String>,
    wish: &'static str,
    at: Shown,
    source: &'static str,
    by: String,
    note: String,
}

#[derive(Serialize)]
struct ConsentsShown {
    entries: Vec<ConsentShown>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Adding {
    number: String,
    sender: Option<String>,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
struct Importing {
    list: String,
}

impl From<OptOutView> for OptOutShown {
    fn from(view: OptOutView) -> Self {
        let OptOutView { id, number, sender, since_ms, source } = view;
        Self { id, number, sender, since: Shown(since_ms), source }
    }
}

impl From<ConsentView> for ConsentShown {
    fn from(view: ConsentView) -> Self {
        let ConsentView { id, number, sender, wish, at_ms, source, by, note } = view;
        Self { id, number, sender, wish, at: Shown(at_ms), source, by, note }
    }
}

/// The id in the path; none that there is where it is no number.
struct Id(u64);

impl FromRequestParts<Arc<Api>> for Id {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Infallible> {
        let id = path_parameter(parts, "id").await.and_then(|id| id.parse().ok());
        Ok(Self(id.unwrap_or(u64::MAX)))
    }
}

fn by(access: &Access) -> ConsentBy {
    ConsentBy { actor: access.actor.clone(), source: ConsentSource::Api }
}

/// A question for a page.
struct Question {
    number: Option<String>,
    before: Option<u64>,
    limit: usize,
}

impl Question {
    fn parse(uri: &Uri, door: Door) -> Result<Self, ProblemDetails> {
        let mut question = Self { number: None, before: None, limit: 100 };
        query::read(uri, PARAMETERS, door, |name, value| {
            match name {
                "number" => question.number = Some(value),
                "cursor" => {
                    let cursor = value.parse().ok().filter(|cursor| i64::try_from(*cursor).is_ok());
                    question.before = Some(cursor.ok_or("enter the value of `next` as it was given")?);
                }
                _ => question.limit = limit(&value, PAGE_MOST)?,
            }
            Ok(())
        })?;
        Ok(question)
    }
}

async fn list(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, uri: Uri) -> Answer {
    let Question { number, before, limit } = Question::parse(&uri, api.door)?;
    let page = api.dispatch.opt_outs(access.vs, number.as_deref(), before, limit).await?;
    let opt_outs = page.opt_outs.into_iter().map(Into::into).collect();
    let next = page.next.map(|next| next.to_string());
    Ok(answer::json(StatusCode::OK, &OptOutsShown { opt_outs, next }))
}

async fn add(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let Adding { number, sender, note } = body::parse(&api.read(request).await?, &NEW_OPT_OUT)?;
    let new = NewOptOut { number, sender, note };
    let (opt_out, is_new) = api.dispatch.add_opt_out(&by(&access), access.vs, new).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer::json(status, &OptOutShown::from(opt_out)))
}

async fn import(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, api.options.batch_body, api.options.body_time).await?;
    let Importing { list } = body::parse(&bytes, &LIST)?;
    let imported: OptOutsImported = api.dispatch.import_opt_outs(&access.actor, access.vs, &list).await?;
    Ok(answer::json(StatusCode::OK, &imported))
}

async fn log(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, uri: Uri) -> Answer {
    let Question { number, before, limit } = Question::parse(&uri, api.door)?;
    let page = api.dispatch.consents(access.vs, number.as_deref(), before, limit).await?;
    let entries = page.entries.into_iter().map(Into::into).collect();
    let next = page.next.map(|next| next.to_string());
    Ok(answer::json(StatusCode::OK, &ConsentsShown { entries, next }))
}

async fn export(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    let (dispatch, vs) = (api.dispatch.clone(), access.vs);
    let (first, next) = dispatch.consents_csv(vs, None).await?;
    // An error in between breaks the answer off, which a client sees.
    let lines = stream::unfold((Some(first), next), move |(first, next)| {
        let dispatch = dispatch.clone();
        async move {
            if let Some(first) = first {
                return Some((Ok(first), (None, next)));
            }
            match dispatch.consents_csv(vs, Some(next?)).await {
                Ok((lines, next)) => Some((Ok(lines), (None, next))),
                Err(error) => Some((Err(error), (None, None))),
            }
        }
    });
    let mut response = answer::with_type(
        StatusCode::OK,
        "text/csv; charset=utf-8; header=present",
        Body::from_stream(lines),
    );
    let name = HeaderValue::from_static("attachment; filename=\"consents.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

async fn remove(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, Id(id): Id, uri: Uri) -> Answer {
    let mut note = String::new();
    query::read(&uri, WHY, api.door, |_, value| {
        note = value;
        Ok(())
    })?;
    api.dispatch.remove_opt_out(&by(&access), access.vs, id, &note).await?;
    Ok(answer::done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_is_described() {
        let mut problems = Vec::new();
        let opt_out = OptOutView { id: 1, number: None, sender: None, since_ms: 0, source: "message" };
        let shown = OptOutsShown { opt_outs: vec![opt_out.into()], next: None };
        OPT_OUTS.check(&serde_json::to_value(shown).unwrap(), "", &mut problems);
        let consent = ConsentView {
            id: 1,
            number: Some("15550100100".into()),
            sender: Some("acme".into()),
            wish: "out",
            at_ms: 0,
            source: "import",
            by: "phone".into(),
            note: String::new(),
        };
        let shown = ConsentsShown { entries: vec![consent.into()], next: Some("9".into()) };
        CONSENTS.check(&serde_json::to_value(shown).unwrap(), "", &mut problems);
        let imported = OptOutsImported { added: 1, known: 2 };
        IMPORTED.check(&serde_json::to_value(imported).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }

    #[test]
    fn a_question_is_read_strictly() {
        let of = |query: &str| Question::parse(&format!("/v1/opt-outs{query}").parse().unwrap(), Door::Keys);
        let question = of("?number=15550100100&cursor=9&limit=7").unwrap();
        assert_eq!(
            (question.number.as_deref(), question.before, question.limit),
            (Some("15550100100"), Some(9), 7)
        );
        for wrong in ["?limit=1001", "?cursor=x", "?cursor=18446744073709551615", "?numbers=1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
