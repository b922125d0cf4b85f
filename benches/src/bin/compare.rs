//! textgate and another gateway, turn by turn in one run: the same generator, the same SMSC, the same machine.
//!
//!     benches/compare-kannel                 with Kannel (Debian's package kannel)
//!     benches/compare-builds OTHER-BINARY    with another build of textgate
//!
//! textgate syncs every message to disk before its 202; Kannel's file store is never synced. Ratios are what counts: the
//! figures themselves are this machine's.

#![allow(clippy::print_stdout)] // its output is its purpose

use clap::Parser;
use std::error::Error;
use std::path::{Path, PathBuf};
use textgate_benches::gateway::Gateway;
use textgate_benches::generator::Target;
use textgate_benches::kannel::Kannel;
use textgate_benches::load::Load;
use textgate_benches::sink::Sink;

#[derive(Parser)]
struct Options {
    /// The binary under test
    #[arg(long, default_value = "target/release/textgate")]
    binary: PathBuf,
    /// What it is compared with: `kannel`, or another binary of textgate
    #[arg(long, default_value = "kannel")]
    against: PathBuf,
    /// Where the stores go
    #[arg(long, default_value = "target")]
    dir: PathBuf,
    /// Seconds of each closed loop
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds of each open loop
    #[arg(long, default_value_t = 10)]
    latency_seconds: u64,
    /// Turns
    #[arg(long, default_value_t = 2)]
    turns: usize,
    /// Connections of the closed loops
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Messages a second of the open loops
    #[arg(long, default_value_t = 500)]
    rate: u64,
}

/// What one turn measured.
struct Turn {
    rate: f64,
    p50: f64,
    p99: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let is_kannel = options.against.as_os_str() == "kannel";
    let other = if is_kannel { "Kannel" } else { "other" };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 1..=options.turns {
        println!("turn {turn} of {}", options.turns);
        theirs.push(if is_kannel { kannel(&options)? } else { textgate(other, &options.against, &options)? });
        ours.push(textgate("textgate", &options.binary, &options)?);
    }
    let best = |turns: &[Turn], pick: fn(&Turn) -> f64, better: fn(f64, f64) -> f64| {
        turns.iter().map(pick).reduce(better).unwrap_or(f64::NAN)
    };
    let (a, b) = (best(&ours, |t| t.rate, f64::max), best(&theirs, |t| t.rate, f64::max));
    println!("throughput: textgate {a:.0}/s, {other} {b:.0}/s: {:.2} times", a / b);
    for (name, pick) in [("p50", (|t: &Turn| t.p50) as fn(&Turn) -> f64), ("p99", |t: &Turn| t.p99)] {
        let (a, b) = (best(&ours, pick, f64::min), best(&theirs, pick, f64::min));
        println!("{name} at {}/s: textgate {a:.2} ms, {other} {b:.2} ms: {:.2} times", options.rate, a / b);
    }
    Ok(())
}

fn kannel(options: &Options) -> Result<Turn, Box<dyn Error>> {
    let sink = Sink::start(false)?;
    let kannel = Kannel::start(&options.dir, sink.address())?;
    let target = Target::Kannel(kannel.address);
    measure("Kannel", options, &sink, target, || kannel.cpu_s(), || kannel.resident_kib())
}

fn textgate(name: &str, binary: &Path, options: &Options) -> Result<Turn, Box<dyn Error>> {
    let sink = Sink::start(false)?;
    let settings = "window = 100\nreceipts = false";
    let gateway = Gateway::start(binary, &options.dir, sink.address(), settings)?;
    let (target, process) = (Target::Textgate(gateway.address), &gateway.process);
    measure(name, options, &sink, target, || process.cpu_s(), || process.resident_kib())
}

fn measure(
    name: &str,
    options: &Options,
    sink: &Sink,
    target: Target,
    cpu_s: impl Fn() -> f64,
    resident_kib: impl Fn() -> u64,
) -> Result<Turn, Box<dyn Error>> {
    let load = Load::new()?;
    // Bound, and its code and connections warm.
    load.at_rate(target, sink, 100, 2, "otp")?;
    let mut at = load.at_rate(target, sink, options.rate, options.latency_seconds, "otp")?;
    let cpu = cpu_s();
    let full = load.at_full(target, sink, options.connections, 1, options.seconds)?;
    let (p50, p99) = (at.to_smsc.percentile_ms(0.5), at.to_smsc.percentile_ms(0.99));
    println!(
        "  {name:<9} {:>6.0}/s at the SMSC, {:>3.0} µs of processor a message, {} MiB resident; at {}/s p50 {p50:.2} ms, \
         p99 {p99:.2} ms; {} missing, {} doubled",
        full.arrived,
        (cpu_s() - cpu) * 1e6 / full.count.max(1) as f64,
        resident_kib() / 1024,
        options.rate,
        full.missing + at.missing,
        sink.times.doubles(),
    );
    Ok(Turn { rate: full.arrived, p50, p99 })
}
