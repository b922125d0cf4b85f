//! How many submit_sm one bind sends, at what cost, and how soon a message that is ready is with the SMSC.
//!
//! `cargo bench -p textgate-gateway --bench smpp`. The SMSC is a sink on the loopback that answers each read at once; the
//! gateway has a thread of its own, whose CPU time is read from `/proc` (Linux).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench says what it measures, and ends at what it cannot"
)]

use futures_util::future::BoxFuture;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use textgate_gateway::{
    Environment, Health, Inbound, NetworkGuard, NotKept, Outcome, Overwrite, Plugin as _, Plugins, Receipt,
    Routing, SmppPlugin, Stop, Submission, Work,
};
use textgate_sms::{Kind, MessageId, OutcomeClass, PhoneNumber, VsId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

const TEXT: &str = "Your code is 123456. It is valid for 5 minutes; do not share it with anybody.";

fn main() {
    let sink = Sink::start();
    for window in [1, 10, 100] {
        throughput(&sink, window);
    }
    latency(&sink);
}

// === what is measured ===

fn throughput(sink: &Sink, window: usize) {
    let seconds = 3.0;
    let bench = Bench::start(sink, window, usize::MAX);
    bench.sent_within(Duration::from_secs(1)); // warm
    let (cpu, since) = (bench.cpu(), Instant::now());
    let sent = bench.sent_within(Duration::from_secs_f64(seconds));
    let (cpu, wall) = (bench.cpu() - cpu, since.elapsed().as_secs_f64());
    println!(
        "window {window:>3}: {:>7.0} submit_sm/s, {:.2} cores, {:.2} µs of CPU each",
        sent as f64 / wall,
        cpu / wall,
        cpu * 1e6 / sent as f64,
    );
    bench.stop();
}

fn latency(sink: &Sink) {
    let bench = Bench::start(sink, 100, 0);
    let mut arrivals = sink.arrivals.lock().unwrap();
    let mut taken = Vec::new();
    for _ in 0..5000 {
        while arrivals.try_recv().is_ok() {}
        let since = Instant::now();
        bench.work.left.fetch_add(1, Ordering::SeqCst);
        bench.work.ready.notify_one();
        let at = arrivals.blocking_recv().unwrap();
        taken.push(at.saturating_duration_since(since));
        // Let the answer come back, so that the bind is idle again.
        while bench.work.sent.load(Ordering::SeqCst) < taken.len() as u64 {
            std::hint::spin_loop();
        }
    }
    taken.sort_unstable();
    let at = |part: f64| taken[(taken.len() as f64 * part) as usize].as_secs_f64() * 1e6;
    println!("idle bind: from ready to read by the SMSC p50 {:.0} µs, p99 {:.0} µs", at(0.5), at(0.99));
    bench.stop();
}

// === the SMSC ===

struct Sink {
    port: u16,
    /// When each read with submits came, while somebody looks.
    arrivals: Mutex<mpsc::Receiver<Instant>>,
}

impl Sink {
    fn start() -> Self {
        let (port_sender, port) = std::sync::mpsc::channel();
        let (sender, arrivals) = mpsc::channel(1);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                port_sender.send(listener.local_addr().unwrap().port()).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(swallow(stream, sender.clone()));
                }
            });
        });
        Self { port: port.recv().unwrap(), arrivals: Mutex::new(arrivals) }
    }
}

/// Answers all requests of a read in one write.
async fn swallow(mut stream: TcpStream, arrivals: mpsc::Sender<Instant>) {
    stream.set_nodelay(true).unwrap();
    let mut octets = vec![0; 256 * 1024];
    let mut end = 0;
    let mut answers = Vec::new();
    while let Ok(count) = stream.read(&mut octets[end..]).await
        && count > 0
    {
        let now = Instant::now();
        end += count;
        let mut at = 0;
        let mut has_submits = false;
        while end - at >= 16 {
            let word = |from: usize| u32::from_be_bytes(octets[from..from + 4].try_into().unwrap());
            let length = word(at) as usize;
            if end - at < length {
                break;
            }
            let command = word(at + 4);
            has_submits |= command == 4;
            let body: &[u8] = if command == 4 { b"3b9aca00\0" } else { b"s\0" };
            if command & 0x8000_0000 == 0 {
                answers.extend_from_slice(&(16 + body.len() as u32).to_be_bytes());
                answers.extend_from_slice(&(command | 0x8000_0000).to_be_bytes());
                answers.extend_from_slice(&[0; 4]);
                answers.extend_from_slice(&octets[at + 12..at + 16]);
                answers.extend_from_slice(body);
            }
            at += length;
        }
        octets.copy_within(at..end, 0);
        end -= at;
        if stream.write_all(&answers).await.is_err() {
            return;
        }
        answers.clear();
        if has_submits {
            let _ = arrivals.try_send(now);
        }
    }
}

