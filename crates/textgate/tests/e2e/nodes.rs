//! Several nodes on one database that share what a provider allows once.

use super::kit::{Api, KEY, PATIENCE, Server, Tenant, eventually, manifest, manifest_with, smpp, smsc};
use super::postgres::{database, server};
use serde_json::{Value, json};
use server::Postgres;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use textgate_simulator::Smsc;
use textgate_sms::VsId;
use textgate_store::{Database, GuardBlock, PostgresOptions, PostgresStore, Store as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// So many nodes that share a gateway with these settings. They have stopped.
fn nodes<const N: usize>(smsc: &Smsc, more: &str) -> [Server; N] {
    nodes_with(&manifest(&[smpp("main", smsc.address(), more)]))
}

/// The same with this manifest.
fn nodes_with<const N: usize>(manifest: &str) -> [Server; N] {
    let url = database(Postgres::shared());
    let first = Server::stopped_on(&url);
    first.apply(manifest);
    let mut nodes: Vec<Server> = (1..N).map(|_| another(&first, &url)).collect();
    nodes.push(first);
    nodes.try_into().unwrap_or_else(|_| panic!("so many were made"))
}

/// Another node on this database, with the same key file. It has stopped.
fn another(node: &Server, url: &str) -> Server {
    let another = Server::stopped_on(url);
    std::fs::create_dir_all(another.data_dir()).unwrap();
    std::fs::copy(node.data_dir().join("key"), another.data_dir().join("key")).unwrap();
    another
}

/// The database of a node.
fn nodes_url(node: &Server) -> String {
    let config = std::fs::read_to_string(node.path("textgate.toml")).unwrap();
    let store = config.lines().find_map(|line| line.strip_prefix("store = ")).unwrap();
    store.trim_matches('"').to_owned()
}

/// Has this node accept so many messages of one name, every third a passcode.
async fn accepts(api: &Api, name: &str, count: usize, sent: &mut HashSet<String>) {
    let kind = |n: usize| if n.is_multiple_of(3) { "otp" } else { "text" };
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
    eventually("the other has its share", async || (binds_of(&nodes[1]) >= 2).then_some(())).await;
    until_bound(&smsc, 4).await;
    let mut sent = HashSet::new();
    for (n, node) in nodes.iter().enumerate() {
        accepts(&node.api(), &format!("node {n}"), 50, &mut sent).await;
    }
    assert!(nodes[1].terminate().await);
    until_bound(&smsc, 4).await;
    assert!(binds_of(&nodes[0]) >= 6, "two of them again");
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

/// The way to the database, which can be cut.
struct Line {
    address: SocketAddr,
    is_cut: watch::Sender<bool>,
}

impl Line {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, is_cut) = (listener.local_addr().unwrap(), watch::Sender::new(false));
        let all = is_cut.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut is_cut = all.subscribe();
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = is_cut.wait_for(|is_cut| *is_cut) => {}
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    }
                });
            }
        });
        Self { address, is_cut }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_from_the_database_lets_go_of_its_bind_before_another_binds() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let url = database(Postgres::shared());
    let (before, after) = url.split_once("@127.0.0.1:").expect("the server is on this machine");
    let (port, after) = after.split_once('/').unwrap();
    let line = Line::to(format!("127.0.0.1:{port}").parse().unwrap()).await;
    let mut cut_off = Server::stopped_on(&format!("{before}@{}/{after}", line.address));
    cut_off.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    cut_off.serve().await;
    until_bound(&smsc, 1).await;
    let mut other = another(&cut_off, &url);
    other.serve().await;
    let mut sent = HashSet::new();
    accepts(&other.api(), "through the other", 20, &mut sent).await;
    all_come(&smsc, &sent).await;
    // What became of those is on disk with what became of this one.
    other
        .api()
        .send_until(json!({"to": "15550100100", "text": "the last", "kind": "text"}), "delivered")
        .await;
    sent.insert("the last".to_owned());
    assert!(binds_of(&cut_off) > 0 && binds_of(&other) == 0, "{}", cut_off.log());
    line.is_cut.send_replace(true);
    accepts(&other.api(), "after the cut", 20, &mut sent).await;
    all_come(&smsc, &sent).await;
    assert!(binds_of(&other) > 0);
    line.is_cut.send_replace(false);
    eventually("it has begun anew", async || cut_off.log().contains("has begun anew").then_some(())).await;
    accepts_in_the_end(&cut_off.api(), "again", 20, &mut sent).await;
    all_come(&smsc, &sent).await;
    let counters = smsc.counters();
    assert_eq!((counters.max_bound, counters.refused_binds), (1, 0));
    assert_eq!(smsc.messages().len(), sent.len(), "each once");
}

/// The same as [`accepts`] once the node takes messages.
async fn accepts_in_the_end(api: &Api, name: &str, count: usize, sent: &mut HashSet<String>) {
    eventually("it is ready", async || (api.get("/readyz").await.status == 200).then_some(())).await;
    accepts(api, name, count, sent).await;
}

fn passcode(to: &str) -> Value {
    json!({"to": to, "text": "code 493817", "kind": "otp"})
}

