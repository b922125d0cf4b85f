//! Several engines that share what a provider allows once, under one held clock.

use crate::Limits;
use crate::testing::{Bench, Company, down};
use std::sync::Arc;
use std::time::Duration;
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, OutcomeClass};
use textgate_store::Holding;
use tokio::time::sleep;

const A: u32 = b'a' as u32;
const B: u32 = b'b' as u32;

/// So many nodes with these gateways, each with one connection that only one node may have where it is among `exclusive`.
async fn nodes(count: usize, keys: &[&str], exclusive: &[&str]) -> (Vec<Bench>, Arc<Company>) {
    nodes_of(Arc::default(), count, keys, exclusive).await
}

async fn nodes_of(
    company: Arc<Company>,
    count: usize,
    keys: &[&str],
    exclusive: &[&str],
) -> (Vec<Bench>, Arc<Company>) {
    let mut nodes = Vec::new();
    for _ in 0..count {
        let bench = Bench::stopped(keys, company.join(), Limits::default()).await;
        exclusive.iter().for_each(|key| *bench.script(key).exclusive.lock().unwrap() = 1);
        bench.dispatch.engine.run().await.unwrap();
        settle(&[&bench]).await;
        nodes.push(bench);
    }
    settle(&nodes.iter().collect::<Vec<_>>()).await;
    (nodes, company)
}

async fn settle(nodes: &[&Bench]) {
    for _ in 0..20 {
        for node in nodes {
            node.settle().await;
        }
    }
}

/// Where a message is, and what became of it.
fn found(nodes: &[Bench], id: MessageId) -> (usize, MessageState, Vec<(u32, OutcomeClass)>) {
    let has = |node: &Bench| node.store.messages.lock().unwrap().contains_key(&id);
    let owners: Vec<usize> = (0..nodes.len()).filter(|at| has(&nodes[*at])).collect();
    assert_eq!(owners.len(), 1, "one owner");
    (owners[0], nodes[owners[0]].state(id), nodes[owners[0]].store.attempts(id))
}

#[tokio::test(start_paused = true)]
async fn a_node_without_the_connection_hands_its_messages_to_the_one_that_has_it_passcodes_first() {
    let (nodes, _) = nodes(2, &["a"], &["a"]).await;
    let texts = [nodes[1].accept(Kind::Text).await, nodes[1].accept(Kind::Otp).await];
    settle(&[&nodes[0], &nodes[1]]).await;
    for id in texts {
        assert_eq!(found(&nodes, id), (0, MessageState::Sent, vec![(A, OutcomeClass::Sent)]));
    }
    assert!(nodes[1].script("a").taken().is_empty());
    assert_eq!((nodes[0].dispatch.engine.waiting(), nodes[1].dispatch.engine.waiting()), (0, 0));
    let metrics = nodes[1].dispatch.render_metrics();
    assert!(metrics.contains("textgate_messages_handed_over_total 2"), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn when_the_holder_goes_another_takes_the_connection_and_sends_what_waits() {
    let (nodes, company) = nodes(3, &["a"], &["a"]).await;
    nodes[0].script("a").says(down());
    settle(&[&nodes[0], &nodes[1], &nodes[2]]).await;
    let waits = nodes[1].accept(Kind::Text).await;
    settle(&[&nodes[0], &nodes[1], &nodes[2]]).await;
    assert_eq!(found(&nodes, waits).1, MessageState::Accepted, "nobody can send it");
    nodes[0].dispatch.shutdown().await;
    company.gone(0);
    settle(&[&nodes[1], &nodes[2]]).await;
    assert_eq!(found(&nodes, waits).1, MessageState::Sent);
    let holders: Vec<u8> = company.peers.lock().unwrap().holdings.iter().map(|held| held.node).collect();
    assert_eq!(holders.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_one_gateway_refused_goes_on_by_another_node_s_and_not_in_circles() {
    // Each node has the one connection of one of both gateways.
    let company = Arc::new(Company::default());
    let of_the_second = Holding { gateway: GatewayId(B), connection: 0, node: 1 };
    company.peers.lock().unwrap().holdings.push(of_the_second);
    let (nodes, company) = nodes_of(company, 2, &["a", "b"], &["a", "b"]).await;
    let holdings = company.peers.lock().unwrap().holdings.clone();
    assert_eq!(holdings, [of_the_second, Holding { gateway: GatewayId(A), connection: 0, node: 0 }]);
    for class in [OutcomeClass::Refused, OutcomeClass::Unavailable] {
        for node in &nodes {
            node.script("a").answers(class);
        }
        let id = nodes[1].accept(Kind::Otp).await;
        settle(&[&nodes[0], &nodes[1]]).await;
        let (owner, state, attempts) = found(&nodes, id);
        assert_eq!((state, attempts), (MessageState::Sent, vec![(A, class), (B, OutcomeClass::Sent)]));
        assert_eq!(owner, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_passcode_does_not_wait_for_a_holder_that_takes_nothing_longer_than_for_a_silent_gateway() {
    let (nodes, company) = nodes(2, &["a", "b"], &["a"]).await;
    // It is about to be found gone: it says that it can send, and takes nothing.
    let words = company.peers.lock().unwrap().words.clone();
    assert_eq!(words.len(), 1, "{words:?}");
    nodes[0].dispatch.shutdown().await;
    *company.refuses.lock().unwrap() = Some(0);
    let id = nodes[1].accept(Kind::Otp).await;
    sleep(Duration::from_millis(3_200)).await;
    settle(&[&nodes[1]]).await;
    assert_eq!(found(&nodes, id), (1, MessageState::Sent, vec![(B, OutcomeClass::Sent)]));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_refused_on_one_node_is_not_tried_on_the_other_and_is_when_it_is_well_again() {
    let (nodes, _) = nodes(2, &["a", "b"], &[]).await;
    nodes[0].script("a").answers(OutcomeClass::Account);
    nodes[0].accept(Kind::Text).await;
    settle(&[&nodes[0], &nodes[1]]).await;
    let id = nodes[1].accept(Kind::Text).await;
    settle(&[&nodes[0], &nodes[1]]).await;
    assert_eq!(found(&nodes, id).2, [(B, OutcomeClass::Sent)]);
    // The first finds out that it is well.
    nodes[0].script("a").answers(OutcomeClass::Sent);
    sleep(Duration::from_secs(30)).await;
    nodes[0].accept(Kind::Text).await;
    settle(&[&nodes[0], &nodes[1]]).await;
    let id = nodes[1].accept(Kind::Text).await;
    settle(&[&nodes[0], &nodes[1]]).await;
    assert_eq!(found(&nodes, id).2, [(A, OutcomeClass::Sent)]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_fails_on_one_node_needs_one_failure_on_the_other() {
    let (nodes, _) = nodes(2, &["a", "b"], &[]).await;
    for node in &nodes {
        node.script("a").answers(OutcomeClass::Unavailable);
    }
    for _ in 0..5 {
        nodes[0].accept(Kind::Text).await;
        settle(&[&nodes[0]]).await;
    }
    settle(&[&nodes[0], &nodes[1]]).await;
    for attempts in
        [vec![(A, OutcomeClass::Unavailable), (B, OutcomeClass::Sent)], vec![(B, OutcomeClass::Sent)]]
    {
        let id = nodes[1].accept(Kind::Text).await;
        settle(&[&nodes[1]]).await;
        assert_eq!(found(&nodes, id).2, attempts);
    }
}
