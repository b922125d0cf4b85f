//! Changing the key that seals.

use super::people::PASSWORD;
use super::*;
use crate::rotation::KeyUse;
use std::sync::Mutex;
use textgate_sms::MessageId;
use textgate_store::{InboundRecord, KeyFile, Keys, Purpose, SealedPlace, key_of};

/// A key file in memory, which may refuse to be written.
struct Paper {
    keys: Mutex<Keys>,
    is_read_only: Mutex<bool>,
}

impl KeyFile for Paper {
    fn read(&self) -> Result<Keys, String> {
        Ok(self.keys.lock().unwrap().clone())
    }

    fn write(&self, keys: &Keys) -> Result<(), String> {
        if *self.is_read_only.lock().unwrap() {
            return Err("the key file cannot be written".into());
        }
        *self.keys.lock().unwrap() = keys.clone();
        Ok(())
    }
}

impl Paper {
    fn new() -> Arc<Self> {
        let keys = Mutex::new(Keys::first([7; 32], None));
        Arc::new(Self { keys, is_read_only: Mutex::default() })
    }

    fn ids(&self) -> Vec<u16> {
        self.keys.lock().unwrap().iter().map(|key| key.id).collect()
    }

    async fn open(self: &Arc<Self>, folder: &tempfile::TempDir) -> Result<Dispatch, crate::StartError> {
        let file: Arc<dyn KeyFile> = Arc::<Self>::clone(self);
        let sealer = Sealer::kept_in(file, self.read().unwrap()).unwrap();
        Dispatch::open(Parts { sealer, ..parts(folder) }).await
    }

    /// A bench with settings, a message of a phone and 1,200 texts, under this key file.
    async fn bench(self: &Arc<Self>) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench { dispatch: self.open(&folder).await.unwrap(), folder };
        bench.put(VsId::ROOT, custom(json!({"host": "h", "password": "hunter2"}))).await.unwrap();
        let engine = &bench.dispatch.engine;
        let sealed = engine.sealer.seal(Purpose::Inbound, 1, b"from a phone");
        engine.store.record_inbound(vec![inbound(1, sealed)]).await.unwrap();
        let texts = (0..1_200).map(|step| bench.new_message(VsId::ROOT, step, None)).collect();
        engine.store.accept(texts).await.unwrap();
        bench
    }
}

/// A message of a phone by the first gateway.
fn inbound(n: u64, sealed: Vec<u8>) -> InboundRecord {
    InboundRecord {
        id: MessageId::from_u64(n),
        vs: VsId::ROOT,
        gateway: textgate_sms::GatewayId(1),
        at_ms: 0,
        phone: [0; 16],
        key: None,
        sealed,
    }
}

impl Bench {
    /// Changes the key from beginning to end. Answers what was sealed anew and what was dropped.
    async fn rotate(&self, keeps_old: bool) -> (u64, Vec<u16>) {
        let mut view = self.dispatch.begin_rotation("test").await.unwrap();
        while !view.is_done {
            let before = (view.is_verifying, view.percent);
            view = self.dispatch.rotation_step("test", keeps_old).await.unwrap();
            assert!(view.is_done || (view.is_verifying, view.percent) >= before, "it gets on: {view:?}");
        }
        (view.resealed, view.dropped)
    }

    /// How many things are sealed under another key than this.
    async fn others(&self, key: u16) -> usize {
        let (mut count, mut after) = (0, Some(SealedPlace::START));
        while let Some(place) = after {
            let page = self.dispatch.engine.store.sealed(key, place, 1_000).await.unwrap();
            (count, after) = (count + page.found.len(), page.next);
        }
        count
    }

