//! How soon a receipt finds its message among all those of the last days, by how many there are.
//!
//!     benches/receipts                                10,000 and 1,000,000 messages
//!     benches/receipts --messages 10000,10000000
//!
//! Every message was sent within the last three days and still waits for its receipt, so each id is one that has to be looked
//! for. A call's time is what the provider waits for before it gets its 200: looking the message up, writing what follows, and the sync.

#![allow(clippy::print_stdout)] // its output is its purpose

use clap::Parser;
use std::error::Error;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use textgate_benches::latencies::Latencies;
use textgate_benches::stored::{number, stored_text};
use textgate_sms::{GatewayId, IdSequence, MessageId, MessageState, OutcomeClass, ReceiptState, VsId};
use textgate_store::{
    Event, Finished, NewMessage, ReceiptRecord, SqliteOptions, SqliteStore, Store, Transition,
};

#[derive(Parser)]
struct Options {
    /// Where the stores go
    #[arg(long, default_value = "target")]
    dir: PathBuf,
    /// Numbers of messages, with commas between
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000])]
    messages: Vec<u64>,
    /// Calls that are measured, of each size
    #[arg(long, default_value_t = 1_000)]
    calls: u64,
}

/// Messages written in one transaction.
const AT_ONCE: u64 = 2_000;
/// How far back the messages reach: receipts are waited for a little longer.
const REACH_MS: u64 = 72 * 3_600_000;
const GATEWAY: GatewayId = GatewayId(1);

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    for messages in options.messages.iter().copied() {
        measure(&options, messages)?;
    }
    Ok(())
}

fn measure(options: &Options, messages: u64) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir_in(&options.dir)?;
    let path = dir.path().join("textgate.db");
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let begun = Instant::now();
    runtime.block_on(fill(&path, messages, now_ms))?;
    let filled = begun.elapsed();
    let size = std::fs::metadata(&path)?.len();
    println!("{messages} messages ({} MiB), written in {:.0} s", size >> 20, filled.as_secs_f64());
    // Opened anew: nothing of what was written is in its cache.
    let store = SqliteStore::open(&path, SqliteOptions::default())?;
    runtime.block_on(async {
        let mut next = Stride::new(messages);
        for size in [1, 100] {
            let mut latencies = Latencies::default();
            for _ in 0..options.calls.min(messages / size) {
                let receipts: Vec<ReceiptRecord> =
                    (0..size).map(|_| receipt(next.step(), now_ms)).collect();
                let begun = Instant::now();
                let matched = store.record_receipts(receipts).await?;
                latencies.add(begun.elapsed() / u32::try_from(size)?);
                if matched.iter().any(Option::is_none) {
                    return Err("a receipt did not find its message".into());
                }
            }
            println!(
                "  {size} a call, {} calls: {:.3} ms a receipt at the median, {:.3} ms at the 99th percentile",
                latencies.len(),
                latencies.percentile_ms(0.5),
                latencies.percentile_ms(0.99),
            );
        }
        store.close().await?;
        Ok(())
    })
}

/// Goes through all messages in an order that knows no neighbours, each once.
struct Stride {
    at: u64,
    by: u64,
    of: u64,
}

impl Stride {
    fn new(of: u64) -> Self {
        // A step without a divisor in common with the length meets every message.
        let by = (of * 618 / 1_000..).find(|by| gcd(*by, of) == 1).unwrap_or(1);
        Self { at: 0, by, of }
    }

    fn step(&mut self) -> u64 {
        self.at = (self.at + self.by) % self.of;
        self.at
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Writes messages that were sent, as the gateway would have.
async fn fill(path: &std::path::Path, messages: u64, now_ms: i64) -> Result<(), Box<dyn Error>> {
    let store = SqliteStore::open(path, SqliteOptions::default())?;
    let mut ids = IdSequence::new(0, MessageId::from_u64(0));
    for first in (0..messages).step_by(usize::try_from(AT_ONCE)?) {
        let batch: Vec<NewMessage> = (first..(first + AT_ONCE).min(messages))
            .filter_map(|n| {
                let before_ms = REACH_MS - REACH_MS / messages * n;
                stored_text(VsId(2), ids.next(now_ms - i64::try_from(before_ms).ok()?), n)
            })
            .collect();
        let sent = batch.iter().zip(first..).map(|(message, n)| sent(message, n)).collect();
        store.accept(batch).await?;
        store.record(sent).await?;
    }
    Ok(store.close().await?)
}

/// What the provider calls it: of no order, as providers' ids are.
fn provider_id(n: u64) -> Box<str> {
    format!("{:016x}", (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).into()
}

fn sent(message: &NewMessage, n: u64) -> Finished {
    let at_ms = message.id.accepted_ms() + 2;
    Finished {
        id: message.id,
        attempt: Some(Event::Attempt {
            at_ms,
            took_ms: 1,
            gateway: GATEWAY,
            class: OutcomeClass::Sent,
            detail: "".into(),
            provider_ids: [provider_id(n)].into_iter().collect(),
        }),
        receipt_ids: [canonical(n)].into_iter().collect(),
        transition: Some(Transition {
            to: MessageState::Sent,
            at_ms,
            reason: "main: sent".into(),
            erase_text: true,
            refund: false,
        }),
    }
}

/// The id as receipts are looked up by: without leading zeros.
fn canonical(n: u64) -> Box<str> {
    provider_id(n).trim_start_matches('0').into()
}

fn receipt(n: u64, now_ms: i64) -> ReceiptRecord {
    ReceiptRecord {
        gateway: GATEWAY,
        candidates: [canonical(n)].into_iter().collect(),
        number: number(n),
        state: ReceiptState::Delivered,
        error: None,
        at_ms: now_ms,
    }
}