/// How a node answers to a passcode once that is as wanted, and how many it took before.
async fn until_answered(api: &Api, to: &str, status: u16) -> usize {
    let mut taken = 0;
    eventually("the node has heard", async || {
        let answer = api.post_message(passcode(to)).await;
        taken += usize::from(answer.status == 202);
        (answer.status == status).then_some(())
    })
    .await;
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_fraud_guard_counts_and_blocks_on_one_node_holds_on_the_other() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let guard = "[virtual_server.guard]\nlimits = [{ per = \"number\", limit = 200, window_s = 3600 }]\n";
    let mut nodes: [Server; 2] = nodes_with(&(manifest(&[smpp("main", smsc.address(), "")]) + guard));
    for node in &mut nodes {
        node.serve().await;
    }
    until_bound(&smsc, 1).await;
    let [one, other] = &nodes;
    for node in &nodes {
        // Both know of each other once one has sent for both.
        node.api().send_until(passcode("15550100101"), "delivered").await;
    }
    let batch: Vec<Value> = (0..200).map(|_| passcode("15550100100")).collect();
    let answer = one.api().post("/v1/messages/batch", json!({"messages": batch})).await.expect(200);
    assert!(answer["results"].as_array().unwrap().iter().all(|result| result["status"] == 202), "{answer}");
    one.api().post_message(passcode("15550100100")).await.expect_problem(429, "too-many-passcodes");
    let taken = until_answered(&other.api(), "15550100100", 429).await;
    assert!(taken < 150, "it counts what the other let through: {taken}");

    // A block, as another node puts it.
    let acme = one.api().virtual_server("acme").await.unwrap();
    let url = nodes_url(one);
    let options = PostgresOptions { node: "tester".to_owned(), ..PostgresOptions::default() };
    let third =
        tokio::task::spawn_blocking(move || PostgresStore::open(Database::parse(&url).unwrap(), options));
    let third = third.await.unwrap().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let (vs, until_ms) = (VsId(u32::try_from(acme).unwrap()), now + 86_400_000);
    let block = GuardBlock { vs, range: 491_573_123, began_ms: now, until_ms, times: 1, excused_until_ms: 0 };
    third.keep_guard_blocks(vec![block], vec![], vec![]).await.unwrap();
    for node in &nodes {
        until_answered(&node.api(), "4915731230001", 429).await;
    }
    one.api().delete("/v1/guard/blocks/491573123").await.expect(204);
    for node in &nodes {
        until_answered(&node.api(), "4915731230001", 202).await;
    }
    tokio::task::spawn_blocking(move || drop(third)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_an_api_key_is_one_rate_and_a_change_of_settings_is_in_force_on_all_nodes() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let mut nodes: [Server; 2] = nodes(&smsc, "");
    for node in &mut nodes {
        node.serve().await;
    }
    let [one, other] = &nodes;
    for node in &nodes {
        node.api().send_until(passcode("15550100101"), "delivered").await;
    }
    let made = one.cli(&["key", "create", "slow", "--vs", "acme", "--rate", "10"]);
    let secret = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let (one_api, other_api) = (one.api_as(&secret), other.api_as(&secret));
    eventually("the other knows the key", async || {
        (other_api.get("/v1/messages").await.status == 200).then_some(())
    })
    .await;
    // One after the other, as fast as they answer.
    let (mut allowed, begun) = (0, Instant::now());
    while begun.elapsed() < Duration::from_secs(4) {
        for api in [&one_api, &other_api] {
            allowed += usize::from(api.get("/v1/messages?limit=1").await.status == 200);
        }
    }
    assert!(
        allowed < 10 * 4 + 2 * 10 + 15,
        "{allowed} in 4 s, and 80 and more if each had a rate of its own"
    );

    let settings = one.api().get("/v1/sms-settings").await.expect(200);
    assert_eq!(settings["failover_after_ms"], 3_000, "{settings}");
    one.apply(&manifest_with("failover_after_ms = 4321", &[smpp("main", smsc.address(), "")]));
    let changed = Instant::now();
    eventually("the other has the change", async || {
        let settings = other.api().get("/v1/sms-settings").await.expect(200);
        (settings["failover_after_ms"] == 4_321).then_some(())
    })
    .await;
    assert!(changed.elapsed() < Duration::from_secs(1), "{:?}", changed.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_another_key_file_does_not_start_also_where_nothing_is_sealed_yet() {
    if !server::is_there() {
        return;
    }
    let url = database(Postgres::shared());
    let tenant = Tenant { path: "acme", key: KEY, more: "", settings: "", gateways: &[] }.toml();
    let first = Server::stopped_on(&url);
    first.apply(&tenant);
    let elsewhere = Server::stopped();
    elsewhere.apply(&tenant);
    let stranger = another(&elsewhere, &url);
    let refused = stranger.cli(&["serve"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("key file"), "{told}");
    another(&first, &url).serve().await;
    // The same with the embedded store.
    std::fs::copy(first.data_dir().join("key"), elsewhere.data_dir().join("key")).unwrap();
    let refused = elsewhere.cli(&["serve"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("key file"), "{told}");
}
