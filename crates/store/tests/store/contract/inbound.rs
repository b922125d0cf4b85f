//! What phones sent.

use super::*;
use serde_json::json;

/// A whole message.
pub fn whole(n: u64) -> InboundRecord {
    InboundRecord {
        id: id(n),
        vs: VS,
        gateway: GATEWAY,
        at_ms: T + n as i64,
        phone: [7; 16],
        key: None,
        sealed: format!("sealed {n}").into_bytes(),
    }
}

/// The part of this number of a message of three.
pub fn part(n: u64, number: u8) -> InboundPartRecord {
    InboundPartRecord {
        id: id(n),
        gateway: GATEWAY,
        at_ms: T + n as i64,
        group: [1; 16],
        number,
        total: 3,
        digest: [number; 16],
        sealed: vec![number],
    }
}

async fn keep(store: &Arc<dyn Store>, part: InboundPartRecord) -> Vec<InboundParts> {
    store.record_inbound_part(part).await.unwrap()
}

/// What is put together of parts with these numbers, the first with the `n`th id, the last at `at`.
fn made(n: u64, at: u64, numbers: &[u8]) -> InboundParts {
    let parts = numbers.iter().map(|number| (*number, vec![*number])).collect();
    InboundParts { id: id(n), gateway: GATEWAY, at_ms: T + at as i64, total: 3, parts }
}

async fn ids(store: &Arc<dyn Store>, vs: VsId, filter: InboundFilter, before: Option<u64>) -> Vec<MessageId> {
    let found = store.inbound(vs, filter, before.map(id), 100).await.unwrap();
    found.iter().map(|message| message.id).collect()
}

pub async fn what_a_phone_sent_is_there_once_after_reopening(stores: &impl Stores) {
    let store = stores.open();
    assert_eq!(store.record_inbound(vec![whole(1), whole(2), whole(1)]).await.unwrap(), [true, true, false]);
    assert_eq!(store.record_inbound(vec![whole(2)]).await.unwrap(), [false]);
    let store = reopen(stores, store).await;
    assert_eq!(ids(&store, VS, InboundFilter::default(), None).await, [id(2), id(1)]);
    let InboundRecord { id, vs, gateway, at_ms, sealed, .. } = whole(1);
    let stored = StoredInbound { id, vs, gateway, at_ms, sealed };
    assert_eq!(store.inbound_message(VS, id).await.unwrap(), Some(stored));
    assert_eq!(store.inbound_message(VsId(3), id).await.unwrap(), None);
    assert_eq!(store.newest().await.unwrap(), super::id(2), "no later message gets its id");
}

pub async fn what_a_provider_calls_by_one_name_is_one_message(stores: &impl Stores) {
    let store = stores.open();
    let named = |n, key| InboundRecord { key, ..whole(n) };
    let first = store.record_inbound(vec![named(1, Some([1; 16])), named(2, Some([2; 16]))]).await.unwrap();
    assert_eq!(first, [true, true]);
    let store = reopen(stores, store).await;
    let again = vec![named(3, Some([1; 16])), named(4, None), named(5, None)];
    assert_eq!(store.record_inbound(again).await.unwrap(), [false, true, true]);
    assert_eq!(ids(&store, VS, InboundFilter::default(), None).await, [id(5), id(4), id(2), id(1)]);
}

pub async fn a_message_is_unheard_until_it_was_heard(stores: &impl Stores) {
    let store = stores.open();
    store.record_inbound((1..=4).map(whole).collect()).await.unwrap();
    let unheard = async |store: &Arc<dyn Store>, limit| -> Vec<MessageId> {
        let found = store.unheard_inbound(i64::MAX, limit).await.unwrap();
        found.iter().map(|message| message.id).collect()
    };
    assert_eq!(unheard(&store, 2).await, [id(1), id(2)]);
    store.inbound_heard(vec![id(1), id(3)]).await.unwrap();
    let store = reopen(stores, store).await;
    assert_eq!(unheard(&store, 9).await, [id(2), id(4)]);
    assert_eq!(store.record_inbound(vec![whole(1)]).await.unwrap(), [false]);
    assert_eq!(unheard(&store, 9).await, [id(2), id(4)], "what comes again is not heard again");
}

