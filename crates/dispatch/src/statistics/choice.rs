//! Which gateway goes first: the one that serves a country best, as far as is known, and now and then another one, to know more.
//!
//! Thompson sampling: of each gateway's share of good ends a value is drawn, as spread as what is known of it is uncertain, and the
//! highest goes first. What is known well is hardly ever passed over; what is not known is tried. At most one message in twenty tries
//! another gateway than the one that seems best.

use super::record::{Belief, Record};
use smallvec::SmallVec;
use std::collections::HashMap;
use textgate_sms::{Country, GatewayId};

/// So much has to be known of a kind of answer before it is gone by.
const ENOUGH: f32 = 5.0;
/// At most one message in so many tries another gateway than the best.
const EXPLORED: f32 = 20.0;

/// What gateways are judged by: the first of these that is known. Codes that are entered cannot be faked; receipts can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Conversion,
    Delivery,
    Submission,
}

/// Which gateway goes first, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// Its place in the order that is set.
    pub(crate) first: u8,
    /// It is tried, although another one seems better.
    pub(crate) is_tried: bool,
    pub(super) by: By,
    /// What is known of each, in the order that is set: the share of good ends (%), and of how many.
    known: SmallVec<[(u8, u32); 2]>,
}

impl Choice {
    /// The reason in words, with the gateways' names in the order that is set.
    pub(crate) fn why<'a>(&self, names: impl Iterator<Item = &'a str>, country: Option<Country>) -> String {
        let by = match self.by {
            By::Conversion => "codes entered",
            By::Delivery => "delivered",
            By::Submission => "taken",
        };
        let verb = if self.is_tried { "is tried, to know more" } else { "is best" };
        let place = country.map_or_else(String::new, |country| format!(" for {country}"));
        let mut first = "";
        let each = names.zip(&self.known).enumerate().map(|(at, (name, (share, of)))| {
            if at == usize::from(self.first) {
                first = name;
            }
            format!("{name} {share} % of {of}")
        });
        let each = each.collect::<Vec<_>>().join(", ");
        format!("{first} goes first, as it {verb}{place} ({by}: {each})")
    }
}

pub(super) fn choose(
    records: &mut HashMap<(GatewayId, Option<Country>), Record>,
    dice: &mut Dice,
    gateways: impl Iterator<Item = GatewayId>,
    country: Option<Country>,
    now_s: u32,
) -> Option<Choice> {
    let mut known: SmallVec<[(GatewayId, Record); 4]> = SmallVec::new();
    for gateway in gateways {
        let record = records.entry((gateway, country)).or_default();
        record.advance(now_s);
        known.push((gateway, *record));
    }
    if known.len() < 2 {
        return None;
    }
    let answers = known.iter().map(|(_, record)| record.answers());
    let (converted, delivered) = answers.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let by = match (converted >= ENOUGH, delivered >= ENOUGH) {
        (true, _) => By::Conversion,
        (false, true) => By::Delivery,
        (false, false) => By::Submission,
    };
    let beliefs: SmallVec<[Belief; 4]> = known.iter().map(|(_, record)| record.belief(by)).collect();
    let best = highest(beliefs.iter().map(|belief| belief.mean));
    let drawn = highest(beliefs.iter().map(|belief| belief.mean + belief.deviation * dice.normal()));
    let leader = records.get_mut(&(known.get(best)?.0, country))?;
    // One in twenty of the recent ones.
    (leader.led, leader.explored) = (leader.led * 0.998 + 1.0, leader.explored * 0.998);
    let is_tried = drawn != best && (leader.explored + 1.0) * EXPLORED <= leader.led + EXPLORED;
    if is_tried {
        leader.explored += 1.0;
    }
    let first = if is_tried { drawn } else { best };
    let percent = |(_, record): &(GatewayId, Record)| {
        ((record.belief(by).mean * 100.0).round() as u8, record.trials(by).round() as u32)
    };
    Some(Choice { first: first as u8, is_tried, by, known: known.iter().map(percent).collect() })
}

/// Where the highest stands; the first of equals.
fn highest(values: impl Iterator<Item = f32>) -> usize {
    let highest = values.enumerate().fold(
        (0, f32::MIN),
        |best, (at, value)| {
            if value > best.1 { (at, value) } else { best }
        },
    );
    highest.0
}

/// Random numbers (splitmix64): good enough to try a gateway by, and repeated by a seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A normal deviate: the sum of twelve halves of random numbers, less its mean (Irwin-Hall).
    pub(super) fn normal(&mut self) -> f32 {
        let sum: u32 = (0..3)
            .map(|_| {
                let bits = self.next();
                (0..4).map(|part| (bits >> (16 * part) & 0xFFFF) as u32).sum::<u32>()
            })
            .sum();
        sum as f32 / 65_536.0 - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAYS: [GatewayId; 2] = [GatewayId(1), GatewayId(2)];

    fn records(shares: [u32; 2]) -> HashMap<(GatewayId, Option<Country>), Record> {
        let record = |converted: u32| {
            let mut record = Record::default();
            for n in 0..100 {
                record.attempt(true, 10, 0);
                record.passcode(0);
                // Receipts say that all arrived.
                record.receipt(true, 0);
                if n < converted {
                    record.converted(0);
                }
            }
            record.advance(600);
            record
        };
        GATEWAYS.into_iter().zip(shares).map(|(gateway, share)| ((gateway, None), record(share))).collect()
    }

    fn chosen(records: &mut HashMap<(GatewayId, Option<Country>), Record>) -> Vec<Choice> {
        let mut dice = Dice::new(7);
        (0..1_000).filter_map(|_| choose(records, &mut dice, GATEWAYS.into_iter(), None, 600)).collect()
    }

    #[test]
    fn codes_that_are_entered_outweigh_receipts() {
        let choices = chosen(&mut records([20, 80]));
        assert!(choices.iter().all(|choice| choice.by == By::Conversion));
        assert!(choices.iter().filter(|choice| choice.first == 1).count() >= 995);
    }

    #[test]
    fn at_most_one_in_twenty_tries_another() {
        // Nothing is known of the second.
        let mut records = records([80, 0]);
        records.remove(&(GatewayId(2), None));
        let choices = chosen(&mut records);
        let tried = choices.iter().filter(|choice| choice.is_tried).count();
        assert!((20..=52).contains(&tried), "{tried}");
        assert!(choices.iter().all(|choice| choice.is_tried == (choice.first == 1)));
    }

    #[test]
    fn where_nothing_is_known_the_order_that_is_set_leads() {
        let mut records = HashMap::new();
        let choices = chosen(&mut records);
        assert!(choices.iter().filter(|choice| choice.first == 0).count() >= 945);
        assert_eq!(choose(&mut records, &mut Dice::new(1), GATEWAYS.into_iter().take(1), None, 0), None);
    }

    #[test]
    fn a_choice_says_why() {
        let country = Country::parse("DE").ok();
        let mut records = HashMap::new();
        for (key, record) in self::records([20, 80]) {
            records.insert((key.0, country), record);
        }
        let choice = choose(&mut records, &mut Dice::new(1), GATEWAYS.into_iter(), country, 600).unwrap();
        let why = choice.why(["main", "spare"].into_iter(), country);
        assert_eq!(
            why,
            "spare goes first, as it is best for DE (codes entered: main 19 % of 89, spare 78 % of 89)"
        );
    }
}
