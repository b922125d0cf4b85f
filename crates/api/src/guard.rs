//! The fraud guard: its rules, the ranges it has blocked, and what it refused; and being told of codes that are checked elsewhere.

use crate::access::{Access, FullAccess, PathId, Target, path_parameter};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::ProblemType;
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::time::Shown;
use crate::views::COUNT;
use axum::extract::{FromRequestParts, Request, State};
use axum::routing::{delete, get, post, put};
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use textgate_dispatch::{
    GuardBlockView, GuardCount, GuardMode, GuardReason, GuardRefused, GuardReport, GuardRules, GuardView, Per,
};
use textgate_sms::{Country, VsId};

fn modes() -> Vec<&'static str> {
    GuardMode::ALL.iter().map(|(_, name)| *name).collect()
}

fn pers() -> Vec<&'static str> {
    Per::ALL.iter().map(|(_, name)| *name).collect()
}

fn reasons() -> Vec<&'static str> {
    GuardReason::ALL.iter().map(|reason| reason.name()).collect()
}

const RANGE: Shape = Shape::Text(15);
const REASON: Shape = Shape::OneOf(reasons);
const SECONDS: Shape = Shape::Integer(0, u32::MAX as i64);

static LIMIT: Object = Object {
    name: "GuardLimit",
    about: "At most so many passcodes in a sliding window.",
    properties: &[
        required(
            "per",
            Shape::OneOf(pers),
            "What is counted by: each number, range of 10,000 numbers, country, address (IPv6: /64) or purpose, or all of the virtual server.",
        ),
        required("limit", SECONDS, "How many (1 to 1,000,000)."),
        required("window_s", SECONDS, "How long the window is (s, 1 to 604,800)."),
    ],
};

pub(crate) static RULES: Object = Object {
    name: "GuardRules",
    about: "Rules of the fraud guard. What is left out is as in the default.",
    properties: &[
        optional(
            "mode",
            Shape::OneOf(modes),
            "`on` refuses what the rules say; `dry_run` counts and lists it, and sends it; `off` judges nothing.",
        ),
        optional(
            "countries",
            Shape::List(&Shape::Country, 300),
            "Where passcodes may go, by the two letters of ISO 3166-1; none: everywhere.",
        ),
        optional("refuse_premium", Shape::Flag, "Refuse numbers that cost their caller more."),
        optional("refuse_unallocated", Shape::Flag, "Refuse numbers that no numbering plan has."),
        optional("limits", Shape::List(&Shape::Object(&LIMIT), 16), "All of them hold."),
        optional("block_ranges", Shape::Flag, "Block ranges of numbers whose codes are not entered."),
        optional(
            "block_s",
            SECONDS,
            "How long a range is blocked for the first time (s, 60 to 2,592,000); each time again four times as long.",
        ),
        optional("longest_block_s", SECONDS, "How long a range is blocked at most (s)."),
    ],
};

static GUARD: Object = Object {
    name: "Guard",
    about: "The fraud guard's rules of a virtual server.",
    properties: &[
        optional("own", Shape::Object(&RULES), "Its own rules; null where none were put."),
        required(
            "in_force",
            Shape::Object(&RULES),
            "What is in force: its own rules, never looser than those above it; or the default where nobody has put any.",
        ),
        required(
            "is_for_messages",
            Shape::Flag,
            "Whether they are asked for `POST /v1/messages` of kind `otp`, too: only where somebody has put rules.",
        ),
        required("notices", Shape::List(&Shape::Text(256), 9), "What you should know about them."),
    ],
};

static BLOCK: Object = Object {
    name: "GuardBlock",
    about: "A range that the fraud guard has blocked.",
    properties: &[
        required("range", RANGE, "How its numbers begin."),
        optional("country", Shape::Country, "Their country."),
        required("began_at", Shape::Time, "Since when."),
        required("until", Shape::Time, "Until when."),
        required("times", COUNT, "How often it has been blocked."),
        required(
            "refused",
            COUNT,
            "Passcodes refused because of it, or that would have been, since the program was started.",
        ),
        optional(
            "excused_until",
            Shape::Time,
            "Somebody released it: it is not blocked again by itself before then.",
        ),
    ],
};

