//! The adaptive order against simulated providers that lose, delay and fake by country, in simulated time.
//!
//! `cargo test -p textgate-dispatch --lib statistics::simulated -- --nocapture` prints what `docs/sms-settings.md` tells.

use super::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const VS: VsId = VsId(3);
const MESSAGES: u64 = 30_000;

/// What a provider does for a country: of 100 messages so many are submitted, so many arrive, so many are said to.
#[derive(Clone, Copy)]
struct Way {
    taken: u64,
    arrive: u64,
    said: u64,
    /// How long they take to arrive (s).
    delay_s: u64,
}

const GOOD: Way = Way { taken: 100, arrive: 97, said: 97, delay_s: 4 };
const LOSES: Way = Way { taken: 100, arrive: 55, said: 55, delay_s: 4 };
const DELAYS: Way = Way { taken: 100, arrive: 97, said: 97, delay_s: 180 };
const FAKES: Way = Way { taken: 100, arrive: 10, said: 100, delay_s: 2 };
const REFUSES: Way = Way { taken: 60, arrive: 97, said: 97, delay_s: 4 };

const COUNTRIES: [(&str, u64); 3] = [("4915", 9), ("336", 8), ("9198", 8)];

/// Providers by country; from the middle on, maybe other ones.
struct Market {
    name: &'static str,
    ways: [[Way; 3]; 3],
    later: Option<[[Way; 3]; 3]>,
}

#[rustfmt::skip]
const MARKETS: &[Market] = &[
    Market { name: "each is best somewhere", later: None,
             ways: [[GOOD, LOSES, DELAYS], [LOSES, GOOD, LOSES], [DELAYS, REFUSES, GOOD]] },
    Market { name: "the first fakes receipts", later: None,
             ways: [[FAKES, FAKES, FAKES], [LOSES, GOOD, GOOD], [GOOD, LOSES, GOOD]] },
    Market { name: "the best degrades midway",
             ways: [[GOOD, GOOD, GOOD], [LOSES, Way { arrive: 90, ..GOOD }, LOSES], [Way { arrive: 90, ..GOOD }, LOSES, Way { arrive: 90, ..GOOD }]],
             later: Some([[FAKES, LOSES, FAKES], [LOSES, Way { arrive: 90, ..GOOD }, LOSES], [Way { arrive: 90, ..GOOD }, LOSES, Way { arrive: 90, ..GOOD }]]) },
];

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Said(u32, PhoneNumber, bool),
    Entered(PhoneNumber),
}

struct Run {
    /// What a fixed choice needs nothing of.
    is_adaptive: bool,
    statistics: Statistics,
    dice: crate::simulation::dice::Dice,
    later: BinaryHeap<Reverse<(u64, Event)>>,
}

impl Run {
    /// How many codes were entered in time; by `fixed` gateway for each country, or adaptive.
    fn entered(market: &Market, seed: u64, fixed: Option<[usize; 3]>) -> u64 {
        let mut run = Self {
            is_adaptive: fixed.is_none(),
            statistics: Statistics::seeded(seed),
            dice: crate::simulation::dice::Dice::new(seed),
            later: BinaryHeap::new(),
        };
        let mut entered = 0;
        for n in 0..MESSAGES {
            // One a second.
            while run.later.peek().is_some_and(|Reverse((at, _))| *at <= n) {
                if let Some(Reverse((at, event))) = run.later.pop() {
                    run.happens(at, event);
                }
            }
            let place = run.dice.below(3) as usize;
            let (begin, open) = COUNTRIES[place];
            let number: u64 = begin.parse().unwrap();
            let number = number * 10u64.pow(open as u32) + run.dice.below(10u64.pow(open as u32));
            let number = PhoneNumber::from_u64(number).unwrap();
            let ways = match market.later {
                Some(later) if n >= MESSAGES / 2 => later,
                _ => market.ways,
            };
            let first = fixed.map_or_else(|| run.choose(number, n), |fixed| fixed[place]);
            entered += u64::from(run.send(number, first, &ways, place, n));
        }
        entered
    }

    fn choose(&self, number: PhoneNumber, now: u64) -> usize {
        let gateways = (1..=3).map(GatewayId);
        let choice = self.statistics.choose(gateways, number.country(), now as i64 * 1_000);
        choice.map_or(0, |choice| usize::from(choice.first))
    }

