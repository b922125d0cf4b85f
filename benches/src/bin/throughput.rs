//! Generator, gateway and SMSC together: how many messages a second, and how long from the API call to the SMSC's socket.
//!
//!     benches/throughput                     all of it
//!     benches/throughput --only latency      one part
//!
//! The gateway is the release binary in its own process, with every message synced to disk before its 202. Generator and SMSC
//! share another process. The store goes to --dir, which must be on a real disk.

#![allow(clippy::print_stdout)] // its output is its purpose

use clap::Parser;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use textgate_benches::gateway::{Gateway, KEY};
use textgate_benches::generator::{Connection, index, message};
use textgate_benches::latencies::Latencies;
use textgate_simulator::{Receipts, Smsc, SmscOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

#[derive(Parser)]
struct Options {
    /// The binary under test
    #[arg(long, default_value = "target/release/textgate")]
    binary: PathBuf,
    /// Where the store goes
    #[arg(long, default_value = "target")]
    dir: PathBuf,
    /// Seconds for each part
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Connections of the closed loops
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Messages a second of the open loop
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Further lines of the SMPP gateway's settings
    #[arg(long, default_value = "window = 100")]
    settings: String,
    /// Only this part: single, batch or latency
    #[arg(long)]
    only: Option<String>,
    /// Ask the SMSC for receipts
    #[arg(long)]
    receipts: bool,
}

/// Most messages of one part.
const MOST: usize = 4_000_000;

/// When each message's request began and when it came to the SMSC, in nanoseconds since the start, 0 for never.
struct Times {
    start: Instant,
    begun: Vec<AtomicU64>,
    arrived: Vec<AtomicU64>,
    arrivals: AtomicUsize,
}

impl Times {
    fn new() -> Arc<Self> {
        let zeros = || (0..MOST).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            start: Instant::now(),
            begun: zeros(),
            arrived: zeros(),
            arrivals: AtomicUsize::new(0),
        })
    }

    fn at(&self, when: Instant) -> u64 {
        u64::try_from(when.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    fn begin(&self, n: usize, when: Instant) {
        self.begun[n].store(self.at(when), Ordering::Relaxed);
    }

    fn arrive(&self, n: usize, when: Instant) {
        if let Some(slot) = self.arrived.get(n) {
            slot.store(self.at(when), Ordering::Relaxed);
        }
        self.arrivals.fetch_add(1, Ordering::Relaxed);
    }

    /// Latencies of the messages `from..to`, and how many never came.
    fn latencies(&self, from: usize, to: usize) -> (Latencies, usize) {
        let (mut latencies, mut missing) = (Latencies::default(), 0);
        for n in from..to {
            let (begun, arrived) =
                (self.begun[n].load(Ordering::Relaxed), self.arrived[n].load(Ordering::Relaxed));
            match (begun, arrived) {
                (0, _) => {}
                (_, 0) => missing += 1,
                (begun, arrived) => latencies.add(Duration::from_nanos(arrived.saturating_sub(begun))),
            }
        }
        (latencies, missing)
    }
}

struct Bench {
    options: Options,
    times: Arc<Times>,
    gateway: Gateway,
    next: AtomicUsize,
    /// The generator's; the SMSC has its own thread.
    runtime: Runtime,
    _smsc: (Runtime, Smsc),
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let times = Times::new();
    let smsc_runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let arrivals = {
        let times = Arc::clone(&times);
        move |arrival: &textgate_simulator::Arrival<'_>| {
            let number = arrival.submit.destination_text().parse().unwrap_or(0);
            times.arrive(index(number), arrival.at);
        }
    };
    let smsc_options = SmscOptions { keep: 0, arrivals: Some(Arc::new(arrivals)), ..SmscOptions::default() };
    let smsc = smsc_runtime.block_on(Smsc::start(smsc_options))?;
    if !options.receipts {
        smsc.change(|behaviour| behaviour.receipts = Receipts::never());
    }
    let mut settings = options.settings.replace(';', "\n");
    if !options.receipts {
        settings.push_str("\nreceipts = false");
    }
    let gateway = Gateway::start(&options.binary, &options.dir, smsc.address(), &settings)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let bench =
        Bench { options, times, gateway, next: AtomicUsize::new(0), runtime, _smsc: (smsc_runtime, smsc) };
    let wants = |part: &str| bench.options.only.as_deref().is_none_or(|only| only == part);
    if wants("latency") {
        bench.latency()?;
    }
    if wants("single") {
        bench.closed_loop(1)?;
    }
    if wants("batch") {
        bench.closed_loop(100)?;
    }
    Ok(())
}

