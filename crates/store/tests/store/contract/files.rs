//! Backup, closing.

use super::*;

pub async fn a_backup_opens_as_a_store_of_one_moment(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VS, 100_000).await;
    let batch = |first: u64| {
        (first..first + 100).map(|n| NewMessage { payers: smallvec![VS], ..message(n) }).collect::<Vec<_>>()
    };
    for first in (0..2_000).step_by(100) {
        store.accept(batch(first)).await.unwrap();
    }
    let path = stores.folder().join("copy");
    let mut first = 2_000;
    let mut copied = store.backup(path.clone());
    loop {
        // The writer goes on meanwhile.
        tokio::select! {
            biased;
            done = &mut copied => break done.unwrap(),
            done = store.accept(batch(first)) => { done.unwrap(); first += 100; }
        }
    }
    drop(copied);
    assert!(store.health().is_ok());
    let copy = stores.open_backup(&path);
    let newest = copy.newest().await.unwrap();
    let count = ((newest.as_u64() - id(0).as_u64()) >> 21) + 1;
    assert!((2_000..=first + 100).contains(&count));
    assert_eq!(count % 100, 0);
    assert_eq!(copy.credits(VS).await.unwrap().used, count, "credits and messages are of one moment");
    accept_one(&copy, message(1_000_000)).await;
    copy.close().await.unwrap();
}

pub async fn a_backup_overwrites_nothing(stores: &impl Stores) {
    let store = stores.open();
    let path = stores.folder().join("precious");
    std::fs::write(&path, b"precious").unwrap();
    let error = store.backup(path.clone()).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    assert!(store.backup(stores.folder().join("missing/copy")).await.is_err());
}

pub async fn closing_writes_what_waits_and_refuses_what_comes(stores: &impl Stores) {
    let store = stores.open();
    accept_one(&store, message(0)).await;
    let accepted = store.accept((1..50).map(message).collect());
    drop(store.record(vec![sent(0, &[])]));
    store.close().await.unwrap();
    assert_eq!(accepted.await.unwrap().len(), 49);
    assert_eq!(store.accept(vec![message(99)]).await, Err(StoreError::Closed));
    assert_eq!(store.record(vec![sent(1, &[])]).await, Err(StoreError::Closed));
    assert!(matches!(store.message(VS, id(1)).await, Err(StoreError::Closed)));
    assert!(matches!(store.directory().await, Err(StoreError::Closed)));
    store.close().await.unwrap();
    drop(store);
    let store = stores.open();
    assert_eq!(state(&store, 0).await, MessageState::Sent);
    assert_eq!(store.unfinished(MessageId::from_u64(0), 100).await.unwrap().len(), 49);
}

pub async fn dropping_the_store_writes_what_waits(stores: &impl Stores) {
    let store = stores.open();
    drop(store.accept(vec![message(1)]));
    drop(store.record(vec![sent(1, &[])]));
    drop(store);
    assert_eq!(state(&stores.open(), 1).await, MessageState::Sent);
}
