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
    /// Seconds for each part
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Connections of the closed loop with one message a request
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Messages a second of the open loop
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Further settings of the SMPP gateway, with ; between
    #[arg(long, default_value = "window = 100")]
    settings: String,
    /// Only this part: latency, single or batch
    #[arg(long)]
    only: Option<String>,
    /// Ask the SMSC for receipts
    #[arg(long)]
    receipts: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let sink = Sink::start(options.receipts)?;
    let settings = format!("receipts = {}\n{}", options.receipts, options.settings.replace(';', "\n"));
    let gateway = Gateway::start(&options.binary, &options.dir, sink.address(), &settings)?;
    let (load, target) = (Load::new()?, Target::Textgate(gateway.address));
    let wants = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    let seconds = options.seconds;
    if wants("latency") {
        let mut at = load.at_rate(target, &sink, options.rate, seconds, "otp")?;
        println!(
            "{}/s, open loop, {seconds} s: API call to submit_sm p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms; to 202 p50 \
             {:.2} ms, p99 {:.2} ms; {} missing",
            options.rate,
            at.to_smsc.percentile_ms(0.5),
            at.to_smsc.percentile_ms(0.99),
            at.to_smsc.percentile_ms(0.999),
            at.to_answer.percentile_ms(0.5),
            at.to_answer.percentile_ms(0.99),
            at.missing
        );
    }
    for (part, connections, batch) in [("single", options.connections, 1), ("batch", 8, 100)] {
        if !wants(part) {
            continue;
        }
        let cpu = gateway.process.cpu_s();
        let mut full = load.at_full(target, &sink, connections, batch, seconds)?;
        println!(
            "{connections} connections, {batch} a request, {seconds} s: accepted {:.0}/s, at the SMSC {:.0}/s; p50 {:.2} ms, \
             p99 {:.2} ms; {} missing, {} doubled; {:.0} µs of processor a message, {} MiB resident",
            full.accepted,
            full.arrived,
            full.to_smsc.percentile_ms(0.5),
            full.to_smsc.percentile_ms(0.99),
            full.missing,
            sink.times.doubles(),
            (gateway.process.cpu_s() - cpu) * 1e6 / full.count.max(1) as f64,
            gateway.process.resident_kib() / 1024,
        );
    }
    Ok(())
}
