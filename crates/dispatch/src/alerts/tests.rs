//! Alerts under a held clock: raised, counted, held back, escalated, acknowledged, over a start.

use super::{AlertInput, AlertSettings, AlertView, ContactInput, QuietHours};
use crate::Limits;
use crate::testing::{Bench, START_MS, down};
use std::sync::Arc;
use std::time::Duration;
use textgate_gateway::Health;
use textgate_sms::{AlertState, Kind, MessageId, MessageState, OutcomeClass, PhoneNumber, Severity, VsId};
use textgate_store::Credits;
use tokio::time::sleep;

const ROOT: VsId = VsId::ROOT;
const ANN: &str = "15550100101";
const BEN: &str = "15550100102";

/// Gateways `a` and `b`; Ann in the group `ops`, Ben in `boss`.
async fn with_contacts() -> Bench {
    let bench = Bench::with(&["a", "b"]).await;
    add_contacts(&bench).await;
    bench
}

async fn add_contacts(bench: &Bench) {
    let dispatch = &bench.dispatch;
    for (name, number, group) in [("Ann", ANN, "ops"), ("Ben", BEN, "boss")] {
        let input = ContactInput { number: number.into(), language: None };
        dispatch.put_contact("test", ROOT, name, input).await.unwrap();
        dispatch.put_group("test", ROOT, group, vec![name.into()]).await.unwrap();
    }
}

async fn set(bench: &Bench, settings: AlertSettings) {
    bench.dispatch.put_alert_settings("test", ROOT, settings).await.unwrap();
}

fn to_ops(text: &str) -> AlertInput {
    AlertInput { group: Some("ops".into()), text: Some(text.into()), ..AlertInput::default() }
}

async fn raise(bench: &Bench, input: AlertInput) -> AlertView {
    bench.dispatch.raise_alert(ROOT, input).await.unwrap().alert
}

async fn now(bench: &Bench, alert: &AlertView) -> AlertView {
    bench.dispatch.alert(ROOT, id(alert)).await.unwrap()
}

fn id(alert: &AlertView) -> MessageId {
    MessageId::parse(&alert.id).unwrap()
}

/// Number and text of every message, in order.
fn messages(bench: &Bench) -> Vec<(String, String, MessageState)> {
    let engine = &bench.dispatch.engine;
    let messages = bench.store.messages.lock().unwrap();
    let text = |message: &textgate_store::StoredMessage| {
        let sealed = message.sealed_text.as_ref().unwrap();
        let plain = engine.sealer.unseal(textgate_store::Purpose::Text, message.id.as_u64(), sealed).unwrap();
        String::from_utf8(plain).unwrap()
    };
    messages.values().map(|message| (message.to.to_string(), text(message), message.state)).collect()
}

fn numbers(bench: &Bench) -> Vec<String> {
    messages(bench).into_iter().map(|(to, ..)| to).collect()
}

async fn open(bench: &Bench) -> Vec<AlertView> {
    bench.dispatch.alerts(ROOT, Some(true), None, 100).await.unwrap().alerts
}