static BLOCKS: Object = Object {
    name: "GuardBlocks",
    about: "Blocked ranges, and those released of late.",
    properties: &[required("blocks", Shape::List(&Shape::Object(&BLOCK), 1_000), "The newest first.")],
};

static BY_REASON: Object = Object {
    name: "GuardCount",
    about: "How many for one reason.",
    properties: &[required("reason", REASON, "The reason."), required("count", COUNT, "How many.")],
};

static REFUSED: Object = Object {
    name: "GuardRefusal",
    about: "A passcode that was refused, or would have been.",
    properties: &[
        required("at", Shape::Time, "When."),
        required("range", RANGE, "How its number begins: the range of 10,000 that it lies in."),
        optional("country", Shape::Country, "Its country."),
        required("reason", REASON, "Why."),
        required("is_dry_run", Shape::Flag, "It was sent all the same."),
    ],
};

const COUNTS: Shape = Shape::List(&Shape::Object(&BY_REASON), 32);

static REPORT: Object = Object {
    name: "GuardReport",
    about: "What the fraud guard did, or would have done, since the program was started.",
    properties: &[
        required("since", Shape::Time, "Since when it counts."),
        required("let_through", COUNT, "Passcodes that were let through."),
        required("refused", COUNTS, "Refused, by reason."),
        required("would_refuse", COUNTS, "Would have been refused in a dry run, by reason."),
        required(
            "would_refuse_people",
            COUNT,
            "Of those that would have been refused, so many codes were entered: people would have been kept out.",
        ),
        required(
            "latest",
            Shape::List(&Shape::Object(&REFUSED), 50),
            "The latest of them, the newest first.",
        ),
    ],
};

const PUTTING: &[ProblemType] = &[ProblemType::NotFound, ProblemType::StoreUnavailable];

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = own();
    routes.extend(below());
    routes.push(Route {
        method: "POST",
        path: "/v1/messages/{id}/converted",
        id: "message_converted",
        summary: "Tell that the code of a message of kind `otp` was entered, where you make and check codes yourself: the fraud guard \
                  and the adaptive order of gateways go by it.",
        access: Allowed::AnyKey,
        parameters: &[],
        body: None,
        success: Success::nothing("It is known. Only the first time counts."),
        problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
        handler: post(converted),
    });
    routes
}

fn own() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/guard",
            id: "get_guard",
            summary: "The fraud guard's rules.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &GUARD, "The rules."),
            problems: &[],
            handler: get(show),
        },
        Route {
            method: "PUT",
            path: "/v1/guard",
            id: "put_guard",
            summary: "Put the fraud guard's rules.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&RULES),
            success: Success::json(200, &GUARD, "The rules as they are now."),
            problems: &[ProblemType::StoreUnavailable],
            handler: put(replace),
        },
        Route {
            method: "DELETE",
            path: "/v1/guard",
            id: "remove_guard",
            summary: "Take the own rules away: those above hold alone, or the default.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &GUARD, "The rules as they are now."),
            problems: &[ProblemType::StoreUnavailable],
            handler: delete(remove),
        },
        Route {
            method: "GET",
            path: "/v1/guard/blocks",
            id: "list_guard_blocks",
            summary: "Ranges of numbers that the fraud guard has blocked.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &BLOCKS, "The ranges."),
            problems: &[],
            handler: get(blocks),
        },
        Route {
            method: "DELETE",
            path: "/v1/guard/blocks/{range}",
            id: "release_guard_block",
            summary: "Release a blocked range: it is not blocked again by itself for a day.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::nothing("It is released."),
            problems: PUTTING,
            handler: delete(release),
        },
        Route {
            method: "GET",
            path: "/v1/guard/report",
            id: "get_guard_report",
            summary: "What the fraud guard refused, or would have refused in a dry run.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &REPORT, "The report."),
            problems: &[],
            handler: get(report),
        },
    ]
}