pub async fn messages_of_phones_are_listed_by_virtual_server_and_phone(stores: &impl Stores) {
    let store = stores.open();
    let of = |n, vs, phone| InboundRecord { vs, phone: [phone; 16], ..whole(n) };
    let all = vec![of(1, VS, 7), of(2, VsId(3), 7), of(3, VS, 8), of(4, VS, 7)];
    store.record_inbound(all).await.unwrap();
    let everybody = InboundFilter::default();
    let one = InboundFilter { phone: Some([7; 16]) };
    assert_eq!(ids(&store, VS, everybody, None).await, [id(4), id(3), id(1)]);
    assert_eq!(ids(&store, VS, everybody, Some(3)).await, [id(1)]);
    assert_eq!(ids(&store, VS, one, None).await, [id(4), id(1)]);
    assert_eq!(ids(&store, VsId(3), one, None).await, [id(2)]);
    assert_eq!(store.inbound(VS, everybody, None, 1).await.unwrap().len(), 1);
}

pub async fn parts_come_together_in_whatever_order(stores: &impl Stores) {
    let store = stores.open();
    assert_eq!(keep(&store, part(1, 3)).await, []);
    let other = InboundPartRecord { group: [2; 16], ..part(2, 2) };
    assert_eq!(keep(&store, other).await, [], "another phone's, under the same reference");
    assert_eq!(keep(&store, part(3, 1)).await, []);
    let store = reopen(stores, store).await;
    let whole = keep(&store, part(4, 2)).await;
    assert_eq!(whole, [made(1, 4, &[1, 2, 3])]);
    // Recorded, it is put together no more.
    assert_eq!(store.record_inbound(vec![self::whole(1)]).await.unwrap(), [true]);
    let left = store.ripe_inbound(T, 9).await.unwrap();
    assert_eq!(left, RipeInbound { ripe: vec![], oldest_ms: Some(T + 2) });
}

pub async fn a_part_that_comes_again_is_no_other_message(stores: &impl Stores) {
    let store = stores.open();
    keep(&store, part(1, 1)).await;
    assert_eq!(keep(&store, part(2, 1)).await, []);
    keep(&store, part(3, 2)).await;
    assert_eq!(keep(&store, part(4, 3)).await, [made(1, 4, &[1, 2, 3])]);
    assert_eq!(keep(&store, part(5, 3)).await, [], "before it was put together");
    store.record_inbound(vec![whole(1)]).await.unwrap();
    let store = reopen(stores, store).await;
    assert_eq!(keep(&store, part(6, 3)).await, [], "and afterwards");
    assert_eq!(store.ripe_inbound(i64::MAX, 9).await.unwrap(), RipeInbound::default());
    assert_eq!(keep(&store, InboundPartRecord { at_ms: T + 600_004, ..part(7, 3) }).await, []);
    assert_eq!(store.ripe_inbound(T, 9).await.unwrap().oldest_ms, Some(T + 600_004), "much later it is one");
}

pub async fn a_reference_that_is_used_again_is_another_message(stores: &impl Stores) {
    let store = stores.open();
    keep(&store, part(1, 1)).await;
    keep(&store, part(2, 2)).await;
    let other = |n, number: u8| InboundPartRecord { digest: [number + 100; 16], ..part(n, number) };
    assert_eq!(keep(&store, other(3, 2)).await, [made(1, 2, &[1, 2])], "what was there goes on as it is");
    assert_eq!(keep(&store, other(4, 1)).await, []);
    assert_eq!(keep(&store, other(5, 3)).await, [made(3, 5, &[1, 2, 3])]);
}

