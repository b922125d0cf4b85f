//! Messages as their owners see them.

use super::*;
use smallvec::smallvec;
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, OutcomeClass, PhoneNumber, ReceiptState};
use textgate_store::{Event, Filter, Finished, NewMessage, Purpose, ReceiptRecord, Transition};

const AT_MS: i64 = 1_800_000_000_000;

impl Bench {
    /// A message that was accepted, and not more.
    pub(super) async fn message(&self, vs: VsId, step: u64, due_ms: Option<i64>) -> MessageId {
        let message = self.new_message(vs, step, due_ms);
        let id = message.id;
        self.dispatch.engine.store.accept(vec![message]).await.unwrap();
        id
    }

    /// One that may be accepted.
    pub(super) fn new_message(&self, vs: VsId, step: u64, due_ms: Option<i64>) -> NewMessage {
        let id = MessageId::from_u64(MessageId::first_at(AT_MS).as_u64() + step);
        NewMessage {
            id,
            vs,
            to: PhoneNumber::parse("15550100100").unwrap(),
            kind: Kind::Alert,
            sealed_text: self.dispatch.engine.sealer.seal(Purpose::Text, id.as_u64(), b"fire!"),
            sender: None,
            flash: None,
            overwrite: None,
            reference: Some("r".into()),
            segments: 2,
            encoding: "gsm7".into(),
            due_ms,
            expires_ms: AT_MS + 1_000,
            idempotency: None,
            payers: smallvec![],
            resend_of: None,
            passcode: None,
        }
    }

    async fn record(&self, finished: Finished) {
        self.dispatch.engine.store.record(vec![finished]).await.unwrap();
    }
}

fn attempt(gateway: u32, class: OutcomeClass) -> Event {
    Event::Attempt {
        at_ms: AT_MS + 5,
        took_ms: 3,
        gateway: GatewayId(gateway),
        class,
        detail: "told".into(),
        provider_ids: smallvec!["7f".into()],
    }
}

#[tokio::test]
async fn a_message_is_shown_with_its_text_history_attempts_and_receipts() {
    let bench = Bench::with_provider().await;
    let id = bench.message(VsId::ROOT, 1, None).await;
    let main = bench.dispatch.settings(VsId::ROOT).await.unwrap().gateways[0].id.0;
    let sent = Transition {
        to: MessageState::Sent,
        at_ms: AT_MS + 8,
        reason: "sent by main".into(),
        erase_text: false,
        refund: false,
    };
    let unavailable = attempt(4_000, OutcomeClass::Unavailable);
    bench
        .record(Finished { id, attempt: Some(unavailable), receipt_ids: smallvec![], transition: None })
        .await;
    let taken = attempt(main, OutcomeClass::Sent);
    let receipt_ids = smallvec!["7f".into(), "80".into()];
    bench.record(Finished { id, attempt: Some(taken), receipt_ids, transition: Some(sent) }).await;
    let receipt = ReceiptRecord {
        gateway: GatewayId(main),
        candidates: smallvec!["80".into()],
        number: None,
        state: ReceiptState::Delivered,
        error: None,
        at_ms: AT_MS + 900,
    };
    bench.dispatch.engine.store.record_receipts(vec![receipt]).await.unwrap();

    let shown = bench.dispatch.message(VsId::ROOT, id).await.unwrap();
    assert_eq!((shown.text.as_deref(), shown.to.as_str()), (Some("fire!"), "15550100100"));
    assert_eq!((shown.status, shown.segments, shown.accepted_ms), (MessageState::Sent, 2, AT_MS));
    let history: Vec<_> = shown.history.iter().map(|state| (state.status, state.at_ms)).collect();
    assert_eq!(history, [(MessageState::Accepted, AT_MS), (MessageState::Sent, AT_MS + 8)]);
    let attempts: Vec<_> = shown.attempts.iter().map(|a| (a.gateway.as_str(), a.outcome)).collect();
    assert_eq!(attempts, [("4000", OutcomeClass::Unavailable), ("main", OutcomeClass::Sent)]);
    assert_eq!((shown.receipts[0].segment, shown.receipts[0].gateway.as_str()), (2, "main"));
}

#[tokio::test]
async fn a_scheduled_message_begins_its_history_so() {
    let bench = Bench::new().await;
    let id = bench.message(VsId::ROOT, 1, Some(AT_MS + 500)).await;
    let shown = bench.dispatch.message(VsId::ROOT, id).await.unwrap();
    assert_eq!((shown.history[0].status, shown.send_at_ms), (MessageState::Scheduled, Some(AT_MS + 500)));
}

#[tokio::test]
async fn an_erased_text_is_none_and_a_message_of_another_virtual_server_does_not_exist() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let id = bench.message(acme, 1, None).await;
    let failed = Transition {
        to: MessageState::Failed,
        at_ms: AT_MS,
        reason: "no".into(),
        erase_text: true,
        refund: false,
    };
    bench.record(Finished { id, attempt: None, receipt_ids: smallvec![], transition: Some(failed) }).await;
    assert_eq!(bench.dispatch.message(acme, id).await.unwrap().text, None);
    assert!(is_unknown(bench.dispatch.message(VsId::ROOT, id).await));
    assert!(is_unknown(bench.dispatch.message(acme, MessageId::from_u64(1)).await));
}

#[tokio::test]
async fn a_list_is_paged_from_the_newest_and_has_no_texts() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for step in 1..=3 {
        ids.push(bench.message(VsId::ROOT, step, None).await);
    }
    let page = |before| bench.dispatch.messages(VsId::ROOT, Filter::default(), before, 2);
    let first = page(None).await.unwrap();
    let listed: Vec<&str> = first.messages.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(listed, [ids[2].to_string(), ids[1].to_string()]);
    assert!(first.messages.iter().all(|message| message.text.is_none()));
    let second = page(MessageId::parse(&first.next.unwrap())).await.unwrap();
    assert_eq!((second.messages.len(), second.messages[0].id.clone()), (1, ids[0].to_string()));
    assert_eq!(second.next, None);
    assert!(is_unknown(bench.dispatch.messages(VsId(99), Filter::default(), None, 2).await));
}
