//! Alerts, and what is set for them.

use super::*;
use serde_json::json;

pub fn alert(n: u64) -> AlertRecord {
    AlertRecord {
        id: id(n),
        vs: VS,
        severity: Severity::Warning,
        state: AlertState::Open,
        origin: "api".into(),
        dedup_key: Some(format!("key {n}")),
        count: 1,
        last_ms: T,
        escalate_ms: None,
        escalated_ms: None,
        acknowledged: None,
        closed: None,
        code: "7F3K".into(),
        sealed: b"sealed".to_vec(),
        notices: Vec::new(),
    }
}

async fn raise(store: &Arc<dyn Store>, record: AlertRecord, since_ms: i64) -> (AlertRecord, bool) {
    store.raise_alerts(vec![NewAlert { record, since_ms }]).await.unwrap().remove(0)
}

fn ids(alerts: Vec<AlertRecord>) -> Vec<MessageId> {
    alerts.into_iter().map(|alert| alert.id).collect()
}

pub async fn an_alert_is_there_as_it_was_raised_after_reopening(stores: &impl Stores) {
    let store = stores.open();
    let full = AlertRecord {
        severity: Severity::Critical,
        escalate_ms: Some(T + 5),
        acknowledged: Some((T, "user ada".into())),
        state: AlertState::Acknowledged,
        notices: vec![AlertNotice { contact: "Ann".into(), step: 0, message: Some(7), refusal: None }],
        dedup_key: None,
        ..alert(1)
    };
    assert_eq!(raise(&store, full.clone(), 0).await, (full.clone(), true));
    let store = reopen(stores, store).await;
    assert_eq!(store.alert(id(1)).await.unwrap(), Some(full));
    assert_eq!(store.alert(id(2)).await.unwrap(), None);
    assert_eq!(store.newest().await.unwrap(), id(1), "messages get later ids than alerts");
}

pub async fn an_alert_of_a_key_that_is_open_and_recent_is_counted(stores: &impl Stores) {
    let store = stores.open();
    raise(&store, alert(1), 0).await;
    let same = |n| AlertRecord { dedup_key: Some("key 1".into()), last_ms: T + 9, ..alert(n) };
    let (counted, is_new) = raise(&store, same(2), T).await;
    assert_eq!((counted.id, counted.count, counted.last_ms, is_new), (id(1), 2, T + 9, false));
    let other = AlertRecord { vs: VsId(3), ..same(3) };
    assert!(raise(&store, other, T).await.1, "another virtual server's");
    assert!(raise(&store, AlertRecord { dedup_key: None, ..alert(4) }, T).await.1);
    assert!(raise(&store, AlertRecord { dedup_key: None, ..alert(5) }, T).await.1);
    assert!(raise(&store, same(6), T + 5).await.1, "the first one is too old");
    let closed = AlertStep::Closed { at_ms: T, by: "test".into() };
    store.step_alert(id(6), closed).await.unwrap();
    assert!(raise(&store, same(7), T + 2).await.1, "a closed one is over");
    // Of one call, the second counts the first.
    let twice = [8, 9]
        .map(|n| NewAlert { record: AlertRecord { dedup_key: Some("k".into()), ..alert(n) }, since_ms: T });
    let raised = store.raise_alerts(twice.into()).await.unwrap();
    assert_eq!((raised[0].1, raised[1].1, raised[1].0.id, raised[1].0.count), (true, false, id(8), 2));
}

pub async fn an_alert_takes_each_step_once_and_in_order(stores: &impl Stores) {
    let store = stores.open();
    raise(&store, alert(1), 0).await;
    let step = async |step| store.step_alert(id(1), step).await.unwrap().unwrap();
    let escalated = || AlertStep::Escalated { at_ms: T + 2 };
    assert!(!step(escalated()).await.1, "it has no time for that");
    let notice =
        |step| AlertNotice { contact: "Ann".into(), step, message: None, refusal: Some("no".into()) };
    step(AlertStep::Told { notices: vec![notice(0)], escalate_ms: Some(T + 1) }).await;
    let (told, _) = step(AlertStep::Told { notices: vec![notice(1)], escalate_ms: None }).await;
    assert_eq!((told.notices.len(), told.escalate_ms), (2, Some(T + 1)));
    assert!(step(escalated()).await.1);
    assert!(!step(escalated()).await.1);
    let seen = |by: &str| AlertStep::Acknowledged { at_ms: T + 3, by: by.into() };
    assert!(step(seen("ann")).await.1);
    let (seen, is_taken) = step(seen("ben")).await;
    assert_eq!((seen.acknowledged, is_taken), (Some((T + 3, "ann".into())), false));
    assert!(step(AlertStep::Closed { at_ms: T + 4, by: "ann".into() }).await.1);
    let (closed, is_taken) = step(AlertStep::Closed { at_ms: T + 5, by: "ben".into() }).await;
    assert_eq!(
        (closed.state, closed.closed, is_taken),
        (AlertState::Closed, Some((T + 4, "ann".into())), false)
    );
    assert!(store.step_alert(id(9), escalated()).await.unwrap().is_none());
}

