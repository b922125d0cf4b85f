//! The fraud guard's rules: as they are put for one virtual server, and as they are in force for it.

use super::words::{GuardLimit, GuardMode, GuardRules, Per};
use smallvec::SmallVec;
use std::collections::HashSet;
use std::ops::RangeInclusive;
use textgate_gateway::Problem;
use textgate_sms::Country;

/// Most limits of one virtual server's rules.
pub(crate) const MOST_LIMITS: usize = 16;
const LIMIT: RangeInclusive<u32> = 1..=1_000_000;
const WINDOW_S: RangeInclusive<u32> = 1..=7 * 86_400;
const BLOCK_S: RangeInclusive<u32> = 60..=30 * 86_400;

/// Rules as they are in force: a virtual server's own, never looser than those above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) mode: GuardMode,
    /// Where passcodes may go; `None`: everywhere.
    pub(crate) countries: Option<Countries>,
    pub(crate) refuse_premium: bool,
    pub(crate) refuse_unallocated: bool,
    pub(crate) limits: SmallVec<[GuardLimit; 4]>,
    pub(crate) block_ranges: bool,
    pub(crate) block_s: u32,
    pub(crate) longest_block_s: u32,
}

/// A set of countries: one bit for each pair of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Countries([u64; 11]);

impl Countries {
    fn bit(country: Country) -> (usize, u64) {
        let place = country.as_str().bytes().fold(0, |n, letter| n * 26 + usize::from(letter - b'A'));
        (place / 64, 1 << (place % 64))
    }

    /// Whether a country is among them.
    pub(crate) fn has(&self, country: Country) -> bool {
        let (word, bit) = Self::bit(country);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own &= other);
        self
    }
}

impl FromIterator<Country> for Countries {
    fn from_iter<I: IntoIterator<Item = Country>>(countries: I) -> Self {
        let mut set = Self::default();
        for country in countries {
            let (word, bit) = Self::bit(country);
            if let Some(bits) = set.0.get_mut(word) {
                *bits |= bit;
            }
        }
        set
    }
}

impl Rules {
    /// Rules in force under those above: each part is as strict as the stricter of the two, and all limits hold.
    pub(crate) fn under(own: &GuardRules, above: Option<&Self>) -> Self {
        let countries = (!own.countries.is_empty()).then(|| own.countries.iter().copied().collect());
        let mut rules = Self {
            mode: own.mode,
            countries,
            refuse_premium: own.refuse_premium,
            refuse_unallocated: own.refuse_unallocated,
            limits: own.limits.iter().copied().collect(),
            block_ranges: own.block_ranges,
            block_s: own.block_s,
            longest_block_s: own.longest_block_s.max(own.block_s),
        };
        let Some(above) = above else { return rules };
        rules.mode = rules.mode.max(above.mode);
        rules.countries = match (rules.countries, &above.countries) {
            (Some(own), Some(above)) => Some(own.and(above)),
            (own, above) => own.or(*above),
        };
        rules.refuse_premium |= above.refuse_premium;
        rules.refuse_unallocated |= above.refuse_unallocated;
        rules.block_ranges |= above.block_ranges;
        rules.block_s = rules.block_s.max(above.block_s);
        rules.longest_block_s = rules.longest_block_s.max(above.longest_block_s);
        for limit in &above.limits {
            // Of two for the same window the lower one is enough.
            match rules.limits.iter_mut().find(|own| (own.per, own.window_s) == (limit.per, limit.window_s)) {
                Some(own) => own.limit = own.limit.min(limit.limit),
                None => rules.limits.push(*limit),
            }
        }
        rules
    }
}

impl From<&Rules> for GuardRules {
    fn from(rules: &Rules) -> Self {
        let is_chosen = |country: &Country| rules.countries.is_some_and(|countries| countries.has(*country));
        Self {
            mode: rules.mode,
            countries: Country::all().into_iter().filter(is_chosen).collect(),
            refuse_premium: rules.refuse_premium,
            refuse_unallocated: rules.refuse_unallocated,
            limits: rules.limits.to_vec(),
            block_ranges: rules.block_ranges,
            block_s: rules.block_s,
            longest_block_s: rules.longest_block_s,
        }
    }
}

