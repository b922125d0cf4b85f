//! The blocked ranges of one virtual server: for how long, how often, and what is remembered afterwards.

use super::range;
use std::collections::{BTreeMap, BTreeSet};
use textgate_sms::{PhoneNumber, VsId};
use textgate_store::GuardBlock;

/// Most ranges kept for one virtual server.
const MOST: usize = 1_000;
/// A range is remembered for so long after its block, and blocked longer when it comes again (s).
const MEMORY_S: u32 = 30 * 86_400;
/// A range that somebody released is not blocked by itself for so long (s).
const EXCUSED_S: u32 = 86_400;
/// A range is as good as any other again after so many conversions.
const REFORMED: u16 = 10;
/// How long a new block may take to be stored (s).
const JUST_NOW_S: u32 = 5;
/// Each block is so many times as long as the one before.
const LONGER: u32 = 4;

/// One range that is, or was, blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) began_s: u32,
    pub(super) until_s: u32,
    pub(super) times: u16,
    pub(super) refused: u64,
    /// Somebody released it: not blocked by itself before then; 0: nobody did.
    pub(super) excused_until_s: u32,
    /// Conversions since its block ended.
    converted: u16,
}

/// What became of blocks: what the store has to keep, and to forget.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) put: Vec<GuardBlock>,
    pub(crate) gone: Vec<(VsId, u64)>,
}

/// All of one virtual server, by how their numbers begin.
#[derive(Default)]
pub(super) struct Blocks(BTreeMap<u64, Block>);

/// How a range stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// As any other.
    Clean,
    /// It was blocked before.
    Suspect,
    /// Somebody has released it.
    Excused,
}

