//! What comes to the numbers of one range, and whether that looks like people or like an attack.
//!
//! An attack pumps messages to numbers of one range whose owner earns by them; nobody enters the codes. So each range is held to the
//! conversions that the virtual server's own past lets expect:
//!
//! - **Evidence.** Of `n` messages that had time, `c·n` should have been converted, and `k` were. The logarithm of how much better an attack
//!   (a tenth of the usual conversions) explains that than people do is `0.9·c·n − 2.3·k` (Poisson). Past a bound, and where the messages are
//!   more than the range's usual traffic explains, the range is blocked.
//! - **Room.** An attack can be over before the first conversion is due. So only so many messages may be without an answer; each
//!   conversion makes room for four more, and so does the range's usual traffic.
//!
//! Both are asked of ranges of 10,000, 100,000, 1 million and 10 million numbers. Bounds triple with each step, so that the smallest range
//! that holds the attack is found first, and a larger one only where several of its parts are attacked.

use super::table::Kept;
use std::f32::consts::LN_2;
use textgate_sms::PhoneNumber;

/// Ranges of 10⁴, 10⁵, 10⁶ and 10⁷ numbers.
pub(super) const LEVELS: usize = 4;
/// Digits that the smallest range leaves open.
const FIRST_OPEN: u32 = 4;
/// After so long, what came counts half: a slow attack adds up, a bad hour is forgotten (s).
const HALF_LIFE_S: f32 = 6.0 * 3_600.0;
/// The same for a range's usual traffic (s).
const USUAL_HALF_LIFE_S: f32 = 72.0 * 3_600.0;
/// An attack converts so much of what is usual.
const ATTACK: f32 = 0.1;
/// Traffic is sudden where it is so many times the usual.
const SUDDEN: f32 = 3.0;

/// Bounds for the smallest ranges.
const ROOM: f32 = 20.0;
const EVIDENCE: f32 = 6.0;
/// The same where the range was blocked before.
const ROOM_AGAIN: f32 = 4.0;
const EVIDENCE_AGAIN: f32 = 1.2;

/// The counters of one range.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Range {
    /// Messages whose conversion may still come.
    pending: f32,
    /// Messages that had time.
    ripe: f32,
    converted: f32,
    /// Conversions with a long memory: what is usual here.
    usual: f32,
    at_s: u32,
}

/// What the virtual server's past lets expect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The chance of a conversion.
    pub(super) chance: f32,
    /// How long one may be waited for (s).
    pub(super) patience_s: f32,
}

/// What is to be thought of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// People.
    Usual,
    /// Too much is without an answer: nothing more until some of it has one.
    Full,
    /// An attack.
    Attack,
}

/// The ranges of a number, smallest first, by level and prefix. None is a whole country.
pub(super) fn ranges(number: PhoneNumber) -> impl Iterator<Item = (usize, u64)> {
    let digits = number.digits();
    let code = number.calling_code().map_or(1, |code| u32::from(code).ilog10() + 1);
    let shortest = (code + 1).max(3);
    (0..LEVELS).map_while(move |level| {
        let length = digits.checked_sub(FIRST_OPEN + level as u32)?;
        (length >= shortest).then(|| (level, number.first_digits(length)))
    })
}

impl Range {
    /// A message is on its way.
    pub(super) fn sent(&mut self, now_s: u32, patience_s: f32) {
        self.advance(now_s, patience_s);
        self.pending += 1.0;
    }

    /// A message was converted.
    pub(super) fn converted(&mut self, now_s: u32, patience_s: f32) {
        self.advance(now_s, patience_s);
        let answered = self.pending.min(1.0);
        self.pending -= answered;
        self.ripe += answered;
        self.converted += 1.0;
        self.usual += 1.0;
    }

    /// Forgets what came, but for what is usual: the range was blocked for it, or released.
    pub(super) fn clear(&mut self) {
        (self.pending, self.ripe, self.converted) = (0.0, 0.0, 0.0);
    }

    /// What is to be thought of it now.
    pub(super) fn find(
        &mut self,
        now_s: u32,
        level: usize,
        expected: Expected,
        was_blocked: bool,
    ) -> Finding {
        self.advance(now_s, expected.patience_s);
        let Expected { chance, patience_s } = expected;
        let scale = 3f32.powi(level as i32);
        let (room, bound) = match was_blocked {
            true => (ROOM_AGAIN, EVIDENCE_AGAIN),
            false => (ROOM * scale, EVIDENCE * scale),
        };
        // Messages that people usually send here in a second.
        let usual_rate = self.usual / chance / (USUAL_HALF_LIFE_S / LN_2);
        let usual = usual_rate * HALF_LIFE_S / LN_2;
        let unexplained = self.pending + self.ripe - self.converted / chance;
        let evidence = (1.0 - ATTACK) * chance * self.ripe + ATTACK.ln() * self.converted;
        if evidence >= bound && unexplained >= bound + SUDDEN * usual {
            return Finding::Attack;
        }
        let answered = self.converted / chance + 4.0 * self.converted;
        if self.pending + self.ripe >= room + answered + SUDDEN * usual + 5.0 * usual_rate * patience_s {
            return Finding::Full;
        }
        Finding::Usual
    }