impl Default for GuardRules {
    fn default() -> Self {
        let limit = |per, limit, window_s| GuardLimit { per, limit, window_s };
        Self {
            mode: GuardMode::On,
            countries: Vec::new(),
            refuse_premium: true,
            refuse_unallocated: true,
            limits: vec![
                limit(Per::Number, 5, 600),
                limit(Per::Number, 20, 86_400),
                limit(Per::Ip, 100, 3_600),
            ],
            block_ranges: true,
            block_s: 3_600,
            longest_block_s: 7 * 86_400,
        }
    }
}

impl GuardRules {
    /// Everything that is wrong with them, by path.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |path: String, message: String| problems.push(Problem::new(path, message));
        if self.limits.len() > MOST_LIMITS {
            wrong("limits".into(), format!("use at most {MOST_LIMITS} limits"));
        }
        let mut seen = HashSet::new();
        for (index, limit) in self.limits.iter().enumerate().take(MOST_LIMITS) {
            if !LIMIT.contains(&limit.limit) {
                wrong(format!("limits[{index}].limit"), "enter 1 to 1000000 passcodes".into());
            }
            if !WINDOW_S.contains(&limit.window_s) {
                wrong(format!("limits[{index}].window_s"), "enter 1 to 604800 (seconds)".into());
            }
            if !seen.insert((limit.per, limit.window_s)) {
                wrong(
                    format!("limits[{index}]"),
                    "another limit is for the same window; give one of them".into(),
                );
            }
        }
        for (path, seconds) in [("block_s", self.block_s), ("longest_block_s", self.longest_block_s)] {
            if !BLOCK_S.contains(&seconds) {
                wrong(path.into(), "enter 60 to 2592000 (seconds)".into());
            }
        }
        if self.longest_block_s < self.block_s {
            wrong("longest_block_s".into(), "enter no less than block_s".into());
        }
        problems
    }

    /// The same rules in one form: countries sorted, each once.
    pub(crate) fn normal(mut self) -> Self {
        self.countries.sort_unstable();
        self.countries.dedup();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn countries(letters: &[&str]) -> Vec<Country> {
        letters.iter().map(|country| Country::parse(country).unwrap()).collect()
    }

    #[test]
    fn a_set_has_exactly_its_countries() {
        let set: Countries = countries(&["AC", "DE", "ZW"]).into_iter().collect();
        let found: Vec<Country> = Country::all().into_iter().filter(|country| set.has(*country)).collect();
        assert_eq!(found, countries(&["AC", "DE", "ZW"]));
    }

    #[test]
    fn rules_are_never_looser_than_those_above() {
        let limit = |per, limit, window_s| GuardLimit { per, limit, window_s };
        let above = GuardRules {
            mode: GuardMode::On,
            countries: countries(&["DE", "FR"]),
            limits: vec![limit(Per::Number, 3, 600), limit(Per::Country, 9, 60)],
            ..GuardRules::default()
        };
        let own = GuardRules {
            mode: GuardMode::Off,
            countries: countries(&["FR", "US"]),
            refuse_premium: false,
            refuse_unallocated: false,
            limits: vec![limit(Per::Number, 50, 600), limit(Per::Ip, 1, 60)],
            block_ranges: false,
            ..GuardRules::default()
        };
        let rules = Rules::under(&own, Some(&Rules::under(&above, None)));
        assert_eq!(rules.mode, GuardMode::On);
        assert_eq!(rules.countries, Some(countries(&["FR"]).into_iter().collect()));
        assert!(rules.refuse_premium && rules.refuse_unallocated && rules.block_ranges);
        let expected = [limit(Per::Number, 3, 600), limit(Per::Ip, 1, 60), limit(Per::Country, 9, 60)];
        assert_eq!(rules.limits.as_slice(), expected);
        let everywhere = Rules::under(&GuardRules::default(), Some(&rules));
        assert_eq!(everywhere.countries, rules.countries, "none chosen: those above");
    }

    #[test]
    fn what_is_wrong_is_told_by_its_path() {
        assert_eq!(GuardRules::default().problems(), []);
        let limit = GuardLimit { per: Per::Ip, limit: 0, window_s: 0 };
        let rules = GuardRules {
            limits: vec![limit, limit],
            block_s: 9,
            longest_block_s: 8,
            ..GuardRules::default()
        };
        let paths: Vec<String> = rules.problems().into_iter().map(|problem| problem.path).collect();
        let expected = [
            "limits[0].limit",
            "limits[0].window_s",
            "limits[1].limit",
            "limits[1].window_s",
            "limits[1]",
            "block_s",
            "longest_block_s",
            "longest_block_s",
        ];
        assert_eq!(paths, expected);
    }
}