pub async fn what_never_becomes_whole_is_passed_on_after_a_while(stores: &impl Stores) {
    let store = stores.open();
    keep(&store, part(1, 1)).await;
    keep(&store, InboundPartRecord { group: [2; 16], ..part(5, 2) }).await;
    assert_eq!(
        store.ripe_inbound(T + 1, 9).await.unwrap(),
        RipeInbound { ripe: vec![], oldest_ms: Some(T + 1) }
    );
    keep(&store, part(9, 3)).await;
    let late = store.ripe_inbound(T + 2, 9).await.unwrap();
    assert_eq!(late, RipeInbound { ripe: vec![made(1, 9, &[1, 3])], oldest_ms: Some(T + 5) });
    // What is missing comes too late, and is a message of its own.
    store.record_inbound(vec![whole(1)]).await.unwrap();
    assert_eq!(keep(&store, part(10, 2)).await, []);
    let all = store.ripe_inbound(i64::MAX, 9).await.unwrap();
    assert_eq!(all.ripe, [made(5, 5, &[2]), made(10, 10, &[2])]);
}

pub async fn what_was_not_put_together_is_found_again(stores: &impl Stores) {
    let store = stores.open();
    for n in 1..=3 {
        keep(&store, part(n, n as u8)).await;
    }
    let store = reopen(stores, store).await;
    for _ in 0..2 {
        let found = store.ripe_inbound(T, 9).await.unwrap();
        assert_eq!(found, RipeInbound { ripe: vec![made(1, 3, &[1, 2, 3])], oldest_ms: None });
    }
    assert_eq!(store.record_inbound(vec![whole(1)]).await.unwrap(), [true]);
    assert_eq!(store.ripe_inbound(T, 9).await.unwrap(), RipeInbound::default());
}

pub async fn of_parts_that_come_at_the_same_time_one_completes_the_message(stores: &impl Stores) {
    let store = stores.open();
    for round in 0..20_u8 {
        let part = |number: u8| InboundPartRecord {
            group: [round; 16],
            ..part(100 + u64::from(round) * 3 + u64::from(number), number)
        };
        let all = futures_util::future::join_all((1..=3).map(|n| store.record_inbound_part(part(n)))).await;
        let whole: Vec<InboundParts> = all.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(whole.len(), 1, "{whole:?}");
        assert_eq!(whole[0].parts.len(), 3);
    }
}

pub async fn old_messages_of_phones_and_used_parts_go(stores: &impl Stores) {
    let store = stores.open();
    for n in 1..=3 {
        keep(&store, part(n, n as u8)).await;
    }
    let later = InboundRecord { at_ms: T + 700_000, ..whole(700_000) };
    store.record_inbound(vec![whole(1), later]).await.unwrap();
    store.prune(T + 2, 100).await.unwrap();
    assert_eq!(ids(&store, VS, InboundFilter::default(), None).await, [id(700_000)]);
    // What was said last tells the store what time it is: the parts are unknown by now.
    assert_eq!(keep(&store, part(4, 1)).await, []);
    assert_eq!(store.ripe_inbound(T, 9).await.unwrap().oldest_ms, Some(T + 4));
}

pub async fn rules_for_messages_of_phones_are_part_of_the_directory(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let put = |vs, rules| Change::PutInboundRules { vs, rules, difference: Difference::default() };
    let rules = json!([{"number": "12345", "keyword": "acme", "virtual_server": 3}]);
    let changes = vec![
        put(VsId::ROOT, Some(json!([1]))),
        put(VsId::ROOT, Some(rules.clone())),
        put(VS, Some(json!([]))),
    ];
    store.change("ada".into(), T, changes).await.unwrap();
    let store = reopen(stores, store).await;
    let directory = store.directory().await.unwrap();
    assert_eq!(directory.inbound_rules, [(VsId::ROOT, rules), (VS, json!([]))]);
    assert_eq!(
        audit(&store, 1).await[0].action,
        "put the rules for messages of phones of virtual server \"acme\""
    );
    let gone = vec![
        put(VsId::ROOT, None),
        Change::RemoveVirtualServer { id: VsId(3) },
        Change::RemoveVirtualServer { id: VS },
    ];
    assert!(store.change("ada".into(), T, gone).await.unwrap().inbound_rules.is_empty());
    assert!(store.change("ada".into(), T, vec![put(VsId(77), None)]).await.is_err());
}
