//! What phones say, through the front of the room: heard, in force, answered, and held to by every way a message comes in.

use super::*;
use crate::Limits;
use crate::alerts::{AlertInput, ContactInput};
use crate::otp::PasscodeRequest;
use crate::testing::{Bench, request};
use crate::words::{Refusal, Request};
use std::time::Duration;
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, PhoneNumber, VsId};
use textgate_store::{ConsentSource, Purpose};

const ROOT: VsId = VsId::ROOT;
const ANN: &str = "15550100101";
const OURS: &str = "15550100999";

fn says(text: &str) -> FromPhone {
    says_to(text, OURS)
}

fn says_to(text: &str, to: &str) -> FromPhone {
    let from = PhoneNumber::parse(ANN).unwrap();
    FromPhone { vs: ROOT, from, to: to.into(), gateway: None, message: None, text: text.into() }
}

async fn hear(bench: &Bench, text: &str) -> Option<Heeded> {
    bench.dispatch.hear_word(&says(text)).await.unwrap()
}

async fn send(bench: &Bench, request: Request) -> Result<(), Refusal> {
    let request = Request { to: ANN.into(), ..request };
    bench.dispatch.accept(ROOT, vec![request]).await.remove(0).map(drop)
}

/// The texts to Ann, in order.
fn texts(bench: &Bench) -> Vec<String> {
    let messages = bench.store.messages.lock().unwrap();
    let to_ann = messages.values().filter(|message| message.to.to_string() == ANN);
    let text = |message: &textgate_store::StoredMessage| {
        let sealed = message.sealed_text.as_ref().unwrap();
        let sealer = &bench.dispatch.engine.sealer;
        String::from_utf8(sealer.unseal(Purpose::Text, message.id.as_u64(), sealed).unwrap()).unwrap()
    };
    to_ann.map(text).collect()
}