impl Bench {
    /// An open loop at a fixed rate: each message is begun when it is due, whether or not the one before it was answered.
    fn latency(&self) -> Result<(), Box<dyn Error>> {
        let (rate, seconds) = (self.options.rate, self.options.seconds);
        let total = usize::try_from(rate * seconds)?;
        let from = self.next.fetch_add(total, Ordering::Relaxed);
        let (address, times) = (self.gateway.address, Arc::clone(&self.times));
        let mut answers = Latencies::default();
        self.runtime.block_on(async {
            // Enough connections that one is always free at this rate.
            let mut free = Vec::new();
            for _ in 0..64 {
                free.push(Connection::open(address, "/v1/messages", KEY).await?);
            }
            // Warm: the first message of each connection is not measured.
            let (back, mut returned) = tokio::sync::mpsc::unbounded_channel();
            let begin = Instant::now() + Duration::from_millis(100);
            let mut tasks = JoinSet::new();
            for n in 0..total {
                let due = begin + Duration::from_secs_f64(n as f64 / rate as f64);
                // To the millisecond, as timers go: spinning for more would take a core from what is measured.
                tokio::time::sleep_until(due.into()).await;
                while let Ok(connection) = returned.try_recv() {
                    free.push(connection);
                }
                let mut connection = match free.pop() {
                    Some(connection) => connection,
                    None => returned.recv().await.ok_or("the connections are gone")?,
                };
                let (times, back) = (Arc::clone(&times), back.clone());
                tasks.spawn(async move {
                    let (status, begun) = connection.post(&message(from + n, "otp")).await?;
                    times.begin(from + n, begun);
                    let took = begun.elapsed();
                    let _ = back.send(connection);
                    if status == 202 {
                        Ok(took)
                    } else {
                        Err(std::io::Error::other(format!("status {status}")))
                    }
                });
            }
            while let Some(done) = tasks.join_next().await {
                answers.add(done??);
            }
            Ok::<_, Box<dyn Error>>(())
        })?;
        self.wait_for_arrivals(from + total);
        let (mut latencies, missing) = self.times.latencies(from, from + total);
        println!(
            "latency at {rate}/s, open loop, {seconds} s: API call to submit_sm p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms; \
             API call to 202 p50 {:.2} ms, p99 {:.2} ms; {missing} missing",
            latencies.percentile_ms(0.5),
            latencies.percentile_ms(0.99),
            latencies.percentile_ms(0.999),
            answers.percentile_ms(0.5),
            answers.percentile_ms(0.99),
        );
        Ok(())
    }

    /// Connections with one request outstanding each, of `batch` messages.
    fn closed_loop(&self, batch: usize) -> Result<(), Box<dyn Error>> {
        let from = self.next.load(Ordering::Relaxed);
        let arrived_before = self.times.arrivals.load(Ordering::Relaxed);
        let (cpu, begin) = (self.gateway.cpu_s(), Instant::now());
        let end = begin + Duration::from_secs(self.options.seconds);
        let accepted = Arc::new(AtomicUsize::new(0));
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            let connections = if batch == 1 { self.options.connections } else { 8 };
            for _ in 0..connections {
                let path = if batch == 1 { "/v1/messages" } else { "/v1/messages/batch" };
                let mut connection = Connection::open(self.gateway.address, path, KEY).await?;
                let (times, accepted) = (Arc::clone(&self.times), Arc::clone(&accepted));
                // The tasks end before this returns; a shared counter hands out the numbers.
                let next = NEXT.get_or_init(|| AtomicUsize::new(0));
                next.store(from, Ordering::Relaxed);
                tasks.spawn(async move {
                    while Instant::now() < end {
                        let first = next.fetch_add(batch, Ordering::Relaxed);
                        if first + batch >= MOST {
                            break;
                        }
                        let body = if batch == 1 {
                            message(first, "text")
                        } else {
                            let all: Vec<String> =
                                (first..first + batch).map(|n| message(n, "text")).collect();
                            format!(r#"{{"messages":[{}]}}"#, all.join(","))
                        };
                        let (status, begun) = connection.post(&body).await?;
                        if status / 100 == 2 {
                            accepted.fetch_add(batch, Ordering::Relaxed);
                            (first..first + batch).for_each(|n| times.begin(n, begun));
                        } else if status != 503 {
                            let answer = String::from_utf8_lossy(connection.answer()).into_owned();
                            return Err(std::io::Error::other(answer));
                        }
                    }
                    Ok(())
                });
            }
            while let Some(done) = tasks.join_next().await {
                done??;
            }
            Ok::<_, Box<dyn Error>>(())
        })?;
        let took = begin.elapsed().as_secs_f64();
        let accepted = accepted.load(Ordering::Relaxed);
        let in_time = self.times.arrivals.load(Ordering::Relaxed) - arrived_before;
        self.wait_for_arrivals(arrived_before + accepted);
        let drained = begin.elapsed().as_secs_f64();
        let to = NEXT.get().map_or(from, |next| next.load(Ordering::Relaxed));
        self.next.store(to, Ordering::Relaxed);
        let (mut latencies, missing) = self.times.latencies(from, to.min(MOST));
        let what =
            if batch == 1 { "one message a request".to_owned() } else { format!("batches of {batch}") };
        println!(
            "{what}, {took:.0} s: accepted {:.0}/s, at the SMSC {:.0}/s meanwhile, {:.0}/s to the last; p50 {:.2} ms, \
             p99 {:.2} ms; {missing} missing; gateway {:.0} µs of processor a message, {} MiB resident",
            accepted as f64 / took,
            in_time as f64 / took,
            accepted as f64 / drained,
            latencies.percentile_ms(0.5),
            latencies.percentile_ms(0.99),
            (self.gateway.cpu_s() - cpu) * 1e6 / accepted.max(1) as f64,
            self.gateway.resident_kib() / 1024,
        );
        Ok(())
    }

    /// Until so many have come in all, or nothing comes any more.
    fn wait_for_arrivals(&self, wanted: usize) {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let arrived = self.times.arrivals.load(Ordering::Relaxed);
            if arrived >= wanted || (arrived == last && since.elapsed() > Duration::from_secs(10)) {
                return;
            }
            if arrived != last {
                (last, since) = (arrived, Instant::now());
            }
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        }
    }
}

/// The next message's number, for tasks that must not borrow.
static NEXT: std::sync::OnceLock<AtomicUsize> = std::sync::OnceLock::new();
