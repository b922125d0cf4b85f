//! What a backlog costs: memory, and the time of a passcode sent while texts wait for the same gateway.
//!
//!     benches/backlog
//!
//! The SMSC answers each submit_sm after --answer-ms, so that the texts wait long enough to be waited behind.

#![allow(clippy::print_stdout)] // its output is its purpose

use clap::Parser;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use textgate_benches::gateway::Gateway;
use textgate_benches::generator::Target;
use textgate_benches::load::Load;
use textgate_benches::sink::Sink;

#[derive(Parser)]
struct Options {
    /// The binary under test
    #[arg(long, default_value = "target/release/textgate")]
    binary: PathBuf,
    /// Where the store goes
    #[arg(long, default_value = "target")]
    dir: PathBuf,
    /// Texts that wait
    #[arg(long, default_value_t = 100_000)]
    texts: usize,
    /// How long the SMSC takes to answer (ms)
    #[arg(long, default_value_t = 100)]
    answer_ms: u64,
    /// Passcodes a second
    #[arg(long, default_value_t = 100)]
    rate: u64,
    /// Seconds of passcodes
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let sink = Sink::start(false)?;
    sink.smsc.change(|behaviour| behaviour.answer_delay = Duration::from_millis(options.answer_ms));
    let gateway =
        Gateway::start(&options.binary, &options.dir, sink.address(), "window = 100\nreceipts = false")?;
    let (load, target) = (Load::new()?, Target::Textgate(gateway.address));
    load.at_rate(target, &sink, 50, 1, "otp")?;
    let idle = gateway.process.resident_kib();
    let mut without = load.at_rate(target, &sink, options.rate, options.seconds, "otp")?;

    let before = sink.times.arrivals();
    let accepted = load.exactly(target, &sink, 8, 100, options.texts)?;
    let waiting = || accepted - (sink.times.arrivals() - before).min(accepted);
    println!(
        "{accepted} texts accepted, {} wait: {} MiB resident ({} MiB before)",
        waiting(),
        gateway.process.resident_kib() / 1024,
        idle / 1024
    );
    let mut with = load.at_rate_amid(target, &sink, options.rate, options.seconds, "otp")?;
    println!("{} texts wait still; {} MiB at the most", waiting(), gateway.process.peak_kib() / 1024);
    for (name, at) in [("without a backlog", &mut without), ("behind it", &mut with)] {
        println!(
            "passcodes at {}/s {name}: API call to submit_sm p50 {:.2} ms, p99 {:.2} ms; {} missing",
            options.rate,
            at.to_smsc.percentile_ms(0.5),
            at.to_smsc.percentile_ms(0.99),
            at.missing
        );
    }
    println!(
        "p99 behind the backlog: {:.2} times",
        with.to_smsc.percentile_ms(0.99) / without.to_smsc.percentile_ms(0.99)
    );
    Ok(())
}
