//! The database in trouble: nothing is lost, nothing happens twice, and it is told.

use super::proxy::{Fate, Proxy};
use super::server::{self, Postgres};
use super::{open, open_as};
use crate::contract::*;
use smallvec::smallvec;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_sms::*;
use textgate_store::*;

/// Asks again and again until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_after_the_server_crashed() {
    if !server::is_there() {
        return;
    }
    let mut postgres = Postgres::start(&["fsync=on"]);
    let url = postgres.database();
    let store = open(&url);
    store.accept((0..50).map(message).collect()).await.unwrap();
    store.record((0..25).map(|n| sent(n, &[])).collect()).await.unwrap();
    postgres.stop("QUIT");
    drop(store);
    postgres.start_again();
    let store = open(&url);
    assert_eq!(store.unfinished(MessageId::from_u64(0), 100).await.unwrap().len(), 25);
    assert_eq!(state(&store, 24).await, MessageState::Sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_gone_messages_are_refused_and_records_are_kept_until_it_is_back() {
    if !server::is_there() {
        return;
    }
    let mut postgres = Postgres::start(&[]);
    let store = open(&postgres.database());
    store.accept(vec![message(1), message(2)]).await.unwrap();
    postgres.stop("INT");
    let recorded = store.record(vec![sent(1, &["a"])]);
    let refused = store.accept(vec![message(3)]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(refused.to_string().contains("PostgreSQL"), "{refused}");
    assert!(store.health().is_err());
    assert!(store.message(VS, id(1)).await.is_err());
    let also = store.record_receipts(vec![receipt(&["a"], ReceiptState::Delivered)]);
    postgres.start_again();
    recorded.await.unwrap();
    assert!(also.await.unwrap()[0].is_some());
    until("it is well", || store.health().is_ok()).await;
    assert_eq!(state(&store, 1).await, MessageState::Delivered);
    assert_eq!(read(&store, 1).await.events.len(), 4, "each once");
    assert!(store.message(VS, id(3)).await.unwrap().is_none(), "what was refused is not there");
    accept_one(&store, message(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_happens_once() {
    if !server::is_there() {
        return;
    }
    let url = Postgres::shared().database();
    let (front, database) = url.rsplit_once('/').unwrap();
    let (_, address) = front.rsplit_once('@').unwrap();
    let proxy = Proxy::start(address.parse().unwrap());
    let store = open(&format!("postgres://textgate@{}/{database}", proxy.address));
    tenants(&store).await;
    allocate(&store, VS, 100).await;
    let paid = |n| NewMessage { payers: smallvec![VS], ..message(n) };
    accept_one(&store, paid(0)).await;
    store.record(vec![sent(0, &["a"])]).await.unwrap();
    let mut accepted = 1;
    for (n, fate) in (1..).zip([Fate::AnswersAreLost, Fate::QuestionsAreLost].into_iter().cycle().take(8)) {
        proxy.set(fate);
        let commit = store.accept(vec![paid(n)]);
        let record = store.record(vec![Finished { transition: None, ..sent(0, &[]) }]);
        tokio::time::sleep(Duration::from_millis(30)).await;
        proxy.set(Fate::Arrives);
        // Refused it may be, where it was certainly not written.
        match commit.await {
            Ok(answer) => {
                assert_eq!(answer, [Accepted::New]);
                accepted += 1;
            }
            Err(StoreError::Unavailable(_)) => assert!(store.message(VS, id(n)).await.unwrap().is_none()),
            Err(other) => panic!("{other}"),
        }
        record.await.unwrap();
    }
    until("it is well", || store.health().is_ok()).await;
    assert_eq!(store.credits(VS).await.unwrap().used, accepted, "each was charged once");
    assert_eq!(read(&store, 0).await.events.len(), 2 + 8, "each attempt is there once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_bound_of_what_waits_it_is_busy() {
    if !server::is_there() {
        return;
    }
    let url = Postgres::shared().database();
    let options = PostgresOptions { accepts_waiting: 1, ..PostgresOptions::default() };
    let store = open_as(&url, options);
    tenants(&store).await;
    allocate(&store, VS, 10).await;
    let paid = |n| NewMessage { payers: smallvec![VS], ..message(n) };
    accept_one(&store, paid(0)).await;
    // Somebody holds the row that it needs.
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("BEGIN; SELECT 1 FROM textgate.credits FOR UPDATE").await.unwrap();
    let waits = store.accept(vec![paid(1)]);
    assert_eq!(store.accept(vec![paid(2)]).await, Err(StoreError::Busy));
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(waits.await.unwrap(), [Accepted::New]);
    assert_eq!(accept_one(&store, paid(3)).await, Accepted::New);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_cannot_be_held_is_refused_and_harms_nobody() {
    if !server::is_there() {
        return;
    }
    let store = open(&Postgres::shared().database());
    let wrong = NewMessage { reference: Some("a\0b".into()), ..message(1) };
    assert!(matches!(store.accept(vec![wrong]).await, Err(StoreError::Conflict(_))));
    accept_one(&store, message(2)).await;
    // A provider's ids may be anything.
    store.record(vec![sent(2, &["a\0b"])]).await.unwrap();
    let told = store.record_receipts(vec![receipt(&["a\0b"], ReceiptState::Delivered)]).await.unwrap();
    assert!(told[0].is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_left_to_the_database_and_a_newer_one_is_left_alone() {
    if !server::is_there() {
        return;
    }
    let url = Postgres::shared().database();
    let store = open(&url);
    let told = store.backup("/nowhere".into()).await.unwrap_err().to_string();
    assert!(told.contains("pg_dump"), "{told}");
    drop(store);
    let name = url.rsplit('/').next().unwrap();
    Postgres::shared().sql(name, "UPDATE textgate.schema SET version = 99");
    let opened = PostgresStore::open(Database::parse(&url).unwrap(), PostgresOptions::default());
    assert!(matches!(opened.err(), Some(StoreError::TooNew { found: 99, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_start_at_once_make_the_tables_once() {
    if !server::is_there() {
        return;
    }
    let url: Arc<str> = Postgres::shared().database().into();
    let starts: Vec<_> = (0..6)
        .map(|n| {
            let url = url.clone();
            tokio::task::spawn_blocking(move || {
                open_as(&url, PostgresOptions { node: format!("node {n}"), ..PostgresOptions::default() })
            })
        })
        .collect();
    let mut stores = Vec::new();
    for start in starts {
        stores.push(start.await.unwrap());
    }
    // All at once into a partition that nobody has made yet.
    let accepts: Vec<_> = stores.iter().zip(0..).map(|(store, n)| store.accept(vec![message(n)])).collect();
    for accept in accepts {
        assert_eq!(accept.await.unwrap(), [Accepted::New]);
    }
}
