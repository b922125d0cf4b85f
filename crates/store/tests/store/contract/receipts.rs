//! Receipts: early, repeated, out of order, for several segments, for none.

use super::*;
use ReceiptState::*;

async fn accepted(store: &Arc<dyn Store>, n: u64) {
    accept_one(store, message(n)).await;
}

fn changed(n: u64, to: MessageState) -> Option<Matched> {
    // Sent at T + 50, told at T + 60.
    let since_sent_ms = Some(10);
    let changed_to = Some(to);
    Some(Matched { id: id(n), vs: VS, to: Some(number(n)), gateway: GATEWAY, changed_to, since_sent_ms })
}

fn same(n: u64) -> Option<Matched> {
    let to = Some(number(n));
    Some(Matched { id: id(n), vs: VS, to, gateway: GATEWAY, changed_to: None, since_sent_ms: None })
}

async fn tell(store: &Arc<dyn Store>, receipt: ReceiptRecord) -> Option<Matched> {
    store.record_receipts(vec![receipt]).await.unwrap().remove(0)
}

pub async fn a_receipt_makes_a_sent_message_delivered(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    store.record(vec![sent(1, &["a1"])]).await.unwrap();
    let store = reopen(stores, store).await;
    let delivered = ReceiptRecord { error: Some("000".into()), ..receipt(&["a1"], Delivered) };
    assert_eq!(tell(&store, delivered).await, changed(1, MessageState::Delivered));
    let store = reopen(stores, store).await;
    let found = read(&store, 1).await;
    assert_eq!((found.state, found.changed_ms), (MessageState::Delivered, T + 60));
    let event = Event::Receipt {
        at_ms: T + 60,
        gateway: GATEWAY,
        segment: 0,
        state: Delivered,
        error: Some("000".into()),
    };
    assert!(found.events.contains(&event));
    assert_eq!(found.events.len(), 4);
}

pub async fn receipts_that_say_no_make_it_undelivered(stores: &impl Stores) {
    let store = stores.open();
    for (n, state) in (1..).zip([Expired, Undelivered, Rejected]) {
        accepted(&store, n).await;
        let key = format!("key{n}");
        store.record(vec![sent(n, &[&key])]).await.unwrap();
        assert_eq!(tell(&store, receipt(&[&key], Pending)).await, same(n));
        assert_eq!(tell(&store, receipt(&[&key], state)).await, changed(n, MessageState::Undelivered));
        assert_eq!(tell(&store, receipt(&[&key], Delivered)).await, same(n), "what is final stays");
    }
}

pub async fn a_repeated_receipt_changes_nothing_and_takes_no_room(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    store.record(vec![sent(1, &["a1"])]).await.unwrap();
    assert_eq!(tell(&store, receipt(&["a1"], Delivered)).await, changed(1, MessageState::Delivered));
    let before = read(&store, 1).await.events.len();
    for at_ms in 0..50 {
        let again = ReceiptRecord { at_ms: T + 100 + at_ms, ..receipt(&["a1"], Delivered) };
        assert_eq!(tell(&store, again).await, same(1));
    }
    assert_eq!(read(&store, 1).await.events.len(), before);
}

pub async fn a_message_of_several_segments_is_delivered_when_all_are(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    store.record(vec![sent(1, &["a", "", "c", "d"])]).await.unwrap();
    for key in ["d", "d", "a"] {
        assert_eq!(tell(&store, receipt(&[key], Delivered)).await, same(1));
    }
    assert_eq!(tell(&store, receipt(&["c"], Delivered)).await, changed(1, MessageState::Delivered));

    accepted(&store, 2).await;
    store.record(vec![sent(2, &["e", "f"])]).await.unwrap();
    assert_eq!(tell(&store, receipt(&["e"], Delivered)).await, same(2));
    assert_eq!(tell(&store, receipt(&["f"], Expired)).await, changed(2, MessageState::Undelivered));
}