    /// By the first gateway, and on to the next where it does not take it. Whether the code is entered in time.
    fn send(
        &mut self,
        number: PhoneNumber,
        first: usize,
        ways: &[[Way; 3]; 3],
        place: usize,
        now: u64,
    ) -> bool {
        let now_ms = now as i64 * 1_000;
        let order = std::iter::once(first).chain((0..3).filter(|other| *other != first));
        let mut waited = 0;
        for gateway in order {
            let way = ways[gateway][place];
            let id = GatewayId(gateway as u32 + 1);
            if !self.dice.percent(way.taken) {
                if self.is_adaptive {
                    self.statistics.attempt(id, number, OutcomeClass::Unavailable, 3_000, now_ms);
                }
                waited += 20;
                continue;
            }
            if self.is_adaptive {
                self.statistics.attempt(id, number, OutcomeClass::Sent, 100, now_ms);
                self.statistics.passcode_sent(VS, id, number, now_ms);
            }
            if self.dice.percent(way.said) {
                self.later.push(Reverse((now + way.delay_s, Event::Said(id.0, number, true))));
            }
            if !self.dice.percent(way.arrive) {
                return false;
            }
            // Whoever waits for minutes has mostly given up.
            let waits = way.delay_s + waited;
            let patience = if waits < 15 {
                92
            } else if waits < 60 {
                85
            } else {
                30
            };
            let is_entered = self.dice.percent(patience);
            if is_entered {
                let after = waits + 5 + self.dice.below(30);
                self.later.push(Reverse((now + after, Event::Entered(number))));
            }
            return is_entered;
        }
        false
    }

    fn happens(&self, at: u64, event: Event) {
        if !self.is_adaptive {
            return;
        }
        let at_ms = at as i64 * 1_000;
        match event {
            Event::Said(gateway, number, is_delivered) => {
                let state = if is_delivered { MessageState::Delivered } else { MessageState::Undelivered };
                self.statistics.receipt(GatewayId(gateway), number, state, at_ms);
            }
            Event::Entered(number) => self.statistics.converted(VS, number, at_ms),
        }
    }
}

#[test]
fn the_adaptive_order_is_as_good_as_the_best_fixed_choice_and_better_when_that_degrades() {
    println!("| market | seed | adaptive | best fixed choice for each country | best single gateway |");
    println!("|---|---|---|---|---|");
    let mut failed = Vec::new();
    for market in MARKETS {
        for seed in 1..=3 {
            let adaptive = Run::entered(market, seed, None);
            let fixed = (0..27).map(|n| [n % 3, n / 3 % 3, n / 9]);
            let best = fixed.map(|choice| Run::entered(market, seed, Some(choice))).max().unwrap();
            let single = (0..3).map(|n| Run::entered(market, seed, Some([n; 3]))).max().unwrap();
            println!("| {} | {seed} | {adaptive} | {best} | {single} |", market.name);
            let is_good = match market.later {
                None => adaptive * 100 >= best * 98,
                Some(_) => adaptive > single,
            };
            if !is_good {
                failed.push((market.name, seed));
            }
        }
    }
    assert_eq!(failed, []);
}

#[test]
fn what_an_attempt_and_a_choice_cost() {
    let statistics = Statistics::seeded(1);
    let numbers: Vec<PhoneNumber> =
        (0..1_000u64).filter_map(|n| PhoneNumber::from_u64(4_915_100_000_000 + n * 48_271)).collect();
    let quickest = |what: &dyn Fn(PhoneNumber, i64)| {
        let batch = |round: i64| {
            let began = std::time::Instant::now();
            numbers.iter().for_each(|number| what(*number, round * 1_000));
            began.elapsed().as_nanos() / 1_000
        };
        (1..200).map(batch).min().unwrap()
    };
    let attempt = quickest(&|number, now| {
        statistics.attempt(GatewayId(1), number, OutcomeClass::Sent, 80, now);
    });
    let choice = quickest(&|number, now| {
        drop(statistics.choose((1..=2).map(GatewayId), number.country(), now));
    });
    println!("{attempt} ns an attempt, {choice} ns a choice of two");
}
