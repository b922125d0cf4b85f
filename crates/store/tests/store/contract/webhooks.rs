//! Webhooks: what an endpoint is owed, in the transaction of what it tells of.

use super::*;
use std::time::Duration;
use textgate_store::{EventState, Owed, TriedEvent, WebhookKind, WebhookKinds, WebhookRecord, WebhookStatus};

/// An endpoint of the tests' virtual server that is told of everything.
pub fn webhook(id: u32) -> WebhookRecord {
    WebhookRecord {
        id,
        vs: VS,
        url: format!("https://example.com/{id}"),
        kinds: WebhookKinds::of(WebhookKind::ALL),
        has_texts: false,
        status: WebhookStatus::On,
        sealed_secret: vec![1, 2, 3],
        former: None,
        created_ms: T,
    }
}

async fn put(store: &Arc<dyn Store>, webhook: WebhookRecord) {
    store.change("test".into(), T, vec![Change::PutWebhook(webhook)]).await.unwrap();
}

/// What the endpoint is owed: what happened, and to which of the test's messages.
async fn owed(store: &Arc<dyn Store>, endpoint: u32) -> Vec<(WebhookKind, u64)> {
    let owed = store.owed_events(endpoint, 0, 1_000).await.unwrap();
    assert!(owed.is_sorted_by_key(|event| event.id));
    owed.into_iter().map(|event| (event.kind, event.subject)).collect()
}

pub async fn an_endpoint_is_owed_each_change_after_reopening_too(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    put(&store, webhook(1)).await;
    put(&store, WebhookRecord { kinds: WebhookKinds::of([WebhookKind::Delivered]), ..webhook(2) }).await;
    put(&store, WebhookRecord { status: WebhookStatus::Off, ..webhook(3) }).await;
    put(&store, WebhookRecord { vs: VsId(3), ..webhook(4) }).await;
    for n in 1..=3 {
        accept_one(&store, message(n)).await;
    }
    store.record(vec![sent(1, &["a1"]), moved(2, transition(MessageState::Failed))]).await.unwrap();
    store.record_receipts(vec![receipt(&["a1"], ReceiptState::Delivered)]).await.unwrap();
    store.cancel(VS, id(3), T + 70).await.unwrap();
    let store = reopen(stores, store).await;
    let of = |n: u64| id(n).as_u64();
    let all = [
        (WebhookKind::Sent, of(1)),
        (WebhookKind::Failed, of(2)),
        (WebhookKind::Delivered, of(1)),
        (WebhookKind::Cancelled, of(3)),
    ];
    assert_eq!(owed(&store, 1).await, all);
    assert_eq!(owed(&store, 2).await, [all[2]], "only what it asked for");
    assert_eq!(owed(&store, 3).await, [], "it is switched off");
    assert_eq!(owed(&store, 4).await, [], "it is another virtual server's");
}

pub async fn a_state_that_is_already_final_owes_nothing(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    put(&store, webhook(1)).await;
    accept_one(&store, message(1)).await;
    store.record(vec![moved(1, transition(MessageState::Failed))]).await.unwrap();
    store.record(vec![moved(1, transition(MessageState::Expired))]).await.unwrap();
    assert_eq!(owed(&store, 1).await, [(WebhookKind::Failed, id(1).as_u64())]);
}

