//! Ten thousand at once, on the real store.

use super::*;
use crate::{Dispatch, Limits, Parts};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use textgate_gateway::{Environment, Plugins};
use textgate_store::{Sealer, SqliteOptions, SqliteStore, Store};
use tokio::sync::Barrier;

const CHECKS: usize = 10_000;

/// What 10,000 checks of one passcode, all at once, come to: approved, wrong, too many, refused as used. Every `nth` has the right
/// code; none where it is 0.
async fn all_at_once(nth: usize) -> [usize; 4] {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("store"), SqliteOptions::default()).unwrap());
    let sealer = Sealer::new(&[7; 32]).unwrap();
    let plugin = crate::testing::ScriptedPlugin::default();
    let parts = Parts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        sealer: Sealer::new(&[7; 32]).unwrap(),
        plugins: Plugins::new(vec![Arc::new(plugin)]),
        environment: Environment::default(),
        limits: Limits::default(),
        metrics: Arc::default(),
    };
    let dispatch = Dispatch::start(parts).await.unwrap();
    let settings =
        serde_json::json!({"mode": "custom", "gateways": [{"plugin": "scripted", "settings": {"key": "a"}}]});
    dispatch.put_settings("test", VS, serde_json::from_value(settings).unwrap()).await.unwrap();
    let sent = dispatch.create_passcode(VS, request()).await.unwrap().passcode;
    let record = store.passcode(VS, sent.id).await.unwrap().unwrap();
    let code = code::code(&sealer, sent.id, record.number, &record.seed.unwrap(), 6, CodeAlphabet::Digits);
    let number: u32 = code.parse().unwrap();
    let counts: Arc<[AtomicUsize; 4]> = Arc::default();
    let barrier = Arc::new(Barrier::new(CHECKS));
    let tasks: Vec<_> = (0..CHECKS)
        .map(|n| {
            let (dispatch, counts, barrier) = (dispatch.clone(), Arc::clone(&counts), Arc::clone(&barrier));
            let is_right = nth > 0 && n % nth == nth / 2;
            let guess = if is_right { number } else { (number + 1 + n as u32) % 1_000_000 };
            tokio::spawn(async move {
                barrier.wait().await;
                let checked = dispatch.check_passcode(VS, sent.id, &format!("{guess:06}")).await;
                let at = match checked.map(|checked| checked.status) {
                    Ok(PasscodeState::Approved) => 0,
                    Ok(PasscodeState::Pending) => 1,
                    Ok(PasscodeState::TooManyAttempts) => 2,
                    Err(PasscodeRefusal::NotPending(PasscodeState::Approved)) => 3,
                    other => panic!("{other:?}"),
                };
                counts[at].fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let after = store.passcode(VS, sent.id).await.unwrap().unwrap();
    assert!(after.attempts <= after.attempts_most, "{} attempts were counted", after.attempts);
    dispatch.shutdown().await;
    std::array::from_fn(|n| counts[n].load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_10_000_right_codes_at_once_exactly_one_is_approved() {
    assert_eq!(all_at_once(1).await, [1, 0, 0, CHECKS - 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_10_000_wrong_codes_at_once_five_are_tried() {
    assert_eq!(all_at_once(0).await, [0, 4, CHECKS - 4, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_10_000_codes_with_some_right_ones_among_them_at_most_one_is_approved() {
    let [approved, wrong, too_many, used] = all_at_once(4).await;
    assert!(approved <= 1 && wrong <= 4, "{approved} approved, {wrong} wrong");
    assert_eq!(approved + wrong + too_many + used, CHECKS);
    assert!((approved == 1) == (used > 0) && (approved == 1) != (too_many > 0));
}
