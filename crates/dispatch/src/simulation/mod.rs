//! The model check of this room: the whole engine in simulated time, on a simulated store and simulated gateways, driven by random
//! schedules. `docs/model-check.md` says what is checked and how to run more of it.

mod breaker;
mod callers;
mod check;
pub(crate) mod dice;
mod disk;
mod provider;
pub(crate) mod pulse;
mod run;
mod schedule;
mod store;
mod world;

use run::{Tally, run};
use schedule::Schedule;
use std::time::Instant;

/// Schedules in a usual test run.
const SHORT: u64 = 200;
/// Runs spent on making a failing schedule shorter.
const SHRINKS: usize = 400;

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn whatever_happens_nothing_is_lost_doubled_late_or_wrongly_charged() {
    if let Some(seed) = number("TEXTGATE_SEED") {
        return check(&Schedule::new(seed))
            .map_or_else(|report| panic!("{report}"), |tally| println!("{tally:?}"));
    }
    let (first, count) = (number("TEXTGATE_FIRST_SEED").unwrap_or(0), number("TEXTGATE_SCHEDULES"));
    let began = Instant::now();
    let mut sum = Tally::default();
    for done in 0..count.unwrap_or(SHORT) {
        match check(&Schedule::new(first + done)) {
            Ok(tally) => sum.add(&tally),
            Err(report) => panic!("{report}"),
        }
        if count.is_some() && (done + 1) % 10_000 == 0 {
            println!("{} schedules in {:.0?}: {sum:?}", done + 1, began.elapsed());
        }
    }
    println!("{:.1?}: {sum:?}", began.elapsed());
}

/// Runs a schedule; one that fails is made shorter, and reported with what happened in it.
fn check(schedule: &Schedule) -> Result<Tally, String> {
    let first = match run(schedule, false) {
        Ok(tally) => return Ok(tally),
        Err(broken) => broken.what,
    };
    let short = shorter(schedule);
    let (what, trace) = match run(&short, true) {
        Err(broken) => (broken.what, broken.trace),
        Ok(_) => (String::from("(not when run again)"), Vec::new()),
    };
    let steps: Vec<String> = short.steps.iter().map(|(at, step)| format!("{at:>8} ms  {step:?}")).collect();
    Err(format!(
        "TEXTGATE_SEED={}: {first}\n\nshortened to {} of {} steps: {what}\n{}\n\nwhat happened:\n{}\n",
        schedule.seed,
        short.steps.len(),
        schedule.steps.len(),
        steps.join("\n"),
        trace.join("\n"),
    ))
}

/// The same failure (or another) in fewer steps.
fn shorter(schedule: &Schedule) -> Schedule {
    let mut best = schedule.clone();
    let (mut chunk, mut runs) = (best.steps.len().div_ceil(2), 0);
    while chunk > 0 && runs < SHRINKS {
        let mut at = 0;
        while at < best.steps.len() && runs < SHRINKS {
            let mut candidate = best.clone();
            candidate.steps.drain(at..(at + chunk).min(candidate.steps.len()));
            runs += 1;
            if run(&candidate, false).is_err() { best = candidate } else { at += chunk }
        }
        chunk /= 2;
    }
    best
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.submissions += other.submissions;
        self.sent += other.sent;
        self.failed += other.failed;
        self.expired += other.expired;
        self.cancelled += other.cancelled;
        self.lives += other.lives;
        self.simulated_ms += other.simulated_ms;
        self.most_beats = self.most_beats.max(other.most_beats);
    }
}
