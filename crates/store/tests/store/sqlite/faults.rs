//! What SQLite's store does when the disk is full, the process is killed, or too much comes at once.

use crate::contract::*;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use textgate_sms::*;
use textgate_store::*;

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder.join("store"), SqliteOptions::default()).unwrap()
}

/// Calls until the answer is right: recovery takes up to a second after the cause is gone.
async fn eventually<T>(mut call: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(answer) = call().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it never came")
}

/// Accepts until the disk is full; answers how many were accepted.
async fn fill(store: &SqliteStore, first: u64) -> u64 {
    store.limit_pages(Some(1));
    for n in first.. {
        match store.accept(vec![message(n)]).await {
            Ok(answers) => assert_eq!(answers, [Accepted::New]),
            Err(StoreError::Unavailable(reason)) => {
                assert!(reason.contains("full"), "{reason}");
                return n - first;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_accepts_are_refused_and_outcomes_kept_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.accept((0..300).map(message).collect()).await.unwrap();
    assert!(store.health().is_ok());
    let filled = fill(&store, 1_000).await;
    assert!(matches!(store.health(), Err(StoreError::Unavailable(_))));

    // Long details, so that they need room.
    let outcome = |n| {
        let mut finished = sent(n, &[&format!("id of the receipt of message {n}")]);
        if let Some(Event::Attempt { detail, .. }) = &mut finished.attempt {
            *detail = "x".repeat(400).into();
        }
        finished
    };
    let mut recorded = store.record((0..300).map(outcome).collect());
    let early = tokio::time::timeout(Duration::from_millis(300), &mut recorded).await;
    assert!(early.is_err(), "they cannot have been written");
    assert!(matches!(store.accept(vec![message(5_000)]).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.cancel(VS, id(1), T).await, Err(StoreError::Unavailable(_))));
    assert!(store.message(VS, id(1)).await.unwrap().is_some(), "reading goes on");

    store.limit_pages(None);
    recorded.await.unwrap();
    assert!(store.health().is_ok());
    store.accept(vec![message(5_001)]).await.unwrap();
    store.close().await.unwrap();
    drop(store);

    let store: Arc<dyn Store> = Arc::new(open(folder.path()));
    for n in 0..300 {
        assert_eq!(state(&store, n).await, MessageState::Sent);
    }
    assert!(store.message(VS, id(5_000)).await.unwrap().is_none(), "what was refused is not there");
    assert!(store.message(VS, id(1_000 + filled)).await.unwrap().is_none());
    let unfinished = store.unfinished(MessageId::from_u64(0), 1_000).await.unwrap();
    assert_eq!(unfinished.len() as u64, filled + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_and_early_receipts_survive_a_failed_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let dynamic: Arc<dyn Store> = store.clone();
    tenants(&dynamic).await;
    allocate(&dynamic, VS, 1_000).await;
    store.record_receipts(vec![receipt(&["early"], ReceiptState::Delivered)]).await.unwrap();
    accept_one(&dynamic, message(0)).await;
    fill(&store, 10).await;
    let paid =
        |n| NewMessage { payers: [VS].into_iter().collect(), sealed_text: vec![7; 9_000], ..message(n) };
    for n in 5_000..5_010 {
        assert!(store.accept(vec![paid(n)]).await.is_err());
    }
    store.limit_pages(None);
    eventually(async || store.accept(vec![paid(6_000)]).await.ok()).await;
    assert_eq!(store.credits(VS).await.unwrap().used, 1, "what was refused cost nothing");
    assert_eq!(store.record(vec![sent(0, &["early"])]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_comes_back_without_anybody_asking_for_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    fill(&store, 0).await;
    store.limit_pages(None);
    eventually(async || store.health().ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_on_a_full_disk_ends_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    fill(&store, 0).await;
    let lost = store.record(vec![sent(0, &[&"x".repeat(5_000)])]);
    let error = tokio::time::timeout(Duration::from_secs(20), store.close()).await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(lost.await.is_err());
    drop(store);
    let store: Arc<dyn Store> = Arc::new(open(folder.path()));
    assert_eq!(state(&store, 0).await, MessageState::Accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_bound_accepts_are_busy_at_once_and_outcomes_are_not() {
    let folder = tempfile::tempdir().unwrap();
    // The observer runs on the writer's thread: while it waits, nothing is written.
    let (hold, held) = channel::<()>();
    let (entered, at_work) = channel::<()>();
    let (held, entered) = (Mutex::new(held), Mutex::new(entered));
    let observer = Arc::new(move |_: CommitStats| {
        entered.lock().unwrap().send(()).ok();
        held.lock().unwrap().recv().ok();
    });
    let options = SqliteOptions { observer, accepts_waiting: 10 };
    let store = SqliteStore::open(folder.path().join("store"), options).unwrap();
    store.accept(vec![message(0)]).await.unwrap();
    at_work.recv().unwrap();

    let waiting: Vec<_> = (1..=10).map(|n| store.accept(vec![message(n)])).collect();
    assert_eq!(store.accept(vec![message(11)]).await, Err(StoreError::Busy));
    assert_eq!(store.accept(vec![message(12)]).await, Err(StoreError::Busy));
    let recorded = store.record(vec![sent(0, &[])]);
    drop(hold);
    for accepted in waiting {
        assert_eq!(accepted.await.unwrap(), [Accepted::New]);
    }
    recorded.await.unwrap();
    store.accept(vec![message(13)]).await.unwrap();
    let large = store.accept((100..150).map(message).collect()).await;
    assert_eq!(large.unwrap().len(), 50, "a batch larger than the bound is taken when nothing waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_ride_along_with_an_accept() {
    let folder = tempfile::tempdir().unwrap();
    let commits = Arc::new(Mutex::new(Vec::new()));
    let seen = commits.clone();
    let observer = Arc::new(move |stats: CommitStats| seen.lock().unwrap().push(stats.operations));
    let options = SqliteOptions { observer, ..SqliteOptions::default() };
    let store = SqliteStore::open(folder.path().join("store"), options).unwrap();
    for n in 0..50 {
        drop(store.record(vec![sent(n, &[])]));
        store.accept(vec![message(n)]).await.unwrap();
    }
    store.close().await.unwrap();
    let commits = commits.lock().unwrap();
    assert_eq!(commits.iter().sum::<usize>(), 100);
    assert!(commits.len() < 75, "most commits carried both: {commits:?}");
}

const CHILD: &str = "TEXTGATE_STORE_CRASH_CHILD";

/// Not a test of its own: the process that the next one kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_accepts_until_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let store = Arc::new(open(Path::new(&folder)));
    let first = ((store.newest().await.unwrap().as_u64().max(id(0).as_u64()) - id(0).as_u64()) >> 21) + 1;
    let tasks: Vec<_> = (0..8u64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in (first + task..).step_by(8) {
                    store.accept(vec![message(n)]).await.unwrap();
                    println!("accepted {n}");
                    if n % 3 == 0 {
                        store.record(vec![sent(n, &[&format!("k{n}")])]).await.unwrap();
                        println!("sent {n}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (mut accepted, mut recorded) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::faults::child_that_accepts_until_killed", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Another moment each time, in the middle of the work.
        let mut heard = 0;
        while let Some(Ok(line)) = lines.next() {
            if heard == 300 + round * 77 {
                child.kill().unwrap();
            }
            let (word, n) = line.split_once(' ').unwrap_or_default();
            // The last line may have been cut off: no number then, or a shorter one that was accepted as well.
            match (word, n.parse::<u64>()) {
                ("accepted", Ok(n)) => accepted.push(n),
                ("sent", Ok(n)) => recorded.push(n),
                _ => continue,
            }
            heard += 1;
        }
        child.wait().unwrap();
        assert!(heard >= 300, "the child worked");
        let store: Arc<dyn Store> = Arc::new(open(folder.path()));
        for n in &accepted {
            assert!(store.message(VS, id(*n)).await.unwrap().is_some(), "accepted message {n} is lost");
        }
        for n in &recorded {
            assert_eq!(state(&store, *n).await, MessageState::Sent, "the outcome of message {n} is lost");
        }
    }
}