pub async fn what_was_delivered_is_owed_no_more_and_can_be_owed_again(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    put(&store, webhook(1)).await;
    for n in 1..=3 {
        accept_one(&store, message(n)).await;
        store.record(vec![sent(n, &[])]).await.unwrap();
    }
    let events = store.owed_events(1, 0, 10).await.unwrap();
    let tried = |n: usize, state, answer: &str| TriedEvent {
        endpoint: 1,
        id: events[n].id,
        state,
        at_ms: T + 100,
        answer: answer.into(),
    };
    let long = "é".repeat(1_000);
    store
        .tried_events(vec![
            tried(0, EventState::Delivered, "HTTP 200"),
            tried(1, EventState::Owed, "HTTP 500"),
            tried(2, EventState::GivenUp, &long),
        ])
        .await
        .unwrap();
    let store = reopen(stores, store).await;
    let left = store.owed_events(1, 0, 10).await.unwrap();
    assert_eq!(left.iter().map(|event| (event.id, event.attempts)).collect::<Vec<_>>(), [(events[1].id, 1)]);
    let log = store.event_log(1, None, 10).await.unwrap();
    let told: Vec<_> = log.iter().map(|entry| (entry.event.id, entry.state, entry.tried_ms)).collect();
    let at = Some(T + 100);
    assert_eq!(told[0], (events[2].id, EventState::GivenUp, at), "the newest first");
    assert_eq!(told[2], (events[0].id, EventState::Delivered, at));
    assert!(log[0].answer.as_ref().unwrap().len() < 300, "an answer is bounded");
    let older = store.event_log(1, Some(events[1].id), 10).await.unwrap();
    assert_eq!(older.iter().map(|entry| entry.event.id).collect::<Vec<_>>(), [events[0].id]);
    assert_eq!(store.owe_again(1, 0, u64::MAX, 1).await.unwrap(), 1, "so many at once");
    assert_eq!(store.owe_again(1, 0, u64::MAX, 100).await.unwrap(), 1, "the rest");
    let again: Vec<u64> = store.owed_events(1, 0, 10).await.unwrap().iter().map(|event| event.id).collect();
    assert_eq!(
        again,
        events.iter().map(|event| event.id).collect::<Vec<_>>(),
        "under their numbers, in order"
    );
}

pub async fn the_bell_tells_for_whom_a_commit_brought_something(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    put(&store, webhook(1)).await;
    let bell = store.webhook_bell();
    accept_one(&store, message(1)).await;
    store.record(vec![sent(1, &[])]).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(10), bell.heard()).await.unwrap();
    assert_eq!(heard.into_iter().collect::<Vec<_>>(), [(1, Owed::More)]);
    let first = store.owed_events(1, 0, 1).await.unwrap()[0].id;
    store.tried_events(vec![tried(first, EventState::Delivered)]).await.unwrap();
    store.owe_again(1, 0, u64::MAX, 9).await.unwrap();
    let again = async { while bell.heard().await.get(&1) != Some(&Owed::Again) {} };
    tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
}

fn tried(id: u64, state: EventState) -> TriedEvent {
    TriedEvent { endpoint: 1, id, state, at_ms: T, answer: "HTTP 200".into() }
}

pub async fn what_an_endpoint_has_stays_delivered_whatever_comes_late(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    put(&store, webhook(1)).await;
    for n in 1..=2 {
        accept_one(&store, message(n)).await;
        store.record(vec![sent(n, &[])]).await.unwrap();
    }
    let events = store.owed_events(1, 0, 9).await.unwrap();
    // Of nodes that share an endpoint for a moment, one may tell of an older attempt later; and both may tell at once.
    let (first, second) = (events[0].id, events[1].id);
    store.tried_events(vec![tried(first, EventState::Delivered)]).await.unwrap();
    store.tried_events(vec![tried(first, EventState::Owed)]).await.unwrap();
    store.tried_events(vec![tried(first, EventState::GivenUp)]).await.unwrap();
    let both = vec![tried(second, EventState::Delivered), tried(second, EventState::Owed)];
    store.tried_events(both).await.unwrap();
    assert_eq!(store.owed_events(1, 0, 9).await.unwrap(), []);
    let log = store.event_log(1, None, 9).await.unwrap();
    assert!(log.iter().all(|entry| entry.state == EventState::Delivered), "{log:?}");
}