pub async fn alerts_are_listed_by_virtual_server_state_and_code(stores: &impl Stores) {
    let store = stores.open();
    for n in 1..=4 {
        raise(&store, alert(n), 0).await;
    }
    raise(&store, AlertRecord { vs: VsId(3), code: "XXXX".into(), ..alert(5) }, 0).await;
    store.step_alert(id(2), AlertStep::Closed { at_ms: T, by: "t".into() }).await.unwrap();
    store.step_alert(id(3), AlertStep::Acknowledged { at_ms: T, by: "t".into() }).await.unwrap();
    let list = async |is_open, before, limit| ids(store.alerts(VS, is_open, before, limit).await.unwrap());
    assert_eq!(list(None, None, 9).await, [id(4), id(3), id(2), id(1)]);
    assert_eq!(list(None, Some(id(3)), 1).await, [id(2)]);
    assert_eq!(list(Some(true), None, 9).await, [id(4), id(3), id(1)]);
    assert_eq!(list(Some(false), None, 9).await, [id(2)]);
    assert_eq!(ids(store.open_alerts(id(1), 2).await.unwrap()), [id(3), id(4)]);
    assert_eq!(ids(store.open_alerts(id(4), 9).await.unwrap()), [id(5)]);
    assert_eq!(ids(store.alerts_by_code("7F3K".into()).await.unwrap()), [id(1), id(4)]);
}

pub async fn old_alerts_are_pruned(stores: &impl Stores) {
    let store = stores.open();
    raise(&store, alert(1), 0).await;
    raise(&store, alert(5_000), 0).await;
    store.prune(T + 2_000, 100).await.unwrap();
    assert_eq!(ids(store.alerts(VS, None, None, 9).await.unwrap()), [id(5_000)]);
}

pub async fn what_is_set_for_alerts_is_in_the_directory(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let entry = |kind, name: &str, body| AlertEntry { vs: VS, kind, name: name.into(), body };
    let put = |entry| Change::PutAlertEntry { entry, difference: Difference::default() };
    let ann = entry(AlertEntryKind::Contact, "Ann", json!({"number": "15550100101"}));
    let changes = vec![
        put(entry(AlertEntryKind::Settings, "", json!({"hold_s": 5}))),
        put(entry(AlertEntryKind::Group, "ops", json!(["Ann"]))),
        put(entry(AlertEntryKind::Template, "Ann", json!("text"))),
        put(entry(AlertEntryKind::Contact, "Ann", json!(1))),
        put(ann.clone()),
    ];
    let directory = store.change("ada".into(), T, changes).await.unwrap();
    assert_eq!((directory.alert_entries.len(), &directory.alert_entries[0]), (4, &ann));
    let remove =
        |name: &str| Change::RemoveAlertEntry { vs: VS, kind: AlertEntryKind::Contact, name: name.into() };
    let store = reopen(stores, store).await;
    assert_eq!(store.directory().await.unwrap().alert_entries, directory.alert_entries);
    store.change("ada".into(), T, vec![remove("Ann")]).await.unwrap();
    assert!(store.change("ada".into(), T, vec![remove("Ann")]).await.is_err());
    assert_eq!(store.directory().await.unwrap().alert_entries.len(), 3);
    let log = audit(&store, 1).await;
    assert_eq!(log[0].action, "removed contact \"Ann\"");
    let nowhere = AlertEntry { vs: VsId(77), ..ann };
    assert!(store.change("ada".into(), T, vec![put(nowhere)]).await.is_err());
    let gone = vec![Change::RemoveVirtualServer { id: VsId(3) }, Change::RemoveVirtualServer { id: VS }];
    assert!(store.change("ada".into(), T, gone).await.unwrap().alert_entries.is_empty());
}
