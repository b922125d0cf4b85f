//! One, two and three nodes on one PostgreSQL, and the embedded store, turn by turn in one run: messages a second, time to the
//! SMSC, and what each message costs: processor time of the nodes and of the database, write-ahead log, commits, syncs, round trips.
//!
//!     benches/nodes                          all of it, as a table
//!     benches/nodes --receipts               with a receipt for each message
//!     benches/nodes --nodes 0,1              the embedded store (0) and one node
//!
//! Generator, nodes, database and SMSC share the machine: where its cores are all busy, more nodes are not more messages. What counts is
//! the cost of a message on each part, and ratios within one run. Both stores go to --dir, which must be on a real disk.

#![allow(clippy::print_stdout)] // its output is its purpose

use clap::Parser;
use std::error::Error;
use std::path::PathBuf;
use textgate_benches::gateway::Gateway;
use textgate_benches::generator::Target;
use textgate_benches::load::{AtFull, AtRate, Load};
use textgate_benches::postgres::{Postgres, Spent, When};
use textgate_benches::sink::Sink;
use textgate_benches::turns::Turns;

#[derive(Parser)]
struct Options {
    /// The binary under test
    #[arg(long, default_value = "target/release/textgate")]
    binary: PathBuf,
    /// Where the stores go
    #[arg(long, default_value = "target")]
    dir: PathBuf,
    /// Numbers of nodes, with commas between; 0 is the embedded store
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1, 2, 3])]
    nodes: Vec<usize>,
    /// Turns; the best of each figure counts
    #[arg(long, default_value_t = 2)]
    turns: usize,
    /// Seconds of each part
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Connections of the closed loop, over all nodes
    #[arg(long, default_value_t = 96)]
    connections: usize,
    /// Messages a second of the open loop, over all nodes
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Ask the SMSC for receipts
    #[arg(long)]
    receipts: bool,
    /// Each message is paid for with SMS credits: all of them change one row
    #[arg(long)]
    credits: bool,
    /// A setting of PostgreSQL besides those of a fresh installation (`name=value`); may be repeated
    #[arg(long)]
    postgres: Vec<String>,
    /// Leave out round trips, which are counted in a run of their own
    #[arg(long)]
    no_round_trips: bool,
}

/// What one message costs.
#[derive(Clone, Copy)]
struct Cost {
    /// µs of processor of all nodes.
    node: f64,
    /// µs of processor of the database.
    database: f64,
    wal: f64,
    /// Octets on disk besides the log.
    size: f64,
    commits: f64,
    syncs: f64,
    /// Between nodes and database.
    round_trips: f64,
}

/// What one turn measured.
struct Turn {
    p50: f64,
    p99: f64,
    at_rate: Cost,
    accepted: f64,
    arrived: f64,
    at_full: Cost,
    lost: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut turns: Vec<Vec<Turn>> = options.nodes.iter().map(|_| Vec::new()).collect();
    let mut version = String::new();
    for turn in 1..=options.turns {
        eprintln!("turn {turn} of {}", options.turns);
        for (turns, nodes) in turns.iter_mut().zip(&options.nodes) {
            turns.push(measure(*nodes, &options, &mut version)?);
        }
    }
    print(&options, &turns, &version);
    Ok(())
}

/// Nodes with their store.
struct Installation {
    // In the order in which they end.
    nodes: Vec<Gateway>,
    database: Option<Postgres>,
    turns: Option<Turns>,
    sink: Sink,
}

impl Installation {
    fn new(count: usize, counts_turns: bool, options: &Options) -> Result<Self, Box<dyn Error>> {
        let sink = Sink::start(options.receipts)?;
        // A bind for each node: they are shared out.
        let settings = format!("window = 100\nbinds = {}\nreceipts = {}", count.max(1), options.receipts);
        let (binary, dir) = (&options.binary, &options.dir);
        if count == 0 {
            let node = Gateway::start(binary, dir, sink.address(), &settings)?;
            return Ok(Self { nodes: vec![node], database: None, turns: None, sink });
        }
        let database = Postgres::start(dir, &options.postgres)?;
        database.database("bench")?;
        let turns = if counts_turns { Some(Turns::before(database.port())?) } else { None };
        let url = database.url("bench", turns.as_ref().map(|turns| turns.port));
        let first = Gateway::start_on(binary, dir, &url, sink.address(), &settings)?;
        let mut nodes = vec![first];
        while nodes.len() < count {
            let next = nodes.first().map(|first| Gateway::join(first, binary, dir, &url)).transpose()?;
            nodes.extend(next);
        }
        Ok(Self { nodes, database: Some(database), turns, sink })
    }