    fn uses(&self) -> Vec<(u16, KeyUse)> {
        self.dispatch.keys().into_iter().map(|key| (key.id, key.r#use)).collect()
    }
}

#[tokio::test]
async fn everything_is_sealed_anew_and_the_old_key_is_not_needed_any_more() {
    let paper = Paper::new();
    let old = paper.read().unwrap();
    let bench = paper.bench().await;
    bench.user(VsId::ROOT, "ada", crate::people::UserRole::Operator).await;
    let ada = bench.signed_in("ada").await;
    let offer = bench.dispatch.begin_totp(&ada.person).unwrap();
    let recovery = bench.dispatch.confirm_totp(&ada.person, &bench.code(&offer, 0)).await.unwrap();
    let address = bench.dispatch.engine.receipt_url(textgate_sms::GatewayId(1));
    assert_eq!(bench.others(1).await, 1_203);

    assert_eq!(bench.rotate(false).await, (1_203, vec![0]));
    assert_eq!((bench.others(1).await, paper.ids()), (0, vec![1]));
    assert_eq!(bench.uses(), [(1, KeyUse::Seals)]);
    // Records in memory are written back whole: they, too, are under the new key.
    let view = bench.dispatch.engine.view.load_full();
    assert_eq!(key_of(view.directory.users[0].sealed_totp.as_ref().unwrap()), Some(1));
    assert_eq!(key_of(&view.directory.gateways[0].sealed_settings), Some(1));
    let actions: Vec<String> = bench.told().await.into_iter().map(|(_, action)| action).collect();
    assert!(actions[0].contains("dropped key 0") && actions[1].contains("seals under key 1"), "{actions:?}");

    bench.dispatch.shutdown().await;
    let Bench { folder, .. } = bench;
    let bench = Bench { dispatch: paper.open(&folder).await.unwrap(), folder };
    assert_eq!(bench.clear(VsId::ROOT, 0)["password"], "hunter2");
    let code = bench.code(&offer, 1);
    bench.dispatch.sign_in(people::sign_in("ada", PASSWORD, Some(&code))).await.unwrap();
    bench.dispatch.sign_in(people::sign_in("ada", PASSWORD, Some(&recovery[0]))).await.unwrap();
    assert_eq!(bench.dispatch.engine.receipt_url(textgate_sms::GatewayId(1)), address);
    bench.dispatch.shutdown().await;
    // The old key file does not open it, and says which key it lacks.
    *paper.keys.lock().unwrap() = old;
    let error = paper.open(&bench.folder).await.err().unwrap().to_string();
    assert!(error.contains("under key 1") && error.contains("restore"), "{error}");
}

#[tokio::test]
async fn a_change_that_broke_off_at_any_step_goes_on() {
    let paper = Paper::new();
    let bench = paper.bench().await;
    let mut left = bench.others(1).await;
    let mut bench = bench;
    for steps in [0, 1, 3, 4] {
        bench.dispatch.begin_rotation("test").await.unwrap();
        for _ in 0..steps {
            bench.dispatch.rotation_step("test", false).await.unwrap();
        }
        // As after a crash: what is in memory is gone.
        bench.dispatch.shutdown().await;
        let Bench { folder, .. } = bench;
        bench = Bench { dispatch: paper.open(&folder).await.unwrap(), folder };
        assert_eq!(paper.ids(), [0, 1], "no key is made twice, none is dropped before its time");
        let now = bench.others(1).await;
        assert!(now <= left, "{now} of {left}");
        left = now;
    }
    assert!(left < 1_202, "something was done");
    assert!(bench.dispatch.rotation_step("test", false).await.is_err(), "none was begun in this life");
    assert_eq!(bench.rotate(false).await.1, [0]);
    assert_eq!((bench.others(1).await, paper.ids()), (0, vec![1]));
}

#[tokio::test]
async fn what_comes_in_meanwhile_is_under_the_new_key() {
    let paper = Paper::new();
    let bench = paper.bench().await;
    let mut view = bench.dispatch.begin_rotation("test").await.unwrap();
    let mut step = 2_000;
    while !view.is_done {
        step += 1;
        let id: MessageId = bench.message(VsId::ROOT, step, None).await;
        let stored = bench.dispatch.engine.store.message(VsId::ROOT, id).await.unwrap().unwrap();
        assert_eq!(key_of(&stored.sealed_text.unwrap()), Some(1));
        bench.put(VsId::ROOT, custom(json!({"host": format!("h{step}"), "password": "p"}))).await.unwrap();
        view = bench.dispatch.rotation_step("test", false).await.unwrap();
    }
    assert_eq!(bench.others(1).await, 0);
}

#[tokio::test]
async fn what_was_sealed_before_and_is_not_queued_yet_is_waited_for() {
    let paper = Paper::new();
    let bench = paper.bench().await;
    let engine = Arc::clone(&bench.dispatch.engine);
    let held = engine.sealer.hold();
    let sealed = engine.sealer.seal(Purpose::Inbound, 1, b"on its way");
    let dispatch = bench.dispatch.clone();
    let begun = tokio::spawn(async move { dispatch.begin_rotation("test").await });
    while engine.sealer.keys().sealing() == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        assert!(!begun.is_finished(), "it looks for what is not there yet");
    }
    let late = inbound(2, sealed);
    let kept = engine.store.record_inbound(vec![late]);
    drop(held);
    begun.await.unwrap().unwrap();
    kept.await.unwrap();
    assert_eq!(bench.rotate(false).await, (1_203, vec![0]));
}

#[tokio::test]
async fn nodes_that_share_a_store_get_the_key_first_and_drop_the_old_one_last() {
    let paper = Paper::new();
    let bench = paper.bench().await;
    bench.dispatch.add_key("test").await.unwrap();
    assert_eq!(bench.uses(), [(0, KeyUse::Seals), (1, KeyUse::Waits)]);
    assert!(is_conflict(bench.dispatch.add_key("test").await), "one waits already");
    assert_eq!(bench.rotate(true).await, (1_202, vec![]));
    assert_eq!(bench.uses(), [(0, KeyUse::Opens), (1, KeyUse::Seals)]);
    // Another node has sealed under the old key meanwhile.
    let other = Sealer::new(&[7; 32]).unwrap();
    let sealed = other.seal(Purpose::Inbound, 1, b"late");
    let late = inbound(2, sealed);
    bench.dispatch.engine.store.record_inbound(vec![late]).await.unwrap();
    assert_eq!(bench.rotate(false).await, (1, vec![0]));
    assert_eq!(paper.ids(), [1]);
}

#[tokio::test]
async fn a_key_file_that_cannot_be_written_or_is_another_ones_changes_nothing() {
    let paper = Paper::new();
    let bench = paper.bench().await;
    *paper.is_read_only.lock().unwrap() = true;
    assert!(is_conflict(bench.dispatch.begin_rotation("test").await));
    assert_eq!(bench.uses(), [(0, KeyUse::Seals)]);
    *paper.is_read_only.lock().unwrap() = false;
    let right = std::mem::replace(&mut *paper.keys.lock().unwrap(), Keys::first([8; 32], None));
    assert!(is_conflict(bench.dispatch.reload_keys().await));
    assert!(is_conflict(bench.dispatch.begin_rotation("test").await));
    assert_eq!((paper.ids(), bench.others(0).await), (vec![0], 0));
    *paper.keys.lock().unwrap() = right.with_new(1).unwrap();
    bench.dispatch.reload_keys().await.unwrap();
    assert_eq!(bench.uses(), [(0, KeyUse::Seals), (1, KeyUse::Waits)]);
    bench.rotate(false).await;
    bench.rotate(false).await;
    // A copy from before: with it, the keys of today would be gone from the file.
    *paper.keys.lock().unwrap() = right;
    assert!(is_conflict(bench.dispatch.reload_keys().await));
    assert!(is_conflict(bench.dispatch.begin_rotation("test").await));
    assert!(is_conflict(bench.dispatch.add_key("test").await));
    assert_eq!((bench.uses(), paper.ids()), (vec![(2, KeyUse::Seals)], vec![0]));
}

#[tokio::test]
async fn what_no_key_opens_is_counted_left_and_holds_up_nothing() {
    let paper = Paper::new();
    let bench = paper.bench().await;
    let damaged = inbound(2, vec![0; 40]);
    bench.dispatch.engine.store.record_inbound(vec![damaged]).await.unwrap();
    let mut view = bench.dispatch.begin_rotation("test").await.unwrap();
    while !view.is_done {
        view = bench.dispatch.rotation_step("test", false).await.unwrap();
    }
    assert_eq!((view.unreadable, view.dropped, bench.others(1).await), (1, vec![0], 1));
}

#[tokio::test]
async fn a_start_without_the_key_of_a_text_that_waits_fails_no_message() {
    let paper = Paper::new();
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench { dispatch: paper.open(&folder).await.unwrap(), folder };
    let old = paper.read().unwrap();
    bench.rotate(false).await;
    let id = bench.message(VsId::ROOT, 1, None).await;
    bench.dispatch.shutdown().await;
    *paper.keys.lock().unwrap() = old;
    let file: Arc<dyn KeyFile> = Arc::<Paper>::clone(&paper);
    let sealer = Sealer::kept_in(file, paper.read().unwrap()).unwrap();
    let started = Dispatch::start(Parts { sealer, ..parts(&bench.folder) }).await;
    assert!(matches!(started.err(), Some(crate::StartError::NoSuchKey(1))));
    let store = SqliteStore::open(bench.folder.path().join("store"), SqliteOptions::default()).unwrap();
    let store: Arc<dyn textgate_store::Store> = Arc::new(store);
    let state = store.message(VsId::ROOT, id).await.unwrap().unwrap().state;
    assert_eq!(state, textgate_sms::MessageState::Accepted);
}
