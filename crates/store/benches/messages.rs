//! What a message costs in the SQLite store: `cargo bench -p textgate-store [-- HISTORY] [life]`.
//!
//! Callers accept one message per call, so many at once; then each message is recorded as sent, and gets one receipt. Prints the
//! rate, the writer thread's CPU time per message, and the time a caller waits. With `life` only whole lives are
//! measured. With HISTORY, so many finished messages
//! are put in first, and it is seen whether they make a difference.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use smallvec::smallvec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use textgate_sms::*;
use textgate_store::*;

const T: i64 = 1_800_000_000_000;
const GATEWAY: GatewayId = GatewayId(1);

fn id(n: u64) -> MessageId {
    // 20 messages a millisecond.
    MessageId::from_u64(MessageId::first_at(T).as_u64() + ((n / 20) << 21) + n % 20)
}

fn message(n: u64) -> NewMessage {
    NewMessage {
        id: id(n),
        vs: VsId(2),
        to: PhoneNumber::from_u64(15_550_000_000 + n).unwrap(),
        kind: Kind::Otp,
        // Nonce and tag of a sealed text, and a text of 60 characters.
        sealed_text: vec![n as u8; 24 + 16 + 60],
        sender: None,
        flash: None,
        overwrite: None,
        reference: None,
        segments: 1,
        encoding: "smcdefault".into(),
        due_ms: None,
        expires_ms: T + 300_000,
        idempotency: None,
        payers: smallvec![VsId(2)],
        resend_of: None,
        passcode: None,
    }
}

fn sent(n: u64) -> Finished {
    let receipt_id: Box<str> = format!("{n:08x}").into();
    let transition = Transition {
        to: MessageState::Sent,
        at_ms: id(n).accepted_ms() + 2,
        reason: "taken by the gateway".into(),
        erase_text: true,
        refund: false,
    };
    let attempt = Event::Attempt {
        at_ms: id(n).accepted_ms() + 1,
        took_ms: 1,
        gateway: GATEWAY,
        class: OutcomeClass::Sent,
        detail: "ESME_ROK".into(),
        provider_ids: smallvec![receipt_id.clone()],
    };
    Finished {
        id: id(n),
        attempt: Some(attempt),
        receipt_ids: smallvec![receipt_id],
        transition: Some(transition),
    }
}

fn receipt(n: u64) -> ReceiptRecord {
    ReceiptRecord {
        gateway: GATEWAY,
        candidates: smallvec![format!("{n:08x}").into()],
        number: PhoneNumber::from_u64(15_550_000_000 + n),
        state: ReceiptState::Delivered,
        error: Some("000".into()),
        at_ms: id(n).accepted_ms() + 500,
    }
}

/// CPU time of the writer's thread so far.
fn writer_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    let of_writer = tasks.filter(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "textgate-write")
    });
    let cpu = of_writer.filter_map(|task| {
        let stat = std::fs::read_to_string(task.join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(cpu.sum())
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

struct Bench {
    store: Arc<SqliteStore>,
    commits: Arc<AtomicU64>,
    next: u64,
}

impl Bench {
    /// Runs `call` for `count` new messages, `callers` at once, and prints what it cost.
    async fn run<F: Future<Output = ()> + Send>(
        &mut self,
        name: &str,
        callers: u64,
        count: u64,
        call: impl Fn(Arc<SqliteStore>, u64) -> F + Copy + Send + 'static,
    ) {
        let (first, commits, cpu, began) =
            (self.next, self.commits.load(Ordering::Relaxed), writer_cpu(), Instant::now());
        self.next += count;
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let store = self.store.clone();
                tokio::spawn(async move {
                    let mut waits = Vec::new();
                    for n in (first + caller..first + count).step_by(callers as usize) {
                        let began = Instant::now();
                        call(store.clone(), n).await;
                        waits.push(began.elapsed());
                    }
                    waits
                })
            })
            .collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap());
        }
        // What lingers is part of it.
        self.store.record(vec![]).await.unwrap();
        let (took, cpu) = (began.elapsed(), writer_cpu() - cpu);
        waits.sort();
        let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "{name:<34} {:>8.0}/s  writer {:>6.2} µs each  {:>6} commits  wait p50 {:.2} p99 {:.2} max {:.1} ms",
            count as f64 / took.as_secs_f64(),
            cpu.as_secs_f64() * 1e6 / count as f64,
            self.commits.load(Ordering::Relaxed) - commits,
            at(0.5),
            at(0.99),
            at(1.0),
        );
    }
}