    fn advance(&mut self, now_s: u32, patience_s: f32) {
        let passed = now_s.saturating_sub(self.at_s);
        self.at_s = self.at_s.max(now_s);
        if passed == 0 {
            return;
        }
        let passed = passed as f32;
        let keep = (-passed / HALF_LIFE_S).exp2();
        let waits = (-passed / patience_s).exp();
        self.ripe = (self.ripe + self.pending * (1.0 - waits)) * keep;
        self.pending *= waits * keep;
        self.converted *= keep;
        self.usual *= (-passed / USUAL_HALF_LIFE_S).exp2();
    }
}

impl Kept for Range {
    fn worth(&self, now_s: u32) -> f32 {
        let keep = (-(now_s.saturating_sub(self.at_s) as f32) / HALF_LIFE_S).exp2();
        (self.pending + self.ripe + self.usual) * keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected = Expected { chance: 0.75, patience_s: 60.0 };

    fn prefixes(number: &str) -> Vec<(usize, u64)> {
        ranges(PhoneNumber::parse(number).unwrap()).collect()
    }

    #[test]
    fn a_number_lies_in_four_ranges_but_never_in_a_whole_country() {
        assert_eq!(prefixes("4915112345678"), [(0, 491511234), (1, 49151123), (2, 4915112), (3, 491511)]);
        assert_eq!(prefixes("12025550123"), [(0, 1202555), (1, 120255), (2, 12025), (3, 1202)]);
        assert_eq!(prefixes("3541234567"), [(0, 354123), (1, 35412), (2, 3541)]);
        assert_eq!(prefixes("2908123"), []);
    }

    #[test]
    fn messages_without_conversion_are_an_attack_after_their_time() {
        let mut range = Range::default();
        for second in 0..14 {
            assert_eq!(range.find(1_000 + second, 0, EXPECTED, false), Finding::Usual);
            range.sent(1_000 + second, 60.0);
        }
        assert_eq!(range.find(1_020, 0, EXPECTED, false), Finding::Usual);
        assert_eq!(range.find(1_300, 0, EXPECTED, false), Finding::Attack);
        assert_eq!(range.find(1_300, 1, EXPECTED, false), Finding::Usual, "a larger range holds more people");
    }

    #[test]
    fn a_burst_waits_for_its_first_conversions() {
        let mut range = Range::default();
        for _ in 0..20 {
            assert_eq!(range.find(1_000, 0, EXPECTED, false), Finding::Usual);
            range.sent(1_000, 60.0);
        }
        assert_eq!(range.find(1_000, 0, EXPECTED, false), Finding::Full);
        for _ in 0..3 {
            range.converted(1_010, 60.0);
        }
        assert_eq!(range.find(1_010, 0, EXPECTED, false), Finding::Usual);
    }

    #[test]
    fn people_are_no_attack_however_many() {
        let mut range = Range::default();
        for n in 0..20_000u32 {
            let now = 1_000 + n;
            assert_eq!(range.find(now, 0, EXPECTED, false), Finding::Usual, "{n}");
            range.sent(now, 60.0);
            if n >= 10 && n % 10 < 6 {
                range.converted(now, 60.0);
            }
        }
    }

    #[test]
    fn what_is_usual_is_no_attack_while_nothing_arrives() {
        let mut range = Range::default();
        for n in 0..5 * 86_400u32 / 60 {
            range.sent(n * 60, 60.0);
            range.converted(n * 60 + 30, 60.0);
        }
        // Then a provider fails for two hours: as many messages as ever, and no conversion.
        for n in 0..120u32 {
            let now = 5 * 86_400 + n * 60;
            assert_ne!(range.find(now, 0, EXPECTED, false), Finding::Attack, "{n}");
            range.sent(now, 60.0);
        }
    }

    #[test]
    fn a_range_that_was_blocked_before_is_blocked_sooner() {
        let mut range = Range::default();
        (0..4).for_each(|_| range.sent(1_000, 60.0));
        assert_eq!(range.find(1_000, 0, EXPECTED, true), Finding::Full);
        assert_eq!(range.find(1_000, 0, EXPECTED, false), Finding::Usual);
        assert_eq!(range.find(1_300, 0, EXPECTED, true), Finding::Attack);
        range.clear();
        assert_eq!(range.find(1_300, 0, EXPECTED, true), Finding::Usual);
    }
}
