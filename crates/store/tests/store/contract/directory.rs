//! Virtual servers, settings, gateways, keys, credits; the ledger and the audit log.

use super::*;

fn add(id: u32, parent: u32, name: &str) -> Change {
    Change::AddVirtualServer { id: VsId(id), parent: VsId(parent), name: name.into() }
}

fn gateway(id: u32, name: &str) -> NewGateway {
    NewGateway {
        id: GatewayId(id),
        name: name.into(),
        plugin: "smpp".into(),
        sealed_settings: format!("sealed {id}").into_bytes(),
    }
}

fn settings(gateways: Vec<NewGateway>) -> Change {
    let settings = SmsSettings {
        is_custom: true,
        test_number: Some(15_550_100_100),
        failover_after_ms: 3_000,
        more: serde_json::json!({ "a": [1, 2] }),
    };
    Change::PutSmsSettings { vs: VS, settings, gateways, difference: Difference::default() }
}

fn key(name: &str, hash: u8) -> NewApiKey {
    NewApiKey { vs: VS, name: name.into(), hash: [hash; 32], role: Role::Full, rate: Some(10) }
}

async fn make(store: &Arc<dyn Store>, changes: Vec<Change>) -> Directory {
    store.change("alice".into(), T, changes).await.unwrap()
}

/// The conflict that these changes answer with. Nothing of them may have happened.
async fn conflict(store: &Arc<dyn Store>, changes: Vec<Change>) -> String {
    let before = store.directory().await.unwrap();
    let (audit, ledger) = (audit(store, 100).await, store.ledger(VS, 100).await.unwrap());
    let error = store.change("alice".into(), T, changes).await.unwrap_err();
    let after = store.directory().await.unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert_eq!((audit, ledger), (super::audit(store, 100).await, store.ledger(VS, 100).await.unwrap()));
    match error {
        StoreError::Conflict(reason) => reason,
        other => panic!("{other:?}"),
    }
}

pub async fn a_new_store_has_the_root_and_nothing_else(stores: &impl Stores) {
    let directory = stores.open().directory().await.unwrap();
    assert_eq!((directory.version, directory.next_vs, directory.next_gateway), (0, 2, 1));
    let root = VirtualServer { id: VsId::ROOT, parent: None, name: String::new(), created_ms: 0 };
    assert_eq!(directory.virtual_servers, [root]);
    assert!(directory.sms_settings.is_empty() && directory.gateways.is_empty());
    assert!(directory.api_keys.is_empty() && directory.users.is_empty());
    assert_eq!(directory.next_user, 1);
}

pub async fn changes_are_answered_with_the_directory_and_there_after_reopening(stores: &impl Stores) {
    let store = stores.open();
    let changes = vec![
        add(2, 1, "acme"),
        add(3, 2, "sales"),
        settings(vec![gateway(1, "main"), gateway(2, "spare")]),
        Change::PutApiKey(key("app", 1)),
        Change::RenameVirtualServer { id: VsId(3), name: "sale".into() },
    ];
    let answered = make(&store, changes).await;
    let store = reopen(stores, store).await;
    let read = store.directory().await.unwrap();
    assert_eq!(format!("{answered:?}"), format!("{read:?}"));
    assert_eq!((read.version, read.next_vs, read.next_gateway), (1, 4, 3));
    let sale = VirtualServer { id: VsId(3), parent: Some(VsId(2)), name: "sale".into(), created_ms: T };
    assert_eq!(read.virtual_servers[2], sale);
    let Change::PutSmsSettings { settings, .. } = settings(vec![]) else { unreachable!() };
    assert_eq!(read.sms_settings, [(VS, settings)]);
    let spare = GatewayRecord {
        id: GatewayId(2),
        vs: VS,
        position: 1,
        name: "spare".into(),
        plugin: "smpp".into(),
        sealed_settings: b"sealed 2".into(),
    };
    assert_eq!(read.gateways[1], spare);
    let app = ApiKeyRecord {
        id: 1,
        vs: VS,
        name: "app".into(),
        hash: [1; 32],
        role: Role::Full,
        rate: Some(10),
        created_ms: T,
    };
    assert_eq!(read.api_keys, [app]);
    assert_eq!(make(&store, vec![]).await.version, 1, "no change is no new version");
}

