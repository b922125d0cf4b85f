//! The fraud guard: asked before a passcode is made or sent, told when one was checked. It keeps numbers from being pumped with
//! messages that nobody asked for.
//!
//! Everything that is counted is in memory, bounded, and lost with the process; blocked ranges are in the store, too, and rules are part of
//! the directory. A virtual server's counters stand under one lock with those of some others, held for about a microsecond and never over
//! I/O.

mod asked;
mod block;
mod engine;
#[cfg(test)]
mod limits_tests;
mod past;
#[cfg(test)]
mod pumping;
mod range;
#[cfg(test)]
mod room_tests;
mod rules;
pub(crate) mod table;
mod window;
mod words;

pub(crate) use block::Changed;
pub(crate) use rules::Rules;
pub use words::*;

use block::{Blocks, Standing, seconds};
use past::Past;
use range::{Expected, Finding, Range};
use smallvec::SmallVec;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use table::{Kept, Table};
use textgate_sms::{Country, NumberUse, PhoneNumber, VsId};
use textgate_store::GuardBlock;
use window::Window;

/// Parts with a lock each. A virtual server is in one of them.
const SHARDS: usize = 8;
/// Most keys of each kind in one part: 56, 40 and 24 octets each.
const WINDOWS: usize = 1 << 16;
const RANGES: usize = 1 << 16;
const NUMBERS: usize = 1 << 16;
/// A number that asks again within this time is the same person trying again (s).
const RETRY_S: u32 = 3_600;
/// Where codes are checked elsewhere: so many conversions have to be told before none is a sign.
const TOLD_ENOUGH: u64 = 20;
/// Large ranges are judged once so many conversions are known.
const KNOWN_ENOUGH: u64 = 100;
/// When to ask again where a range is refused (s): the same whatever is left of its block.
const RANGE_WAIT_S: u32 = 600;
/// Refusals that the report shows.
const LATEST: usize = 50;

/// A passcode that somebody wants sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) vs: VsId,
    pub(crate) number: PhoneNumber,
    /// What it is for; empty where nobody said.
    pub(crate) purpose: &'a str,
    /// From where it was asked for, as the caller says.
    pub(crate) ip: Option<IpAddr>,
    /// Whether the guard is told when its code is checked.
    pub(crate) is_checked: bool,
    /// Now (Unix time, ms).
    pub(crate) now_ms: i64,
}

/// Why not, and when to ask again where that helps (s).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) reason: GuardReason,
    pub(crate) retry_after_s: Option<u32>,
}

/// What the guard says.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// It is refused, or would be.
    pub(crate) refused: Option<Refused>,
    /// Whether it is sent all the same.
    pub(crate) is_dry_run: bool,
    /// A range was blocked by this.
    pub(crate) changed: Option<Changed>,
}

/// The guard of all virtual servers.
pub(crate) struct Guard {
    shards: [Mutex<Shard>; SHARDS],
    random: RandomState,
    secrets: [u64; 2],
    since_ms: i64,
}

struct Shard {
    windows: Table<Window>,
    ranges: Table<Range>,
    numbers: Table<Number>,
    servers: HashMap<VsId, Server>,
}

/// What is kept of one virtual server.
#[derive(Default)]
struct Server {
    past: Past,
    blocks: Blocks,
    let_through: u64,
    refused: [u64; GuardReason::ALL.len()],
    would_refuse: [u64; GuardReason::ALL.len()],
    would_refuse_people: u64,
    latest: VecDeque<GuardRefused>,
}

/// What is kept of one number.
#[derive(Debug, Clone, Copy, Default)]
struct Number {
    sent_s: u32,
    /// Its last passcode is counted and not converted.
    is_open: bool,
    /// Its last passcode would have been refused.
    is_shadow: bool,
    /// It has converted one: somebody is there.
    is_known: bool,
}

impl Kept for Number {
    fn worth(&self, now_s: u32) -> f32 {
        let hours = now_s.saturating_sub(self.sent_s) as f32 / 3_600.0;
        f32::from(u8::from(self.is_known)) * 10.0 + 1.0 / (1.0 + hours)
    }
}

