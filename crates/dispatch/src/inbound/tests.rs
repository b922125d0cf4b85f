//! What phones send, under a held clock: kept, put together, given to whoever it is for, heard once, and found again over a start.

use super::{InboundRule, InboundView};
use crate::alerts::{AlertInput, ContactInput};
use crate::testing::Bench;
use crate::work::StationWork;
use crate::{DirectoryError, Limits};
use std::sync::Arc;
use std::time::Duration;
use textgate_gateway::{Inbound, InboundPart, NotKept, Work as _};
use textgate_sms::{AlertState, Encoding, GatewayId, MessageId, VsId};
use textgate_store::VirtualServer;
use tokio::time::sleep;

const ROOT: VsId = VsId::ROOT;
const ACME: VsId = VsId(2);
const SALES: VsId = VsId(3);
const OTHER: VsId = VsId(4);
const ANN: &str = "15550100101";

/// The root with gateway `a`; acme below it, sales below that, and another.
async fn bench() -> Bench {
    let bench = Bench::with(&["a"]).await;
    for (id, parent, name) in [(ACME, ROOT, "acme"), (SALES, ACME, "sales"), (OTHER, ROOT, "other")] {
        let server = VirtualServer { id, parent: Some(parent), name: name.into(), created_ms: 0 };
        bench.store.directory.lock().unwrap().virtual_servers.push(server);
    }
    // Another change has the directory read.
    bench.set(&["a"], crate::words::OnUncertain::Failover).await;
    bench
}

fn said(from: &str, to: &str, text: &str) -> Inbound {
    Inbound { from: from.into(), to: to.into(), text: text.into(), part: None, id: None }
}

