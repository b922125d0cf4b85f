//! Callers as they are behind a load balancer: each goes to its node, and to the next one where that does not answer.

use crate::cluster::Cluster;
use crate::kit::PATIENCE;
use crate::load::{Asked, Book, KEYS};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many callers each node has.
const PER_NODE: usize = 2;
/// Between two messages of a caller, so that the SMSC has time for what nodes leave.
const BREATH: Duration = Duration::from_millis(200);
/// How long a caller stays away from its node when that did not answer.
const AWAY: Duration = Duration::from_secs(1);
/// Numbers of the messages that come all at once are above this.
const BACKLOG: u64 = 1_000_000_001;

/// When a message was accepted, and by which node.
#[derive(Debug, Clone, Copy)]
pub struct Acceptance {
    pub node: usize,
    pub at: Instant,
}

/// Callers at work.
pub struct Callers {
    /// They end with this.
    calls: JoinSet<(Vec<Asked>, Vec<Asked>)>,
    ends: Arc<AtomicBool>,
    accepted: Arc<Mutex<Vec<Acceptance>>>,
    backlog: Vec<Asked>,
    next_backlog: u64,
}

impl Callers {
    /// They begin.
    pub fn begin(cluster: &Cluster) -> Self {
        let (next, ends) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let accepted = Arc::<Mutex<Vec<Acceptance>>>::default();
        let apis: Arc<Vec<_>> =
            Arc::new(cluster.nodes.iter().map(|node| KEYS.map(|(key, _)| node.api(key))).collect());
        let mut calls = JoinSet::new();
        for caller in 0..PER_NODE * apis.len() {
            let (apis, next, ends, accepted) = (apis.clone(), next.clone(), ends.clone(), accepted.clone());
            calls.spawn(async move {
                let home = caller % apis.len();
                let (mut done, mut node, mut away_since) = (Vec::new(), home, Instant::now());
                let mut unanswered = None;
                while !ends.load(SeqCst) {
                    if away_since.elapsed() > AWAY {
                        node = home;
                    }
                    let mut one = unanswered.take().unwrap_or_else(|| {
                        let number = next.fetch_add(1, SeqCst);
                        Asked { number, who: (number as usize / 2 + caller) % KEYS.len(), id: None }
                    });
                    match one.ask(&apis[node][one.who]).await {
                        Ok(()) => {
                            accepted.lock().unwrap().push(Acceptance { node, at: Instant::now() });
                            done.push(one);
                        }
                        Err(_) => {
                            (node, away_since) = ((node + 1) % apis.len(), Instant::now());
                            if one.has_key() { unanswered = Some(one) } else { done.push(one) }
                        }
                    }
                    tokio::time::sleep(BREATH).await;
                }
                (done, unanswered.into_iter().collect())
            });
        }
        Self { calls, ends, accepted, backlog: Vec::new(), next_backlog: BACKLOG }
    }

    /// So many messages for one node, all at once. Answers their texts: what the node will not have sent when it is gone.
    pub async fn heap_on(&mut self, cluster: &Cluster, node: usize, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for (who, (key, _)) in KEYS.iter().enumerate() {
            let share = (0..count / KEYS.len()).map(|_| {
                let number = self.next_backlog;
                // Odd ones are those without an Idempotency-Key, which a batch has none of.
                self.next_backlog += 2;
                Asked { number, who, id: None }
            });
            let mut share: Vec<Asked> = share.collect();
            let messages: Vec<Value> = share.iter().map(Asked::body).collect();
            let api = cluster.nodes[node].api_with(key, PATIENCE);
            let answer = api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
            for (one, result) in share.iter_mut().zip(answer["results"].as_array().unwrap()) {
                one.id = Some(result["message"]["id"].as_str().unwrap().to_owned());
                texts.push(one.text());
            }
            self.backlog.extend(share);
        }
        texts
    }

    /// Waits until any node, or this one, has accepted something that was not accepted by then; answers how long that took.
    pub async fn until_accepted(&self, by: Option<usize>, since: Instant) -> Duration {
        let first = crate::kit::eventually("messages are accepted again", async || {
            let accepted = self.accepted.lock().unwrap();
            accepted
                .iter()
                .find(|one| one.at > since && by.is_none_or(|node| node == one.node))
                .map(|one| one.at)
        });
        first.await - since
    }

    /// They end. What was not answered is asked again where it can be.
    pub async fn end(mut self, cluster: &Cluster) -> Book {
        self.ends.store(true, SeqCst);
        let mut book = Book::default();
        while let Some(call) = self.calls.join_next().await {
            let (done, unanswered) = call.unwrap();
            book.asked.extend(done);
            for mut one in unanswered {
                one.ask(&cluster.nodes[0].api_with(KEYS[one.who].0, PATIENCE)).await.unwrap();
                book.asked.push(one);
            }
        }
        book.asked.extend(self.backlog);
        book
    }

    /// How many each node has accepted.
    pub fn shares(&self) -> HashMap<usize, usize> {
        let mut shares = HashMap::new();
        for one in &*self.accepted.lock().unwrap() {
            *shares.entry(one.node).or_default() += 1;
        }
        shares
    }
}