    fn targets(&self, options: &Options) -> Vec<Target> {
        let target = |node: &Gateway| match options.credits {
            true => Target::Paying(node.address),
            false => Target::Textgate(node.address),
        };
        self.nodes.iter().map(target).collect()
    }

    fn spent(&self, when: When) -> Result<(f64, Spent, u64), Box<dyn Error>> {
        let nothing = Spent { cpu_s: 0.0, wal: 0, syncs: 0, commits: 0, size: 0 };
        let database = self.database.as_ref().map(|database| database.spent("bench", when)).transpose()?;
        let nodes = self.nodes.iter().map(|node| node.process.cpu_s()).sum();
        Ok((nodes, database.unwrap_or(nothing), self.turns.as_ref().map_or(0, Turns::count)))
    }

    /// Loads it, and says what each of the messages cost.
    fn cost_of<T>(
        &self,
        load: impl FnOnce() -> std::io::Result<(T, usize)>,
    ) -> Result<(T, Cost), Box<dyn Error>> {
        let (node_s, before, turns) = self.spent(When::Begins)?;
        let (outcome, count) = load()?;
        let (node_s_after, after, turns_after) = self.spent(When::Ends)?;
        let (spent, count) = (after.since(before), count.max(1) as f64);
        let cost = Cost {
            node: (node_s_after - node_s) * 1e6 / count,
            database: spent.cpu_s * 1e6 / count,
            wal: spent.wal as f64 / count,
            size: spent.size as f64 / count,
            commits: spent.commits as f64 / count,
            syncs: spent.syncs as f64 / count,
            round_trips: turns_after.saturating_sub(turns) as f64 / count,
        };
        Ok((outcome, cost))
    }

    fn at_rate(
        &self,
        load: &Load,
        options: &Options,
        seconds: u64,
    ) -> Result<(AtRate, Cost), Box<dyn Error>> {
        let count = usize::try_from(options.rate * seconds).unwrap_or(0);
        self.cost_of(|| {
            Ok((load.at_rate_over(&self.targets(options), &self.sink, options.rate, seconds, "otp")?, count))
        })
    }

    fn at_full(
        &self,
        load: &Load,
        options: &Options,
        seconds: u64,
    ) -> Result<(AtFull, Cost), Box<dyn Error>> {
        self.cost_of(|| {
            let full =
                load.at_full_over(&self.targets(options), &self.sink, options.connections, 1, seconds)?;
            let count = full.count;
            Ok((full, count))
        })
    }
}

fn measure(nodes: usize, options: &Options, version: &mut String) -> Result<Turn, Box<dyn Error>> {
    let mut turn = {
        let installation = Installation::new(nodes, false, options)?;
        if let Some(database) = &installation.database {
            *version = database.version()?;
        }
        let load = Load::new()?;
        // Bound, and code, plans and connections warm.
        load.at_rate_over(&installation.targets(options), &installation.sink, 100, 3, "otp")?;
        let (mut rate, at_rate) = installation.at_rate(&load, options, options.seconds)?;
        let (full, at_full) = installation.at_full(&load, options, options.seconds)?;
        let (p50, p99) = (rate.to_smsc.percentile_ms(0.5), rate.to_smsc.percentile_ms(0.99));
        let lost = rate.missing + full.missing + installation.sink.times.doubles();
        Turn { p50, p99, at_rate, accepted: full.accepted, arrived: full.arrived, at_full, lost }
    };
    if nodes > 0 && !options.no_round_trips {
        let installation = Installation::new(nodes, true, options)?;
        let load = Load::new()?;
        load.at_rate_over(&installation.targets(options), &installation.sink, 100, 3, "otp")?;
        let seconds = options.seconds.div_ceil(2);
        turn.at_rate.round_trips = installation.at_rate(&load, options, seconds)?.1.round_trips;
        turn.at_full.round_trips = installation.at_full(&load, options, seconds)?.1.round_trips;
    }
    eprintln!("  {}: {:.0}/s, p50 {:.2} ms", name(nodes), turn.arrived, turn.p50);
    Ok(turn)
}

fn name(nodes: usize) -> String {
    match nodes {
        0 => "SQLite".to_owned(),
        1 => "1 node".to_owned(),
        _ => format!("{nodes} nodes"),
    }
}

