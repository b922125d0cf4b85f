//! Whether a long history costs anything: how soon the gateway is ready, and what a message costs, by how many came before.
//!
//!     benches/history                                10,000 and 1,000,000 messages
//!     benches/history --messages 10000,5000000

#![allow(clippy::print_stdout)] // its output is its purpose

use clap::Parser;
use smallvec::SmallVec;
use std::error::Error;
use std::path::{Path, PathBuf};
use textgate_benches::gateway::Gateway;
use textgate_benches::generator::Target;
use textgate_benches::load::Load;
use textgate_benches::sink::Sink;
use textgate_benches::stored::stored_text;
use textgate_sms::{GatewayId, IdSequence, MessageId, MessageState, OutcomeClass, VsId};
use textgate_store::{Event, Finished, NewMessage, SqliteOptions, SqliteStore, Store, Transition};

#[derive(Parser)]
struct Options {
    /// The binary under test
    #[arg(long, default_value = "target/release/textgate")]
    binary: PathBuf,
    /// Where the stores go
    #[arg(long, default_value = "target")]
    dir: PathBuf,
    /// Lengths of history, with commas between
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000])]
    messages: Vec<u64>,
    /// Seconds of load on each
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Messages written in one transaction.
const AT_ONCE: u64 = 2_000;
/// The virtual server that `apply` made: the first below the root.
const BENCH: VsId = VsId(2);

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut costs = Vec::new();
    for messages in &options.messages {
        costs.push((*messages, measure(&options, *messages)?));
    }
    if let (Some((least, first)), Some((most, last))) = (costs.first(), costs.last()) {
        println!(
            "processor time a message with {most} against {least} in history: {:.2} times",
            last / first
        );
    }
    Ok(())
}

fn measure(options: &Options, messages: u64) -> Result<f64, Box<dyn Error>> {
    let sink = Sink::start(false)?;
    let settings = "window = 100\nreceipts = false";
    let mut gateway = Gateway::start(&options.binary, &options.dir, sink.address(), settings)?;
    gateway.stop()?;
    fill(&gateway.data_dir().join("textgate.db"), messages)?;
    let size = std::fs::metadata(gateway.data_dir().join("textgate.db"))?.len();
    let ready = gateway.restart(&options.binary)?;
    let load = Load::new()?;
    let target = Target::Textgate(gateway.address);
    load.at_rate(target, &sink, 100, 1, "otp")?;
    let cpu = gateway.process.cpu_s();
    let mut full = load.at_full(target, &sink, 64, 1, options.seconds)?;
    let cost = (gateway.process.cpu_s() - cpu) * 1e6 / full.count.max(1) as f64;
    println!(
        "{messages} in history ({} MiB): ready in {} ms; {:.0}/s, {cost:.0} µs of processor a message, p50 {:.2} ms; {} MiB \
         resident",
        size >> 20,
        ready.as_millis(),
        full.arrived,
        full.to_smsc.percentile_ms(0.5),
        gateway.process.resident_kib() / 1024,
    );
    Ok(cost)
}

/// Writes messages that were sent long ago, as the gateway would have.
fn fill(path: &Path, messages: u64) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let store = SqliteStore::open(path, SqliteOptions::default())?;
    let begin_ms = 1_780_000_000_000;
    let mut ids = IdSequence::new(0, MessageId::from_u64(0));
    runtime.block_on(async {
        for first in (0..messages).step_by(AT_ONCE as usize) {
            let batch: Vec<NewMessage> = (first..(first + AT_ONCE).min(messages))
                .filter_map(|n| stored_text(BENCH, ids.next(begin_ms + n as i64), n))
                .collect();
            let sent = batch.iter().map(|message| sent(message, begin_ms)).collect();
            store.accept(batch).await?;
            store.record(sent).await?;
        }
        store.close().await
    })?;
    Ok(())
}

fn sent(message: &NewMessage, at_ms: i64) -> Finished {
    Finished {
        id: message.id,
        attempt: Some(Event::Attempt {
            at_ms,
            took_ms: 1,
            gateway: GatewayId(1),
            class: OutcomeClass::Sent,
            detail: "".into(),
            provider_ids: [Box::from("1234567890")].into_iter().collect(),
        }),
        receipt_ids: SmallVec::new(),
        transition: Some(Transition {
            to: MessageState::Sent,
            at_ms,
            reason: "main: sent".into(),
            erase_text: false,
            refund: false,
        }),
    }
}
