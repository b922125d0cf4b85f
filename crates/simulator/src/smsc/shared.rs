//! What all connections of one SMSC share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::behaviour::Behaviour;
use super::counters::Counters;
use super::options::{BindMode, Command, SmscOptions};
use super::outbox::Outbox;
use super::record::Recorder;
use crate::server::Serves;
use crate::sync::lock;
use crate::wait::Changes;

/// How many commands a connection may be behind.
const COMMANDS: usize = 64;

/// A connection as the handle knows it.
pub(super) struct Connected {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) bound: Option<(String, BindMode)>,
}

pub(super) struct Shared {
    pub(super) options: SmscOptions,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) behaviour: watch::Sender<Arc<Behaviour>>,
    pub(super) counters: Counters,
    /// Told of every read and of ends of connections.
    pub(super) changes: Changes,
    pub(super) recorder: Recorder,
    pub(super) next_id: AtomicU64,
    pub(super) throttle: Throttle,
    pub(super) connections: Mutex<HashMap<u64, Connected>>,
    outboxes: Mutex<HashMap<String, Arc<Outbox>>>,
    orders: AtomicU64,
}

impl Shared {
    pub(super) fn new(options: SmscOptions, acceptor: Option<TlsAcceptor>) -> Self {
        Self {
            acceptor,
            behaviour: watch::Sender::new(Arc::new(options.behaviour.clone())),
            counters: Counters::default(),
            changes: Changes::new(),
            recorder: Recorder::new(options.keep, options.default_alphabet),
            next_id: AtomicU64::new(options.first_id),
            throttle: Throttle::default(),
            connections: Mutex::default(),
            outboxes: Mutex::default(),
            orders: AtomicU64::new(0),
            options,
        }
    }

    pub(super) fn connected(&self, number: u64) -> mpsc::Receiver<Command> {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        lock(&self.connections).insert(number, Connected { commands, bound: None });
        receiver
    }

    pub(super) fn bound(&self, number: u64, system_id: &str, mode: BindMode) {
        if let Some(connected) = lock(&self.connections).get_mut(&number) {
            connected.bound = Some((system_id.to_owned(), mode));
        }
    }

    pub(super) fn gone(&self, number: u64) {
        lock(&self.connections).remove(&number);
    }

    /// What waits for a system_id; it outlives its sessions.
    pub(super) fn outbox(&self, system_id: &str) -> Arc<Outbox> {
        let mut outboxes = lock(&self.outboxes);
        if let Some(outbox) = outboxes.get(system_id) {
            return Arc::clone(outbox);
        }
        // Names that peers make up must not grow this without end: what nobody uses and nothing waits in is forgotten.
        if outboxes.len() >= 1_000 {
            outboxes.retain(|_, outbox| Arc::strong_count(outbox) > 1 || outbox.len() > 0);
        }
        let outbox = Arc::new(Outbox::new());
        outboxes.insert(system_id.to_owned(), Arc::clone(&outbox));
        outbox
    }

    pub(super) fn waiting(&self) -> usize {
        lock(&self.outboxes).values().map(|outbox| outbox.len()).sum()
    }

    pub(super) fn next_order(&self) -> u64 {
        self.orders.fetch_add(1, Relaxed)
    }
}

impl Serves for Shared {
    fn turns_away(&self) -> bool {
        self.behaviour.borrow().turns_away
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, number: u64, stop: CancellationToken) {
        super::connection::serve(self, stream, number, stop).await;
    }
}

/// Counts submits in windows of one second, each beginning with the first submit after the last one's end.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Option<(Instant, u32)>>);

impl Throttle {
    pub(super) fn admits(&self, rate: u32, now: Instant) -> bool {
        let mut window = lock(&self.0);
        match window.as_mut() {
            Some((begun, count)) if now.duration_since(*begun) < Duration::from_secs(1) => {
                *count = count.saturating_add(1);
                *count <= rate
            }
            _ => {
                *window = Some((now, 1));
                rate > 0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_its_rate_a_second_admits_no_more_and_the_next_does() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let admitted = |at| throttle.admits(2, at);
        assert_eq!([admitted(now), admitted(now), admitted(now)], [true, true, false]);
        assert!(!admitted(now + Duration::from_millis(999)));
        assert!(admitted(now + Duration::from_secs(1)));
    }
}