// === the bench ===

struct Bench {
    work: Arc<BenchWork>,
    stop: CancellationToken,
    thread: std::thread::JoinHandle<()>,
    stat: String,
}

struct BenchWork {
    /// How many more there are to take.
    left: std::sync::atomic::AtomicUsize,
    /// Boxes that came back, to be sent again.
    #[expect(clippy::vec_box, reason = "submissions travel boxed")]
    pool: Mutex<Vec<Box<Submission>>>,
    ready: Notify,
    sent: AtomicU64,
}

impl Work for BenchWork {
    fn take(&self, room: usize, into: &mut Vec<Box<Submission>>) {
        let mut pool = self.pool.lock().unwrap();
        let count = room.min(self.left.load(Ordering::SeqCst));
        if self.left.load(Ordering::SeqCst) != usize::MAX {
            self.left.fetch_sub(count, Ordering::SeqCst);
        }
        let now = Instant::now();
        for _ in 0..count {
            let mut submission = pool.pop().unwrap_or_else(|| Box::new(submission(now)));
            submission.valid_until = now + Duration::from_secs(300);
            submission.answer_by = now + Duration::from_secs(30);
            into.push(submission);
        }
    }

    fn ready(&self) -> &Notify {
        &self.ready
    }

    fn done(&self, finished: &mut Vec<(Box<Submission>, Outcome)>) {
        let sent = finished.iter().filter(|(_, outcome)| outcome.class == OutcomeClass::Sent).count();
        assert_eq!(sent, finished.len());
        self.pool.lock().unwrap().extend(finished.drain(..).map(|(submission, _)| submission));
        self.sent.fetch_add(sent as u64, Ordering::SeqCst);
    }

    fn receipts(&self, _: Vec<Receipt>) -> BoxFuture<'_, Result<(), NotKept>> {
        Box::pin(async { Ok(()) })
    }

    fn inbound(&self, _: Inbound) -> BoxFuture<'_, Result<(), NotKept>> {
        Box::pin(async { Ok(()) })
    }

    fn health(&self, health: Health) {
        assert!(!matches!(health, Health::Down { .. }), "{health:?}");
    }
}

impl Bench {
    fn start(sink: &Sink, window: usize, left: usize) -> Self {
        let plugins = Plugins::new(vec![Arc::new(SmppPlugin::new())]);
        let settings = json!({
            "system_id": "bench", "password": "bench", "host": "127.0.0.1", "port": sink.port, "window": window,
            "sender": "Acme",
        });
        let settings = plugins.check("smpp", &settings).unwrap();
        let network = NetworkGuard::allowing(["127.0.0.0/8".parse().unwrap()]);
        let gateway =
            SmppPlugin::new().build(&settings, &Environment { network, ..Environment::default() }).unwrap();
        let work = Arc::new(BenchWork {
            left: left.into(),
            pool: Mutex::default(),
            ready: Notify::new(),
            sent: AtomicU64::new(0),
        });
        let stop = CancellationToken::new();
        let told = Stop::new(stop.clone(), Duration::from_secs(5));
        let given = work.clone();
        let (sender, stat) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let this = std::fs::read_link("/proc/thread-self").unwrap_or_default();
            sender.send(format!("/proc/{}/stat", this.display())).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(gateway.run(given, told));
        });
        Self { work, stop, thread, stat: stat.recv().unwrap() }
    }

    fn sent_within(&self, time: Duration) -> u64 {
        let before = self.work.sent.load(Ordering::SeqCst);
        std::thread::park_timeout(time);
        self.work.sent.load(Ordering::SeqCst) - before
    }

    /// Seconds of CPU that the gateway's thread has used (proc(5): utime and stime, in hundredths).
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(&self.stat).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
    }

    fn stop(self) {
        self.stop.cancel();
        self.thread.join().unwrap();
    }
}

fn submission(now: Instant) -> Submission {
    Submission {
        id: MessageId::first_at(0),
        to: PhoneNumber::parse("15550100199").unwrap(),
        kind: Kind::Otp,
        text: TEXT.into(),
        sender: None,
        flash: None,
        overwrite: Overwrite::AsSet,
        valid_until: now,
        answer_by: now,
        is_test: false,
        routing: Routing::new(VsId::ROOT, VsId::ROOT, 1, now, i64::MAX),
    }
}