async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn an_alert_tells_its_group_and_another_of_its_key_is_counted() {
    let bench = with_contacts().await;
    let input = AlertInput { dedup_key: Some("db".into()), ..to_ops("db1 is down") };
    let first = raise(&bench, input.clone()).await;
    bench.settle().await;
    assert_eq!((first.notices.len(), first.notices[0].contact.as_str()), (1, "Ann"));
    let sent = messages(&bench);
    assert_eq!((sent.len(), sent[0].0.as_str(), sent[0].2), (1, ANN, MessageState::Sent));
    assert!(sent[0].1.starts_with("db1 is down\nTo acknowledge, reply "), "{}", sent[0].1);
    let again = bench.dispatch.raise_alert(ROOT, input.clone()).await.unwrap();
    assert_eq!((again.is_new, again.alert.count, again.alert.id), (false, 2, first.id));
    pass(3_601).await;
    assert!(bench.dispatch.raise_alert(ROOT, input.clone()).await.unwrap().is_new, "its time is past");
    let other = AlertInput { dedup_key: Some("web".into()), ..input };
    assert!(bench.dispatch.raise_alert(ROOT, other).await.unwrap().is_new);
    assert_eq!((messages(&bench).len(), bench.dispatch.open_alerts(ROOT)), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_closed_alert_counts_no_more() {
    let bench = with_contacts().await;
    let input = AlertInput { dedup_key: Some("db".into()), ..to_ops("down") };
    let first = raise(&bench, input.clone()).await;
    let closed = bench.dispatch.close_alert("user ada", ROOT, id(&first)).await.unwrap();
    assert_eq!((closed.status, closed.closed_by.as_deref()), (AlertState::Closed, Some("user ada")));
    assert!(bench.dispatch.raise_alert(ROOT, input).await.unwrap().is_new);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_acknowledges_others_are_told_once() {
    let bench = with_contacts().await;
    let input =
        AlertInput { escalate_group: Some("boss".into()), escalate_after_s: Some(600), ..to_ops("down") };
    let alert = raise(&bench, input).await;
    assert_eq!(alert.escalate_ms, Some(START_MS + 600_000));
    pass(599).await;
    assert_eq!(numbers(&bench), [ANN]);
    pass(2).await;
    assert_eq!(numbers(&bench), [ANN, BEN]);
    pass(100_000).await;
    assert_eq!(numbers(&bench), [ANN, BEN]);
    let alert = now(&bench, &alert).await;
    assert_eq!((alert.status, alert.notices[1].why), (AlertState::Open, "escalated"));
}

#[tokio::test(start_paused = true)]
async fn what_is_acknowledged_is_not_escalated_also_by_a_reply_with_its_code() {
    let bench = with_contacts().await;
    let input = || AlertInput { escalate_group: Some("boss".into()), ..to_ops("down") };
    let (by_api, by_reply) = (raise(&bench, input()).await, raise(&bench, input()).await);
    bench.dispatch.acknowledge_alert("key acme/app", ROOT, id(&by_api)).await.unwrap();
    let code = bench.dispatch.engine.alert_code(id(&by_reply));
    let reply = |from: &str, text: String| {
        let (dispatch, from) = (bench.dispatch.clone(), PhoneNumber::parse(from).unwrap());
        async move { dispatch.acknowledge_by_reply(from, &text).await.unwrap() }
    };
    assert_eq!(reply(ANN, "what is that?".into()).await, 0);
    assert_eq!(reply(BEN, code.clone()).await, 0, "he was not told");
    assert_eq!(reply(ANN, format!("ok, {} seen", code.to_lowercase())).await, 1);
    assert_eq!(reply(ANN, code).await, 0, "once");
    let by_reply = now(&bench, &by_reply).await;
    assert_eq!(by_reply.acknowledged_by.as_deref(), Some("reply of Ann"));
    pass(10_000).await;
    assert_eq!(numbers(&bench), [ANN, ANN]);
    assert_eq!(bench.dispatch.open_alerts(ROOT), 0);
}

#[tokio::test(start_paused = true)]
async fn a_link_shows_the_alert_and_only_posting_acknowledges() {
    let bench = with_contacts().await;
    let alert = raise(&bench, to_ops("down")).await;
    let engine = &bench.dispatch.engine;
    let token = engine.alert_token(id(&alert));
    assert_eq!(bench.dispatch.alert_by_link(&token).await.unwrap().text, "down");
    assert_eq!(now(&bench, &alert).await.status, AlertState::Open);
    for wrong in ["", "x", &token[..26], &format!("{token}x"), &token.replace(&token[20..21], "_")] {
        assert!(bench.dispatch.acknowledge_by_link(wrong).await.is_err(), "{wrong}");
    }
    let seen = bench.dispatch.acknowledge_by_link(&token).await.unwrap();
    assert_eq!((seen.status, seen.acknowledged_by.as_deref()), (AlertState::Acknowledged, Some("link")));
}

#[tokio::test(start_paused = true)]
async fn in_quiet_hours_what_matters_less_waits_and_is_cancelled_where_it_was_seen() {
    let bench = with_contacts().await;
    // The clock begins at 08:00 UTC.
    let quiet = QuietHours {
        from: "06:00".into(),
        to: "09:00".into(),
        time_zone: "UTC".into(),
        below: Severity::Critical,
    };
    let settings = AlertSettings {
        quiet_hours: Some(quiet),
        escalate_group: Some("boss".into()),
        ..AlertSettings::default()
    };
    set(&bench, settings).await;
    let critical = AlertInput { severity: Some(Severity::Critical), ..to_ops("fire") };
    raise(&bench, critical).await;
    let seen = raise(&bench, to_ops("smoke")).await;
    let unseen = raise(&bench, to_ops("smell")).await;
    bench.settle().await;
    let states = |bench: &Bench| messages(bench).into_iter().map(|(.., state)| state).collect::<Vec<_>>();
    use MessageState::{Cancelled, Scheduled, Sent};
    assert_eq!(states(&bench), [Sent, Scheduled, Scheduled]);
    assert_eq!(unseen.escalate_ms, Some(START_MS + 3_600_000 + 900_000), "from when it is told");
    bench.dispatch.acknowledge_alert("user ada", ROOT, id(&seen)).await.unwrap();
    pass(3_601).await;
    assert_eq!(states(&bench)[..3], [Sent, Cancelled, Sent]);
}

#[tokio::test(start_paused = true)]
async fn a_start_goes_on_with_escalations_and_tells_nobody_twice() {
    let bench = with_contacts().await;
    let input = AlertInput { escalate_group: Some("boss".into()), ..to_ops("down") };
    raise(&bench, input).await;
    bench.settle().await;
    // As if the program had ended: another engine on the same store.
    let again = Bench::again(&bench, Limits::default()).await;
    assert_eq!(again.dispatch.open_alerts(ROOT), 1);
    again.settle().await;
    assert_eq!(numbers(&again), [ANN]);
    drop(bench);
    pass(902).await;
    assert!(numbers(&again).contains(&BEN.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn everything_wrong_with_an_alert_is_told() {
    let bench = with_contacts().await;
    bench.dispatch.put_alert_template("test", ROOT, "down", "{host} is down").await.unwrap();
    let paths = async |input: AlertInput| match bench.dispatch.raise_alert(ROOT, input).await {
        Err(super::AlertRefusal::Invalid(problems)) => {
            problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(paths(AlertInput::default()).await, ["text", "to"]);
    let both = AlertInput { to: Some(ANN.into()), template: Some("down".into()), ..to_ops("x") };
    assert_eq!(paths(both).await, ["text", "to"]);
    let unknown = AlertInput {
        group: Some("nobody".into()),
        template: Some("down".into()),
        escalate_group: Some("none".into()),
        escalate_after_s: Some(1),
        dedup_key: Some(String::new()),
        ..AlertInput::default()
    };
    let expected = ["variables.host", "group", "escalate_group", "escalate_after_s", "dedup_key"];
    assert_eq!(paths(unknown).await, expected);
    let variables = [("host".to_owned(), "db1".to_owned())].into();
    let good = AlertInput {
        to: Some(ANN.into()),
        template: Some("down".into()),
        variables,
        ..AlertInput::default()
    };
    assert_eq!(raise(&bench, good).await.text, "db1 is down");
}

#[tokio::test(start_paused = true)]
async fn contacts_and_groups_are_held_to_each_other_and_bounded() {
    let bench = with_contacts().await;
    let dispatch = &bench.dispatch;
    assert!(dispatch.put_group("test", ROOT, "ops", vec!["Eve".into()]).await.is_err());
    set(&bench, AlertSettings { group: Some("ops".into()), ..AlertSettings::default() }).await;
    assert!(dispatch.remove_group("test", ROOT, "ops").await.is_err(), "the settings name it");
    dispatch.remove_contact("test", ROOT, "Ann").await.unwrap();
    assert!(dispatch.groups(ROOT).iter().any(|group| group.name == "ops" && group.contacts.is_empty()));
    let wrong = AlertSettings {
        group: Some("none".into()),
        hold_s: 9_999,
        off: vec!["x".into()],
        ..AlertSettings::default()
    };
    assert!(dispatch.put_alert_settings("test", ROOT, wrong).await.is_err());
    let long = ContactInput { number: "12".into(), language: Some("xx".into()) };
    assert!(dispatch.put_contact("test", ROOT, "/", long).await.is_err());
}

// === what textgate watches ===

/// Ann is told of what textgate watches, after `hold_s`.
async fn watching(hold_s: u32) -> Bench {
    let bench = with_contacts().await;
    set(&bench, AlertSettings { group: Some("ops".into()), hold_s, ..AlertSettings::default() }).await;
    bench
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_goes_and_comes_is_raised_once_and_cleared_once_by_the_other_gateway() {
    let bench = watching(15).await;
    for _ in 0..3 {
        bench.script("a").says(down());
        pass(5).await;
        bench.script("a").says(Health::Up { window: 10 });
        pass(5).await;
    }
    pass(60).await;
    assert_eq!(messages(&bench).len(), 0, "it never held");
    bench.script("a").says(down());
    pass(20).await;
    let alerts = open(&bench).await;
    assert_eq!((alerts.len(), alerts[0].origin.as_str()), (1, "gateway_down"));
    assert_eq!(alerts[0].text, "textgate: Gateway down: a (gone)");
    pass(3_600).await;
    assert_eq!(messages(&bench).len(), 1, "once");
    assert_eq!(messages(&bench)[0].2, MessageState::Sent, "by the other gateway");
    bench.script("a").says(Health::Up { window: 10 });
    pass(20).await;
    assert_eq!(open(&bench).await.len(), 0);
    let sent = messages(&bench);
    assert_eq!((sent.len(), sent[1].1.as_str()), (2, "Over: textgate: Gateway down: a (gone)"));
    pass(3_600).await;
    assert_eq!(messages(&bench).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_gateways_at_once_are_one_alert_that_is_over_with_the_second() {
    let bench = watching(15).await;
    bench.script("a").says(down());
    bench.script("b").says(down());
    pass(20).await;
    let alerts = open(&bench).await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].text, "textgate: 2 gateways down: a (gone); b (gone)");
    bench.script("a").says(Health::Up { window: 10 });
    pass(60).await;
    assert_eq!(open(&bench).await.len(), 1, "one of them is still down");
    bench.script("b").says(Health::Up { window: 10 });
    pass(60).await;
    assert_eq!(open(&bench).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_refused_and_a_gateway_that_fails_are_told_apart() {
    let bench = watching(0).await;
    bench.script("a").answers(OutcomeClass::Account);
    bench.accept(Kind::Text).await;
    pass(5).await;
    assert_eq!(open(&bench).await[0].origin, "credentials_refused");
    let bench = watching(0).await;
    bench.script("a").answers(OutcomeClass::Unavailable);
    for _ in 0..6 {
        bench.accept(Kind::Text).await;
        bench.settle().await;
    }
    pass(4).await;
    let origins: Vec<String> = open(&bench).await.into_iter().map(|alert| alert.origin).collect();
    assert!(origins.contains(&"breaker_open".to_owned()), "{origins:?}");
    // Well again: a probe closes it.
    bench.script("a").answers(OutcomeClass::Sent);
    for _ in 0..20 {
        bench.accept(Kind::Text).await;
        pass(5).await;
    }
    let origins: Vec<String> = open(&bench).await.into_iter().map(|alert| alert.origin).collect();
    assert!(origins.is_empty(), "{origins:?}");
}

#[tokio::test(start_paused = true)]
async fn credits_and_room_are_seen_when_they_run_out_and_when_there_is_more() {
    let bench = watching(0).await;
    let credits = |used| vec![(ROOT, Credits { allocated: 100, used })];
    *bench.store.credits.lock().unwrap() = credits(91);
    *bench.store.room.lock().unwrap() = Some((4, 100));
    bench.dispatch.engine.look_at_conditions().await;
    pass(5).await;
    let mut origins: Vec<String> = open(&bench).await.into_iter().map(|alert| alert.origin).collect();
    origins.sort();
    assert_eq!(origins, ["credits_low", "disk_full"]);
    // A little more is not enough.
    *bench.store.credits.lock().unwrap() = credits(88);
    *bench.store.room.lock().unwrap() = Some((6, 100));
    bench.dispatch.engine.look_at_conditions().await;
    pass(5).await;
    assert_eq!(open(&bench).await.len(), 2);
    *bench.store.credits.lock().unwrap() = credits(50);
    *bench.store.room.lock().unwrap() = Some((8, 100));
    bench.dispatch.engine.look_at_conditions().await;
    pass(5).await;
    assert_eq!(open(&bench).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_guard_raises_once_for_each_thing_that_it_stops_and_what_is_off_raises_nothing() {
    let bench = watching(0).await;
    for _ in 0..5 {
        bench.dispatch.engine.guard_acts(ROOT, "88015", true);
    }
    pass(5).await;
    assert_eq!(
        open(&bench).await[0].text,
        "textgate: Fraud guard stops messages: /: codes to numbers that begin with 88015"
    );
    assert_eq!(open(&bench).await.len(), 1);
    bench.dispatch.engine.guard_acts(ROOT, "88015", false);
    pass(5).await;
    assert_eq!(open(&bench).await.len(), 0);
    let off = vec!["fraud_guard".to_owned()];
    set(&bench, AlertSettings { hold_s: 0, off, ..AlertSettings::default() }).await;
    bench.dispatch.engine.guard_acts(ROOT, "88015", true);
    pass(5).await;
    assert_eq!(open(&bench).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_raised_is_not_raised_again_by_a_start_and_cleared_after_it() {
    let bench = watching(0).await;
    bench.script("a").says(down());
    pass(5).await;
    assert_eq!(open(&bench).await.len(), 1);
    let again = Bench::again(&bench, Limits::default()).await;
    pass(60).await;
    assert_eq!(open(&again).await.len(), 1, "the same");
    drop(bench);
    again.script("a").says(Health::Up { window: 10 });
    pass(60).await;
    assert_eq!(open(&again).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_cannot_be_stored_is_stored_later() {
    let bench = watching(0).await;
    *bench.store.is_full.lock().unwrap() = true;
    bench.script("a").says(down());
    pass(30).await;
    assert!(bench.store.alerts.lock().unwrap().is_empty());
    *bench.store.is_full.lock().unwrap() = false;
    pass(30).await;
    assert_eq!(open(&bench).await.len(), 1);
    *bench.store.is_full.lock().unwrap() = true;
    bench.script("a").says(Health::Up { window: 10 });
    pass(30).await;
    *bench.store.is_full.lock().unwrap() = false;
    pass(30).await;
    assert_eq!(open(&bench).await.len(), 0);
    let _: &Arc<_> = &bench.store;
}

#[tokio::test(start_paused = true)]
async fn a_range_of_numbers_that_the_fraud_guard_blocks_raises_an_alert_that_ends_with_its_release() {
    let bench = watching(0).await;
    let ask = async |number: u64| {
        let request = crate::PasscodeRequest { to: number.to_string(), ..crate::PasscodeRequest::default() };
        bench.dispatch.create_passcode(ROOT, request).await.is_ok()
    };
    // People, so that the guard knows how many codes are entered.
    for n in 0..60 {
        let number = 4_915_111_000_000 + n * 12_345;
        assert!(ask(number).await);
        bench.dispatch.engine.converted(ROOT, PhoneNumber::from_u64(number).unwrap());
        pass(10).await;
    }
    for n in 0..200u64 {
        ask(4_915_731_230_000 + n).await;
        pass(10).await;
    }
    pass(5).await;
    let raised = open(&bench).await;
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert!(raised[0].text.contains("codes to numbers that begin with 49157312"), "{}", raised[0].text);
    let range = bench.dispatch.guard_blocks(ROOT).unwrap()[0].range.clone();
    bench.dispatch.release_guard_block("test", ROOT, &range).await.unwrap();
    pass(5).await;
    assert_eq!(open(&bench).await.len(), 0);
}
