//! What nodes on one database share out among them.

use super::nodes::{fence, hears, two};
use super::open_as;
use super::server::Postgres;
use crate::contract::*;
use std::sync::Arc;
use textgate_sms::*;
use textgate_store::*;

const OTHER: GatewayId = GatewayId(77);

async fn takes(store: &Arc<dyn Store>, take: &[(GatewayId, u8)]) -> Peers {
    store.claim(Claims { take: take.to_vec(), ..Claims::default() }).await.unwrap()
}

async fn says(store: &Arc<dyn Store>, says: Says) {
    let say = vec![(GATEWAY, Some(says))];
    store.claim(Claims { say, ..Claims::default() }).await.unwrap();
}

fn holders(peers: &Peers, gateway: GatewayId) -> Vec<(u8, u8)> {
    let of_it = peers.holdings.iter().filter(|holding| holding.gateway == gateway);
    of_it.map(|holding| (holding.connection, holding.node)).collect()
}

/// All of this node's messages that are to be sent.
async fn own(store: &Arc<dyn Store>) -> Vec<MessageId> {
    let found = store.unfinished(MessageId::from_u64(0), 99).await.unwrap();
    found.iter().map(|message| message.id).collect()
}

fn hand_over(to: &Arc<dyn Store>, messages: &[u64]) -> HandOver {
    let messages = messages.iter().map(|n| (id(*n), 1_000 + n)).collect();
    HandOver { gateway: GATEWAY, to: to.node(), messages }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_one_node_s_until_it_leaves_it_or_is_gone() {
    let Some(([a, b], database)) = two() else { return };
    assert_eq!(a.peers().await.unwrap(), Peers::default(), "who only changes something runs no gateways");
    let taken = takes(&a, &[(GATEWAY, 0), (GATEWAY, 1), (OTHER, 0)]).await;
    assert_eq!(taken.members, [a.node()]);
    hears(&b, Notice::PeersChanged).await;
    let seen = takes(&b, &[(GATEWAY, 1), (GATEWAY, 2)]).await;
    assert_eq!(holders(&seen, GATEWAY), [(0, a.node()), (1, a.node()), (2, b.node())]);
    assert_eq!(seen.members, [a.node(), b.node()]);
    let leave = vec![(GATEWAY, 1), (GATEWAY, 2)];
    let left = a.claim(Claims { leave, ..Claims::default() }).await.unwrap();
    assert_eq!(holders(&left, GATEWAY), [(0, a.node()), (2, b.node())], "another's is not left");
    assert_eq!(holders(&takes(&b, &[(GATEWAY, 1)]).await, GATEWAY)[1], (1, b.node()));
    fence(&database, "a");
    hears(&b, Notice::PeersChanged).await;
    let seen = b.peers().await.unwrap();
    assert_eq!(
        (holders(&seen, GATEWAY).len(), holders(&seen, OTHER).len()),
        (2, 0),
        "who is gone holds none"
    );
    let seen = takes(&b, &[(GATEWAY, 0), (OTHER, 0)]).await;
    assert_eq!((holders(&seen, GATEWAY)[0], holders(&seen, OTHER)), ((0, b.node()), vec![(0, b.node())]));
    assert!(a.claim(Claims { take: vec![(GATEWAY, 9)], ..Claims::default() }).await.is_err(), "it is fenced");
    assert!(!b.peers().await.unwrap().holdings.iter().any(|holding| holding.connection == 9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_nodes_that_take_a_connection_at_once_one_gets_it() {
    let Some(([a, b], database)) = two() else { return };
    let url = Postgres::shared().url(&database);
    let more = ["c", "d"]
        .map(|name| open_as(&url, PostgresOptions { node: name.to_owned(), ..PostgresOptions::default() }));
    let nodes = [a, b, more[0].clone(), more[1].clone()];
    for round in 0..10_u32 {
        let gateway = GatewayId(100 + round);
        let tasks = nodes.clone().map(|node| {
            tokio::spawn(async move {
                let seen = takes(&node, &[(gateway, 0), (gateway, 1)]).await;
                (node.node(), holders(&seen, gateway))
            })
        });
        let mut held = 0;
        for task in tasks {
            let (node, seen) = task.await.unwrap();
            assert_eq!(seen.len(), 2);
            held += seen.iter().filter(|(_, holder)| *holder == node).count();
        }
        assert_eq!(held, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_says_of_a_gateway_is_said_until_it_says_otherwise_or_is_gone() {
    let Some(([a, b], database)) = two() else { return };
    let words = async |store: &Arc<dyn Store>| {
        let words = store.peers().await.unwrap().words;
        words.into_iter().map(|word| (word.node, word.says)).collect::<Vec<_>>()
    };
    for said in
        [Says::Down { reason: "gone".into() }, Says::Paused { until_ms: T + 5, is_account: true }, Says::Up]
    {
        says(&a, said.clone()).await;
        hears(&b, Notice::PeersChanged).await;
        assert_eq!(words(&b).await, [(a.node(), said)]);
    }
    says(&b, Says::Up).await;
    assert_eq!(words(&a).await.len(), 2);
    a.claim(Claims { say: vec![(GATEWAY, None)], ..Claims::default() }).await.unwrap();
    assert_eq!(words(&a).await, [(b.node(), Says::Up)]);
    fence(&database, "b");
    assert!(words(&a).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_handed_over_have_one_owner_and_are_taken_on_once_passcodes_first() {
    let Some(([a, b], _)) = two() else { return };
    tenants(&a).await;
    allocate(&a, VS, 50).await;
    let kind = |n| if n % 2 == 0 { Kind::Text } else { Kind::Otp };
    let paid = |n| NewMessage { kind: kind(n), payers: [VS].into_iter().collect(), ..message(n) };
    a.accept((0..8).map(paid).collect()).await.unwrap();
    accept_one(&b, message(20)).await;
    a.record(vec![sent(0, &[])]).await.unwrap();
    a.cancel(VS, id(1), T).await.unwrap();
    let all = hand_over(&b, &[0, 1, 2, 3, 4, 5, 20, 999]);
    assert_eq!(a.hand_over(all.clone()).await.unwrap(), None, "it does not say that it can send");
    says(&b, Says::Down { reason: "gone".into() }).await;
    assert_eq!(a.hand_over(all.clone()).await.unwrap(), None, "it says that it cannot");
    assert_eq!(own(&a).await.len(), 6);
    says(&b, Says::Up).await;
    let other = HandOver { gateway: OTHER, ..all.clone() };
    assert_eq!(a.hand_over(other).await.unwrap(), None, "it speaks of another gateway");
    let went = a.hand_over(all.clone()).await.unwrap().expect("it takes them");
    assert_eq!(went, [2, 3, 4, 5].map(id), "not what is finished, nor another's, nor nobody's");
    assert_eq!((own(&a).await, own(&b).await.len()), ([6, 7].map(id).to_vec(), 5));
    assert_eq!(a.hand_over(all).await.unwrap(), Some(vec![]), "they are its own no more");
    hears(&b, Notice::Handed).await;
    assert!(a.handed(9).await.unwrap().is_empty());
    // One of them is cancelled before it is taken on.
    b.cancel(VS, id(4), T).await.unwrap();
    let seen = |handed: Vec<Handed>| handed.iter().map(|one| (one.message.id, one.notes)).collect::<Vec<_>>();
    assert_eq!(seen(b.handed(1).await.unwrap()), [(id(3), 1_003)]);
    assert_eq!(seen(b.handed(9).await.unwrap()), [(id(5), 1_005), (id(2), 1_002)]);
    assert!(b.handed(9).await.unwrap().is_empty());
    assert_eq!(
        a.credits(VS).await.unwrap().used,
        6,
        "nothing was charged or given back by it but what was cancelled"
    );
    // A receipt finds it as if it had been accepted there.
    b.record(vec![sent(3, &["x"])]).await.unwrap();
    assert!(a.record_receipts(vec![receipt(&["x"], ReceiptState::Delivered)]).await.unwrap()[0].is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_handed_to_a_node_that_goes_is_found_once_by_whoever_has_it_then() {
    let Some(([a, b], database)) = two() else { return };
    a.accept((0..4).map(message).collect()).await.unwrap();
    says(&a, Says::Up).await;
    says(&b, Says::Up).await;
    a.hand_over(hand_over(&b, &[0, 1])).await.unwrap().expect("it takes them");
    fence(&database, "b");
    assert_eq!(a.hand_over(hand_over(&b, &[2])).await.unwrap(), None, "nobody is there");
    hears(&a, Notice::Adoptable).await;
    assert_eq!(a.adopt(9).await.unwrap().len(), 2);
    hears(&b, Notice::Fenced).await;
    b.begin_anew();
    assert!(b.handed(9).await.unwrap_or_default().is_empty(), "it is another's by now");
    // And one that starts again under its name finds them among its own, and not once more.
    let url = Postgres::shared().url(&database);
    let named = |name: &str| PostgresOptions { node: name.to_owned(), ..PostgresOptions::default() };
    let before = open_as(&url, named("c"));
    says(&before, Says::Up).await;
    a.hand_over(hand_over(&before, &[2, 3])).await.unwrap().expect("it takes them");
    let after = open_as(&url, named("c"));
    assert_eq!((before.node(), own(&after).await), (after.node(), [2, 3].map(id).to_vec()));
    assert!(after.handed(9).await.unwrap().is_empty());
    assert_eq!(
        a.hand_over(hand_over(&after, &[0])).await.unwrap(),
        None,
        "what was said before holds no more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_shows_no_sign_of_life_is_given_nothing() {
    let Some(([a, b], database)) = two() else { return };
    accept_one(&a, message(1)).await;
    says(&b, Says::Up).await;
    // Its lease goes on; its beat sets this again within a second.
    let silent = "UPDATE textgate.node SET seen = clock_timestamp() - interval '4 s' WHERE name = 'b'";
    let refused = async {
        loop {
            Postgres::shared().sql(&database, silent);
            if a.hand_over(hand_over(&b, &[1])).await.unwrap().is_none() {
                return;
            }
            b.hand_over(hand_over(&a, &[1])).await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), refused).await.expect("it is refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nodes_tell_in_passing_is_heard_by_the_others_and_not_by_themselves() {
    let Some(([a, b], _)) = two() else { return };
    // Whoever listens has heard of the other.
    hears(&a, Notice::PeersChanged).await;
    hears(&b, Notice::PeersChanged).await;
    let what: Vec<u8> = (0..MOST_TOLD).map(|n| n as u8).collect();
    a.tell_peers(what.clone()).await.unwrap();
    a.tell_peers(vec![]).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        hears(&b, Notice::Told).await;
        heard.extend(b.told());
    }
    assert_eq!(heard, [(a.node(), what), (a.node(), vec![])]);
    assert!(a.told().is_empty() && b.told().is_empty());
    assert!(matches!(a.tell_peers(vec![0; MOST_TOLD + 1]).await, Err(StoreError::Conflict(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_and_alerts_of_one_node_are_heard_of_on_the_other_within_a_second() {
    let Some(([a, b], _)) = two() else { return };
    tenants(&a).await;
    for notice in [Notice::GuardChanged, Notice::AlertsChanged] {
        hears(&b, notice).await;
    }
    let soon = async |notice| {
        let hear = async { while b.notice().await != notice {} };
        tokio::time::timeout(std::time::Duration::from_secs(1), hear).await.expect("within a second");
    };
    let block =
        GuardBlock { vs: VS, range: 4_915_112, began_ms: T, until_ms: T + 1, times: 1, excused_until_ms: 0 };
    a.keep_guard_blocks(vec![block], vec![], vec![]).await.unwrap();
    soon(Notice::GuardChanged).await;
    assert_eq!(b.guard_blocks().await.unwrap(), [block]);
    a.keep_guard_blocks(vec![], vec![(VS, 4_915_112)], vec![]).await.unwrap();
    soon(Notice::GuardChanged).await;
    a.raise_alerts(vec![NewAlert { record: alerts::alert(1), since_ms: T }]).await.unwrap();
    soon(Notice::AlertsChanged).await;
    a.step_alert(id(1), AlertStep::Closed { at_ms: T, by: "a".into() }).await.unwrap();
    soon(Notice::AlertsChanged).await;
    assert!(b.open_alerts(MessageId::from_u64(0), 9).await.unwrap().is_empty());
}
