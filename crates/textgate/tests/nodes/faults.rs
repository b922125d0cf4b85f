//! Nodes die, stop, and lose their database under load; the database is restarted, and its standby takes its place. Every message
//! that was answered with 202 arrives, a node that others took for gone sends nothing that they have taken over, and SMS credits are exact.

use crate::callers::Callers;
use crate::cluster::Cluster;
use crate::kit::{PATIENCE, eventually};
use crate::load::{KEYS, tenants_with};
use crate::network::Side;
use crate::run::{Dice, rounds};
use crate::server;
use crate::sightings::Sightings;
use std::time::{Duration, Instant};

/// Submits that each bind may have under way at once.
const WINDOW: usize = 2;
/// Binds that the provider allows: one for each node. One that is left has those of the others too.
const BINDS: usize = 3;
/// Submits that a node may have under way at most.
const UNDER_WAY: usize = WINDOW * BINDS;
/// How long the SMSC takes for each.
const ANSWER_DELAY: Duration = Duration::from_millis(25);
/// What a node that dies may have been answered and not recorded yet, besides its window: it records every few milliseconds.
const UNRECORDED: usize = 8;
/// So many messages of callers wait at any time.
const FEW: u64 = 6;
/// So long a database may be away without any node losing its right to send.
const LEASE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_nodes_and_database_nothing_is_lost_and_no_fenced_node_sends_what_others_have() {
    if !server::is_there() {
        return;
    }
    let mut dice = Dice::thrown();
    let mut cluster = Cluster::start(3, ANSWER_DELAY, |smsc| {
        let window = format!("window = {WINDOW}");
        tenants_with(smsc, WINDOW).replace(&window, &format!("{window}\nbinds = {BINDS}"))
    })
    .await;
    cluster.until_up().await;
    let mut callers = Callers::begin(&cluster);
    let rounds = rounds(1);
    for round in 0..rounds {
        if round > 0 {
            cluster.follow_again();
        }
        let first = dice.below(3);
        one_is_killed_and_one_is_stopped(&mut cluster, &mut callers, [first, (first + 1) % 3]).await;
        if cluster.network.is_separate() {
            one_is_cut_off_from_the_database(&cluster, &mut callers, (first + 2) % 3).await;
        }
        the_database_is_restarted(&mut cluster, &callers).await;
        the_standby_takes_over(&mut cluster, &callers).await;
    }
    let shares = callers.shares();
    let book = callers.end(&cluster).await;
    let server = &cluster.nodes[0].server;
    receipts_have_come(&cluster).await;
    let audit = book.audit(server, &cluster.smsc).await;
    book.audit_credits(server).await;
    book.audit_keys(server, 1 + book.asked.len() / 100).await;
    // The repetitions were charged nothing.
    book.audit_credits(server).await;
    eprintln!(
        "{rounds} rounds: {} accepted {shares:?}, {} arrived, {} doubles, 0 lost",
        book.accepted(),
        audit.texts,
        audit.doubles
    );
}

/// Every message has its receipt; where one has none for long, it is shown what became of it.
async fn receipts_have_come(cluster: &Cluster) {
    for (key, _) in KEYS {
        let api = cluster.nodes[0].api_with(key, PATIENCE);
        let mut left = Vec::new();
        let all = eventually("every message has its receipt", async || {
            let list = api.get("/v1/messages?status=sent").await.expect(200);
            left = list["messages"].as_array().unwrap().clone();
            left.is_empty().then_some(())
        });
        if tokio::time::timeout(PATIENCE * 2 / 3, all).await.is_err() {
            let shown = api.message(left[0]["id"].as_str().unwrap()).await;
            panic!("{} messages have no receipt, among them {shown:#}", left.len());
        }
    }
}

/// kill -9 of one and SIGSTOP of another at the same time. The third sends what both had, and the second finds out when it goes on.
async fn one_is_killed_and_one_is_stopped(
    cluster: &mut Cluster,
    callers: &mut Callers,
    [dies, stops]: [usize; 2],
) {
    let mut texts = callers.heap_on(cluster, dies, 180).await;
    let some = texts[texts.len() / 4..][..1].to_vec();
    texts.extend(callers.heap_on(cluster, stops, 120).await);
    cluster.until_arrived(&some).await;
    let (before, anew) = (Sightings::of(cluster).doubles(), cluster.nodes[stops].begun_anew());
    let begin = Instant::now();
    cluster.nodes[stops].signal("-STOP");
    cluster.nodes[dies].server.kill();
    cluster.until_arrived(&texts).await;
    let (took, goes_on) = (begin.elapsed(), Instant::now());
    let taken_over = Sightings::of(cluster).taken_over(&texts, usize::MAX, begin);
    cluster.nodes[stops].signal("-CONT");
    let node = &cluster.nodes[stops];
    eventually("it has found out", async || (node.begun_anew() > anew).then_some(())).await;
    node.is_ready().await;
    callers.until_accepted(Some(stops), goes_on).await;
    cluster.serve(dies).await;
    callers.until_accepted(Some(dies), goes_on).await;
    cluster.until_few_wait(FEW).await;
    let after = Sightings::of(cluster);
    let (doubles, late) = (after.doubles() - before, after.sent_late(stops, goes_on));
    eprintln!(
        "node {dies} killed, node {stops} stopped: taken over after {:?}, all sent after {took:?}; {doubles} doubles, {late} of them sent by \
         the stopped one when it went on",
        taken_over.map(|at| at - begin),
    );
    assert!(late <= UNDER_WAY, "{late} were sent by it after another had sent them");
    assert!(doubles <= 2 * (UNDER_WAY + UNRECORDED), "{doubles} doubles");
}