impl Blocks {
    /// The block that keeps messages from this number, if any; it counts one more.
    pub(super) fn refuses(&mut self, number: PhoneNumber, now_s: u32) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        let mut ranges = range::ranges(number);
        ranges.find_map(|(_, prefix)| {
            let block = self.0.get_mut(&prefix).filter(|block| block.until_s > now_s)?;
            block.refused += 1;
            Some(block.until_s - now_s)
        })
    }

    pub(super) fn standing(&self, prefix: u64, now_s: u32) -> Standing {
        match self.0.get(&prefix) {
            Some(block) if block.excused_until_s > now_s => Standing::Excused,
            Some(_) => Standing::Suspect,
            None => Standing::Clean,
        }
    }

    /// Blocks a range, for longer than the last time. Ranges within it are part of it from now on.
    pub(super) fn block(
        &mut self,
        vs: VsId,
        prefix: u64,
        now_s: u32,
        (first_s, longest_s): (u32, u32),
    ) -> Changed {
        let times = self.0.get(&prefix).map_or(0, |block| block.times).saturating_add(1);
        let longer = LONGER.saturating_pow(u32::from(times - 1).min(15));
        let until_s = now_s.saturating_add(first_s.saturating_mul(longer).min(longest_s));
        let mut gone: Vec<u64> = self.0.keys().copied().filter(|other| is_within(*other, prefix)).collect();
        self.0.retain(|other, _| !is_within(*other, prefix));
        if self.0.len() >= MOST
            && let Some((first, _)) = self.0.iter().min_by_key(|(_, block)| block.until_s)
        {
            let first = *first;
            self.0.remove(&first);
            gone.push(first);
        }
        let block = Block { began_s: now_s, until_s, times, refused: 1, excused_until_s: 0, converted: 0 };
        self.0.insert(prefix, block);
        gone.retain(|gone| *gone != prefix);
        Changed {
            put: vec![record(vs, prefix, &block)],
            gone: gone.into_iter().map(|prefix| (vs, prefix)).collect(),
        }
    }

    /// A message to this number was converted: after some, its ranges are no longer suspect.
    pub(super) fn converted(&mut self, vs: VsId, number: PhoneNumber, now_s: u32) -> Changed {
        let mut changed = Changed::default();
        if self.0.is_empty() {
            return changed;
        }
        for (_, prefix) in range::ranges(number) {
            let Some(block) = self.0.get_mut(&prefix).filter(|block| block.until_s <= now_s) else {
                continue;
            };
            block.converted += 1;
            if block.converted >= REFORMED && block.excused_until_s <= now_s {
                self.0.remove(&prefix);
                changed.gone.push((vs, prefix));
            }
        }
        changed
    }

    /// Ends a block that is in force. `None` where there is none.
    pub(super) fn release(&mut self, vs: VsId, prefix: u64, now_s: u32) -> Option<Changed> {
        let block = self.0.get_mut(&prefix).filter(|block| block.until_s > now_s)?;
        block.until_s = now_s;
        block.times = 0;
        block.excused_until_s = now_s.saturating_add(EXCUSED_S);
        Some(Changed { put: vec![record(vs, prefix, block)], gone: Vec::new() })
    }

    /// Forgets what is long past.
    pub(super) fn tidy(&mut self, vs: VsId, now_s: u32) -> Vec<(VsId, u64)> {
        let is_past = |block: &Block| {
            let end_s = block.until_s.saturating_add(if block.times == 0 { 0 } else { MEMORY_S });
            end_s <= now_s && block.excused_until_s <= now_s
        };
        let past: Vec<u64> =
            self.0.iter().filter(|(_, block)| is_past(block)).map(|(prefix, _)| *prefix).collect();
        self.0.retain(|_, block| !is_past(block));
        past.into_iter().map(|prefix| (vs, prefix)).collect()
    }

    /// As the store has it. Answers whether it was in force as long already.
    pub(super) fn restore(&mut self, kept: &GuardBlock) -> bool {
        let before = self.0.get(&kept.range);
        let (refused, converted) = before.map_or((0, 0), |block| (block.refused, block.converted));
        let until_s = seconds(kept.until_ms);
        let was_in_force = before.is_some_and(|block| block.until_s >= until_s);
        let block = Block {
            began_s: seconds(kept.began_ms),
            until_s,
            times: kept.times,
            refused,
            excused_until_s: seconds(kept.excused_until_ms),
            converted,
        };
        self.0.insert(kept.range, block);
        was_in_force
    }

    /// Forgets all but these; what was blocked just now may not have been stored yet.
    pub(super) fn keep_only(&mut self, kept: &BTreeSet<u64>, now_s: u32) {
        self.0.retain(|prefix, block| {
            kept.contains(prefix) || block.began_s.saturating_add(JUST_NOW_S) > now_s
        });
    }

    /// Blocks in force and released, the newest first.
    pub(super) fn shown(&self, now_s: u32) -> Vec<(u64, Block)> {
        let mut shown: Vec<(u64, Block)> = self
            .0
            .iter()
            .filter(|(_, block)| block.until_s > now_s || block.excused_until_s > now_s)
            .map(|(prefix, block)| (*prefix, *block))
            .collect();
        shown.sort_by_key(|(prefix, block)| (std::cmp::Reverse(block.began_s), *prefix));
        shown
    }

    /// How many are in force.
    pub(super) fn in_force(&self, now_s: u32) -> usize {
        self.0.values().filter(|block| block.until_s > now_s).count()
    }
}

fn record(vs: VsId, range: u64, block: &Block) -> GuardBlock {
    GuardBlock {
        vs,
        range,
        began_ms: i64::from(block.began_s) * 1_000,
        until_ms: i64::from(block.until_s) * 1_000,
        times: block.times,
        excused_until_ms: i64::from(block.excused_until_s) * 1_000,
    }
}

/// Whether all numbers of one range lie in the other.
fn is_within(prefix: u64, other: u64) -> bool {
    let (digits, most) = (prefix.max(1).ilog10(), other.max(1).ilog10());
    digits > most && prefix / 10u64.pow(digits - most) == other
}