impl Guard {
    /// A guard that knows nothing yet.
    pub(crate) fn new(now_ms: i64) -> Self {
        let random = RandomState::new();
        let secrets = [random.hash_one(1u8) | 1, random.hash_one(2u8) | 1];
        let shard = |_| {
            Mutex::new(Shard {
                windows: Table::new(WINDOWS),
                ranges: Table::new(RANGES),
                numbers: Table::new(NUMBERS),
                servers: HashMap::new(),
            })
        };
        Self { shards: std::array::from_fn(shard), random, secrets, since_ms: now_ms }
    }

    /// Whether a passcode may be sent. What is let through counts from now on.
    pub(crate) fn judge(&self, rules: &Rules, question: &Question<'_>) -> Verdict {
        if rules.mode == GuardMode::Off {
            return Verdict::default();
        }
        let is_dry_run = rules.mode == GuardMode::DryRun;
        let asked = self.asked(rules, question);
        let mut shard = self.shard(question.vs);
        let (refused, changed) = match shard.find(rules, &asked) {
            Ok(()) => {
                shard.count(&asked);
                (None, None)
            }
            Err((refused, changed)) => {
                shard.note(&asked, refused.reason, is_dry_run);
                (Some(refused), changed)
            }
        };
        Verdict { refused, is_dry_run, changed }
    }

    /// Another node let this through.
    pub(crate) fn count_elsewhere(&self, rules: &Rules, question: &Question<'_>) {
        if rules.mode != GuardMode::Off {
            let asked = self.asked(rules, question);
            let mut shard = self.shard(question.vs);
            shard.count(&asked);
            // It is in that node's report.
            let server = shard.servers.entry(question.vs).or_default();
            server.let_through = server.let_through.saturating_sub(1);
        }
    }

    /// A code that was sent to this number was checked successfully.
    pub(crate) fn converted(&self, vs: VsId, number: PhoneNumber, now_ms: i64) -> Changed {
        let now_s = seconds(now_ms);
        let number_key = self.key(vs, asked::NUMBER, number.as_u64());
        let ranges: SmallVec<[u64; range::LEVELS]> =
            range::ranges(number).map(|(_, prefix)| self.key(vs, asked::RANGE, prefix)).collect();
        self.shard(vs).converted(vs, number, number_key, &ranges, now_s)
    }

    /// Blocks that are in force or were released of late, the newest first.
    pub(crate) fn blocks(&self, vs: VsId, now_ms: i64) -> Vec<GuardBlockView> {
        let now_s = seconds(now_ms);
        let shard = self.shard(vs);
        let Some(server) = shard.servers.get(&vs) else { return Vec::new() };
        let shown = server.blocks.shown(now_s).into_iter().map(|(prefix, block)| GuardBlockView {
            range: prefix.to_string(),
            country: country_of(prefix),
            began_ms: i64::from(block.began_s) * 1_000,
            until_ms: i64::from(block.until_s) * 1_000,
            times: block.times,
            refused: block.refused,
            excused_until_ms: (block.excused_until_s > now_s)
                .then(|| i64::from(block.excused_until_s) * 1_000),
        });
        shown.collect()
    }

    /// Whether a range, by how its numbers begin, is blocked now.
    pub(crate) fn is_blocked(&self, vs: VsId, range: &str, now_ms: i64) -> bool {
        let is_it = |block: &GuardBlockView| {
            block.range == range && block.until_ms > now_ms && block.excused_until_ms.is_none()
        };
        self.blocks(vs, now_ms).iter().any(is_it)
    }

    /// How many blocks are in force, of all virtual servers.
    pub(crate) fn blocks_in_force(&self, now_ms: i64) -> usize {
        let now_s = seconds(now_ms);
        let in_force = |shard: &Mutex<Shard>| -> usize {
            lock(shard).servers.values().map(|server| server.blocks.in_force(now_s)).sum()
        };
        self.shards.iter().map(in_force).sum()
    }

