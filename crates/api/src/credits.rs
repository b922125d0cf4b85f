//! SMS credits: what a virtual server has, and what those above it give.

use crate::access::{FullAccess, Target};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::query::{self, limit, query};
use crate::routes::{Allowed, Parameter, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::{Api, Door};
use crate::views::{CREDITS, CreditsShown, LEDGER_ENTRY, LedgerShown};
use axum::extract::{Request, State};
use axum::routing::{get, post};
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use textgate_store::Allocation;

/// Most entries of a ledger or the audit log at once, and how many where the caller does not say.
pub(crate) const ENTRIES_MOST: usize = 1_000;
pub(crate) const ENTRIES_DEFAULT: usize = 100;

/// More credits than anybody sends, and few enough that sums of them do not overflow.
const CREDITS_MOST: i64 = 1_000_000_000_000;

static ALLOCATING: Object = Object {
    name: "AllocationChange",
    about: "A change of an allocation: either `credits` or `total`.",
    properties: &[
        optional(
            "credits",
            Shape::Integer(-CREDITS_MOST, CREDITS_MOST),
            "So many more; fewer where negative. What remains never goes below zero.",
        ),
        optional(
            "total",
            Shape::Integer(0, CREDITS_MOST),
            "So many in all from now on. Never below what is used.",
        ),
        optional("note", Shape::Text(255), "A remark for the ledger."),
    ],
};

static LEDGER: Object = Object {
    name: "Allocations",
    about: "Allocations of SMS credits, the newest first.",
    properties: &[required(
        "allocations",
        Shape::List(&Shape::Object(&LEDGER_ENTRY), ENTRIES_MOST),
        "The entries.",
    )],
};

static LIMIT: &[Parameter] =
    &[query("limit", Shape::Integer(1, ENTRIES_MOST as i64), "How many at most; 100 where left out.")];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/allocation",
            id: "get_allocation",
            summary: "The SMS credits: allocated, used, remaining.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &CREDITS, "The SMS credits."),
            problems: &[ProblemType::StoreUnavailable],
            handler: get(own),
        },
        Route {
            method: "POST",
            path: "/v1/virtual-servers/{id}/allocations",
            id: "allocate",
            summary: "Allocate SMS credits to a virtual server. Only one above it may.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&ALLOCATING),
            success: Success::json(201, &CREDITS, "The SMS credits as they are now."),
            problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: post(allocate),
        },
        Route {
            method: "GET",
            path: "/v1/virtual-servers/{id}/allocations",
            id: "list_allocations",
            summary: "Allocations given to a virtual server, the newest first.",
            access: Allowed::FullKey,
            parameters: LIMIT,
            body: None,
            success: Success::json(200, &LEDGER, "The allocations."),
            problems: &[ProblemType::InvalidRequest, ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: get(ledger),
        },
    ]
}

#[derive(Deserialize)]
struct Allocating {
    credits: Option<i64>,
    total: Option<u64>,
    note: Option<String>,
}

impl Allocating {
    fn allocation(&self) -> Result<Allocation, ProblemDetails> {
        match (self.credits, self.total) {
            (Some(credits), None) => Ok(Allocation::Add(credits)),
            (None, Some(total)) => Ok(Allocation::Total(total)),
            (None, None) => Err(ProblemDetails::invalid_field("credits", "enter either credits or total")),
            (Some(_), Some(_)) => {
                Err(ProblemDetails::invalid_field("total", "enter either credits or total, not both"))
            }
        }
    }
}

async fn own(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    Ok(answer::json(StatusCode::OK, &CreditsShown::from(api.dispatch.credits(access.vs).await?)))
}

async fn allocate(State(api): State<Arc<Api>>, target: Target, request: Request) -> Answer {
    target.need_ancestor("only a virtual server above this one can allocate SMS credits to it")?;
    let bytes = api.read(request).await?;
    let allocating: Allocating = body::parse(&bytes, &ALLOCATING)?;
    let allocation = allocating.allocation()?;
    let note = allocating.note.unwrap_or_default();
    let credits = api.dispatch.allocate(&target.access.actor, target.vs, allocation, &note).await?;
    Ok(answer::json(StatusCode::CREATED, &CreditsShown::from(credits)))
}

#[derive(Serialize)]
struct LedgerList {
    allocations: Vec<LedgerShown>,
}

async fn ledger(State(api): State<Arc<Api>>, target: Target, uri: Uri) -> Answer {
    let entries = api.dispatch.ledger(target.vs, limit_of(&uri, api.door)?).await?;
    let allocations = entries.into_iter().map(Into::into).collect();
    Ok(answer::json(StatusCode::OK, &LedgerList { allocations }))
}

fn limit_of(uri: &Uri, door: Door) -> Result<usize, ProblemDetails> {
    let mut most = ENTRIES_DEFAULT;
    query::read(uri, LIMIT, door, |_, value| limit(&value, ENTRIES_MOST).map(|limit| most = limit))?;
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocation(body: &str) -> Result<Allocation, u16> {
        body::parse::<Allocating>(body.as_bytes(), &ALLOCATING)
            .and_then(|allocating| allocating.allocation())
            .map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn an_allocation_is_more_or_in_all() {
        assert_eq!(allocation(r#"{"credits":100,"note":"May"}"#), Ok(Allocation::Add(100)));
        assert_eq!(allocation(r#"{"credits":-5}"#), Ok(Allocation::Add(-5)));
        assert_eq!(allocation(r#"{"total":1000}"#), Ok(Allocation::Total(1000)));
    }

    #[test]
    fn an_allocation_that_is_both_neither_or_absurd_is_refused() {
        for wrong in
            ["{}", r#"{"credits":1,"total":1}"#, r#"{"total":-1}"#, r#"{"credits":9223372036854775807}"#]
        {
            assert_eq!(allocation(wrong), Err(400), "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_bounded() {
        let of = |query: &str| limit_of(&format!("/v1/allocations{query}").parse().unwrap(), Door::Keys).ok();
        assert_eq!((of(""), of("?limit=7"), of("?limit=1000")), (Some(100), Some(7), Some(1000)));
        assert_eq!((of("?limit=1001"), of("?limit=-1"), of("?more=1")), (None, None, None));
    }
}
