//! The audit log in its file: what refuses to be changed, what is found when somebody changes it all the same, and what was
//! written before there was a chain.

use super::files::try_open;
use crate::contract::*;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use textgate_sms::*;
use textgate_store::*;

/// A closed store with five entries.
async fn with_entries(path: &Path) {
    let store: Arc<dyn Store> = Arc::new(try_open(path).unwrap());
    tenants(&store).await;
    for n in 1..=3 {
        allocate(&store, VS, n).await;
    }
    store.close().await.unwrap();
}

async fn checked(path: &Path) -> AuditCheck {
    let store = try_open(path).unwrap();
    let check = store.verify_audit(AuditPoint::default(), 1_000).await.unwrap();
    store.close().await.unwrap();
    check
}

#[tokio::test]
async fn the_audit_log_refuses_to_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    with_entries(&path).await;
    let raw = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE audit SET actor = 'eve'",
        "DELETE FROM audit WHERE id = 5",
        "UPDATE audit_scope SET vs = 3",
        "DELETE FROM audit_scope",
    ] {
        assert!(raw.execute_batch(sql).unwrap_err().to_string().contains("append-only"), "{sql}");
    }
}

#[tokio::test]
async fn an_entry_that_somebody_changes_by_hand_is_found_and_named() {
    const NO_TRIGGERS: &str = "DROP TRIGGER audit_keeps_entries; DROP TRIGGER audit_keeps_content;
                               DROP TRIGGER audit_scope_keeps_entries; DROP TRIGGER audit_scope_keeps_content;";
    let cases = [
        ("UPDATE audit SET actor = 'nobody' WHERE id = 3", 3, "changed"),
        ("UPDATE audit SET after = '{\"allocated\":9}' WHERE id = 4", 4, "changed"),
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE id = 1", 1, "changed"),
        ("UPDATE audit SET hash = x'00' WHERE id = 2", 2, "changed"),
        ("DELETE FROM audit WHERE id = 3", 3, "missing"),
        ("DELETE FROM audit WHERE id = 1", 1, "missing"),
        ("DELETE FROM audit WHERE id = 3; UPDATE audit SET id = id - 1 WHERE id > 3", 3, "changed"),
        ("DELETE FROM audit_scope WHERE vs = 2 AND entry = 3", 3, "hidden"),
    ];
    for (sql, entry, what) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        with_entries(&path).await;
        let sound = checked(&path).await;
        assert_eq!((sound.at.id, &sound.broken), (5, &None));
        Connection::open(&path).unwrap().execute_batch(&format!("{NO_TRIGGERS} {sql}")).unwrap();
        let check = checked(&path).await;
        let (found, why) = check.broken.unwrap();
        assert_eq!((found, check.at.id), (entry, entry - 1), "{sql}");
        assert!(why.contains(what), "{sql}: {why}");
    }
}

#[tokio::test]
async fn entries_cut_off_at_the_end_are_found_by_a_head_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    with_entries(&path).await;
    let head = checked(&path).await.at;
    let cut = "DROP TRIGGER audit_keeps_entries; DELETE FROM audit WHERE id = 5";
    Connection::open(&path).unwrap().execute_batch(cut).unwrap();
    let clumsy = checked(&path).await.broken.unwrap();
    assert!(clumsy.0 == 5 && clumsy.1.contains("was cut"), "{clumsy:?}");
    let cut = "DROP TRIGGER audit_scope_keeps_entries; DELETE FROM audit_scope WHERE entry = 5";
    Connection::open(&path).unwrap().execute_batch(cut).unwrap();
    assert_eq!(checked(&path).await.broken, None, "the chain alone cannot tell");
    let store = try_open(&path).unwrap();
    assert_eq!(store.verify_audit(head, 1).await.unwrap().broken.unwrap().0, 5);
    // Nor is another entry in its place taken for it.
    let note = AuditNote { at_ms: T, actor: "eve".into(), vs: VS, action: "nothing".into() };
    store.note(vec![note]).await.unwrap();
    assert!(store.verify_audit(head, 1).await.unwrap().broken.unwrap().1.contains("another hash"));
}

#[tokio::test]
async fn a_store_of_the_version_before_is_opened_with_all_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(include_str!("version_1.sql")).unwrap();
    drop(raw);
    let store: Arc<dyn Store> = Arc::new(try_open(&path).unwrap());
    let directory = store.directory().await.unwrap();
    assert_eq!((directory.version, directory.virtual_servers.len(), directory.api_keys.len()), (3, 3, 1));
    assert_eq!((directory.next_user, directory.users.len()), (1, 0));
    assert_eq!(store.credits(VS).await.unwrap(), Credits { allocated: 10, used: 4 });
    let entries = audit(&store, 10).await;
    let told: Vec<_> = entries.iter().map(|entry| (entry.id, entry.at_ms, entry.action.as_str())).collect();
    assert_eq!(
        told,
        [(3, 13, "removed virtual server \"gone\""), (2, 12, "added \"sales\""), (1, 11, "added \"acme\"")]
    );
    let check = store.verify_audit(AuditPoint::default(), 10).await.unwrap();
    assert_eq!((check.at.id, check.broken, check.is_end), (3, None, true));
    let of = async |vs| {
        let filter = AuditFilter { within: Some(VsId(vs)), ..AuditFilter::default() };
        store.audit(filter, None, 10).await.unwrap().entries.len()
    };
    assert_eq!((of(1).await, of(2).await, of(3).await), (3, 2, 1));
    allocate(&store, VS, 12).await;
    assert_eq!(audit(&store, 1).await[0].id, 4);
}
