//! Several nodes on one database that share what a provider allows once.

use super::kit::{Api, PATIENCE, Server, eventually, manifest, smpp, smsc};
use super::postgres::{database, server};
use serde_json::json;
use server::Postgres;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use textgate_simulator::Smsc;

/// So many nodes that share a gateway with these settings. They have stopped.
fn nodes<const N: usize>(smsc: &Smsc, more: &str) -> [Server; N] {
    let url = database(Postgres::shared());
    let first = Server::stopped_on(&url);
    first.apply(&manifest(&[smpp("main", smsc.address(), more)]));
    let key = first.data_dir().join("key");
    let mut first = Some(first);
    std::array::from_fn(|_| {
        first.take().unwrap_or_else(|| {
            let node = Server::stopped_on(&url);
            std::fs::create_dir_all(node.data_dir()).unwrap();
            std::fs::copy(&key, node.data_dir().join("key")).unwrap();
            node
        })
    })
}

/// Has this node accept so many messages of one name, every third a passcode.
async fn accepts(api: &Api, name: &str, count: usize, sent: &mut HashSet<String>) {
    let kind = |n: usize| if n % 3 == 0 { "otp" } else { "text" };
    let message = |n| json!({"to": "15550100100", "text": format!("{name} {n}"), "kind": kind(n)});
    let messages: Vec<_> = (0..count).map(message).collect();
    api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    sent.extend((0..count).map(|n| format!("{name} {n}")));
}

/// Waits until all of these have come.
async fn all_come(smsc: &Smsc, sent: &HashSet<String>) {
    let come = smsc.wait_for(PATIENCE, |came| {
        let came: HashSet<&str> = came.iter().map(|message| message.text.as_str()).collect();
        sent.iter().all(|text| came.contains(text.as_str()))
    });
    if come.await.is_err() {
        let came: HashSet<String> = smsc.messages().iter().map(|message| message.text.clone()).collect();
        let mut missing: Vec<_> = sent.difference(&came).collect();
        missing.sort();
        panic!("{} did not come: {:?}", missing.len(), missing.iter().take(9).collect::<Vec<_>>());
    }
}

async fn until_bound(smsc: &Smsc, binds: u64) {
    eventually("as many binds as there may be", async || (smsc.counters().bound == binds).then_some(()))
        .await;
}

/// How often a node has bound so far.
fn binds_of(node: &Server) -> usize {
    node.log().matches("SMPP bind up").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_one_has_the_only_bind_sends_for_all_and_is_followed_by_another_when_it_is_killed() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let mut nodes: [Server; 3] = nodes(&smsc, "");
    for node in &mut nodes {
        node.serve().await;
    }
    until_bound(&smsc, 1).await;
    let mut sent = HashSet::new();
    for (n, node) in nodes.iter().enumerate() {
        accepts(&node.api(), &format!("before {n}"), 50, &mut sent).await;
    }
    all_come(&smsc, &sent).await;
    let passcode = nodes[1].api().send(json!({"to": "15550100100", "text": "by whom?", "kind": "otp"})).await;
    for node in &nodes {
        node.api().until(&passcode, "delivered").await;
    }
    assert_eq!(smsc.messages().len(), 151, "each once");
    let holder = nodes.iter().position(|node| binds_of(node) > 0).expect("one has bound");
    // What it has, what it is given meanwhile, and what comes while nobody has the bind.
    accepts(&nodes[holder].api(), "its own", 50, &mut sent).await;
    nodes[holder].kill();
    for (n, node) in nodes.iter().enumerate().filter(|(n, _)| *n != holder) {
        accepts(&node.api(), &format!("after {n}"), 50, &mut sent).await;
    }
    all_come(&smsc, &sent).await;
    until_bound(&smsc, 1).await;
    nodes[holder].serve().await;
    accepts(&nodes[holder].api(), "again", 50, &mut sent).await;
    all_come(&smsc, &sent).await;
    let counters = smsc.counters();
    assert_eq!((counters.max_bound, counters.refused_binds), (1, 0), "nobody even tried");
    for node in &mut nodes {
        assert!(node.terminate().await, "{}", node.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn binds_are_spread_over_nodes_and_spread_anew_when_one_comes_or_goes() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let mut nodes: [Server; 2] = nodes(&smsc, "binds = 4");
    nodes[0].serve().await;
    until_bound(&smsc, 4).await;
    assert_eq!(binds_of(&nodes[0]), 4);
    nodes[1].serve().await;
    eventually("the other has its share", async || (binds_of(&nodes[1]) == 2).then_some(())).await;
    until_bound(&smsc, 4).await;
    let mut sent = HashSet::new();
    for (n, node) in nodes.iter().enumerate() {
        accepts(&node.api(), &format!("node {n}"), 50, &mut sent).await;
    }
    assert!(nodes[1].terminate().await);
    until_bound(&smsc, 4).await;
    assert_eq!(binds_of(&nodes[0]), 6, "two of them again");
    all_come(&smsc, &sent).await;
    let counters = smsc.counters();
    assert_eq!((counters.max_bound, counters.refused_binds), (4, 0));
    assert_eq!(smsc.messages().len(), 100, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throughput_is_kept_over_all_nodes() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let mut nodes: [Server; 3] = nodes(&smsc, "binds = 3\nthroughput = 60");
    for node in &mut nodes {
        node.serve().await;
    }
    eventually("each has one", async || nodes.iter().all(|node| binds_of(node) > 0).then_some(())).await;
    until_bound(&smsc, 3).await;
    let (mut sent, begun) = (HashSet::new(), Instant::now());
    for (n, node) in nodes.iter().enumerate() {
        accepts(&node.api(), &format!("node {n}"), 60, &mut sent).await;
    }
    all_come(&smsc, &sent).await;
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(2_700), "180 at 60 a second, in {took:?}");
}
