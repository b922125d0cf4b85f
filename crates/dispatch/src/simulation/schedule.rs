//! What happens in one run: steps at times, drawn from a seed, and fit to be printed and shortened.

use super::dice::Dice;
use crate::words::OnUncertain;
use textgate_sms::{Kind, OutcomeClass};

/// Providers there are; each may be a gateway of several virtual servers.
pub(super) const SLOTS: u64 = 5;
/// Virtual servers: the root, two below it that pay, one with its own gateways.
pub(super) const SERVERS: u32 = 4;

/// Where the names of messages with an Idempotency-Key begin.
const KEYED: u32 = 10_000;

/// A message to be accepted.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Its name in this run.
    pub(super) tag: u32,
    pub(super) kind: Kind,
    pub(super) validity_s: u32,
    pub(super) due_in_ms: Option<i64>,
    /// Two drafts of one key and another variant conflict.
    pub(super) key: Option<(u8, bool)>,
    pub(super) is_long: bool,
}

/// How a provider answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mood {
    /// It takes everything, after so many ms.
    Good(u64),
    /// It answers with this class, after so many ms.
    Always(OutcomeClass, u64),
    /// It takes messages and never answers.
    Silent,
    /// It takes the first segment only.
    Partly,
    /// Over its rate; asks for a pause of so many ms.
    Throttles(u64),
    /// Anything, message by message.
    Mixed,
}

/// How a gateway says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wellness {
    Up,
    Connecting,
    Down,
}

/// How the disk is.
#[derive(Debug, Clone, Copy)]
pub(super) enum DiskMood {
    /// Each commit takes up to so many ms.
    Takes(u64),
    /// Nothing can be written.
    Full,
    /// It does not accept.
    Busy,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Accept { vs: u32, drafts: Vec<Draft>, hangs_up_after_ms: Option<u64> },
    Cancel { tag: u32, hangs_up_after_ms: Option<u64> },
    Answers { slot: u64, mood: Mood },
    Says { slot: u64, wellness: Wellness },
    Window { slot: u64, room: usize },
    Settings { vs: u32, is_custom: bool, slots: Vec<u64>, changed: Option<u64>, on_uncertain: OnUncertain },
    Disk(DiskMood),
    Credits { vs: u32, more: i64 },
    Shutdown,
    Crash { after_yields: u64, away_ms: i64, clock_jump_ms: i64 },
}

/// Steps by time (ms from the beginning), and what else the seed decides.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) steps: Vec<(u64, Step)>,
}

impl Schedule {
    /// The schedule of this seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        // Some runs are calm, so that each kind of trouble is also seen by itself.
        let crashes = dice.pick(&[0, 1, 3]);
        let trouble = dice.pick(&[5, 20, 40]);
        let mut steps = vec![(0, settings(&mut dice, 1)), (0, settings(&mut dice, 4))];
        let (mut at, mut tags) = (0, 0);
        for _ in 0..10 + dice.below(50) {
            at += dice.moment_ms();
            let step = match dice.below(100) {
                0..=44 => accept(&mut dice, &mut tags),
                45..=54 => Step::Cancel {
                    tag: dice.below(u64::from(tags) + 1) as u32,
                    hangs_up_after_ms: dice.percent(25).then(|| dice.below(30)),
                },
                n if n < 55 + trouble => provider(&mut dice),
                n if n < 60 + trouble => {
                    let vs = 1 + dice.below(u64::from(SERVERS)) as u32;
                    settings(&mut dice, vs)
                }
                95.. if dice.percent(crashes * 25) => end(&mut dice),
                _ => disk(&mut dice),
            };
            if let Step::Accept { drafts, .. } = &step {
                for draft in drafts {
                    if dice.percent(75) {
                        continue;
                    }
                    // Called back just when it is due, or soon after it was accepted.
                    let due_ms = draft.due_in_ms.map_or(0, |ms| ms.unsigned_abs());
                    let cancel = Step::Cancel { tag: draft.tag, hangs_up_after_ms: None };
                    steps.push((at + due_ms + dice.below(60), cancel));
                }
            }
            steps.push((at, step));
        }
        steps.sort_by_key(|(at, _)| *at);
        Self { seed, steps }
    }
}

