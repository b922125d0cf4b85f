//! How long one page of a list of messages takes, by what it is filtered by, with a long history behind it; and how long a
//! dashboard's figures take.
//!
//!     benches/lists                            1,000,000 messages
//!     benches/lists --messages 10000000

#![allow(clippy::print_stdout)] // its output is its purpose

use clap::Parser;
use smallvec::SmallVec;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use textgate_sms::{GatewayId, IdSequence, Kind, MessageId, MessageState, OutcomeClass, PhoneNumber, VsId};
use textgate_store::{
    Event, Figures, FiguresQuestion, Filter, Finished, NewMessage, Resolution, SqliteOptions, SqliteStore,
    Store, Tally, Transition,
};

#[derive(Parser)]
struct Options {
    /// Where the store goes; one that is there is used as it is
    #[arg(long, default_value = "target/lists.db")]
    store: PathBuf,
    /// Length of history
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    /// Pages of each list
    #[arg(long, default_value_t = 20)]
    pages: usize,
}

/// Messages written in one transaction.
const AT_ONCE: u64 = 2_000;
const BEGIN_MS: i64 = 1_780_000_000_000;
/// Half of the messages are of the first, the others of the rest.
const SERVERS: u64 = 1_000;
const LARGE: VsId = VsId(2);
const SMALL: VsId = VsId(700);
const HOUR_MS: i64 = 3_600_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if !options.store.exists() {
        fill(&options.store, options.messages).await?;
    }
    let store = SqliteStore::open(&options.store, SqliteOptions::default())?;
    let newest_ms = store.newest().await?.accepted_ms();
    println!("{:<44} {:>7} {:>7} {:>9} {:>9}", "filter", "pages", "found", "first ms", "worst ms");
    for vs in [LARGE, SMALL] {
        for (name, filter) in filters(newest_ms) {
            let mut measured = Measured::default();
            let mut before = None;
            for _ in 0..options.pages {
                let began = Instant::now();
                let page = store.messages(vs, filter.clone(), before, 50).await?;
                measured.add(began.elapsed(), page.messages.len());
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            measured.print(&format!("{name}, virtual server {vs}"));
        }
    }
    figures(&store, newest_ms).await?;
    store.close().await?;
    Ok(())
}

/// What a page of each list took.
#[derive(Default)]
struct Measured {
    first: Option<Duration>,
    worst: Duration,
    pages: usize,
    found: usize,
}

impl Measured {
    fn add(&mut self, took: Duration, found: usize) {
        self.first.get_or_insert(took);
        self.worst = self.worst.max(took);
        self.pages += 1;
        self.found += found;
    }

    fn print(&self, name: &str) {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let (first, worst) = (ms(self.first.unwrap_or_default()), ms(self.worst));
        println!("{name:<44} {:>7} {:>7} {first:>9.2} {worst:>9.2}", self.pages, self.found);
    }
}

fn filters(newest_ms: i64) -> Vec<(&'static str, Filter)> {
    let all = Filter::default;
    let number = PhoneNumber::from_u64(15_550_000_007);
    let nobody = PhoneNumber::from_u64(15_559_999_999);
    let state = |state| Filter { state: Some(state), ..all() };
    vec![
        ("none", all()),
        ("delivered", state(MessageState::Delivered)),
        ("sent", state(MessageState::Sent)),
        ("failed", state(MessageState::Failed)),
        ("expired", state(MessageState::Expired)),
        ("scheduled", state(MessageState::Scheduled)),
        ("accepted", state(MessageState::Accepted)),
        ("one number", Filter { to: number, ..all() }),
        ("no number's", Filter { to: nobody, ..all() }),
        ("alerts", Filter { kind: Some(Kind::Alert), ..all() }),
        ("a rare gateway", Filter { gateway: Some(GatewayId(3)), ..all() }),
        ("no gateway's", Filter { gateway: Some(GatewayId(77)), ..all() }),
        ("failed, one number", Filter { to: number, ..state(MessageState::Failed) }),
        ("sent, no gateway's", Filter { gateway: Some(GatewayId(77)), ..state(MessageState::Sent) }),
        ("a reference", Filter { reference: Some("none".into()), ..all() }),
        ("no number's, an hour", Filter { to: nobody, since_ms: Some(newest_ms - HOUR_MS), ..all() }),
        (
            "all of it at once",
            Filter {
                state: Some(MessageState::Delivered),
                kind: Some(Kind::Otp),
                gateway: Some(GatewayId(3)),
                to: number,
                since_ms: Some(BEGIN_MS),
                until_ms: Some(newest_ms),
                reference: None,
            },
        ),
    ]
}

