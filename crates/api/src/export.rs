//! Messages as CSV (RFC 4180): all that fit a filter, streamed page by page, however many there are.

use crate::access::Access;
use crate::answer::{self, Answer};
use crate::messages::{Question, query};
use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::{Allowed, Parameter, Route, Success};
use crate::shape::Shape;
use crate::state::Api;
use crate::time::Shown;
use crate::views;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, StatusCode, Uri, header};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use textgate_dispatch::{Dispatch, MessageView};
use textgate_sms::{MessageId, VsId};
use textgate_store::Filter;

/// Messages read and written at once.
const PAGE: usize = 500;
/// Exports that run at once; more would only wait for each other.
const EXPORTS_MOST: usize = 8;

static EXPORTS: AtomicUsize = AtomicUsize::new(0);

static PARAMETERS: &[Parameter] = &[
    query("status", Shape::OneOf(views::states), "Only in this status."),
    query("to", Shape::Text(15), "Only to this number."),
    query("kind", Shape::OneOf(views::kinds), "Only of this kind."),
    query("gateway", Shape::Text(64), "Only with an attempt at this gateway (its name)."),
    query("reference", Shape::Text(255), "Only with this reference."),
    query("since", Shape::TimeGiven, "Only accepted at this time or later."),
    query("until", Shape::TimeGiven, "Only accepted before this time."),
    query(
        "texts",
        Shape::Flag,
        "With the texts that are kept, but for those of passcodes; without where left out.",
    ),
];

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: "GET",
        path: "/v1/messages.csv",
        id: "export_messages",
        summary: "All messages that fit, the newest first, as CSV. What a spreadsheet would take for a formula begins with an apostrophe.",
        access: Allowed::AnyKey,
        parameters: PARAMETERS,
        body: None,
        success: Success::other("text/csv", "The messages, with a header line."),
        problems: &[ProblemType::InvalidRequest, ProblemType::Busy, ProblemType::StoreUnavailable],
        handler: get(export),
    }]
}

async fn export(State(api): State<Arc<Api>>, access: Access, uri: Uri) -> Answer {
    let question = Question::parse(&uri, PARAMETERS, &api, access.vs)?;
    let running = Running::begin().ok_or_else(|| {
        ProblemDetails::new(ProblemType::Busy, "too many exports run; try again in a moment")
    })?;
    let rest = Rest {
        dispatch: api.dispatch.clone(),
        vs: access.vs,
        filter: question.filter,
        with_texts: question.with_texts,
        before: Some(None),
        is_begun: false,
        _running: running,
    };
    let body = Body::from_stream(stream::unfold(rest, next));
    let mut response = answer::with_type(StatusCode::OK, "text/csv; charset=utf-8; header=present", body);
    let name = HeaderValue::from_static("attachment; filename=\"messages.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// One of the exports that run.
struct Running;

impl Running {
    fn begin() -> Option<Self> {
        let there = EXPORTS.fetch_add(1, Ordering::Relaxed);
        let running = Self; // gives its place back also where there was none
        (there < EXPORTS_MOST).then_some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        EXPORTS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is still to be written.
struct Rest {
    dispatch: Dispatch,
    vs: VsId,
    filter: Filter,
    with_texts: bool,
    /// Where the next page begins; `None` at the end.
    before: Option<Option<MessageId>>,
    is_begun: bool,
    _running: Running,
}

/// The next page, once the one before has been taken. An error in between breaks the answer off, which a client sees.
async fn next(mut rest: Rest) -> Option<(Result<Bytes, String>, Rest)> {
    let before = rest.before.take()?;
    let (vs, filter) = (rest.vs, rest.filter.clone());
    let page = if rest.with_texts {
        rest.dispatch.messages_with_texts(vs, filter, before, PAGE).await
    } else {
        rest.dispatch.messages(vs, filter, before, PAGE).await
    };
    let page = match page {
        Ok(page) => page,
        Err(error) => return Some((Err(error.to_string()), rest)),
    };
    let mut out = String::new();
    if !rest.is_begun {
        rest.is_begun = true;
        out.push_str(COLUMNS);
        out.push_str(if rest.with_texts { ",text\r\n" } else { "\r\n" });
    }
    for message in &page.messages {
        write(&mut out, message, rest.with_texts);
    }
    rest.before = page.next.as_deref().and_then(MessageId::parse).map(Some);
    Some((Ok(out.into()), rest))
}

const COLUMNS: &str = "id,status,to,kind,sender,reference,segments,encoding,accepted_at,send_at,changed_at,reason,attempts,gateway,\
                       outcome,detail,resend_of";

fn write(out: &mut String, message: &MessageView, with_text: bool) {
    let last = message.attempts.last();
    let reason = message.history.last().map_or("", |change| change.reason.as_str());
    // Writing into a String cannot fail.
    let _ = write!(out, "{},{},{},{},", message.id, message.status, message.to, message.kind);
    cell(out, message.sender.as_deref().unwrap_or_default());
    cell(out, message.reference.as_deref().unwrap_or_default());
    let send_at = message.send_at_ms.map(|ms| Shown(ms).to_string()).unwrap_or_default();
    let (accepted, changed) = (Shown(message.accepted_ms), Shown(message.changed_ms));
    let _ = write!(out, "{},{},{accepted},{send_at},{changed},", message.segments, message.encoding);
    cell(out, reason);
    let _ = write!(out, "{},", message.attempts.len());
    cell(out, last.map_or("", |attempt| attempt.gateway.as_str()));
    cell(out, last.map_or("", |attempt| attempt.outcome.name()));
    cell(out, last.map_or("", |attempt| attempt.detail.as_str()));
    out.push_str(message.resend_of.as_deref().unwrap_or_default());
    if with_text {
        out.push(',');
        cell(out, message.text.as_deref().unwrap_or_default());
        out.pop();
    }
    out.push_str("\r\n");
}

/// A text of somebody else's, and the comma behind it. What begins as a formula does gets an apostrophe before it, which
/// spreadsheets take for "this is text" and do not show.
fn cell(out: &mut String, text: &str) {
    let is_formula = text
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let is_quoted = text.contains(['"', ',', '\r', '\n', ';']) || is_formula;
    if is_quoted {
        out.push('"');
    }
    if is_formula {
        out.push('\'');
    }
    for c in text.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push_str(if is_quoted { "\"," } else { "," });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> String {
        let mut out = String::new();
        cell(&mut out, text);
        out
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be() {
        assert_eq!(cells("plain"), "plain,");
        assert_eq!(cells("a,b"), "\"a,b\",");
        assert_eq!(cells("he said \"no\"\nand went"), "\"he said \"\"no\"\"\nand went\",");
        assert_eq!(cells(""), ",");
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for formula in
            ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(\"http://x\",\"y\")", "\u{ff1d}1"]
        {
            assert!(cells(formula).starts_with("\"'"), "{formula}");
        }
        assert_eq!(cells("a=1"), "a=1,");
    }

    #[test]
    fn no_more_exports_run_than_the_bound() {
        let all: Vec<_> = (0..EXPORTS_MOST).map(|_| Running::begin()).collect();
        assert!(all.iter().all(Option::is_some) && Running::begin().is_none());
        drop(all);
        assert!(Running::begin().is_some());
    }
}