pub async fn one_id_for_all_segments_needs_one_receipt(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    store.record(vec![sent(1, &["a", "a", "a"])]).await.unwrap();
    assert_eq!(tell(&store, receipt(&["a"], Delivered)).await, changed(1, MessageState::Delivered));
}

pub async fn a_receipt_of_an_attempt_that_failed_delivers_nothing(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    // Two of three segments were taken, then the gateway went away; the next attempt took all three.
    let part = Finished {
        attempt: Some(attempt(OutcomeClass::Unavailable, &[])),
        transition: None,
        ..sent(1, &["x0", "x1"])
    };
    store.record(vec![part, sent(1, &["y0", "y1"])]).await.unwrap();
    assert_eq!(tell(&store, receipt(&["x0"], Delivered)).await, same(1));
    assert_eq!(tell(&store, receipt(&["x1"], Undelivered)).await, same(1));
    assert_eq!(tell(&store, receipt(&["y0"], Delivered)).await, same(1));
    assert_eq!(tell(&store, receipt(&["y1"], Delivered)).await, changed(1, MessageState::Delivered));
}

pub async fn a_receipt_that_comes_early_is_applied_when_its_id_is_recorded(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    assert_eq!(tell(&store, receipt(&["zz", "a1"], Delivered)).await, None);
    assert_eq!(tell(&store, receipt(&["never"], Delivered)).await, None);
    let store = reopen(stores, store).await;
    assert_eq!(state(&store, 1).await, MessageState::Accepted);
    let matched = store.record(vec![sent(1, &["a1"])]).await.unwrap();
    assert_eq!(matched, [changed(1, MessageState::Delivered).unwrap()]);
    assert_eq!(state(&store, 1).await, MessageState::Delivered);
    accepted(&store, 2).await;
    assert!(store.record(vec![sent(2, &["a1"])]).await.unwrap().is_empty(), "it was for one message");
    assert!(store.record(vec![sent(2, &["zz"])]).await.unwrap().is_empty(), "by whichever id");
}

pub async fn early_receipts_that_share_an_id_are_found_each_on_its_own(stores: &impl Stores) {
    let store = stores.open();
    for n in [1, 2] {
        accepted(&store, n).await;
    }
    assert_eq!(tell(&store, receipt(&["x", "y"], Delivered)).await, None);
    assert_eq!(tell(&store, receipt(&["x"], Undelivered)).await, None);
    assert_eq!(
        store.record(vec![sent(1, &["y"])]).await.unwrap(),
        [changed(1, MessageState::Delivered).unwrap()]
    );
    assert_eq!(
        store.record(vec![sent(2, &["x"])]).await.unwrap(),
        [changed(2, MessageState::Undelivered).unwrap()]
    );
}

pub async fn an_early_receipt_for_one_segment_leaves_the_others_awaited(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    assert_eq!(tell(&store, receipt(&["b"], Delivered)).await, None);
    assert_eq!(store.record(vec![sent(1, &["a", "b"])]).await.unwrap(), [same(1).unwrap()]);
    assert_eq!(tell(&store, receipt(&["a"], Delivered)).await, changed(1, MessageState::Delivered));
}

pub async fn a_receipt_between_the_attempt_and_the_change_to_sent_counts(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    store.record(vec![Finished { transition: None, ..sent(1, &["a1"]) }]).await.unwrap();
    assert_eq!(tell(&store, receipt(&["a1"], Delivered)).await, same(1));
    let matched = store.record(vec![moved(1, transition(MessageState::Sent))]).await.unwrap();
    // How long it took is not known: it was told before it was sent.
    let at_once = Matched { since_sent_ms: None, ..changed(1, MessageState::Delivered).unwrap() };
    assert_eq!(matched, [at_once]);
}