pub async fn an_endpoint_is_owed_what_happens_to_alerts(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    put(&store, webhook(1)).await;
    put(&store, WebhookRecord { kinds: WebhookKinds::of([WebhookKind::AlertClosed]), ..webhook(2) }).await;
    put(&store, WebhookRecord { vs: VsId(3), ..webhook(3) }).await;
    let escalates = AlertRecord { escalate_ms: Some(T + 9), ..alerts::alert(7) };
    let new = NewAlert { record: escalates, since_ms: T };
    store.raise_alerts(vec![new.clone()]).await.unwrap();
    store
        .raise_alerts(vec![NewAlert { record: AlertRecord { id: id(8), ..new.record }, ..new }])
        .await
        .unwrap();
    let by = || "user ada".to_owned();
    let told = AlertNotice { contact: "Ann".into(), step: 0, message: Some(7), refusal: None };
    for step in [
        AlertStep::Told { notices: vec![told], escalate_ms: None },
        AlertStep::Escalated { at_ms: T + 10 },
        AlertStep::Acknowledged { at_ms: T + 11, by: by() },
        AlertStep::Acknowledged { at_ms: T + 12, by: by() },
        AlertStep::Closed { at_ms: T + 13, by: by() },
        AlertStep::Closed { at_ms: T + 14, by: by() },
    ] {
        store.step_alert(id(7), step).await.unwrap();
    }
    let store = reopen(stores, store).await;
    let all = [
        WebhookKind::AlertRaised,
        WebhookKind::AlertEscalated,
        WebhookKind::AlertAcknowledged,
        WebhookKind::AlertClosed,
    ];
    let told = owed(&store, 1).await;
    assert_eq!(told, all.map(|kind| (kind, id(7).as_u64())), "each step that was taken, and no other");
    assert_eq!(owed(&store, 2).await, [(WebhookKind::AlertClosed, id(7).as_u64())]);
    assert_eq!(owed(&store, 3).await, []);
}

pub async fn an_endpoint_goes_with_its_virtual_server(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    put(&store, WebhookRecord { vs: VsId(3), ..webhook(1) }).await;
    accept_one(&store, NewMessage { vs: VsId(3), ..message(1) }).await;
    let gone =
        store.change("test".into(), T, vec![Change::RemoveVirtualServer { id: VsId(3) }]).await.unwrap();
    assert_eq!(gone.webhooks, []);
    store.record(vec![sent(1, &[])]).await.unwrap();
    assert_eq!(owed(&store, 1).await, [], "nobody is there to be told");
}

pub async fn a_number_of_an_endpoint_is_never_used_twice(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    put(&store, webhook(1)).await;
    let removed = store.change("test".into(), T, vec![Change::RemoveWebhook { id: 1 }]).await.unwrap();
    assert_eq!((removed.webhooks.len(), removed.next_webhook), (0, 2));
    let again = store.change("test".into(), T, vec![Change::PutWebhook(webhook(1))]).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    let log = audit(&store, 2).await;
    assert_eq!(log[0].action, "removed webhook 1 at example.com");
    assert!(!format!("{log:?}").contains("/1\""), "an address's path may be a secret");
}

pub async fn events_go_with_history_and_with_their_endpoint(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    for n in [1, 2] {
        put(&store, webhook(n)).await;
    }
    for n in 1..=2 {
        accept_one(&store, message(n)).await;
        store.record(vec![sent(n, &[])]).await.unwrap();
    }
    let first = store.owed_events(1, 0, 1).await.unwrap()[0].id;
    let done =
        TriedEvent { endpoint: 1, id: first, state: EventState::Delivered, at_ms: T, answer: String::new() };
    store.tried_events(vec![done]).await.unwrap();
    store.prune(T, 10).await.unwrap();
    assert_eq!(store.event_log(1, None, 10).await.unwrap().len(), 2, "not before its time");
    store.prune(T + 86_400_000, 10).await.unwrap();
    let left = store.event_log(1, None, 10).await.unwrap();
    assert_eq!(
        left.iter().map(|entry| entry.state).collect::<Vec<_>>(),
        [EventState::Owed],
        "what is owed stays"
    );
    store.change("test".into(), T, vec![Change::RemoveWebhook { id: 2 }]).await.unwrap();
    store.prune(T, 10).await.unwrap();
    assert_eq!(store.event_log(2, None, 10).await.unwrap().len(), 0);
}
