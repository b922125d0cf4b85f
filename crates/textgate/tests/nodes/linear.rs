//! Callers of three nodes at once ask for SMS credits, passcodes and Idempotency-Keys while nodes are killed and the database is
//! restarted and replaced: what they were told is what one node alone could have told them.

use crate::cluster::Cluster;
use crate::history::{
    Credits, CreditsAnswer, CreditsCall, Keys, KeysAnswer, Model, Operation, Passcode, PasscodeAnswer,
    PasscodeCall, Recorder, Verdict, judge,
};
use crate::kit::{Answer, Api, KEY, PATIENCE, PHONE, Tenant, manifest, smpp};
use crate::run::{Dice, rounds};
use crate::server;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// The key of the virtual server whose credits run out.
const SALES: &str = "tg_sales_key_0123456789abcdef";
/// What it has at first.
const CREDITS: u64 = 40;
/// Callers of each node.
const PER_NODE: usize = 3;
/// Calls that each key, and each passcode, is for, about: at once and one after the other, before a fault and after it.
const CALLS_EACH: usize = 8;
/// Between two calls of a caller.
const BREATH: Duration = Duration::from_millis(60);

/// What is told of, and by whom.
struct Stage {
    credits: Recorder<Credits>,
    keys: Recorder<Keys>,
    passcodes: Recorder<Passcode>,
    /// Passcodes with their codes.
    codes: Vec<(String, String)>,
    /// The virtual server whose credits run out.
    sales: u64,
    next_key: AtomicUsize,
    next_code: AtomicUsize,
    ends: AtomicBool,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_callers_of_three_nodes_are_told_is_what_one_could_have_told_whatever_fails() {
    if !server::is_there() {
        return;
    }
    let mut dice = Dice::thrown();
    let sales = Tenant {
        path: "acme/sales",
        key: SALES,
        more: "credits = 40",
        settings: "mode = \"default\"",
        gateways: &[],
    };
    let delay = Duration::from_millis(2);
    let mut cluster = Cluster::start(3, delay, |smsc| {
        manifest(&[smpp("main", smsc, "window = 20\nbinds = 3")]) + &sales.toml()
    })
    .await;
    cluster.until_up().await;
    // Its limits are for all nodes together, and this asks for more than a person would.
    cluster.nodes[0].api_with(KEY, PATIENCE).put("/v1/guard", json!({"mode": "off"})).await.expect(200);
    let rounds = rounds(1);
    let stage = Arc::new(Stage {
        credits: Recorder::new(),
        keys: Recorder::new(),
        passcodes: Recorder::new(),
        codes: codes(&cluster, 60 * rounds).await,
        sales: cluster.nodes[0].api_with(KEY, PATIENCE).virtual_server("acme/sales").await.unwrap(),
        next_key: AtomicUsize::new(0),
        next_code: AtomicUsize::new(0),
        ends: AtomicBool::new(false),
    });
    let calls: Vec<_> = (0..PER_NODE * cluster.nodes.len())
        .map(|caller| {
            let node = &cluster.nodes[caller % cluster.nodes.len()];
            let (sales, acme) = (node.api(SALES), node.api(KEY));
            tokio::spawn(call(Arc::clone(&stage), sales, acme, Dice::from(dice.below(usize::MAX) as u64)))
        })
        .collect();
    for round in 0..rounds {
        if round > 0 {
            cluster.follow_again();
        }
        let dies = dice.below(3);
        goes_on(&stage).await;
        cluster.nodes[dies].server.kill();
        goes_on(&stage).await;
        cluster.serve(dies).await;
        goes_on(&stage).await;
        cluster.primary.0.stop(["INT", "QUIT"][dice.below(2)]);
        cluster.primary.0.start_again();
        goes_on(&stage).await;
        cluster.fail_over();
        goes_on(&stage).await;
    }
    stage.ends.store(true, SeqCst);
    for call in calls {
        call.await.unwrap();
    }
    let stage = Arc::into_inner(stage).unwrap();
    let credits = stage.credits.take();
    is_linearisable("credits", |_| (CREDITS, 0), &credits);
    is_linearisable("keys", |_| None, &stage.keys.take());
    is_linearisable("passcodes", |_| PasscodeAnswer::Pending(5), &stage.passcodes.take());
    // That it would have been seen: of the first answers one is another, which no call without an answer explains.
    let mut falsified = credits["sales"].clone();
    falsified.sort_by_key(|one| one.begin);
    falsified.truncate(40);
    let reads = falsified.iter_mut().filter_map(|one| one.answer.as_mut());
    let used =
        reads.filter_map(|answer| if let CreditsAnswer::Is(_, used) = answer { Some(used) } else { None });
    *used.last().unwrap() += 1_000;
    assert!(matches!(judge((CREDITS, 0), &falsified), Verdict::Broken { .. }));
}

/// Waits until callers have been answered some more.
async fn goes_on(stage: &Stage) {
    let before = stage.next_key.load(SeqCst);
    crate::kit::eventually("callers go on", async || {
        (stage.next_key.load(SeqCst) > before + 30).then_some(())
    })
    .await;
}

/// Passcodes, and what the phones show.
async fn codes(cluster: &Cluster, count: usize) -> Vec<(String, String)> {
    let (mut ids, mut codes) = (Vec::new(), Vec::new());
    for n in 0..count {
        let to = format!("1555{n:07}");
        let made = cluster.nodes[n % 3]
            .api_with(KEY, PATIENCE)
            .post("/v1/otp", json!({"to": to, "ttl_s": 3600}))
            .await
            .expect(202);
        ids.push((made["id"].as_str().unwrap().to_owned(), to));
    }
    let came = cluster.smsc.wait_for(PATIENCE, |all| all.len() >= count).await.unwrap();
    for (id, to) in ids {
        let shown =
            came.iter().find(|message| message.destination.number.trim_start_matches('+') == to).unwrap();
        codes.push((id, shown.text.split(' ').next().unwrap().to_owned()));
    }
    codes
}

/// One caller, until all end.
async fn call(stage: Arc<Stage>, sales: Api, acme: Api, mut dice: Dice) {
    while !stage.ends.load(SeqCst) {
        match dice.below(3) {
            0 => spend(&stage, &sales, &acme, &mut dice).await,
            1 => repeat(&stage, &acme, &mut dice).await,
            _ => check(&stage, &acme, &mut dice).await,
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// What was answered, where anything was that says what has become of it.
fn heard(answer: Result<Answer, reqwest::Error>) -> Option<Answer> {
    let answer = answer.ok()?;
    // Whether it was done is not always known.
    if answer.status == 503 { None } else { Some(answer) }
}

async fn with_json(api: &Api, method: Method, path: &str, key: Option<&str>, body: &Value) -> Option<Answer> {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    heard(api.try_ask(method, path, &headers, body.to_string()).await)
}

async fn spend(stage: &Stage, sales: &Api, acme: &Api, dice: &mut Dice) {
    let call = match dice.below(10) {
        0..5 => CreditsCall::Send(1 + dice.below(2) as u64),
        // Less than what is sent, so that there are too few now and then.
        5 => CreditsCall::Allocate(4),
        _ => CreditsCall::Read,
    };
    let ask = async {
        Some(match &call {
            CreditsCall::Send(segments) => {
                let text = "x".repeat(if *segments == 1 { 1 } else { 200 });
                let body = json!({"to": PHONE, "text": text, "kind": "text"});
                let answer = with_json(sales, Method::POST, "/v1/messages", None, &body).await?;
                match answer.status {
                    202 => CreditsAnswer::Done,
                    _ => {
                        answer.expect_problem(402, "no-credits");
                        CreditsAnswer::TooFew
                    }
                }
            }
            CreditsCall::Allocate(more) => {
                let path = format!("/v1/virtual-servers/{}/allocations", stage.sales);
                let answer = with_json(acme, Method::POST, &path, None, &json!({"credits": more})).await?;
                assert!([200, 201].contains(&answer.status), "{}", answer.text);
                CreditsAnswer::Done
            }
            CreditsCall::Read => {
                let body = heard(sales.try_ask(Method::GET, "/v1/allocation", &[], "").await)?.expect(200);
                let number = |name: &str| body[name].as_u64().unwrap();
                CreditsAnswer::Is(number("allocated"), number("used"))
            }
        })
    };
    stage.credits.note("sales", call.clone(), ask).await;
}

async fn repeat(stage: &Stage, acme: &Api, dice: &mut Dice) {
    let key = format!("key-{}", stage.next_key.fetch_add(1, SeqCst) / CALLS_EACH);
    let call = u8::from(dice.below(4) == 0);
    let ask = async {
        let body = json!({"to": PHONE, "text": format!("{key}, request {call}"), "kind": "text"});
        let answer = with_json(acme, Method::POST, "/v1/messages", Some(&key), &body).await?;
        if answer.status == 422 {
            answer.expect_problem(422, "idempotency-conflict");
            return Some(KeysAnswer::Another);
        }
        let is_again = answer.header("idempotent-replayed") == "true";
        let id = answer.expect(202)["id"].as_str().unwrap().to_owned();
        Some(if is_again { KeysAnswer::Again(id) } else { KeysAnswer::New(id) })
    };
    stage.keys.note(&key, call, ask).await;
}

async fn check(stage: &Stage, acme: &Api, dice: &mut Dice) {
    let at = stage.next_code.fetch_add(1, SeqCst) / CALLS_EACH;
    // Where there are no more, those at the end are asked again: they are what they are.
    let (id, code) = &stage.codes[at.min(stage.codes.len() - 1)];
    let call = match dice.below(10) {
        0..2 => PasscodeCall::Check(true),
        2..7 => PasscodeCall::Check(false),
        7 if dice.below(4) == 0 => PasscodeCall::Cancel,
        _ => PasscodeCall::Show,
    };
    let ask = async {
        let path = format!("/v1/otp/{id}");
        let answer = match &call {
            PasscodeCall::Check(is_right) => {
                let wrong = if code.starts_with('0') {
                    code.replacen('0', "1", 1)
                } else {
                    format!("0{}", &code[1..])
                };
                let body = json!({"code": if *is_right { code } else { &wrong }});
                with_json(acme, Method::POST, &format!("{path}/check"), None, &body).await?
            }
            PasscodeCall::Cancel => heard(acme.try_ask(Method::DELETE, &path, &[], "").await)?,
            PasscodeCall::Show => heard(acme.try_ask(Method::GET, &path, &[], "").await)?,
        };
        if answer.status == 409 {
            answer.expect_problem(409, "passcode-not-pending");
            return Some(PasscodeAnswer::NotPending);
        }
        let body = answer.expect(200);
        Some(match body["status"].as_str().unwrap() {
            "pending" => PasscodeAnswer::Pending(body["attempts_left"].as_u64().unwrap()),
            "approved" => PasscodeAnswer::Approved,
            "too_many_attempts" => PasscodeAnswer::TooMany,
            "cancelled" => PasscodeAnswer::Cancelled,
            other => panic!("{other}"),
        })
    };
    stage.passcodes.note(id, call.clone(), ask).await;
}

/// Each of these is what one node alone could have answered.
fn is_linearisable<M: Model>(
    what: &str,
    start: impl Fn(&str) -> M::State,
    histories: &BTreeMap<String, Vec<Operation<M>>>,
) where
    Operation<M>: Debug,
{
    let (mut answered, mut lost) = (0, 0);
    for (of, history) in histories {
        let (some, none): (Vec<_>, Vec<_>) = history.iter().partition(|one| one.answer.is_some());
        (answered, lost) = (answered + some.len(), lost + none.len());
        let verdict = judge(start(of), history);
        assert_eq!(verdict, Verdict::Linearisable, "{what} of {of}: {history:#?}");
    }
    eprintln!(
        "{what}: {} histories, {answered} answers, {lost} calls without one: linearisable",
        histories.len()
    );
    assert!(answered > 50, "{answered} are few");
}
