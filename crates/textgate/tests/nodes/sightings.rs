//! What the SMSC saw of each message: when, and from which node.

use crate::cluster::Cluster;
use std::collections::HashMap;
use std::time::Instant;

/// One arrival of a message's first segment.
#[derive(Debug, Clone, Copy)]
pub struct Sighting {
    /// The node that sent it, where that can be told.
    pub node: Option<usize>,
    pub at: Instant,
}

/// Every message, and its arrivals in their order.
pub struct Sightings(HashMap<String, Vec<Sighting>>);

impl Sightings {
    /// Up to now.
    pub fn of(cluster: &Cluster) -> Self {
        let mut all: HashMap<String, Vec<Sighting>> = HashMap::new();
        for message in cluster.smsc.messages() {
            let sighting = Sighting { node: cluster.sender(message.first.peer), at: message.first.at };
            all.entry(message.text.clone()).or_default().push(sighting);
        }
        all.values_mut().for_each(|of| of.sort_by_key(|one| one.at));
        Self(all)
    }

    /// How many arrivals were not the first of their message.
    pub fn doubles(&self) -> usize {
        self.0.values().map(|of| of.len() - 1).sum()
    }

    /// When another node than this one first sent one of these.
    pub fn taken_over(&self, texts: &[String], from: usize, since: Instant) -> Option<Instant> {
        let arrivals = texts.iter().filter_map(|text| self.0.get(text)).flatten();
        arrivals.filter(|one| one.at > since && one.node != Some(from)).map(|one| one.at).min()
    }

    /// What this node sent in between.
    pub fn sent(&self, by: usize, from: Instant, to: Instant) -> usize {
        let all = self.0.values().flatten();
        all.filter(|one| one.node == Some(by) && one.at > from && one.at < to).count()
    }

    /// What this node sent after then although another had sent it before.
    pub fn sent_late(&self, by: usize, since: Instant) -> usize {
        let late = |of: &Vec<Sighting>| {
            let other = of.iter().position(|one| one.node != Some(by));
            other.map_or(0, |at| of[at..].iter().filter(|one| one.node == Some(by) && one.at > since).count())
        };
        self.0.values().map(late).sum()
    }
}
