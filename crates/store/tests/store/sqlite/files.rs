//! The files of SQLite's store: who may read them, who uses them, what stands in them.

use crate::contract::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use textgate_sms::*;
use textgate_store::*;

pub fn try_open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, SqliteOptions::default())
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

fn is_in_some_file(folder: &Path, octets: &[u8]) -> bool {
    files(folder).iter().any(|(_, content)| content.windows(octets.len()).any(|window| window == octets))
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    std::fs::write(&path, b"").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = try_open(&path).unwrap();
    store.accept(vec![message(1)]).await.unwrap();
    store.backup(folder.path().join("copy")).await.unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        count += 1;
    }
    assert_eq!(count, 5, "the store, its WAL, shared memory and lock; the copy");
}

#[tokio::test]
async fn one_process_at_a_time_uses_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = try_open(&path).unwrap();
    let locked = try_open(&path).err().unwrap();
    assert_eq!(locked, StoreError::Locked(path.display().to_string()));
    store.accept(vec![message(1)]).await.unwrap();
    store.close().await.unwrap();
    drop(try_open(&path).unwrap());
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(try_open(&path).unwrap());
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(raw);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(try_open(&path).err().unwrap(), StoreError::TooNew { found: 99, .. }));
    assert!(std::fs::read(&path).unwrap() == before);
}

#[tokio::test]
async fn what_is_no_store_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign");
    let raw = rusqlite::Connection::open(&foreign).unwrap();
    raw.execute_batch("CREATE TABLE precious (x)").unwrap();
    drop(raw);
    let text = folder.path().join("text");
    std::fs::write(&text, "no database, but a text that is long enough to be read as one".repeat(20))
        .unwrap();
    for path in [foreign, text, folder.path().join("missing/store")] {
        let before = std::fs::read(&path).ok();
        let error = try_open(&path).err().unwrap();
        assert!(
            matches!(&error, StoreError::CannotOpen { path: named, .. } if *named == path.display().to_string())
        );
        assert!(std::fs::read(&path).ok() == before, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_text_is_in_no_octet_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store: Arc<dyn Store> = Arc::new(try_open(&path).unwrap());
    let text = |n: u64| {
        // Some so long that they take pages of their own.
        let times = if n % 50 == 7 { 400 } else { 1 };
        format!("(text {n:06} which nobody may find)").repeat(times).into_bytes()
    };
    let kinds = [Kind::Otp, Kind::Text];
    for n in 0..1_000 {
        let message = NewMessage { sealed_text: text(n), kind: kinds[n as usize % 2], ..message(n) };
        drop(store.accept(vec![message]));
    }
    accept_one(&store, NewMessage { sealed_text: b"(text that stays)".into(), ..message(5_000) }).await;
    assert!(is_in_some_file(folder.path(), b"(text 000003 which"), "the search finds what is there");
    for n in 0..1_000 {
        let mut finished = sent(n, &[&format!("receipt-id-{n}")]);
        finished.transition.as_mut().unwrap().erase_text = n % 2 == 0;
        drop(store.record(vec![finished]));
        drop(store.record_receipts(vec![receipt(&[&format!("receipt-id-{n}")], ReceiptState::Delivered)]));
    }
    // What was queued before is written once this is.
    store.record(vec![]).await.unwrap();
    assert_eq!(store.erase_texts(T + 1_000, 10_000).await.unwrap(), 500);
    store.close().await.unwrap();
    drop(store);
    assert!(!is_in_some_file(folder.path(), b"which nobody may find"));
    assert!(is_in_some_file(folder.path(), b"(text that stays)"));
    let store: Arc<dyn Store> = Arc::new(try_open(&path).unwrap());
    assert_eq!(state(&store, 999).await, MessageState::Delivered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wal_stays_small_under_constant_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Arc::new(try_open(&path).unwrap());
    let tasks: Vec<_> = (0..8u64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..250 {
                    let first = (round * 8 + task) * 10;
                    let batch =
                        (first..first + 10).map(|n| NewMessage { sealed_text: vec![7; 2_000], ..message(n) });
                    store.accept(batch.collect()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    let (written, wal) = (size("store"), size("store-wal"));
    assert!(written > 60 << 20, "enough was written");
    // How much is added while the file is synced depends on the disk; that it is not all shows that the WAL begins anew.
    assert!(wal < written / 5 * 4, "{wal} octets of WAL for {written} in all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_and_receipts_overwrite_their_rows_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let pages = async |store: Arc<dyn Store>| {
        store.close().await.unwrap();
        drop(store);
        let raw = rusqlite::Connection::open(&path).unwrap();
        // Leaf pages of the messages alone.
        let sql = "SELECT count(*) FROM dbstat WHERE name = 'message' AND pagetype = 'leaf'";
        raw.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let store: Arc<dyn Store> = Arc::new(try_open(&path).unwrap());
    let kinds = [Kind::Otp, Kind::Alert];
    let new = |n: u64| {
        // A nonce, a tag and 20 characters.
        NewMessage { kind: kinds[n as usize % 2], sealed_text: vec![7; 60], ..message(n) }
    };
    store.accept((0..1_000).map(new).collect()).await.unwrap();
    let before = pages(store).await;
    let store: Arc<dyn Store> = Arc::new(try_open(&path).unwrap());
    let finished = |n: u64| {
        let mut finished = sent(n, &[&format!("{n:08x}")]);
        finished.transition.as_mut().unwrap().erase_text = kinds[n as usize % 2] == Kind::Otp;
        finished
    };
    store.record((0..1_000).map(finished).collect()).await.unwrap();
    let receipts = (0..1_000).map(|n| receipt(&[&format!("{n:08x}")], ReceiptState::Delivered)).collect();
    store.record_receipts(receipts).await.unwrap();
    let after = pages(store).await;
    assert_eq!(before, after, "no row outgrew its page");
}

#[tokio::test]
async fn a_store_of_one_node_is_shared_with_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = try_open(&folder.path().join("store")).unwrap();
    store.accept(vec![message(1)]).await.unwrap();
    assert!(!store.is_shared() && store.may_send());
    assert_eq!((store.node(), store.peers().await.unwrap()), (0, Peers::default()));
    assert_eq!(
        store.claim(Claims { take: vec![(GATEWAY, 0)], ..Claims::default() }).await.unwrap(),
        Peers::default()
    );
    let hand_over = HandOver { gateway: GATEWAY, to: 1, messages: vec![(id(1), 0)] };
    assert_eq!(store.hand_over(hand_over).await.unwrap(), None);
    assert!(store.handed(9).await.unwrap().is_empty() && store.adopt(9).await.unwrap().is_empty());
    assert_eq!(store.unfinished(MessageId::from_u64(0), 9).await.unwrap().len(), 1);
}