/// The same for a virtual server by its id: the own or one below.
fn below() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/virtual-servers/{id}/guard",
            id: "get_guard_of",
            summary: "The fraud guard's rules of a virtual server: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &GUARD, "The rules."),
            problems: &[ProblemType::NotFound],
            handler: get(show_of),
        },
        Route {
            method: "PUT",
            path: "/v1/virtual-servers/{id}/guard",
            id: "put_guard_of",
            summary: "Put the fraud guard's rules of a virtual server: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&RULES),
            success: Success::json(200, &GUARD, "The rules as they are now."),
            problems: PUTTING,
            handler: put(replace_of),
        },
        Route {
            method: "DELETE",
            path: "/v1/virtual-servers/{id}/guard",
            id: "remove_guard_of",
            summary: "Take a virtual server's own rules away: those above it hold alone, or the default.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &GUARD, "The rules as they are now."),
            problems: PUTTING,
            handler: delete(remove_of),
        },
        Route {
            method: "GET",
            path: "/v1/virtual-servers/{id}/guard/blocks",
            id: "list_guard_blocks_of",
            summary: "Ranges that the fraud guard has blocked for a virtual server: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &BLOCKS, "The ranges."),
            problems: &[ProblemType::NotFound],
            handler: get(blocks_of),
        },
        Route {
            method: "DELETE",
            path: "/v1/virtual-servers/{id}/guard/blocks/{range}",
            id: "release_guard_block_of",
            summary: "Release a range that is blocked for a virtual server: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::nothing("It is released."),
            problems: PUTTING,
            handler: delete(release_of),
        },
        Route {
            method: "GET",
            path: "/v1/virtual-servers/{id}/guard/report",
            id: "get_guard_report_of",
            summary: "What the fraud guard refused, or would have, for a virtual server: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &REPORT, "The report."),
            problems: &[ProblemType::NotFound],
            handler: get(report_of),
        },
    ]
}

// === handlers ===

async fn show(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown(&api.dispatch.guard(access.vs)?)
}

async fn show_of(State(api): State<Arc<Api>>, target: Target) -> Answer {
    shown(&api.dispatch.guard(target.vs)?)
}

fn shown(guard: &GuardView) -> Answer {
    Ok(answer::json(StatusCode::OK, guard))
}

async fn replace(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    put_rules(&api, &access.actor, access.vs, request).await
}

async fn replace_of(State(api): State<Arc<Api>>, target: Target, request: Request) -> Answer {
    put_rules(&api, &target.access.actor, target.vs, request).await
}

async fn put_rules(api: &Api, actor: &str, vs: VsId, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let rules: GuardRules = body::parse(&bytes, &RULES)?;
    shown(&api.dispatch.put_guard(actor, vs, Some(rules)).await?)
}

async fn remove(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown(&api.dispatch.put_guard(&access.actor, access.vs, None).await?)
}

async fn remove_of(State(api): State<Arc<Api>>, target: Target) -> Answer {
    shown(&api.dispatch.put_guard(&target.access.actor, target.vs, None).await?)
}

async fn blocks(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown_blocks(&api, access.vs)
}

async fn blocks_of(State(api): State<Arc<Api>>, target: Target) -> Answer {
    shown_blocks(&api, target.vs)
}

fn shown_blocks(api: &Api, vs: VsId) -> Answer {
    let blocks = api.dispatch.guard_blocks(vs)?.into_iter().map(BlockShown::from).collect();
    Ok(answer::json(StatusCode::OK, &BlocksShown { blocks }))
}

async fn release(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, range: RangePart) -> Answer {
    api.dispatch.release_guard_block(&access.actor, access.vs, &range.0).await?;
    Ok(answer::done())
}

async fn release_of(State(api): State<Arc<Api>>, target: Target, range: RangePart) -> Answer {
    api.dispatch.release_guard_block(&target.access.actor, target.vs, &range.0).await?;
    Ok(answer::done())
}

async fn report(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    Ok(answer::json(StatusCode::OK, &ReportShown::from(api.dispatch.guard_report(access.vs)?)))
}

async fn report_of(State(api): State<Arc<Api>>, target: Target) -> Answer {
    Ok(answer::json(StatusCode::OK, &ReportShown::from(api.dispatch.guard_report(target.vs)?)))
}

async fn converted(State(api): State<Arc<Api>>, access: Access, id: PathId) -> Answer {
    api.dispatch.message_converted(access.vs, id.of("this message")?).await?;
    Ok(answer::done())
}

/// The range in the path; empty, and so no range, where it is not even UTF-8.
struct RangePart(String);

impl FromRequestParts<Arc<Api>> for RangePart {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Infallible> {
        Ok(Self(path_parameter(parts, "range").await.unwrap_or_default()))
    }
}