pub async fn what_does_not_fit_is_a_conflict_and_nothing_of_the_call_happens(stores: &impl Stores) {
    let store = stores.open();
    make(&store, vec![add(2, 1, "acme"), add(3, 2, "sales"), Change::PutApiKey(key("app", 1))]).await;
    make(&store, vec![settings(vec![gateway(1, "main")])]).await;
    let good = || add(4, 1, "good");
    let remove = |id| Change::RemoveVirtualServer { id: VsId(id) };
    let rename = |id, name: &str| Change::RenameVirtualServer { id: VsId(id), name: name.into() };
    let credits = |vs, allocation| Change::Allocate { vs: VsId(vs), allocation, note: String::new() };
    let cases = [
        (add(5, 1, "acme"), "\"acme\" is taken"),
        (add(3, 1, "other"), "number 3 was given"),
        (add(5, 77, "x"), "no virtual server 77"),
        (rename(77, "x"), "no virtual server 77"),
        (rename(4, "acme"), "\"acme\" is taken"),
        (rename(1, "x"), "root"),
        (remove(2), "below it"),
        (remove(1), "root"),
        (remove(77), "no virtual server 77"),
        (settings(vec![gateway(1, "main"), gateway(2, "main")]), "two gateways"),
        (settings(vec![gateway(1, "other")]), "belongs to another"),
        (settings(vec![gateway(2, "main")]), "belongs to another"),
        (settings(vec![gateway(2, "x"), gateway(2, "y")]), "belongs to another"),
        (Change::PutApiKey(key("second", 1)), "another API key has the secret"),
        (Change::PutApiKey(NewApiKey { vs: VsId(77), ..key("x", 2) }), "no virtual server 77"),
        (Change::RemoveApiKey { vs: VS, name: "none".into() }, "no API key \"none\""),
        (credits(77, Allocation::Total(1)), "no virtual server 77"),
        (credits(2, Allocation::Add(-8)), "used 0"),
        (credits(2, Allocation::Total(u64::MAX)), "more credits than can be counted"),
    ];
    for (change, words) in cases {
        let reason = conflict(&store, vec![good(), credits(2, Allocation::Total(7)), change]).await;
        assert!(reason.contains(words), "{reason}");
    }
    assert_eq!(store.credits(VS).await.unwrap(), Credits::default());
}

pub async fn a_conflict_harms_no_other_operation(stores: &impl Stores) {
    let store = stores.open();
    make(&store, vec![add(2, 1, "acme")]).await;
    allocate(&store, VS, 2).await;
    let paid = |n| NewMessage { payers: smallvec![VS], ..message(n) };
    let before = store.accept(vec![paid(1)]);
    let wrong = store.change("alice".into(), T, vec![add(3, 1, "x"), add(3, 1, "y")]);
    let after = store.accept(vec![paid(2)]);
    let right = store.change("alice".into(), T, vec![add(3, 1, "z")]);
    assert_eq!(before.await.unwrap(), [Accepted::New]);
    assert!(wrong.await.is_err());
    assert_eq!(after.await.unwrap(), [Accepted::New]);
    assert_eq!(right.await.unwrap().virtual_servers[2].name, "z");
    assert_eq!(store.credits(VS).await.unwrap().used, 2);
}

pub async fn numbers_are_never_used_twice(stores: &impl Stores) {
    let store = stores.open();
    make(&store, vec![add(2, 1, "acme"), settings(vec![gateway(1, "main")])]).await;
    make(&store, vec![settings(vec![]), Change::RemoveVirtualServer { id: VsId(2) }]).await;
    let store = reopen(stores, store).await;
    assert!(conflict(&store, vec![add(2, 1, "acme")]).await.contains("number 2"));
    make(&store, vec![add(3, 1, "acme")]).await;
    let again = Change::PutSmsSettings {
        vs: VsId(3),
        settings: SmsSettings {
            is_custom: true,
            test_number: None,
            failover_after_ms: 1,
            more: serde_json::Value::Null,
        },
        gateways: vec![gateway(1, "main")],
        difference: Difference::default(),
    };
    assert!(conflict(&store, vec![again]).await.contains("belongs to another"));
}

pub async fn a_gateway_keeps_its_number_by_its_name_when_the_order_changes(stores: &impl Stores) {
    let store = stores.open();
    make(&store, vec![add(2, 1, "acme"), settings(vec![gateway(1, "a"), gateway(2, "b")])]).await;
    let after = make(&store, vec![settings(vec![gateway(3, "c"), gateway(2, "b"), gateway(1, "a")])]).await;
    let order: Vec<_> = after.gateways.iter().map(|gateway| (gateway.position, gateway.id.0)).collect();
    assert_eq!(order, [(0, 3), (1, 2), (2, 1)]);
}