    /// Ends a block that is in force, and forgets what it was made for; the range is excused for a day. `None` where there is none.
    pub(crate) fn release(&self, vs: VsId, prefix: u64, now_ms: i64) -> Option<Changed> {
        let key = self.key(vs, asked::RANGE, prefix);
        let mut shard = self.shard(vs);
        let changed = shard.servers.get_mut(&vs)?.blocks.release(vs, prefix, seconds(now_ms))?;
        if let Some(range) = shard.ranges.get(key) {
            range.clear();
        }
        Some(changed)
    }

    /// What was refused, or would have been, since the program was started.
    pub(crate) fn report(&self, vs: VsId) -> GuardReport {
        let shard = self.shard(vs);
        let Some(server) = shard.servers.get(&vs) else {
            return GuardReport { since_ms: self.since_ms, ..GuardReport::default() };
        };
        let counts = |counts: &[u64]| {
            let counted = GuardReason::ALL.iter().zip(counts).filter(|(_, count)| **count > 0);
            counted.map(|(reason, count)| GuardCount { reason: reason.name(), count: *count }).collect()
        };
        GuardReport {
            since_ms: self.since_ms,
            let_through: server.let_through,
            refused: counts(&server.refused),
            would_refuse: counts(&server.would_refuse),
            would_refuse_people: server.would_refuse_people,
            latest: server.latest.iter().rev().cloned().collect(),
        }
    }

    /// Takes over what the store has kept.
    pub(crate) fn restore(&self, kept: &[GuardBlock]) {
        for block in kept {
            self.shard(block.vs).servers.entry(block.vs).or_default().blocks.restore(block);
        }
    }

    /// Brings blocks in line with what the store has kept, of all nodes.
    pub(crate) fn follow(&self, kept: &[GuardBlock], now_ms: i64) {
        let now_s = seconds(now_ms);
        for shard in &self.shards {
            for (vs, server) in &mut lock(shard).servers {
                let of_vs = kept.iter().filter(|block| block.vs == *vs);
                server.blocks.keep_only(&of_vs.map(|block| block.range).collect(), now_s);
            }
        }
        for block in kept {
            let mut shard = self.shard(block.vs);
            let was_in_force = shard.servers.entry(block.vs).or_default().blocks.restore(block);
            if block.until_ms > now_ms && !was_in_force {
                // What it was blocked for is dealt with.
                let key = self.key(block.vs, asked::RANGE, block.range);
                shard.ranges.get(key).into_iter().for_each(Range::clear);
            }
        }
    }

    /// Forgets blocks that are long past, and virtual servers that are gone. Answers what the store may forget.
    pub(crate) fn tidy(&self, is_there: impl Fn(VsId) -> bool, now_ms: i64) -> Vec<(VsId, u64)> {
        let mut past = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.servers.retain(|vs, _| is_there(*vs));
            for (vs, server) in &mut shard.servers {
                past.extend(server.blocks.tidy(*vs, seconds(now_ms)));
            }
        }
        past
    }

    fn shard(&self, vs: VsId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[vs.0 as usize % SHARDS])
    }

    /// A key's hash, which nobody outside can foresee.
    fn key(&self, vs: VsId, kind: u64, value: u64) -> u64 {
        let fold = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            (product >> 64) as u64 ^ product as u64
        };
        // One after the other: no virtual server's keys of one kind are another's of another kind.
        let whose = fold(u64::from(vs.0) ^ self.secrets[0], 0xA076_1D64_78BD_642F);
        let of_kind = fold(whose ^ kind, 0xE703_7ED1_A0B4_28DB);
        fold(of_kind ^ value, self.secrets[1])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The country of a range, by how its numbers begin.
fn country_of(prefix: u64) -> Option<Country> {
    let digits = prefix.checked_ilog10()? + 1;
    // Any number of it, as long as the shortest that a table tells apart.
    let some = prefix * 10u64.pow(11u32.saturating_sub(digits));
    PhoneNumber::from_u64(some)?.country()
}
