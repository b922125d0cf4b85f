//! What SQLite leaves of a number in its files, and that nothing of it stays.

use crate::contract::*;
use std::sync::Arc;
use textgate_sms::*;
use textgate_store::*;

/// How often the number is in the store's files, as its rows have it.
fn count(folder: &std::path::Path, number: PhoneNumber) -> usize {
    let form = number.as_u64().to_be_bytes()[2..].to_vec();
    ["store", "store-wal"]
        .iter()
        .filter_map(|name| std::fs::read(folder.join(name)).ok())
        .map(|octets| octets.windows(form.len()).filter(|window| *window == form).count())
        .sum()
}

fn erasure(number: PhoneNumber, messages: Vec<MessageId>) -> Erasure {
    Erasure {
        number,
        messages,
        passcodes: vec![],
        inbound: vec![],
        phones: vec![],
        servers: vec![],
        with_early_receipts: true,
        notes: vec![],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pages_that_were_split_keep_of_an_erased_number_goes_while_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
    let is_gone = |n: u64| n.is_multiple_of(7);
    let gone = number(7_777);
    let one = |n: u64| NewMessage { to: if is_gone(n) { gone } else { number(n + 10_000) }, ..message(n) };
    store.accept((0..2_000).map(one).collect()).await.unwrap();
    // Rows that outgrow the room they have: their pages are split, and copies of rows stay between others.
    for round in 0..3 {
        let grows = |n: u64| {
            let detail = "x".repeat(40 + (n * 37 % 300) as usize);
            let attempt = Event::Attempt {
                at_ms: T + 40 + round,
                took_ms: 9,
                gateway: GATEWAY,
                class: OutcomeClass::Unavailable,
                detail: detail.into(),
                provider_ids: Default::default(),
            };
            let attempt = Some(attempt);
            Finished { id: id(n), attempt, receipt_ids: Default::default(), transition: None }
        };
        store.record((0..2_000).map(grows).collect()).await.unwrap();
    }
    let failed = |n| moved(n, Transition { erase_text: true, ..transition(MessageState::Failed) });
    store.record((0..2_000).map(failed).collect()).await.unwrap();
    assert!(count(folder.path(), gone) >= 286, "what is searched for would be found");
    let messages: Vec<MessageId> = (0..2_000).filter(|n| is_gone(*n)).map(id).collect();
    let erased = store.erase(erasure(gone, messages.clone())).await.unwrap();
    assert_eq!(erased.messages, 286);
    // Others go on meanwhile, and wait at most.
    let (scrubbed, accepted) =
        tokio::join!(store.scrub(gone, messages.clone()), accept_one(&store, message(5_000)));
    assert_eq!(accepted, Accepted::New);
    let rebuilt = Scrubbed { was_searched: true, was_rebuilt: true, left: 0 };
    assert_eq!(scrubbed.unwrap(), rebuilt, "deleting alone does not do it");
    assert_eq!(count(folder.path(), gone), 0);
    // Once more there is nothing to do, and the store is as it was.
    let again = store.scrub(gone, messages).await.unwrap();
    assert_eq!(again, Scrubbed { was_rebuilt: false, ..rebuilt });
    assert_eq!(state(&store, 1).await, MessageState::Failed);
    store.record(vec![sent(5_000, &["k"])]).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    assert_eq!(count(folder.path(), gone), 0);
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
    assert_eq!(state(&store, 5_000).await, MessageState::Sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_stands_in_something_else_is_told_and_not_taken_for_erased() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
    let gone = number(7_777);
    accept_one(&store, NewMessage { reference: Some(format!("call {gone}").into()), ..message(1) }).await;
    store.erase(erasure(gone, vec![])).await.unwrap();
    let scrubbed = store.scrub(gone, vec![]).await.unwrap();
    assert_eq!((scrubbed.was_rebuilt, scrubbed.left), (true, 1));
}
