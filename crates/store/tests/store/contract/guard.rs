//! The fraud guard's rules and blocked ranges.

use super::*;
use serde_json::json;

fn block(vs: u32, range: u64, until_ms: i64) -> GuardBlock {
    GuardBlock { vs: VsId(vs), range, began_ms: T, until_ms, times: 1, excused_until_ms: 0 }
}

pub async fn blocked_ranges_are_kept_replaced_and_forgotten(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let entries = audit(&store, 100).await.len();
    let note = AuditNote { at_ms: T, actor: "fraud guard".into(), vs: VS, action: "blocked 4915112".into() };
    let first = vec![block(2, 4_915_112, T + 1), block(2, 4_915_113, T + 1), block(3, 4_915_112, T + 1)];
    store.keep_guard_blocks(first, vec![], vec![note]).await.unwrap();
    let longer = GuardBlock { times: 7, excused_until_ms: T + 9, ..block(2, 4_915_112, T + 5) };
    store.keep_guard_blocks(vec![longer], vec![(VS, 4_915_113), (VS, 99)], vec![]).await.unwrap();
    let store = reopen(stores, store).await;
    assert_eq!(store.guard_blocks().await.unwrap(), [longer, block(3, 4_915_112, T + 1)]);
    let told = audit(&store, 100).await;
    assert_eq!((told.len(), &*told[0].actor, told[0].vs), (entries + 1, "fraud guard", VS));
}

pub async fn the_guards_rules_are_part_of_the_directory(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let put = |vs, rules| {
        let after = json!({"mode": "on"});
        Change::PutGuardRules { vs, rules, difference: Difference { before: json!(null), after } }
    };
    store.change("ada".into(), T, vec![put(VS, Some(json!({"mode": "off"})))]).await.unwrap();
    store.change("ada".into(), T, vec![put(VS, Some(json!({"mode": "on"})))]).await.unwrap();
    let store = reopen(stores, store).await;
    assert_eq!(store.directory().await.unwrap().guard_rules, [(VS, json!({"mode": "on"}))]);
    let told = audit(&store, 1).await.remove(0);
    assert_eq!(told.action, "put the fraud guard's rules of virtual server \"acme\"");
    assert_eq!(told.difference.after, json!({"mode": "on"}));
    let gone = store.change("ada".into(), T, vec![put(VS, None)]).await.unwrap();
    assert_eq!(gone.guard_rules, []);
    let unknown = store.change("ada".into(), T, vec![put(VsId(77), None)]).await;
    assert!(matches!(unknown, Err(StoreError::Conflict(_))));
}

pub async fn a_removed_virtual_server_takes_its_guard_along(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let rules =
        Change::PutGuardRules { vs: VsId(3), rules: Some(json!({})), difference: Difference::default() };
    store.change("ada".into(), T, vec![rules]).await.unwrap();
    store.keep_guard_blocks(vec![block(3, 4_915_112, T)], vec![], vec![]).await.unwrap();
    let remove = Change::RemoveVirtualServer { id: VsId(3) };
    assert_eq!(store.change("ada".into(), T, vec![remove]).await.unwrap().guard_rules, []);
    // One that was on its way meanwhile has nobody any more.
    store.keep_guard_blocks(vec![block(3, 4_915_113, T)], vec![], vec![]).await.unwrap();
    assert_eq!(store.guard_blocks().await.unwrap(), []);
}
