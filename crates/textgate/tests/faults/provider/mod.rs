//! Providers fail in every way there is. For each: the outcome class, the failover taken, the time it took.

mod cases;
pub mod flood;
mod http_cases;
mod modem_cases;
mod names;
mod raw;
mod smpp_cases;

use crate::kit::{Api, KEY, PHONE, Server, Tenant, eventually, http, provider};
use crate::run::is_long;
use crate::shim::Shim;
use cases::Case;
use futures_util::StreamExt;
use serde_json::json;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How long the failing gateway may be silent.
const PATIENCE_MS: u64 = 500;

/// What a case came to.
struct Row {
    name: String,
    /// What came of the first attempt at the failing gateway; `-` where there was none.
    outcome: String,
    detail: String,
    attempt_ms: Option<u64>,
    /// Who took the message in the end.
    taken_by: String,
    took: Duration,
}

impl Row {
    async fn of(case: &Case, api: &Api) -> Self {
        if case.comes_up {
            api.until_gateway("main", "up").await;
        }
        let begin = Instant::now();
        let body = json!({"to": PHONE, "text": format!("code for {}", case.name), "kind": "otp"});
        let id = api.send(body).await;
        let message = eventually(&format!("{}: its way has ended", case.name), async || {
            let message = api.message(&id).await;
            (message["status"] != "accepted").then_some(message)
        })
        .await;
        let took = begin.elapsed();
        let attempts = message["attempts"].as_array().unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
        let at_main = attempts.iter().find(|attempt| attempt["gateway"] == "main");
        let taken = attempts.iter().find(|attempt| attempt["outcome"] == "sent");
        assert!(attempts.len() <= 3, "{}: {message:#}", case.name);
        Self {
            name: case.name.clone(),
            outcome: at_main.map_or("-".into(), |attempt| text(&attempt["outcome"])),
            detail: at_main.map_or(String::new(), |attempt| text(&attempt["detail"])),
            attempt_ms: at_main.and_then(|attempt| attempt["took_ms"].as_u64()),
            taken_by: taken.map_or_else(|| text(&message["status"]), |attempt| text(&attempt["gateway"])),
            took,
        }
    }
}

/// Sends a code in each case, with a failover that works, and compares with what is expected.
async fn run(cases: Vec<Case>) {
    let backup = provider().await;
    let mut server = Server::stopped();
    let keys: Vec<String> = (0..cases.len()).map(|n| format!("tg_case_{n}_0123456789abcdef")).collect();
    let blocks = cases.iter().zip(&keys).enumerate().map(|(n, (case, key))| {
        let settings = format!("mode = \"custom\"\nfailover_after_ms = {PATIENCE_MS}");
        let gateways = [case.gateway.clone(), http("backup", backup.address(), "")];
        Tenant { path: &format!("case-{n}"), key, more: "", settings: &settings, gateways: &gateways }.toml()
    });
    // Whatever is done only once, for the first message, is done by this one.
    let first = Tenant {
        path: "first",
        key: KEY,
        more: "",
        settings: "mode = \"custom\"",
        gateways: &[http("backup", backup.address(), "")],
    };
    server.apply(&(blocks.collect::<String>() + &first.toml()));
    let shim = Shim::new(&server);
    shim.names(names::NAMES);
    server.serve_by(shim.command(&server)).await;
    server.api().send_until(json!({"to": PHONE, "text": "first"}), "sent").await;
    // One by one where the times are to mean something.
    let at_once = if is_long() { 1 } else { 12 };
    let rows = futures_util::stream::iter(cases.iter().zip(&keys)).map(async |(case, key)| {
        let api = server.api_as(key);
        Row::of(case, &api).await
    });
    let rows: Vec<Row> = rows.buffered(at_once).collect().await;
    if is_long() {
        println!(
            "\n| what the provider does | outcome | attempt | taken by | in all | told as |\n|---|---|---|---|---|---|"
        );
        for Row { name, outcome, detail, attempt_ms, taken_by, took } in &rows {
            let attempt = attempt_ms.map_or("-".into(), |ms| format!("{ms} ms"));
            println!("| {name} | {outcome} | {attempt} | {taken_by} | {} ms | {detail} |", took.as_millis());
        }
    }
    let wrong: Vec<String> = cases
        .iter()
        .zip(&rows)
        .filter(|(case, row)| !case.is_as_expected(&row.outcome, &row.taken_by))
        .map(|(case, row)| {
            let (expected, by) = (&case.outcomes, case.taken_by);
            let Row { name, outcome, taken_by, detail, .. } = row;
            format!("{name}: {outcome} ({detail}), taken by {taken_by}; expected {expected:?} and {by}")
        })
        .collect();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), server.log());
    let texts: Vec<_> =
        backup.requests().iter().map(|request| request.parameter("text").map(str::to_owned)).collect();
    assert_eq!(texts.len(), texts.iter().collect::<HashSet<_>>().len(), "the failover has nothing twice");
    assert!(server.is_alive());
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_in_each_of_its_faults_has_its_class_and_the_code_leaves_by_the_failover() {
    run(smpp_cases::all().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_status_has_its_class_and_the_code_leaves_by_the_failover() {
    run(smpp_cases::statuses().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modem_in_each_of_its_faults_has_its_class_and_the_code_leaves_by_the_failover() {
    run(modem_cases::all().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_provider_in_each_of_its_faults_has_its_class_and_the_code_leaves_by_the_failover() {
    run(http_cases::providers().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_in_each_of_its_faults_has_its_class_and_the_code_leaves_by_the_failover() {
    run(http_cases::proxies().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_fail_hang_or_point_inwards_are_passed_over() {
    run(names::cases().await).await;
}