pub async fn an_api_key_is_replaced_by_its_name_and_removed(stores: &impl Stores) {
    let store = stores.open();
    make(&store, vec![add(2, 1, "acme"), Change::PutApiKey(key("app", 1))]).await;
    let same = NewApiKey { role: Role::Send, rate: None, ..key("app", 1) };
    let later = |changes| store.change("alice".into(), T + 5, changes);
    let found = later(vec![Change::PutApiKey(same)]).await.unwrap().api_keys.remove(0);
    assert_eq!((found.id, found.role, found.rate, found.created_ms), (1, Role::Send, None, T));
    let found = later(vec![Change::PutApiKey(key("app", 2))]).await.unwrap().api_keys.remove(0);
    assert_eq!((found.id, found.hash, found.created_ms), (1, [2; 32], T + 5));
    let remove = Change::RemoveApiKey { vs: VS, name: "app".into() };
    assert!(make(&store, vec![remove]).await.api_keys.is_empty());
    assert_eq!(make(&store, vec![Change::PutApiKey(key("app", 1))]).await.api_keys[0].id, 2);
}

pub async fn removing_a_virtual_server_takes_all_but_its_messages(stores: &impl Stores) {
    let store = stores.open();
    let all = vec![add(2, 1, "acme"), settings(vec![gateway(1, "main")]), Change::PutApiKey(key("app", 1))];
    make(&store, all).await;
    allocate(&store, VS, 5).await;
    accept_one(&store, message(1)).await;
    let left = make(&store, vec![Change::RemoveVirtualServer { id: VS }]).await;
    assert_eq!(left.virtual_servers.len(), 1);
    assert!(left.sms_settings.is_empty() && left.gateways.is_empty() && left.api_keys.is_empty());
    assert!(store.all_credits().await.unwrap().is_empty());
    assert_eq!(state(&store, 1).await, MessageState::Accepted);
    make(&store, vec![add(3, 1, "acme")]).await;
}

pub async fn allocations_are_in_the_ledger_and_never_below_what_is_used(stores: &impl Stores) {
    let store = stores.open();
    make(&store, vec![add(2, 1, "acme")]).await;
    let give = |allocation, note: &str| Change::Allocate { vs: VS, allocation, note: note.into() };
    make(&store, vec![give(Allocation::Total(10), "first"), give(Allocation::Add(5), "more")]).await;
    accept_one(&store, NewMessage { segments: 4, payers: smallvec![VS], ..message(1) }).await;
    assert!(conflict(&store, vec![give(Allocation::Total(3), "")]).await.contains("used 4 of its 15"));
    assert!(conflict(&store, vec![give(Allocation::Add(-12), "")]).await.contains("used 4 of its 15"));
    make(&store, vec![give(Allocation::Add(-11), "back")]).await;
    assert_eq!(store.credits(VS).await.unwrap(), Credits { allocated: 4, used: 4 });
    assert_eq!(store.all_credits().await.unwrap(), [(VS, Credits { allocated: 4, used: 4 })]);
    let entry = |change, allocated, note: &str| LedgerEntry {
        at_ms: T,
        actor: "alice".into(),
        change,
        allocated,
        note: note.into(),
    };
    let ledger = store.ledger(VS, 10).await.unwrap();
    assert_eq!(ledger, [entry(-11, 4, "back"), entry(5, 15, "more"), entry(10, 10, "first")]);
    assert_eq!(store.ledger(VS, 1).await.unwrap().len(), 1);
    assert!(store.ledger(VsId(9), 10).await.unwrap().is_empty());
}

pub async fn the_audit_log_says_who_did_what_without_secrets(stores: &impl Stores) {
    let store = stores.open();
    make(&store, vec![add(2, 1, "acme")]).await;
    make(&store, vec![settings(vec![gateway(1, "main")]), Change::PutApiKey(key("app", 65))]).await;
    allocate(&store, VS, 5).await;
    let audit = audit(&store, 10).await;
    assert_eq!(audit.len(), 4);
    assert_eq!((audit[3].actor.as_str(), audit[3].vs, audit[3].at_ms), ("alice", VS, T));
    assert_eq!(audit[3].action, "added virtual server \"acme\" below the root");
    assert!(audit[2].action.contains("mode Custom, gateways main"));
    assert!(audit[1].action.contains("added API key \"app\""));
    assert!(audit[0].action.contains("by +5 to 5"));
    for secret in ["sealed", "AAAA", "15550100100"] {
        assert!(audit.iter().all(|entry| !entry.action.contains(secret)));
    }
    assert_eq!(super::audit(&store, 2).await, audit[..2]);
}
