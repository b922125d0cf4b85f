//! The audit log: chained, scoped, paged.

use super::*;

fn note(n: i64, vs: u32, actor: &str) -> AuditNote {
    AuditNote { at_ms: T + n, actor: actor.into(), vs: VsId(vs), action: format!("did {n}") }
}

async fn numbers(store: &Arc<dyn Store>, filter: AuditFilter) -> Vec<u64> {
    let page = store.audit(filter, None, 100).await.unwrap();
    page.entries.iter().map(|entry| entry.id).collect()
}

async fn verified(store: &Arc<dyn Store>, from: AuditPoint) -> AuditCheck {
    store.verify_audit(from, 1_000).await.unwrap()
}

pub async fn entries_are_chained_and_found_sound(stores: &impl Stores) {
    let store = stores.open();
    let empty = verified(&store, AuditPoint::default()).await;
    assert_eq!(empty, AuditCheck { at: AuditPoint::default(), broken: None, is_end: true });
    tenants(&store).await;
    allocate(&store, VS, 5).await;
    store.note(vec![note(1, 2, "user ada"), note(2, 77, "unknown")]).await.unwrap();
    let store = reopen(stores, store).await;
    let head = audit(&store, 1).await.remove(0);
    let whole = verified(&store, AuditPoint::default()).await;
    assert_eq!(whole, AuditCheck { at: AuditPoint { id: 5, hash: head.hash }, broken: None, is_end: true });
    // In steps it comes to the same.
    let (mut at, mut steps) = (AuditPoint::default(), 0);
    loop {
        let step = store.verify_audit(at, 2).await.unwrap();
        (at, steps) = (step.at, steps + 1);
        assert_eq!(step.broken, None);
        if step.is_end {
            break;
        }
    }
    assert_eq!((at, steps), (whole.at, 3));
    let first = audit(&store, 9).await.remove(2);
    assert_eq!(first.difference.after, serde_json::json!({"allocated": 5}));
}

pub async fn an_entry_is_seen_by_its_virtual_server_and_those_above_only(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let other = Change::AddVirtualServer { id: VsId(4), parent: VsId::ROOT, name: "other".into() };
    store.change("test".into(), T, vec![other]).await.unwrap();
    store.note(vec![note(1, 1, "a"), note(2, 2, "a"), note(3, 3, "a"), note(4, 4, "a")]).await.unwrap();
    let within = async |vs: u32| {
        numbers(&store, AuditFilter { within: Some(VsId(vs)), ..AuditFilter::default() }).await
    };
    assert_eq!(within(1).await, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(within(2).await, [6, 5, 2, 1]);
    assert_eq!(within(3).await, [6, 2]);
    assert_eq!(within(4).await, [7, 3]);
    let of =
        |within, vs| AuditFilter { within: Some(VsId(within)), vs: Some(VsId(vs)), ..AuditFilter::default() };
    assert_eq!(numbers(&store, of(2, 3)).await, [6, 2]);
    assert_eq!(numbers(&store, of(1, 1)).await, [4]);
    for (within, vs) in [(2, 4), (3, 2), (4, 2)] {
        assert!(numbers(&store, of(within, vs)).await.is_empty(), "{within} {vs}");
    }
}

pub async fn an_entry_of_what_was_removed_is_still_seen_from_above(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    store.change("test".into(), T, vec![Change::RemoveVirtualServer { id: VsId(3) }]).await.unwrap();
    let filter = AuditFilter { within: Some(VS), ..AuditFilter::default() };
    let page = store.audit(filter, None, 10).await.unwrap();
    assert_eq!(page.entries[0].action, "removed virtual server \"sales\"");
    assert_eq!((page.entries.len(), page.entries[0].vs), (3, VsId(3)));
}

pub async fn a_page_goes_on_where_the_one_before_ended(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    store.note((0..1_200).map(|n| note(n, 2 + (n % 2) as u32, "a")).collect()).await.unwrap();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let filter = AuditFilter { within: Some(VsId(3)), ..AuditFilter::default() };
        let page = store.audit(filter, before, 7).await.unwrap();
        assert!(page.entries.len() <= 7);
        seen.extend(page.entries.iter().map(|entry| entry.id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 601, "the notes of 3, and that it was made");
    assert!(seen.is_sorted_by(|a, b| a > b));
}

pub async fn a_filter_shows_what_fits_all_of_it(stores: &impl Stores) {
    let store = stores.open();
    store.note(vec![note(10, 1, "user Ada"), note(20, 1, "key app"), note(30, 1, "user ada")]).await.unwrap();
    let all = AuditFilter::default();
    let actor = |actor: &str| AuditFilter { actor: Some(actor.into()), ..all.clone() };
    assert_eq!(numbers(&store, actor("ADA")).await, [3, 1]);
    assert_eq!(numbers(&store, AuditFilter { action: Some("did 2".into()), ..all.clone() }).await, [2]);
    assert_eq!(numbers(&store, AuditFilter { from_ms: Some(T + 20), ..all.clone() }).await, [3, 2]);
    assert_eq!(numbers(&store, AuditFilter { until_ms: Some(T + 20), ..actor("ada") }).await, [1]);
    assert!(numbers(&store, actor("eve")).await.is_empty());
}

pub async fn a_place_of_the_chain_that_is_kept_is_found_again(stores: &impl Stores) {
    let store = stores.open();
    store.note(vec![note(1, 1, "a"), note(2, 1, "a")]).await.unwrap();
    let kept = verified(&store, AuditPoint::default()).await.at;
    store.note(vec![note(3, 1, "a")]).await.unwrap();
    let since = verified(&store, kept).await;
    assert_eq!((since.at.id, since.broken, since.is_end), (3, None, true));
    let other = verified(&store, AuditPoint { hash: [9; 32], ..kept }).await;
    assert_eq!(other.broken.unwrap().0, 2);
    let cut = verified(&store, AuditPoint { id: 9, ..kept }).await;
    assert!(cut.broken.unwrap().1.contains("missing"));
}