/// It goes on sending for as long as its lease lasts, which it sees by its own clock, and not a moment longer than others wait.
async fn one_is_cut_off_from_the_database(cluster: &Cluster, callers: &mut Callers, node: usize) {
    // It must not be done before its lease ends.
    cluster.smsc.change(|behaviour| behaviour.answer_delay = 3 * ANSWER_DELAY);
    let texts = callers.heap_on(cluster, node, 450).await;
    cluster.until_arrived(&texts[..1]).await;
    let (before, anew) = (Sightings::of(cluster).doubles(), cluster.nodes[node].begun_anew());
    let begin = Instant::now();
    cluster.network.pull(&cluster.nodes[node].machine, Side::Inner);
    eventually("others take over", async || Sightings::of(cluster).taken_over(&texts, node, begin)).await;
    cluster.smsc.change(|behaviour| behaviour.answer_delay = ANSWER_DELAY / 3);
    cluster.until_arrived(&texts).await;
    cluster.smsc.change(|behaviour| behaviour.answer_delay = ANSWER_DELAY);
    let (took, healed, seen) = (begin.elapsed(), Instant::now(), Sightings::of(cluster));
    let taken_over = seen.taken_over(&texts, node, begin).expect("others have sent some of it");
    let alone = seen.sent(node, begin, taken_over);
    let too_late = seen.sent(node, taken_over, healed);
    cluster.network.plug(&cluster.nodes[node].machine, Side::Inner);
    let it = &cluster.nodes[node];
    eventually("it has found out", async || (it.begun_anew() > anew).then_some(())).await;
    it.is_ready().await;
    let again = callers.until_accepted(Some(node), healed).await;
    // What others took over and it had sent is sent a second time before anything else is looked at.
    cluster.until_few_wait(FEW).await;
    let after = Sightings::of(cluster);
    let (doubles, late) = (after.doubles() - before, after.sent_late(node, healed));
    eprintln!(
        "node {node} cut off from the database: it sent {alone} by itself, others took over after {:?}, all sent after {took:?}, ready \
         {again:?} after it was connected again; {doubles} doubles",
        taken_over - begin,
    );
    assert_eq!(too_late, 0, "sent by it after others had taken over");
    assert_eq!(late, 0, "sent by it when it was connected again");
    // What it sent and could not record is all that can have been sent twice.
    assert!(doubles <= alone + UNDER_WAY + UNRECORDED, "{doubles} doubles, {alone} sent by it alone");
}

/// Everybody waits, and nobody is taken for gone.
async fn the_database_is_restarted(cluster: &mut Cluster, callers: &Callers) {
    let (before, anew) = (Sightings::of(cluster).doubles(), all_begun_anew(cluster));
    let begin = Instant::now();
    cluster.primary.0.stop("INT");
    cluster.primary.0.start_again();
    let (away, back) = (begin.elapsed(), Instant::now());
    let first = callers.until_accepted(None, back).await;
    let mut last = first;
    for node in 0..cluster.nodes.len() {
        last = last.max(callers.until_accepted(Some(node), back).await);
    }
    let doubles = Sightings::of(cluster).doubles() - before;
    eprintln!(
        "the database restarted, away for {away:?}: the first accepts {first:?} after it is back, the last {last:?}; {doubles} doubles"
    );
    if begin.elapsed() < LEASE {
        assert_eq!((doubles, all_begun_anew(cluster)), (0, anew), "nobody was taken for gone");
    }
}

/// The machine of the database is gone without a word, and the standby is promoted.
async fn the_standby_takes_over(cluster: &mut Cluster, callers: &Callers) {
    let (before, anew) = (Sightings::of(cluster).doubles(), all_begun_anew(cluster));
    let begin = Instant::now();
    cluster.fail_over();
    let promoted = Instant::now();
    let first = callers.until_accepted(None, promoted).await;
    let mut last = first;
    for node in 0..cluster.nodes.len() {
        last = last.max(callers.until_accepted(Some(node), promoted).await);
    }
    for node in &cluster.nodes {
        // Nobody who reads waits until the system believes that the machine is gone.
        let api = node.api_with(KEYS[0].0, PATIENCE / 3);
        api.get("/v1/messages?limit=1").await.expect(200);
    }
    cluster.until_few_wait(FEW).await;
    let (doubles, anew) = (Sightings::of(cluster).doubles() - before, all_begun_anew(cluster) - anew);
    eprintln!(
        "the standby promoted {:?} after the primary was gone: the first accepts {first:?} after that, the last {last:?}; {doubles} doubles, \
         {anew} nodes taken for gone",
        promoted - begin
    );
}

fn all_begun_anew(cluster: &Cluster) -> usize {
    cluster.nodes.iter().map(crate::cluster::Node::begun_anew).sum()
}
