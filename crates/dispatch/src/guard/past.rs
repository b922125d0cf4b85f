//! What a virtual server's passcodes come to as a rule: how many are checked successfully, by country, and how long that takes.

use std::collections::BTreeMap;
use textgate_sms::Country;

/// After so long, what happened counts half.
const HALF_LIFE_S: f32 = 7.0 * 86_400.0;
/// What is assumed before anything is known: so many of so many are converted.
const ASSUMED: (f32, f32) = (14.0, 20.0);
/// A country's own figures weigh as much as the virtual server's with so many messages.
const COUNTRY_WEIGHT: f32 = 30.0;
/// How long a conversion takes before anything is known (s).
const FIRST_DELAY_S: f32 = 30.0;

/// One virtual server's past.
pub(super) struct Past {
    all: Share,
    countries: BTreeMap<Option<Country>, Share>,
    /// How long conversions take on average, of late (s).
    delay_s: f32,
    /// Conversions ever told.
    conversions: u64,
}

/// Messages, and how many of them were converted.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    sent: f32,
    converted: f32,
    at_s: u32,
}

impl Default for Past {
    fn default() -> Self {
        Self { all: Share::default(), countries: BTreeMap::new(), delay_s: FIRST_DELAY_S, conversions: 0 }
    }
}

impl Past {
    pub(super) fn sent(&mut self, country: Option<Country>, now_s: u32) {
        self.all.at(now_s).sent += 1.0;
        self.countries.entry(country).or_default().at(now_s).sent += 1.0;
    }

    /// One was converted so long after it was sent, where that is known (s).
    pub(super) fn converted(&mut self, country: Option<Country>, after_s: Option<u32>, now_s: u32) {
        self.all.at(now_s).converted += 1.0;
        self.countries.entry(country).or_default().at(now_s).converted += 1.0;
        self.conversions += 1;
        if let Some(after_s) = after_s {
            self.delay_s += 0.02 * (after_s.clamp(1, 600) as f32 - self.delay_s);
        }
    }

    /// Conversions ever told.
    pub(super) fn conversions(&self) -> u64 {
        self.conversions
    }

    /// The chance that a message to this country is converted.
    pub(super) fn chance(&self, country: Option<Country>) -> f32 {
        let all = (ASSUMED.0 + self.all.converted) / (ASSUMED.1 + self.all.sent);
        let all = all.clamp(0.3, 0.95);
        let own = self.countries.get(&country).copied().unwrap_or_default();
        let mixed = (COUNTRY_WEIGHT * all + own.converted) / (COUNTRY_WEIGHT + own.sent);
        // An attack that was let through at first must not teach that nothing is converted there.
        let least = if own.converted >= COUNTRY_WEIGHT { 0.2 } else { (all * 0.7).max(0.2) };
        mixed.clamp(least, 0.95)
    }

    /// The time after which a conversion may be waited for (s): of those that come, 86 of 100 have come after twice it.
    pub(super) fn patience_s(&self) -> f32 {
        (2.0 * self.delay_s).clamp(20.0, 600.0)
    }
}

impl Share {
    /// Itself, as much as it counts now.
    fn at(&mut self, now_s: u32) -> &mut Self {
        let keep = (-(now_s.saturating_sub(self.at_s) as f32) / HALF_LIFE_S).exp2();
        (self.sent, self.converted) = (self.sent * keep, self.converted * keep);
        self.at_s = self.at_s.max(now_s);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_has_its_own_chance_once_there_is_enough_of_it() {
        let mut past = Past::default();
        let [de, fr] = ["DE", "FR"].map(|country| Some(Country::parse(country).unwrap()));
        assert!((past.chance(de) - 0.7).abs() < 0.01);
        for n in 0..1_000 {
            past.sent(de, n);
            past.sent(fr, n);
            if n % 10 < 9 {
                past.converted(de, Some(10), n);
            }
            if n % 10 < 6 {
                past.converted(fr, Some(10), n);
            }
        }
        assert!((past.chance(de) - 0.9).abs() < 0.02);
        assert!((past.chance(fr) - 0.6).abs() < 0.02);
        assert!((past.patience_s() - 20.0).abs() < 1.0);
    }

    #[test]
    fn messages_without_conversion_lower_a_chance_only_a_little() {
        let mut past = Past::default();
        let de = Some(Country::parse("DE").unwrap());
        for n in 0..1_000 {
            past.sent(None, n);
            past.converted(None, None, n);
        }
        (0..5_000).for_each(|n| past.sent(de, n));
        let all = past.chance(None);
        assert!((past.chance(de) - 0.7 * 0.3).abs() < 0.01 && all > 0.9);
    }
}