/// The best of all turns.
fn best(turns: &[Turn], pick: impl Fn(&Turn) -> f64, better: fn(f64, f64) -> f64) -> f64 {
    turns.iter().map(pick).reduce(better).unwrap_or(f64::NAN)
}

fn print(options: &Options, turns: &[Vec<Turn>], version: &str) {
    let receipts = if options.receipts { "a receipt for each" } else { "no receipts" };
    let credits = if options.credits { "paid with credits" } else { "nothing paid" };
    println!(
        "PostgreSQL {version}, {receipts}, {credits}, best of {} turns of {} s; ratios are to the first line",
        options.turns, options.seconds
    );
    println!();
    println!(
        "| {} connections, one message a request | accepted/s | at the SMSC/s | ratio | missing or doubled |",
        options.connections
    );
    println!("|---|---:|---:|---:|---:|");
    let arrived = |turns: &[Turn]| best(turns, |turn| turn.arrived, f64::max);
    let first = turns.first().map_or(f64::NAN, |turns| arrived(turns));
    for (nodes, turns) in options.nodes.iter().zip(turns) {
        let lost: usize = turns.iter().map(|turn| turn.lost).sum();
        println!(
            "| {} | {:.0} | {:.0} | {:.2} | {lost} |",
            name(*nodes),
            best(turns, |turn| turn.accepted, f64::max),
            arrived(turns),
            arrived(turns) / first,
        );
    }
    println!();
    println!("| passcodes at {}/s | API call to submit_sm, p50 | p99 |", options.rate);
    println!("|---|---:|---:|");
    for (nodes, turns) in options.nodes.iter().zip(turns) {
        let (p50, p99) = (best(turns, |turn| turn.p50, f64::min), best(turns, |turn| turn.p99, f64::min));
        println!("| {} | {p50:.2} ms | {p99:.2} ms |", name(*nodes));
    }
    for (what, pick) in [
        (format!("at {}/s", options.rate), (|turn: &Turn| turn.at_rate) as fn(&Turn) -> Cost),
        ("at full speed".to_owned(), |turn: &Turn| turn.at_full),
    ] {
        println!();
        println!(
            "| a message costs, {what} | processor of nodes | ratio | of the database | ratio of both | WAL | on disk | commits | syncs | round trips |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        let of = |turns: &[Turn], part: fn(Cost) -> f64| best(turns, |turn| part(pick(turn)), f64::min);
        let both: fn(Cost) -> f64 = |cost| cost.node + cost.database;
        let (base_node, base) = turns
            .first()
            .map_or((f64::NAN, f64::NAN), |turns| (of(turns, |cost| cost.node), of(turns, both)));
        for (nodes, turns) in options.nodes.iter().zip(turns) {
            let node = of(turns, |cost| cost.node);
            print!("| {} | {node:.0} µs | {:.2} |", name(*nodes), node / base_node);
            if *nodes == 0 {
                println!(" | | | | | | |");
                continue;
            }
            println!(
                " {:.0} µs | {:.2} | {:.0} B | {:.0} B | {:.3} | {:.3} | {:.3} |",
                of(turns, |cost| cost.database),
                of(turns, both) / base,
                of(turns, |cost| cost.wal),
                of(turns, |cost| cost.size),
                of(turns, |cost| cost.commits),
                of(turns, |cost| cost.syncs),
                of(turns, |cost| cost.round_trips),
            );
        }
    }
    print_plan(options, turns);
}

/// What rates take, by what a message cost with the most nodes at full speed.
fn print_plan(options: &Options, turns: &[Vec<Turn>]) {
    let most = options.nodes.iter().zip(turns).max_by_key(|(nodes, _)| **nodes);
    let Some((nodes, turns)) = most.filter(|(nodes, _)| **nodes > 0) else { return };
    let of = |part: fn(Cost) -> f64| best(turns, |turn| part(turn.at_full), f64::min);
    println!();
    println!(
        "| messages a second, by the costs of {} at full speed | cores busy in nodes | in the database | WAL | on disk a day |",
        name(*nodes)
    );
    println!("|---:|---:|---:|---:|---:|");
    for rate in [1_000.0, 10_000.0, 100_000.0] {
        println!(
            "| {rate:.0} | {:.2} | {:.2} | {:.1} MB/s | {:.0} GB |",
            rate * of(|cost| cost.node) / 1e6,
            rate * of(|cost| cost.database) / 1e6,
            rate * of(|cost| cost.wal) / 1e6,
            rate * of(|cost| cost.size) * 86_400.0 / 1e9,
        );
    }
}
