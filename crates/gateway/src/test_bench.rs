//! What the tests of gateways share: a bench that gives work and takes what comes back.

use crate::{Gateway, Health, Inbound, NetworkGuard, NotKept, Outcome, Receipt, Stop, Submission, Work};
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Nothing here takes that long, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("no {what}"))
}

/// Work for one gateway in three lanes, and what came back.
pub struct Bench {
    pub work: Arc<BenchWork>,
    outcomes: mpsc::UnboundedReceiver<(Box<Submission>, Outcome)>,
    receipts: mpsc::UnboundedReceiver<Vec<Receipt>>,
    inbound: mpsc::UnboundedReceiver<Inbound>,
    pub gateway: Arc<dyn Gateway>,
    pub stop: CancellationToken,
    pub run: tokio::task::JoinHandle<()>,
}

pub struct BenchWork {
    lanes: Mutex<[VecDeque<Box<Submission>>; 3]>,
    ready: Notify,
    outcomes: mpsc::UnboundedSender<(Box<Submission>, Outcome)>,
    receipts: mpsc::UnboundedSender<Vec<Receipt>>,
    inbound: mpsc::UnboundedSender<Inbound>,
    health: Mutex<Vec<Health>>,
    health_changed: Notify,
    /// Calls that may end; all where it is never closed.
    pub keeping: Semaphore,
    pub keeps: AtomicBool,
    /// What was told, in order: "done" or "receipts".
    pub told: Mutex<Vec<&'static str>>,
}

impl Work for BenchWork {
    fn take(&self, room: usize, into: &mut Vec<Box<Submission>>) {
        let mut lanes = self.lanes.lock().unwrap();
        let mut left = room;
        for lane in lanes.iter_mut() {
            let count = left.min(lane.len());
            into.extend(lane.drain(..count));
            left -= count;
        }
        if lanes.iter().any(|lane| !lane.is_empty()) {
            self.ready.notify_one();
        }
    }

    fn ready(&self) -> &Notify {
        &self.ready
    }

    fn done(&self, finished: &mut Vec<(Box<Submission>, Outcome)>) {
        self.told.lock().unwrap().push("done");
        for one in finished.drain(..) {
            let _ = self.outcomes.send(one);
        }
    }

    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'_, Result<(), NotKept>> {
        Box::pin(async move {
            self.told.lock().unwrap().push("receipts");
            let _ = self.receipts.send(receipts);
            self.keep().await
        })
    }

    fn inbound(&self, inbound: Inbound) -> BoxFuture<'_, Result<(), NotKept>> {
        Box::pin(async move {
            let _ = self.inbound.send(inbound);
            self.keep().await
        })
    }

    fn health(&self, health: Health) {
        self.health.lock().unwrap().push(health);
        self.health_changed.notify_one();
    }
}

impl BenchWork {
    async fn keep(&self) -> Result<(), NotKept> {
        self.keeping.acquire().await.unwrap().forget();
        if self.keeps.load(Ordering::SeqCst) { Ok(()) } else { Err(NotKept("full".into())) }
    }

    /// How many nobody took yet.
    pub fn waiting(&self) -> usize {
        self.lanes.lock().unwrap().iter().map(VecDeque::len).sum()
    }

    pub fn health_so_far(&self) -> Vec<Health> {
        self.health.lock().unwrap().clone()
    }

    /// Waits for a state of health that was not asked for before.
    pub async fn until(&self, wanted: impl Fn(&Health) -> bool) -> Health {
        soon("such health", async {
            loop {
                if let Some(found) = self.health.lock().unwrap().iter().find(|health| wanted(health)) {
                    return found.clone();
                }
                self.health_changed.notified().await;
            }
        })
        .await
    }
}

/// A guard that lets tests reach this machine.
pub fn local() -> NetworkGuard {
    NetworkGuard::allowing(["127.0.0.0/8".parse().unwrap()])
}

impl Bench {
    /// Runs this gateway.
    pub fn with(gateway: Arc<dyn Gateway>) -> Self {
        let (outcome_sender, outcomes) = mpsc::unbounded_channel();
        let (receipt_sender, receipts) = mpsc::unbounded_channel();
        let (inbound_sender, inbound) = mpsc::unbounded_channel();
        let work = Arc::new(BenchWork {
            lanes: Mutex::default(),
            ready: Notify::new(),
            outcomes: outcome_sender,
            receipts: receipt_sender,
            inbound: inbound_sender,
            health: Mutex::default(),
            health_changed: Notify::new(),
            keeping: Semaphore::new(Semaphore::MAX_PERMITS),
            keeps: AtomicBool::new(true),
            told: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let drain = Duration::from_millis(500);
        let run = tokio::spawn(gateway.clone().run(work.clone(), Stop::new(stop.clone(), drain)));
        Self { work, outcomes, receipts, inbound, gateway, stop, run }
    }

    pub fn submit(&self, submission: Submission) {
        let lane = usize::from(submission.kind.code());
        self.work.lanes.lock().unwrap()[lane].push_back(Box::new(submission));
        self.work.ready.notify_one();
    }

    pub async fn outcome(&mut self) -> Outcome {
        self.finished().await.1
    }

    pub async fn finished(&mut self) -> (Box<Submission>, Outcome) {
        soon("outcome", self.outcomes.recv()).await.expect("an outcome")
    }

    pub fn has_outcome(&mut self) -> bool {
        !self.outcomes.is_empty()
    }

    pub async fn receipts(&mut self) -> Vec<Receipt> {
        soon("receipts", self.receipts.recv()).await.expect("receipts")
    }

    pub async fn inbound(&mut self) -> Inbound {
        soon("inbound message", self.inbound.recv()).await.expect("an inbound message")
    }

    pub async fn ended(self) {
        soon("end of the run", self.run).await.unwrap();
    }
}

pub fn in_ms(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}