async fn accept(store: Arc<SqliteStore>, n: u64) {
    assert_eq!(store.accept(vec![message(n)]).await.unwrap(), [Accepted::New]);
}

async fn whole_life(store: Arc<SqliteStore>, n: u64) {
    accept(store.clone(), n).await;
    drop(store.record(vec![sent(n)]));
    // The receipt of a message that was sent a little earlier.
    if n >= 2_000 {
        drop(store.record_receipts(vec![receipt(n - 2_000)]));
    }
}

async fn at_500_a_second(bench: &mut Bench) {
    let (mut waits, cpu) = (Vec::new(), writer_cpu());
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    let mut tasks = Vec::new();
    for n in bench.next..bench.next + 2_500 {
        tick.tick().await;
        let store = bench.store.clone();
        tasks.push(tokio::spawn(async move {
            let began = Instant::now();
            accept(store.clone(), n).await;
            let wait = began.elapsed();
            drop(store.record(vec![sent(n)]));
            drop(store.record_receipts(vec![receipt(n.saturating_sub(100))]));
            wait
        }));
    }
    for task in tasks {
        waits.push(task.await.unwrap());
    }
    bench.next += 2_500;
    waits.sort();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let cpu = (writer_cpu() - cpu).as_secs_f64() * 1e6 / 2_500.0;
    println!(
        "accept at 500/s, records beside it: writer {cpu:.0} µs each, wait p50 {:.2} p99 {:.2} max {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn main() {
    let history: u64 = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(0);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("store");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let commits = Arc::new(AtomicU64::new(0));
        let counter = commits.clone();
        let observer: Observer = Arc::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let options = SqliteOptions { observer, ..SqliteOptions::default() };
        let store = Arc::new(SqliteStore::open(&path, options.clone()).unwrap());
        let changes = vec![
            Change::AddVirtualServer { id: VsId(2), parent: VsId::ROOT, name: "acme".into() },
            Change::Allocate { vs: VsId(2), allocation: Allocation::Total(1 << 40), note: String::new() },
        ];
        store.change("bench".into(), T, changes).await.unwrap();
        let mut bench = Bench { store, commits, next: 0 };
        if history > 0 {
            let began = Instant::now();
            for first in (0..history).step_by(1_000) {
                let store = &bench.store;
                let batch = first..first + 1_000;
                let accepted = store.accept(batch.clone().map(message).collect());
                drop(store.record(batch.clone().map(sent).collect()));
                drop(store.record_receipts(batch.map(receipt).collect()));
                accepted.await.unwrap();
            }
            bench.store.close().await.unwrap();
            let size = std::fs::metadata(&path).unwrap().len();
            println!("history of {history} in {:.1?}, {} octets each", began.elapsed(), size / history);
            bench.next = history;
            drop(std::mem::replace(&mut bench.store, {
                let began = Instant::now();
                let store = Arc::new(SqliteStore::open(&path, options).unwrap());
                store.newest().await.unwrap();
                store.unfinished(MessageId::from_u64(0), 1_000).await.unwrap();
                println!("opened with it in {:.1?}", began.elapsed());
                store
            }));
        }
        let only_life = std::env::args().any(|argument| argument == "life");
        if !only_life {
            at_500_a_second(&mut bench).await;
        }
        for callers in [1, 64, 256].into_iter().filter(|_| !only_life) {
            let count = if callers == 1 { 5_000 } else { 100_000 };
            bench.run(&format!("accept, {callers} callers"), callers, count, accept).await;
        }
        for callers in [64, 256] {
            let name = format!("accept, sent, receipt, {callers} callers");
            bench.run(&name, callers, 100_000, whole_life).await;
        }
        println!("resident {} MiB", resident_mib());
        bench.store.close().await.unwrap();
    });
}