/// Writes messages as the gateway would have, a few of them in each of the rarer states.
async fn fill(path: &Path, messages: u64) -> Result<(), Box<dyn Error>> {
    let store = SqliteStore::open(path, SqliteOptions::default())?;
    let mut ids = IdSequence::new(0, MessageId::from_u64(0));
    for first in (0..messages).step_by(AT_ONCE as usize) {
        let batch: Vec<NewMessage> = (first..(first + AT_ONCE).min(messages))
            .filter_map(|n| new_message(ids.next(BEGIN_MS + n as i64 * 10), n))
            .collect();
        let ended: Vec<Finished> =
            (first..).zip(&batch).filter_map(|(n, message)| ended(n, message)).collect();
        store.accept(batch).await?;
        store.record(ended).await?;
    }
    // A month of figures: more gateways than most have.
    for minute in (0..30 * 24 * 60).step_by(5) {
        let tally = |gateway| Tally {
            vs: LARGE,
            is_below: false,
            gateway: GatewayId(gateway),
            at_ms: BEGIN_MS + messages as i64 * 10 - minute * 60_000,
            figures: some_figures(minute as u64),
        };
        store.add_figures((0..4).map(tally).collect()).await?;
    }
    store.close().await?;
    Ok(())
}

fn some_figures(seed: u64) -> Figures {
    let mut figures = Figures { failovers: 1, ..Figures::default() };
    figures.states = [100; MessageState::ALL.len()];
    for n in 0..100 {
        figures.to_sent.record(1_000 + n * n * (seed % 7 + 1));
        figures.to_delivered.record(1_000_000 + n * n * 100);
    }
    figures
}

async fn figures(store: &SqliteStore, newest_ms: i64) -> Result<(), Box<dyn Error>> {
    for (name, resolution, hours) in [
        ("an hour", Resolution::Minute, 1),
        ("a day", Resolution::Minute, 24),
        ("30 days", Resolution::Hour, 720),
    ] {
        let (from_ms, to_ms) = (newest_ms - hours * HOUR_MS, newest_ms);
        let question = FiguresQuestion { vs: LARGE, is_below: false, resolution, from_ms, to_ms };
        let mut measured = Measured::default();
        let began = Instant::now();
        let mut total = Figures::default();
        let rows = store.figures(question).await?;
        rows.iter().for_each(|row| total.add(&row.figures));
        measured.add(began.elapsed(), rows.len());
        measured.print(&format!("figures of {name}"));
    }
    Ok(())
}

fn new_message(id: MessageId, n: u64) -> Option<NewMessage> {
    let is_large = n.is_multiple_of(2);
    Some(NewMessage {
        id,
        vs: if is_large { LARGE } else { VsId((3 + n / 2 % SERVERS) as u32) },
        to: PhoneNumber::from_u64(15_550_000_000 + n * 7_919 % 1_000_000)?,
        kind: *Kind::ALL.get(n as usize % 10 / 4)?,
        sealed_text: vec![7; 60],
        sender: None,
        flash: None,
        overwrite: None,
        reference: Some(format!("order {n}").into()),
        segments: 1,
        encoding: "gsm7".into(),
        due_ms: n.is_multiple_of(100_000).then_some(id.accepted_ms() + 300 * 24 * HOUR_MS),
        expires_ms: id.accepted_ms() + 86_400_000,
        idempotency: None,
        payers: SmallVec::new(),
        resend_of: None,
        passcode: None,
    })
}

/// How a message ended; the scheduled ones wait.
fn ended(n: u64, message: &NewMessage) -> Option<Finished> {
    if message.due_ms.is_some() {
        return None;
    }
    let at_ms = message.id.accepted_ms() + 20;
    let to = match n % 5_000 {
        2 => MessageState::Failed,
        4 => MessageState::Expired,
        6 | 7 => MessageState::Sent,
        _ => MessageState::Delivered,
    };
    let gateway = GatewayId(if n % 40_000 == 8 { 3 } else { 1 });
    let attempt = Event::Attempt {
        at_ms,
        took_ms: 1,
        gateway,
        class: OutcomeClass::Sent,
        detail: "".into(),
        provider_ids: [Box::from("1234567890")].into_iter().collect(),
    };
    let transition = Transition { to, at_ms, reason: "main: sent".into(), erase_text: false, refund: false };
    Some(Finished {
        id: message.id,
        attempt: Some(attempt),
        receipt_ids: SmallVec::new(),
        transition: Some(transition),
    })
}
