//! Limits, whoever asks and however many.

use super::*;
use crate::simulation::dice::Dice;

const NOW: i64 = 1_800_000_000_000;

fn rules(per: Per, limit: u32) -> Rules {
    let limits = vec![GuardLimit { per, limit, window_s: 600 }];
    Rules::under(&GuardRules { limits, refuse_unallocated: false, ..GuardRules::default() }, None)
}

fn number(n: u64) -> PhoneNumber {
    PhoneNumber::from_u64(4_915_100_000_000 + n).unwrap()
}

/// How many of these are let through.
fn passed<'a>(guard: &Guard, rules: &Rules, questions: impl Iterator<Item = Question<'a>>) -> usize {
    questions.filter(|question| guard.judge(rules, question).refused.is_none()).count()
}

fn question(vs: u32, n: u64, ip: &str, purpose: &'static str) -> Question<'static> {
    let ip = (!ip.is_empty()).then(|| ip.parse().unwrap());
    Question { vs: VsId(vs), number: number(n), purpose, ip, is_checked: false, now_ms: NOW }
}

#[test]
fn of_many_at_once_exactly_as_many_as_the_limit_are_let_through() {
    let (guard, rules) = (Guard::new(NOW), rules(Per::Number, 5));
    let one = || passed(&guard, &rules, (0..500).map(|_| question(1, 7, "", "")));
    let all: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(all, 5);
}

#[test]
fn a_flood_of_numbers_frees_none_that_is_at_its_limit_and_takes_no_more_memory() {
    let (guard, rules) = (Guard::new(NOW), rules(Per::Number, 3));
    assert_eq!(passed(&guard, &rules, (0..9).map(|_| question(1, 7, "", ""))), 3);
    let mut dice = Dice::new(3);
    let flood = (0..300_000).map(|_| question(1, 1_000 + dice.below(900_000_000), "", ""));
    assert!(passed(&guard, &rules, flood) > 299_000);
    assert_eq!(passed(&guard, &rules, std::iter::once(question(1, 7, "", ""))), 0);
    let shard = guard.shard(VsId(1));
    assert!(shard.windows.len() <= WINDOWS && shard.numbers.len() <= NUMBERS && shard.ranges.len() <= RANGES);
}

#[test]
fn addresses_count_by_their_network_and_purposes_by_themselves() {
    let (guard, by_ip) = (Guard::new(NOW), rules(Per::Ip, 2));
    let from = |ips: &[&str]| {
        let questions = ips.iter().enumerate().map(|(n, ip)| question(1, n as u64, ip, ""));
        passed(&guard, &by_ip, questions)
    };
    assert_eq!(from(&["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"]), 3);
    assert_eq!(from(&["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2::2", "2001:db8:1:3::1"]), 3);
    assert_eq!(from(&["", "", "", ""]), 4, "nobody said from where");
    let by_purpose = rules(Per::Purpose, 1);
    let purposes = ["sign-in", "pay", "sign-in"].map(|purpose| question(1, 50, "", purpose));
    assert_eq!(passed(&guard, &by_purpose, purposes.into_iter()), 2);
}

#[test]
fn one_virtual_servers_passcodes_do_not_count_for_another() {
    let (guard, rules) = (Guard::new(NOW), rules(Per::VirtualServer, 2));
    // 1 and 9 are in the same part.
    let questions = [1, 9, 1, 9, 1, 9, 257].map(|vs| question(vs, 7, "", ""));
    assert_eq!(passed(&guard, &rules, questions.into_iter()), 5);
}