pub async fn ids_that_are_empty_or_absurdly_long_match_nothing(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    let long = "x".repeat(100_000);
    store.record(vec![sent(1, &["", &long])]).await.unwrap();
    for key in ["", &long] {
        assert_eq!(tell(&store, receipt(&[key], Delivered)).await, None);
    }
    assert_eq!(tell(&store, receipt(&[], Delivered)).await, None);
    let other = ReceiptRecord { error: Some(long.clone().into()), ..receipt(&["b"], Undelivered) };
    assert_eq!(tell(&store, other).await, None);
    assert_eq!(
        store.record(vec![sent(1, &["b"])]).await.unwrap(),
        [changed(1, MessageState::Undelivered).unwrap()]
    );
}

pub async fn receipts_are_for_one_gateway(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    store.record(vec![sent(1, &["a1"])]).await.unwrap();
    let other = ReceiptRecord { gateway: GatewayId(2), ..receipt(&["a1"], Delivered) };
    assert_eq!(tell(&store, other).await, None);
    assert_eq!(state(&store, 1).await, MessageState::Sent);
}

pub async fn the_likeliest_candidate_is_taken_first(stores: &impl Stores) {
    let store = stores.open();
    for n in [1, 2] {
        accepted(&store, n).await;
        store.record(vec![sent(n, &[&format!("key{n}")])]).await.unwrap();
    }
    assert_eq!(
        tell(&store, receipt(&["key2", "key1"], Delivered)).await,
        changed(2, MessageState::Delivered)
    );
}

pub async fn the_number_decides_between_candidates(stores: &impl Stores) {
    let store = stores.open();
    for n in [1, 2] {
        accepted(&store, n).await;
        store.record(vec![sent(n, &[&format!("key{n}")])]).await.unwrap();
    }
    let with = |n, keys: &[&str]| ReceiptRecord { number: Some(number(n)), ..receipt(keys, Delivered) };
    assert_eq!(tell(&store, with(1, &["key2", "key1"])).await, changed(1, MessageState::Delivered));
    // A less likely id of a message to another number is not meant; the likeliest is, however its number is written.
    assert_eq!(tell(&store, with(7, &["other", "key2"])).await, None);
    assert_eq!(state(&store, 2).await, MessageState::Sent);
    assert_eq!(tell(&store, with(7, &["key2"])).await, changed(2, MessageState::Delivered));
}

pub async fn an_id_that_is_used_again_means_the_newest_or_the_one_with_the_number(stores: &impl Stores) {
    let store = stores.open();
    for n in [1, 2, 3] {
        accepted(&store, n).await;
        store.record(vec![sent(n, &["same"])]).await.unwrap();
    }
    assert_eq!(tell(&store, receipt(&["same"], Delivered)).await, changed(3, MessageState::Delivered));
    let first = ReceiptRecord { number: Some(number(1)), ..receipt(&["same"], Delivered) };
    assert_eq!(tell(&store, first).await, changed(1, MessageState::Delivered));
    assert_eq!(state(&store, 2).await, MessageState::Sent);
}

pub async fn a_receipt_for_a_cancelled_message_is_kept_as_an_event(stores: &impl Stores) {
    let store = stores.open();
    accepted(&store, 1).await;
    store.cancel(VS, id(1), T).await.unwrap();
    store.record(vec![sent(1, &["a1"])]).await.unwrap();
    assert_eq!(tell(&store, receipt(&["a1"], Delivered)).await, same(1));
    let found = read(&store, 1).await;
    assert_eq!(found.state, MessageState::Cancelled);
    assert!(matches!(found.events.last(), Some(Event::Receipt { .. })));
}

pub async fn receipts_answer_in_order(stores: &impl Stores) {
    let store = stores.open();
    store.accept((0..100).map(message).collect()).await.unwrap();
    let keys: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    drop(store.record((0..100).map(|n| sent(n, &[&keys[n as usize]])).collect()));
    let receipts = (0..120).rev().map(|n| receipt(&[&format!("k{n}")], Delivered)).collect();
    let answers = store.record_receipts(receipts).await.unwrap();
    assert!(answers[..20].iter().all(Option::is_none));
    let expected: Vec<_> = (0..100).rev().map(|n| changed(n, MessageState::Delivered)).collect();
    assert_eq!(answers[20..], expected);
}