fn accept(dice: &mut Dice, tags: &mut u32) -> Step {
    let vs = 1 + dice.below(u64::from(SERVERS)) as u32;
    let count = dice.pick(&[1, 1, 1, 2, 5, 12]);
    let draft = |_| {
        if dice.percent(15) {
            // One key is one request, whoever sends it again.
            let (key, variant) = (dice.below(4) as u8, dice.percent(20));
            let tag = KEYED + vs * 100 + u32::from(key) * 2 + u32::from(variant);
            let key = Some((key, variant));
            return Draft { tag, kind: Kind::Alert, validity_s: 60, due_in_ms: None, key, is_long: false };
        }
        *tags += 1;
        Draft {
            tag: *tags,
            kind: dice.pick(Kind::ALL),
            validity_s: dice.pick(&[1, 2, 5, 10, 30, 60, 150, 300]),
            due_in_ms: dice.percent(15).then(|| 100 + dice.below(20_000) as i64),
            key: None,
            is_long: dice.percent(15),
        }
    };
    let drafts = (0..count).map(draft).collect();
    Step::Accept { vs, drafts, hangs_up_after_ms: dice.percent(10).then(|| dice.below(20)) }
}

fn provider(dice: &mut Dice) -> Step {
    let slot = dice.below(SLOTS);
    match dice.below(10) {
        0..=4 => Step::Answers { slot, mood: mood(dice) },
        5..=8 => {
            let wellness = dice.pick(&[Wellness::Up, Wellness::Up, Wellness::Connecting, Wellness::Down]);
            Step::Says { slot, wellness }
        }
        _ => Step::Window { slot, room: dice.pick(&[0, 1, 1, 3, 10]) },
    }
}

fn mood(dice: &mut Dice) -> Mood {
    let ms = dice.pick(&[0, 1, 20, 500, 5_000]);
    match dice.below(8) {
        0..=2 => Mood::Good(ms),
        3 | 4 => Mood::Always(dice.pick(OutcomeClass::ALL), ms),
        5 => dice.pick(&[Mood::Silent, Mood::Partly]),
        6 => Mood::Throttles(dice.pick(&[0, 100, 1_000, 90_000])),
        _ => Mood::Mixed,
    }
}

fn settings(dice: &mut Dice, vs: u32) -> Step {
    let mut slots: Vec<u64> = Vec::new();
    for _ in 0..dice.pick(&[1, 2, 2, 3, 3]) {
        let slot = dice.below(SLOTS);
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    Step::Settings {
        vs,
        // Those in mode Default stay so for the most part, because only they pay.
        is_custom: matches!(vs, 1 | 4) || dice.percent(25),
        changed: dice.percent(30).then(|| slots[0]),
        slots,
        on_uncertain: if dice.percent(25) { OnUncertain::Sent } else { OnUncertain::Failover },
    }
}

fn disk(dice: &mut Dice) -> Step {
    match dice.below(6) {
        0 | 1 => Step::Disk(DiskMood::Takes(dice.pick(&[0, 3, 10, 200]))),
        2 => Step::Disk(DiskMood::Full),
        3 => Step::Disk(dice.pick(&[DiskMood::Busy, DiskMood::Takes(3)])),
        4 => Step::Disk(DiskMood::Takes(3)),
        _ => Step::Credits { vs: dice.pick(&[2, 3]), more: dice.below(30) as i64 - 5 },
    }
}

fn end(dice: &mut Dice) -> Step {
    if dice.percent(40) {
        return Step::Shutdown;
    }
    Step::Crash {
        after_yields: dice.below(12),
        away_ms: dice.pick(&[0, 10, 5_000, 100_000]),
        clock_jump_ms: dice.pick(&[0, 0, 0, -5_000, 3_600_000]),
    }
}