// === what is shown ===

#[derive(Serialize)]
struct BlocksShown {
    blocks: Vec<BlockShown>,
}

#[derive(Serialize)]
struct BlockShown {
    range: String,
    country: Option<Country>,
    began_at: Shown,
    until: Shown,
    times: u16,
    refused: u64,
    excused_until: Option<Shown>,
}

impl From<GuardBlockView> for BlockShown {
    fn from(block: GuardBlockView) -> Self {
        Self {
            range: block.range,
            country: block.country,
            began_at: Shown(block.began_ms),
            until: Shown(block.until_ms),
            times: block.times,
            refused: block.refused,
            excused_until: block.excused_until_ms.map(Shown),
        }
    }
}

#[derive(Serialize)]
struct ReportShown {
    since: Shown,
    let_through: u64,
    refused: Vec<GuardCount>,
    would_refuse: Vec<GuardCount>,
    would_refuse_people: u64,
    latest: Vec<RefusalShown>,
}

#[derive(Serialize)]
struct RefusalShown {
    at: Shown,
    range: String,
    country: Option<Country>,
    reason: &'static str,
    is_dry_run: bool,
}

impl From<GuardReport> for ReportShown {
    fn from(report: GuardReport) -> Self {
        let refusal = |refused: GuardRefused| RefusalShown {
            at: Shown(refused.at_ms),
            range: refused.range,
            country: refused.country,
            reason: refused.reason,
            is_dry_run: refused.is_dry_run,
        };
        Self {
            since: Shown(report.since_ms),
            let_through: report.let_through,
            refused: report.refused,
            would_refuse: report.would_refuse,
            would_refuse_people: report.would_refuse_people,
            latest: report.latest.into_iter().map(refusal).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn problems(object: &Object, value: &Value) -> Vec<textgate_gateway::Problem> {
        let mut problems = Vec::new();
        object.check(value, "", &mut problems);
        problems
    }

    #[test]
    fn rules_are_read_and_what_is_left_out_is_the_default() {
        let body = json!({"mode": "dry_run", "countries": ["de", "FR"], "limits": [{"per": "ip", "limit": 3, "window_s": 60}]});
        let rules: GuardRules = body::parse(body.to_string().as_bytes(), &RULES).unwrap();
        assert_eq!(rules.mode, GuardMode::DryRun);
        assert_eq!(rules.countries.iter().map(Country::as_str).collect::<Vec<_>>(), ["DE", "FR"]);
        assert_eq!((rules.limits.len(), rules.block_s), (1, GuardRules::default().block_s));
        let wrong = json!({"mode": "maybe", "countries": ["XX", 3], "limits": [{"per": "phone"}], "more": 1});
        let paths: Vec<String> = problems(&RULES, &wrong).into_iter().map(|problem| problem.path).collect();
        let expected = [
            "more",
            "mode",
            "countries[0]",
            "countries[1]",
            "limits[0].per",
            "limits[0].limit",
            "limits[0].window_s",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn what_is_shown_is_what_is_described() {
        let rules = GuardRules::default();
        let guard = GuardView {
            own: Some(rules.clone()),
            in_force: rules,
            is_for_messages: true,
            notices: vec!["x".into()],
        };
        assert_eq!(problems(&GUARD, &serde_json::to_value(guard).unwrap()), []);
        let country = Country::parse("DE").ok();
        let block = GuardBlockView {
            range: "49151123".into(),
            country,
            began_ms: 1,
            until_ms: 2,
            times: 1,
            refused: 3,
            excused_until_ms: Some(4),
        };
        let blocks = BlocksShown { blocks: vec![block.into()] };
        assert_eq!(problems(&BLOCKS, &serde_json::to_value(blocks).unwrap()), []);
        let refused =
            GuardRefused { at_ms: 1, range: "49".into(), country, reason: "premium", is_dry_run: true };
        let count = GuardCount { reason: GuardReason::ALL[0].name(), count: 1 };
        let report = GuardReport { refused: vec![count], latest: vec![refused], ..GuardReport::default() };
        let report = serde_json::to_value(ReportShown::from(report)).unwrap();
        assert_eq!(problems(&REPORT, &report), []);
    }
}