/// A time in seconds, as the guard counts it: good until 2106.
pub(super) fn seconds(ms: i64) -> u32 {
    u32::try_from(ms.div_euclid(1_000)).unwrap_or(if ms < 0 { 0 } else { u32::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VS: VsId = VsId(2);
    const LENGTHS: (u32, u32) = (3_600, 7 * 86_400);

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).unwrap()
    }

    #[test]
    fn a_block_keeps_its_range_and_nothing_else_until_it_ends() {
        let mut blocks = Blocks::default();
        let changed = blocks.block(VS, 491_511_234, 1_000, LENGTHS);
        assert_eq!((changed.put.len(), changed.put[0].until_ms), (1, 4_600_000));
        assert_eq!(blocks.refuses(number("4915112345678"), 1_100), Some(3_500));
        assert_eq!(blocks.refuses(number("4915112355678"), 1_100), None);
        assert_eq!(blocks.refuses(number("4915112345678"), 4_600), None);
        assert_eq!(blocks.standing(491_511_234, 4_600), Standing::Suspect);
        assert_eq!(blocks.shown(1_100)[0].1.refused, 2);
    }

    #[test]
    fn each_block_is_longer_up_to_the_longest() {
        let mut blocks = Blocks::default();
        let mut now = 1_000;
        let mut lengths = Vec::new();
        for _ in 0..6 {
            blocks.block(VS, 12_345, now, LENGTHS);
            let until = blocks.shown(now)[0].1.until_s;
            lengths.push((until - now) / 3_600);
            now = until;
        }
        assert_eq!(lengths, [1, 4, 16, 64, 168, 168]);
    }

    #[test]
    fn a_larger_range_takes_in_the_smaller_ones() {
        let mut blocks = Blocks::default();
        blocks.block(VS, 491_511_234, 1_000, LENGTHS);
        blocks.block(VS, 491_511_334, 1_000, LENGTHS);
        let changed = blocks.block(VS, 49_151_123, 1_000, LENGTHS);
        assert_eq!(changed.gone, [(VS, 491_511_234)]);
        assert_eq!(blocks.in_force(1_000), 2);
    }

    #[test]
    fn what_was_released_is_excused_for_a_day() {
        let mut blocks = Blocks::default();
        blocks.block(VS, 12_345, 1_000, LENGTHS);
        let released = blocks.release(VS, 12_345, 1_100).unwrap();
        assert_eq!(released.put[0].excused_until_ms, (1_100 + 86_400) * 1_000);
        assert_eq!(blocks.release(VS, 12_345, 1_100), None, "it is not in force");
        assert_eq!(blocks.standing(12_345, 2_000), Standing::Excused);
        assert_eq!(blocks.tidy(VS, 1_100 + 86_399), []);
        assert_eq!(blocks.tidy(VS, 1_100 + 86_400), [(VS, 12_345)]);
    }

    #[test]
    fn conversions_make_a_range_clean_again() {
        let mut blocks = Blocks::default();
        blocks.block(VS, 491_511_234, 1_000, LENGTHS);
        let phone = number("4915112345678");
        assert_eq!(blocks.converted(VS, phone, 2_000), Changed::default(), "still blocked: sent before");
        let gone: Vec<_> = (0..10).flat_map(|_| blocks.converted(VS, phone, 5_000).gone).collect();
        assert_eq!(gone, [(VS, 491_511_234)]);
        assert_eq!(blocks.standing(491_511_234, 5_000), Standing::Clean);
    }

    #[test]
    fn a_block_reads_back_as_it_was_kept() {
        let mut blocks = Blocks::default();
        let kept = blocks.block(VS, 12_345, 1_000, LENGTHS).put;
        let mut again = Blocks::default();
        again.restore(&kept[0]);
        assert_eq!(again.block(VS, 12_345, 5_000, LENGTHS).put[0].times, 2);
    }
}
