//! The SMSC behind the gateway under test, and when each message came to it.

use crate::generator::index;
use crate::latencies::Latencies;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use textgate_simulator::{Receipts, Smsc, SmscOptions};
use tokio::runtime::{Builder, Runtime};

/// Most messages of one benchmark.
pub const MOST: usize = 8_000_000;

/// When each message's request began and when it came to the SMSC, in nanoseconds since the start, 0 for never.
pub struct Times {
    start: Instant,
    begun: Vec<AtomicU64>,
    arrived: Vec<AtomicU64>,
    arrivals: AtomicUsize,
    doubles: AtomicUsize,
}

impl Times {
    fn new() -> Arc<Self> {
        let zeros = || (0..MOST).map(|_| AtomicU64::new(0)).collect();
        let (arrivals, doubles) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { start: Instant::now(), begun: zeros(), arrived: zeros(), arrivals, doubles })
    }

    fn at(&self, when: Instant) -> u64 {
        u64::try_from(when.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    /// The request of message `n` began.
    pub fn begin(&self, n: usize, when: Instant) {
        if let Some(slot) = self.begun.get(n) {
            slot.store(self.at(when), Ordering::Relaxed);
        }
    }

    fn arrive(&self, n: usize, when: Instant) {
        if let Some(slot) = self.arrived.get(n)
            && slot.swap(self.at(when), Ordering::Relaxed) != 0
        {
            self.doubles.fetch_add(1, Ordering::Relaxed);
        }
        self.arrivals.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have arrived in all.
    pub fn arrivals(&self) -> usize {
        self.arrivals.load(Ordering::Relaxed)
    }

    /// How many of them had arrived before.
    pub fn doubles(&self) -> usize {
        self.doubles.load(Ordering::Relaxed)
    }

    /// Latencies of the messages `from..to`, and how many never came.
    pub fn latencies(&self, from: usize, to: usize) -> (Latencies, usize) {
        let (mut latencies, mut missing) = (Latencies::default(), 0);
        for n in from..to.min(MOST) {
            match (self.begun[n].load(Ordering::Relaxed), self.arrived[n].load(Ordering::Relaxed)) {
                (0, _) => {}
                (_, 0) => missing += 1,
                (begun, arrived) => latencies.add(Duration::from_nanos(arrived.saturating_sub(begun))),
            }
        }
        (latencies, missing)
    }
}

/// The SMSC, on a thread of its own.
pub struct Sink {
    /// What came when.
    pub times: Arc<Times>,
    /// The simulator.
    pub smsc: Smsc,
    _runtime: Runtime,
}

impl Sink {
    /// Starts it. Without `receipts` it sends none.
    ///
    /// # Errors
    /// It cannot listen on the loopback.
    pub fn start(receipts: bool) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let times = Times::new();
        let noted = Arc::clone(&times);
        let arrivals = move |arrival: &textgate_simulator::Arrival<'_>| {
            let number = arrival.submit.destination_text().trim_start_matches('+').parse().unwrap_or(0);
            noted.arrive(index(number), arrival.at);
        };
        let options = SmscOptions { keep: 0, arrivals: Some(Arc::new(arrivals)), ..SmscOptions::default() };
        let smsc = runtime.block_on(Smsc::start(options))?;
        if !receipts {
            smsc.change(|behaviour| behaviour.receipts = Receipts::never());
        }
        Ok(Self { times, smsc, _runtime: runtime })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.smsc.address()
    }

    /// Waits until so many have arrived in all, or nothing comes any more for 10 s.
    pub fn wait_for(&self, wanted: usize) {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let arrived = self.times.arrivals();
            if arrived >= wanted || (arrived == last && since.elapsed() > Duration::from_secs(10)) {
                return;
            }
            if arrived != last {
                (last, since) = (arrived, Instant::now());
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}