async fn set(bench: &Bench, settings: OptOutSettings) {
    bench.dispatch.put_opt_out_settings("test", ROOT, settings).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_says_stop_is_told_once_and_hears_no_more_until_it_says_start() {
    let bench = Bench::with(&["a"]).await;
    send(&bench, request()).await.unwrap();
    let stopped = hear(&bench, " Stop. ").await.unwrap();
    assert_eq!(stopped, Heeded { word: Word::Stop, is_changed: true, is_answered: true });
    assert_eq!(send(&bench, request()).await, Err(Refusal::OptedOut));
    let other = Request { to: "15550100102".into(), ..request() };
    assert!(bench.dispatch.accept(ROOT, vec![other]).await[0].is_ok(), "others hear all the same");
    let started = hear(&bench, "start").await.unwrap();
    assert!(started.is_changed && started.is_answered);
    send(&bench, request()).await.unwrap();
    let texts = texts(&bench);
    assert!(texts[1].contains("no more messages") && texts[2].contains("again"), "{texts:?}");
    assert_eq!(texts.len(), 4);
    let log = bench.dispatch.consents(ROOT, Some(ANN), None, 10).await.unwrap().entries;
    let said: Vec<_> = log.iter().map(|e| (e.wish, e.source, &*e.by, &*e.note)).collect();
    assert_eq!(said, [("in", "message", "phone", "start"), ("out", "message", "phone", "Stop.")]);
}

#[tokio::test(start_paused = true)]
async fn words_of_other_languages_are_answered_in_them_and_other_texts_are_no_words() {
    let bench = Bench::with(&["a"]).await;
    for text in ["stop it already", "don't stop", "", "Haltestelle", "STOP 15550100102", &"stop ".repeat(50)]
    {
        assert_eq!(hear(&bench, text).await, None, "{text}");
    }
    assert!(hear(&bench, "abbestellen!").await.unwrap().is_changed);
    assert!(hear(&bench, "СТАРТ").await.unwrap().is_changed);
    assert!(hear(&bench, "إلغاء").await.unwrap().is_changed);
    assert!(hear(&bench, "開始").await.unwrap().is_changed);
    let texts = texts(&bench);
    assert!(texts[0].contains("keine Nachrichten"), "{texts:?}");
    assert!(texts[1].contains("our messages again"), "Bulgarian or Russian: as the settings say");
    assert!(texts[2].contains("رسائل"), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn two_programs_that_answer_each_other_come_to_an_end() {
    let bench = Bench::with(&["a"]).await;
    for _ in 0..50 {
        hear(&bench, "HELP").await.unwrap();
        hear(&bench, "STOP").await.unwrap();
    }
    assert_eq!(texts(&bench).len(), 4);
    assert!(hear(&bench, "yes").await.unwrap().is_answered, "it ended something");
    assert!(!hear(&bench, "yes").await.unwrap().is_answered, "a yes to something else");
    tokio::time::sleep(Duration::from_secs(3_601)).await;
    assert!(hear(&bench, "HELP").await.unwrap().is_answered);
    let log = bench.dispatch.consents(ROOT, None, None, 100).await.unwrap().entries;
    assert_eq!(log.len(), 2, "what holds already fills no log");
}

#[tokio::test(start_paused = true)]
async fn passcodes_go_on_unless_the_settings_refuse_them() {
    let bench = Bench::with(&["a"]).await;
    hear(&bench, "STOP").await.unwrap();
    let passcode = || async {
        let asked = PasscodeRequest { to: ANN.into(), ..PasscodeRequest::default() };
        bench.dispatch.create_passcode(ROOT, asked).await.map(drop)
    };
    let otp = || Request { kind: Some(Kind::Otp), ..request() };
    send(&bench, otp()).await.unwrap();
    passcode().await.unwrap();
    set(&bench, OptOutSettings { refuse_passcodes: true, ..OptOutSettings::default() }).await;
    assert_eq!(send(&bench, otp()).await, Err(Refusal::OptedOut));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(passcode().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_alert_passes_over_who_has_opted_out_and_says_so() {
    let bench = Bench::with(&["a"]).await;
    for (name, number) in [("Ann", ANN), ("Ben", "15550100102")] {
        let input = ContactInput { number: number.into(), language: None };
        bench.dispatch.put_contact("test", ROOT, name, input).await.unwrap();
    }
    bench.dispatch.put_group("test", ROOT, "ops", vec!["Ann".into(), "Ben".into()]).await.unwrap();
    hear(&bench, "STOP").await.unwrap();
    let input = AlertInput { group: Some("ops".into()), text: Some("down".into()), ..AlertInput::default() };
    let alert = bench.dispatch.raise_alert(ROOT, input).await.unwrap().alert;
    let [ann, ben] = &alert.notices[..] else { panic!("{:?}", alert.notices) };
    assert!(ann.message.is_none() && ann.refusal.as_deref().unwrap().contains("opted out"), "{ann:?}");
    assert!(ben.message.is_some() && ben.refusal.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_was_put_off_before_the_phone_said_no_is_not_sent_and_costs_nothing() {
    let bench = Bench::with(&["a"]).await;
    let later = Request { to: ANN.into(), send_at_ms: Some(crate::testing::START_MS + 60_000), ..request() };
    let id = bench.accept_as(later).await;
    hear(&bench, "STOP").await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    bench.settle().await;
    assert_eq!(bench.state(id), MessageState::Cancelled);
    assert!(bench.store.refunds.lock().unwrap().contains(&id));
}

#[tokio::test(start_paused = true)]
async fn where_it_is_set_so_a_word_is_about_the_sender_that_it_was_said_to() {
    let bench = Bench::with(&["a"]).await;
    set(&bench, OptOutSettings { scope: OptOutScope::Sender, reply: false, ..OptOutSettings::default() })
        .await;
    let by = |sender: &str| Request { sender: Some(sender.into()), ..request() };
    let stopped = hear(&bench, "STOP").await.unwrap();
    assert!(stopped.is_changed && !stopped.is_answered);
    assert_eq!(send(&bench, by(&format!("+{OURS}"))).await, Err(Refusal::OptedOut));
    assert_eq!(send(&bench, request()).await, Err(Refusal::OptedOut), "it may leave under that sender");
    send(&bench, by("15550100888")).await.unwrap();
    bench.dispatch.hear_word(&says_to("START", "15550100888")).await.unwrap();
    assert_eq!(send(&bench, by(OURS)).await, Err(Refusal::OptedOut), "that was about another sender");
    hear(&bench, "START").await.unwrap();
    send(&bench, by(OURS)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn opt_outs_hold_over_a_start_and_a_list_is_brought_whole_or_not_at_all() {
    let bench = Bench::with(&["a"]).await;
    let dispatch = &bench.dispatch;
    assert!(dispatch.import_opt_outs("key /app", ROOT, "number\n+1 555 010 0101\nnonsense\n").await.is_err());
    send(&bench, request()).await.unwrap();
    let list = "number,sender\n+1 555 010 0101\n15550100102,ACME\n15550100101\n";
    let imported = dispatch.import_opt_outs("key /app", ROOT, list).await.unwrap();
    assert_eq!(imported, OptOutsImported { added: 2, known: 1 });
    let again = Bench::again(&bench, Limits::default()).await;
    assert_eq!(send(&again, request()).await, Err(Refusal::OptedOut));
    let page = again.dispatch.opt_outs(ROOT, None, None, 1).await.unwrap();
    assert_eq!(page.opt_outs[0].sender.as_deref(), Some("acme"));
    let rest = again.dispatch.opt_outs(ROOT, None, page.next, 10).await.unwrap();
    assert_eq!((rest.opt_outs[0].number.as_deref(), rest.next), (Some(ANN), None));
    let by = ConsentBy { actor: "user ada".into(), source: ConsentSource::Console };
    let remove = |id| again.dispatch.remove_opt_out(&by, ROOT, id, "asked by telephone");
    assert!(remove(999).await.is_err());
    remove(rest.opt_outs[0].id).await.unwrap();
    assert!(remove(rest.opt_outs[0].id).await.is_err(), "once");
    send(&again, request()).await.unwrap();
    let (csv, next) = again.dispatch.consents_csv(ROOT, None).await.unwrap();
    assert!(next.is_none() && csv.starts_with("id,at,number,wish,sender,source,by,note\r\n"), "{csv}");
    assert!(csv.lines().nth(1).unwrap().ends_with(&format!("{ANN},in,,console,user ada,asked by telephone")));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_is_not_in_force_and_not_answered() {
    let bench = Bench::with(&["a"]).await;
    *bench.store.is_full.lock().unwrap() = true;
    assert!(bench.dispatch.hear_word(&says("STOP")).await.is_err());
    *bench.store.is_full.lock().unwrap() = false;
    send(&bench, request()).await.unwrap();
    assert!(hear(&bench, "STOP").await.unwrap().is_changed, "handed in again");
    assert_eq!(send(&bench, request()).await, Err(Refusal::OptedOut));
}

#[tokio::test(start_paused = true)]
async fn a_word_is_answered_by_the_gateway_it_came_by_and_once_however_often_it_is_handed_in() {
    let bench = Bench::with(&["a", "b"]).await;
    let heard = FromPhone {
        gateway: Some(GatewayId(u32::from(b'b'))),
        message: Some(MessageId::from_u64(7)),
        ..says("STOP")
    };
    for is_changed in [true, false] {
        let heeded = bench.dispatch.hear_word(&heard).await.unwrap().unwrap();
        assert_eq!((heeded.is_changed, heeded.is_answered), (is_changed, true));
    }
    bench.settle().await;
    let ids: Vec<MessageId> = bench.store.messages.lock().unwrap().keys().copied().collect();
    assert_eq!(ids.len(), 1);
    let attempts = bench.store.attempts(ids[0]);
    assert_eq!(attempts.iter().map(|(gateway, _)| *gateway).collect::<Vec<_>>(), [u32::from(b'b')]);
    let sender = bench.store.messages.lock().unwrap()[&ids[0]].sender.clone();
    assert_eq!(sender.as_deref(), Some(OURS), "from the number it wrote to");
}