fn part(reference: u16, total: u8, number: u8, text: &str) -> Inbound {
    let units = Some((Encoding::Utf16Be, text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
    Inbound { part: Some(InboundPart { reference, total, number, units }), ..said(ANN, "12345", text) }
}

async fn arrive(bench: &Bench, inbound: Inbound) -> Result<(), NotKept> {
    let engine = &bench.dispatch.engine;
    let station = Arc::clone(&engine.view.load().stations[&GatewayId(u32::from(b'a'))]);
    let work = StationWork { engine: Arc::clone(engine), station };
    let kept = work.inbound(inbound).await;
    bench.settle().await;
    kept
}

async fn all(bench: &Bench, vs: VsId) -> Vec<InboundView> {
    bench.dispatch.inbound(vs, None, None, 100).await.unwrap().messages
}

async fn texts(bench: &Bench, vs: VsId) -> Vec<String> {
    all(bench, vs).await.into_iter().map(|message| message.text.unwrap()).collect()
}

fn unheard(bench: &Bench) -> usize {
    bench.store.inbound.lock().unwrap().unheard(100).len()
}

fn rule(number: Option<&str>, keyword: Option<&str>, vs: VsId) -> InboundRule {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    InboundRule { number: owned(number), keyword: owned(keyword), virtual_server: vs }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_kept_for_the_owner_of_the_gateway_and_heard() {
    let bench = bench().await;
    arrive(&bench, said("+15550100101", "12345", "hello")).await.unwrap();
    let found = all(&bench, ROOT).await;
    let view = &found[0];
    assert_eq!(
        (view.from.as_str(), view.to.as_str(), view.text.as_deref()),
        ("+15550100101", "12345", Some("hello"))
    );
    assert_eq!((view.gateway.as_str(), view.parts, view.missing), ("a", 1, 0));
    assert_eq!((unheard(&bench), bench.dispatch.engine.metrics.inbound.get()), (0, 1));
    let by_phone = bench.dispatch.inbound(ROOT, Some("1 555 010 0101"), None, 9).await.unwrap();
    assert_eq!(by_phone.messages.len(), 1, "however the number is written");
    assert!(bench.dispatch.inbound(ROOT, Some("15550100102"), None, 9).await.unwrap().messages.is_empty());
    assert!(matches!(bench.dispatch.inbound_message(ACME, view.id).await, Err(DirectoryError::NotFound(_))));
    assert!(bench.dispatch.inbound_message(ROOT, view.id).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_brings_again_is_one_message() {
    let bench = bench().await;
    let named = |id: &str| Inbound { id: Some(id.into()), ..said(ANN, "12345", "hello") };
    for id in ["a", "b", "a", "a"] {
        arrive(&bench, named(id)).await.unwrap();
    }
    let metrics = &bench.dispatch.engine.metrics;
    assert_eq!(
        (all(&bench, ROOT).await.len(), metrics.inbound.get(), metrics.inbound_repeated.get()),
        (2, 2, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn rules_give_messages_on_and_each_goes_on_from_there() {
    let bench = bench().await;
    let dispatch = &bench.dispatch;
    let rules = vec![rule(Some("+12345"), Some("Acme"), ACME), rule(None, Some("other"), OTHER)];
    dispatch.put_inbound_rules("test", ROOT, rules.clone()).await.unwrap();
    dispatch.put_inbound_rules("test", ACME, vec![rule(Some("12345"), None, SALES)]).await.unwrap();
    assert_eq!(dispatch.inbound_rules(ROOT).unwrap(), rules);
    for text in ["nothing", "OTHER things", "acme, please", "Acme"] {
        arrive(&bench, said(ANN, "12345", text)).await.unwrap();
    }
    arrive(&bench, said(ANN, "999", "acme")).await.unwrap();
    assert_eq!(texts(&bench, ROOT).await, ["acme", "nothing"]);
    assert_eq!(texts(&bench, OTHER).await, ["OTHER things"]);
    assert_eq!(texts(&bench, SALES).await, ["Acme", "acme, please"]);
    assert!(texts(&bench, ACME).await.is_empty());
    // Up or aside nobody gives anything.
    for wrong in [ROOT, OTHER, VsId(77)] {
        let put = dispatch.put_inbound_rules("test", ACME, vec![rule(None, Some("x"), wrong)]).await;
        assert!(matches!(put, Err(DirectoryError::Invalid(_))), "{wrong}");
    }
    dispatch.put_inbound_rules("test", ROOT, vec![]).await.unwrap();
    arrive(&bench, said(ANN, "12345", "acme again")).await.unwrap();
    assert_eq!(texts(&bench, ROOT).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn parts_become_one_message_whose_keyword_may_lie_across_them() {
    let bench = bench().await;
    bench.dispatch.put_inbound_rules("test", ROOT, vec![rule(None, Some("acme"), ACME)]).await.unwrap();
    for (number, text) in [(3, "!"), (1, "AC"), (1, "AC"), (2, "ME 😀")] {
        arrive(&bench, part(7, 3, number, text)).await.unwrap();
    }
    let found = all(&bench, ACME).await;
    assert_eq!((found.len(), found[0].text.as_deref(), found[0].parts), (1, Some("ACME 😀!"), 3));
    assert_eq!(unheard(&bench), 0);
    assert_eq!(bench.dispatch.engine.metrics.inbound_incomplete.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_never_becomes_whole_is_passed_on_after_ten_minutes() {
    let bench = bench().await;
    arrive(&bench, part(7, 3, 1, "one ")).await.unwrap();
    sleep(Duration::from_secs(300)).await;
    arrive(&bench, part(8, 2, 2, "two")).await.unwrap();
    sleep(Duration::from_secs(299)).await;
    assert!(all(&bench, ROOT).await.is_empty());
    sleep(Duration::from_secs(32)).await;
    let found = all(&bench, ROOT).await;
    assert_eq!((found.len(), found[0].text.as_deref(), found[0].missing), (1, Some("one […]"), 2));
    sleep(Duration::from_secs(400)).await;
    assert_eq!(texts(&bench, ROOT).await, ["[…]two", "one […]"]);
    assert_eq!(bench.dispatch.engine.metrics.inbound_incomplete.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_before_the_end_is_put_together_and_heard_after_the_start() {
    let bench = bench().await;
    add_ann(&bench).await;
    let alert = raise(&bench).await;
    let code = alert.1;
    // On disk, and the program ends before anything else.
    bench.dispatch.shutdown().await;
    arrive(&bench, part(7, 2, 1, "seen: ")).await.unwrap();
    arrive(&bench, part(7, 2, 2, &code)).await.unwrap();
    assert_eq!((unheard(&bench), state(&bench, alert.0).await), (1, AlertState::Open));
    let bench = Bench::again(&bench, Limits::default()).await;
    bench.settle().await;
    assert_eq!((unheard(&bench), state(&bench, alert.0).await), (0, AlertState::Acknowledged));
}

#[tokio::test(start_paused = true)]
async fn a_reply_acknowledges_an_alert_whoever_the_message_is_for() {
    let bench = bench().await;
    add_ann(&bench).await;
    let (id, code) = raise(&bench).await;
    bench.dispatch.put_inbound_rules("test", ROOT, vec![rule(Some("12345"), None, ACME)]).await.unwrap();
    arrive(&bench, said("15550100102", "12345", &code)).await.unwrap();
    assert_eq!(state(&bench, id).await, AlertState::Open, "she was not told");
    arrive(&bench, said("+15550100101", "12345", &format!("ok {code}."))).await.unwrap();
    assert_eq!(state(&bench, id).await, AlertState::Acknowledged);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_takes_nothing_the_provider_is_to_bring_it_again_and_nothing_is_heard_twice() {
    let bench = bench().await;
    *bench.store.is_full.lock().unwrap() = true;
    assert!(arrive(&bench, said(ANN, "12345", "hello")).await.is_err());
    *bench.store.is_full.lock().unwrap() = false;
    arrive(&bench, said(ANN, "12345", "hello")).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    assert_eq!((all(&bench, ROOT).await.len(), unheard(&bench)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_cut_and_what_has_no_number_is_kept() {
    let bench = bench().await;
    arrive(&bench, said(&"é".repeat(500), &"1".repeat(500), &"ж".repeat(70_000))).await.unwrap();
    arrive(&bench, said("", "", "")).await.unwrap();
    let found = all(&bench, ROOT).await;
    let lengths = |view: &InboundView| {
        [&view.from, &view.to, view.text.as_ref().unwrap()].map(|text| text.chars().count())
    };
    assert_eq!((lengths(&found[1]), lengths(&found[0])), ([64, 64, 65_536], [0, 0, 0]));
}

async fn add_ann(bench: &Bench) {
    let dispatch = &bench.dispatch;
    let input = ContactInput { number: ANN.into(), language: None };
    dispatch.put_contact("test", ROOT, "Ann", input).await.unwrap();
    dispatch.put_group("test", ROOT, "ops", vec!["Ann".into()]).await.unwrap();
}

/// An alert that Ann was told of, and its code.
async fn raise(bench: &Bench) -> (MessageId, String) {
    let input = AlertInput { group: Some("ops".into()), text: Some("down".into()), ..AlertInput::default() };
    let alert = bench.dispatch.raise_alert(ROOT, input).await.unwrap().alert;
    bench.settle().await;
    let id = MessageId::parse(&alert.id).unwrap();
    let code = bench.store.alerts.lock().unwrap()[&id].code.clone();
    (id, code)
}

async fn state(bench: &Bench, id: MessageId) -> AlertState {
    bench.dispatch.alert(ROOT, id).await.unwrap().status
}
