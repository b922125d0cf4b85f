//! What a phone number is for, by the numbering plan of its country.
//!
//! The plans are facts that change a little every month; `scripts/numbering` writes them anew from the metadata of libphonenumber, which
//! collects what regulators publish. They are kept as one automaton that reads a number digit by digit.

use crate::PhoneNumber;

/// What a number is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberUse {
    /// A person's or a company's, or made up for fiction and tests.
    Usual,
    /// It costs its caller more than others: premium rate, shared cost, personal numbers that follow their owner, satellite
    /// phones.
    Premium,
    /// No plan has it.
    Unallocated,
}

/// The automaton: for each state its use, then the state after each of the ten digits (two octets, the lower one first). State 0 is the
/// end of what no plan has, state 1 the beginning.
static PLAN: &[u8] = include_bytes!("numbering.bin");
const ROW: usize = 21;

/// Calling codes of satellite and other international networks (E.164.1), by whose numbers fraud earns most.
const NETWORKS: &[u16] = &[870, 878, 881, 882, 883, 979];
/// Numbers that begin so are made up, and nobody earns by them: the area code 555 belongs to nobody (NANPA), 07700 900 is for drama
/// (Ofcom).
const MADE_UP: &[(u32, u64)] = &[(4, 1_555), (9, 447_700_900)];

impl PhoneNumber {
    /// What it is for. Takes some ten nanoseconds.
    pub fn intended_use(self) -> NumberUse {
        if MADE_UP.iter().any(|(digits, begin)| self.first_digits(*digits) == *begin) {
            return NumberUse::Usual;
        }
        let mut scale = 10u64.pow(self.digits());
        let (mut left, mut state) = (self.as_u64(), 1);
        while scale > 1 && state != 0 {
            scale /= 10;
            state = after(state, (left / scale) as usize);
            left %= scale;
        }
        let found = PLAN.get(state * ROW).copied().filter(|_| state != 0);
        match found {
            Some(1) if !self.calling_code().is_some_and(|code| NETWORKS.contains(&code)) => NumberUse::Usual,
            Some(1 | 2) => NumberUse::Premium,
            _ => NumberUse::Unallocated,
        }
    }
}

/// The state after this digit.
fn after(state: usize, digit: usize) -> usize {
    let at = state * ROW + 1 + 2 * digit;
    match PLAN.get(at..at + 2) {
        Some(&[low, high]) => usize::from(low) | usize::from(high) << 8,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(number: &str) -> NumberUse {
        PhoneNumber::parse(number).unwrap().intended_use()
    }

    #[test]
    fn mobile_and_fixed_numbers_are_usual() {
        for number in [
            "4915123456789",
            "493012345678",
            "33612345678",
            "447400123456",
            "12125550100",
            "919876543210",
            "5511912345678",
            "8613812345678",
            "61412345678",
            "2348031234567",
            "393312345678",
            "79161234567",
            "6581234567",
        ] {
            assert_eq!(of(number), NumberUse::Usual, "{number}");
        }
    }

    #[test]
    fn numbers_that_cost_more_are_premium() {
        for number in [
            "499001234567",
            "447012345678",
            "449012345678",
            "19005550100",
            "33899123456",
            "881612345678",
            "870773123456",
            "979123456789",
        ] {
            assert_eq!(of(number), NumberUse::Premium, "{number}");
        }
    }

    #[test]
    fn numbers_of_no_plan_are_unallocated() {
        for number in
            ["4915001", "4900000000000", "9991234567", "12120001234", "4470001", "336123456789", "2101234567"]
        {
            assert_eq!(of(number), NumberUse::Unallocated, "{number}");
        }
    }

    #[test]
    fn numbers_made_up_for_tests_are_let_pass() {
        for number in ["15550100100", "447700900123"] {
            assert_eq!(of(number), NumberUse::Usual);
        }
    }

    #[test]
    fn the_automaton_is_whole() {
        assert_eq!(PLAN.len() % ROW, 0);
        let states = PLAN.len() / ROW;
        assert!(PLAN[..ROW].iter().all(|octet| *octet == 0), "state 0 leads nowhere");
        for state in 0..states {
            assert!(PLAN[state * ROW] <= 2);
            assert!((0..10).all(|digit| after(state, digit) < states));
        }
    }
}
