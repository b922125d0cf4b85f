//! How long receipts take, by gateway and country: learned from the passcodes that were sent, and kept in memory.

use std::collections::HashMap;
use std::time::Duration;
use textgate_sms::{GatewayId, PhoneNumber};
use textgate_store::Histogram;

/// So many receipts must have come before anything is concluded from them.
const ENOUGH: u32 = 5;
/// A receipt is missed where so many of a thousand others were there by then, and a quarter of that time is over besides.
const PART: f64 = 0.99;
const SLACK: f64 = 1.25;
/// No receipt is missed sooner than this: people wait as long, and a provider may collect receipts.
pub(super) const SOONEST: Duration = Duration::from_secs(10);
/// Nor later: by then nobody waits any more.
pub(super) const LATEST: Duration = Duration::from_secs(60);
/// After so many receipts what was learned before begins to be forgotten.
const GENERATION: u64 = 500;

/// What was learned of all gateways.
#[derive(Default)]
pub(super) struct Paces {
    by_country: HashMap<(GatewayId, CallingCode), Pace>,
    by_gateway: HashMap<GatewayId, Pace>,
}

/// What was learned of receipts from one place.
#[derive(Default)]
struct Pace {
    newer: Histogram,
    older: Histogram,
    heard: u32,
    missed: u32,
}

/// A country calling code (ITU-T E.164, list of assigned codes): 1, 7, 44, 352.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CallingCode(pub(super) u16);

impl Paces {
    /// A receipt came after this time.
    pub(super) fn heard(&mut self, gateway: GatewayId, country: CallingCode, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.by_country.entry((gateway, country)).or_default().heard(micros);
        self.by_gateway.entry(gateway).or_default().heard(micros);
    }

    /// None came as long as the passcode lived.
    pub(super) fn missed(&mut self, gateway: GatewayId, country: CallingCode) {
        let pace = self.by_country.entry((gateway, country)).or_default();
        pace.missed = pace.missed.saturating_add(1);
    }

    /// After how long a receipt is missed; `None` where not enough is known, or receipts do not come at all.
    pub(super) fn patience(&self, gateway: GatewayId, country: CallingCode) -> Option<Duration> {
        let there = self.by_country.get(&(gateway, country));
        match there {
            Some(pace) if pace.heard >= ENOUGH => pace.patience(),
            // To this country it does not report.
            Some(pace) if pace.heard == 0 && pace.missed >= ENOUGH => None,
            _ => self.by_gateway.get(&gateway).filter(|pace| pace.heard >= ENOUGH)?.patience(),
        }
    }
}

impl Pace {
    fn heard(&mut self, micros: u64) {
        if self.newer.count() >= GENERATION {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.record(micros);
        self.heard = self.heard.saturating_add(1);
    }

    fn patience(&self) -> Option<Duration> {
        let mut all = self.older.clone();
        all.add(&self.newer);
        let usual = Duration::from_micros(all.quantile(PART)?);
        Some(usual.min(LATEST).mul_f64(SLACK).clamp(SOONEST, LATEST))
    }
}

impl CallingCode {
    /// That of a number. Codes of one digit are 1 and 7; those of two are listed; all others have three.
    pub(super) fn of(number: PhoneNumber) -> Self {
        let digits = number.as_u64();
        let length = digits.checked_ilog10().unwrap_or(0);
        // The first digits of a number that has at least seven.
        let first =
            |count: u32| u16::try_from(digits / 10_u64.pow(length + 1 - count.min(length))).unwrap_or(0);
        let two = first(2);
        Self(match two {
            10..=19 => 1,
            70..=79 => 7,
            20
            | 27
            | 30..=34
            | 36
            | 39..=41
            | 43..=49
            | 51..=58
            | 60..=66
            | 81
            | 82
            | 84
            | 86
            | 90..=95
            | 98 => two,
            _ => first(3),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: GatewayId = GatewayId(1);
    const B: GatewayId = GatewayId(2);
    const HERE: CallingCode = CallingCode(49);
    const THERE: CallingCode = CallingCode(91);

    fn taught(times: u32, seconds: u64) -> Paces {
        let mut paces = Paces::default();
        (0..times).for_each(|_| paces.heard(A, HERE, Duration::from_secs(seconds)));
        paces
    }

    #[test]
    fn nothing_is_missed_of_a_gateway_that_never_reported() {
        assert_eq!(Paces::default().patience(A, HERE), None);
        assert_eq!(taught(4, 3).patience(A, HERE), None, "too few to know");
        assert!(taught(5, 3).patience(A, HERE).is_some());
        assert_eq!(taught(5, 3).patience(B, HERE), None, "another gateway");
    }

    #[test]
    fn patience_follows_how_long_receipts_take_within_its_bounds() {
        assert_eq!(taught(50, 1).patience(A, HERE), Some(SOONEST));
        assert_eq!(taught(50, 600).patience(A, HERE), Some(LATEST));
        let patience = taught(50, 20).patience(A, HERE).unwrap().as_secs_f64();
        assert!((24.0..=26.0).contains(&patience), "{patience}");
        let mut paces = taught(50, 1);
        (0..1_000).for_each(|_| paces.heard(A, HERE, Duration::from_secs(30)));
        assert!(paces.patience(A, HERE).unwrap() > Duration::from_secs(36), "what is old is forgotten");
    }

    #[test]
    fn a_country_without_receipts_of_its_own_goes_by_its_gateway_until_it_is_known_better() {
        let mut paces = taught(10, 20);
        assert_eq!(paces.patience(A, THERE), paces.patience(A, HERE));
        (0..5).for_each(|_| paces.missed(A, THERE));
        assert_eq!(paces.patience(A, THERE), None, "it does not report there");
        assert!(paces.patience(A, HERE).is_some());
        (0..5).for_each(|_| paces.heard(A, THERE, Duration::from_secs(40)));
        assert!(paces.patience(A, THERE).unwrap() > paces.patience(A, HERE).unwrap());
    }

    #[test]
    fn a_number_belongs_to_its_calling_code() {
        for (number, code) in [
            ("15550100100", 1),
            ("79161234567", 7),
            ("447700900123", 44),
            ("352621123456", 352),
            ("971501234567", 971),
            ("919876543210", 91),
            ("8613800000000", 86),
            ("3581234567", 358),
            ("1555010", 1),
            ("4477009", 44),
        ] {
            assert_eq!(CallingCode::of(PhoneNumber::parse(number).unwrap()).0, code, "{number}");
        }
    }
}
