//! What goes when.

use super::*;

pub async fn only_old_finished_messages_are_pruned(stores: &impl Stores) {
    let store = stores.open();
    let step = stores.prunes_in_steps_of();
    let message = |n| NewMessage { expires_ms: i64::MAX, ..message(n * step) };
    let before_ms = T + 6 * step as i64;
    store.accept((0..10).map(message).collect()).await.unwrap();
    accept_one(&store, NewMessage { due_ms: Some(T + 900), ..message(10) }).await;
    store.record((2..8).map(|n| sent(n * step, &[&format!("k{n}")])).collect()).await.unwrap();
    assert_eq!(store.prune(before_ms, 3).await.unwrap(), 3);
    assert_eq!(store.prune(before_ms, 3).await.unwrap(), 1);
    assert_eq!(store.prune(before_ms, 3).await.unwrap(), 0);
    let store = reopen(stores, store).await;
    let page = store.messages(VS, Filter::default(), None, 100).await.unwrap();
    let left: Vec<_> = page.messages.iter().map(|message| message.id).collect();
    assert_eq!(left, [10, 9, 8, 7, 6, 1, 0].map(|n| id(n * step)));
    // A receipt for one that went finds nothing, and harms nothing.
    let gone = receipt(&["k2"], ReceiptState::Delivered);
    assert_eq!(store.record_receipts(vec![gone]).await.unwrap(), [None]);
}

pub async fn receipt_ids_and_early_receipts_go_when_their_time_is_past(stores: &impl Stores) {
    const HOUR: i64 = 3_600_000;
    let store = stores.open();
    accept_one(&store, message(1)).await;
    store.record(vec![sent(1, &["a1"])]).await.unwrap();
    let early = receipt(&["a2"], ReceiptState::Delivered);
    store.record_receipts(vec![early]).await.unwrap();
    let later =
        |hours: i64| ReceiptRecord { at_ms: T + hours * HOUR, ..receipt(&["x"], ReceiptState::Pending) };
    // What was said last tells the store what time it is.
    store.record_receipts(vec![later(70)]).await.unwrap();
    store.prune(T, 100).await.unwrap();
    accept_one(&store, message(2)).await;
    assert!(store.record(vec![sent(2, &["a2"])]).await.unwrap().is_empty(), "the early receipt went");
    let found = store.record_receipts(vec![receipt(&["a1"], ReceiptState::Delivered)]).await.unwrap();
    assert!(found[0].is_some(), "the receipt id is still of use");

    store.record_receipts(vec![later(120)]).await.unwrap();
    store.prune(T, 100).await.unwrap();
    let store = reopen(stores, store).await;
    let found = store.record_receipts(vec![receipt(&["a1"], ReceiptState::Undelivered)]).await.unwrap();
    assert_eq!(found, [None]);
}

pub async fn texts_of_messages_that_ended_before_are_erased(stores: &impl Stores) {
    let store = stores.open();
    store.accept((0..6).map(message).collect()).await.unwrap();
    for n in 1..6 {
        let at_ms = T + 100 * n as i64;
        let to = if n % 2 == 0 { MessageState::Failed } else { MessageState::Sent };
        store.record(vec![moved(n, Transition { at_ms, ..transition(to) })]).await.unwrap();
    }
    assert_eq!(store.erase_texts(T + 350, 2).await.unwrap(), 2);
    assert_eq!(store.erase_texts(T + 350, 2).await.unwrap(), 1);
    assert_eq!(store.erase_texts(T + 350, 2).await.unwrap(), 0);
    let store = reopen(stores, store).await;
    for n in 0..6 {
        assert_eq!(read(&store, n).await.sealed_text.is_none(), (1..=3).contains(&n), "{n}");
    }
    assert_eq!(read(&store, 1).await.events.len(), 1, "the rest of the message stays");
}
