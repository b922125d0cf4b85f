//! Durations in buckets whose width grows with them: sums are exact, percentiles within 3 %, whatever the range.

use crate::events::{take_varint, write_varint};

/// Each power of two is divided into so many buckets of one width: 16 make a bucket 1/16 as wide as where it begins.
const PARTS: u64 = 16;
const PARTS_LOG: u32 = PARTS.trailing_zeros();
/// More buckets than there are numbers for.
const MOST_BUCKETS: u64 = (64 - PARTS_LOG as u64 + 1) * PARTS;

/// How long something took, many times over (µs). Holds only the buckets that have something in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bucket and count, by bucket.
    buckets: Vec<(u16, u64)>,
}

impl Histogram {
    /// Adds one duration (µs).
    pub fn record(&mut self, micros: u64) {
        self.add_to(bucket_of(micros), 1);
    }

    /// Adds all of another one.
    pub fn add(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            return self.buckets.clone_from(&other.buckets);
        }
        // Side by side: charts add up thousands.
        let mut at = 0;
        for (bucket, count) in &other.buckets {
            while self.buckets.get(at).is_some_and(|(own, _)| own < bucket) {
                at += 1;
            }
            match self.buckets.get_mut(at) {
                Some((own, there)) if own == bucket => *there = there.saturating_add(*count),
                _ => self.buckets.insert(at, (*bucket, *count)),
            }
        }
    }

    /// How many durations it has.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| *count).fold(0, u64::saturating_add)
    }

    /// The duration (µs) that this part of all (0 to 1) does not exceed, by the nearest rank and within 3 %; `None` where
    /// there are none.
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let rank = ((self.count() as f64 * part).ceil() as u64).max(1);
        let mut seen = 0_u64;
        for (bucket, count) in &self.buckets {
            seen = seen.saturating_add(*count);
            if seen >= rank {
                return Some(middle_of(*bucket));
            }
        }
        None
    }

    fn add_to(&mut self, bucket: u16, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => {
                if let Some((_, there)) = self.buckets.get_mut(at) {
                    *there = there.saturating_add(count);
                }
            }
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// Writes it: how many buckets, then for each its distance from the one before and its count.
    pub(super) fn store(&self, out: &mut Vec<u8>) {
        write_varint(out, self.buckets.len() as u64);
        let mut before = 0;
        for (bucket, count) in &self.buckets {
            write_varint(out, u64::from(bucket - before));
            write_varint(out, *count);
            before = *bucket;
        }
    }

    /// Reads what [`store`](Self::store) wrote, up to where it cannot be read.
    pub(super) fn read(rest: &mut &[u8]) -> Self {
        let mut histogram = Self::default();
        let mut bucket = 0_u64;
        for _ in 0..take_varint(rest).unwrap_or(0).min(MOST_BUCKETS) {
            let (Some(distance), Some(count)) = (take_varint(rest), take_varint(rest)) else { break };
            bucket = bucket.saturating_add(distance);
            if bucket >= MOST_BUCKETS {
                break;
            }
            match histogram.buckets.last() {
                Some((last, _)) if u64::from(*last) >= bucket => histogram.add_to(bucket as u16, count),
                _ => histogram.buckets.push((bucket as u16, count)),
            }
        }
        histogram
    }
}

/// Which bucket a duration belongs to: the first 16 are one microsecond wide.
fn bucket_of(micros: u64) -> u16 {
    if micros < PARTS {
        return micros as u16;
    }
    let octave = 63 - micros.leading_zeros() - PARTS_LOG;
    let part = micros >> octave; // 16 to 31
    (u64::from(octave) * PARTS + part) as u16
}

/// The middle of a bucket.
fn middle_of(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < 2 * PARTS {
        return bucket;
    }
    let octave = bucket / PARTS - 1;
    let part = bucket % PARTS + PARTS;
    (part << octave) + (1 << octave >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_of_known_durations_are_right_within_3_percent() {
        let mut histogram = Histogram::default();
        (1..=10_000).for_each(|n| histogram.record(n * 100));
        for (part, expected) in [(0.5, 500_000), (0.95, 950_000), (0.99, 990_000), (1.0, 1_000_000)] {
            let found = histogram.quantile(part).unwrap();
            assert!(found.abs_diff(expected) * 100 <= expected * 3, "{part}: {found}, not {expected}");
        }
        assert_eq!(histogram.count(), 10_000);
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn the_ends_of_the_range_have_their_buckets() {
        for n in [0, 1, 15, 16, 17, 31, 32, u64::from(u32::MAX), u64::MAX] {
            let mut histogram = Histogram::default();
            histogram.record(n);
            let found = histogram.quantile(1.0).unwrap();
            assert!(found.abs_diff(n) <= n / 32 + 1, "{found}, not {n}");
        }
    }

    #[test]
    fn a_minute_of_a_busy_gateway_takes_little_room() {
        let mut histogram = Histogram::default();
        // A long tail: from half a millisecond to a minute.
        (0..100_000_u64).for_each(|n| histogram.record(500 + n * n % 60_000_000));
        let mut out = Vec::new();
        histogram.store(&mut out);
        assert!(out.len() < 1_200, "{}", out.len());
        assert_eq!(Histogram::read(&mut &out[..]), histogram);
    }

    proptest! {
        #[test]
        fn every_duration_is_near_the_middle_of_its_bucket(n in any::<u64>()) {
            prop_assert!(middle_of(bucket_of(n)).abs_diff(n) <= n / 32 + 1);
            prop_assert!(u64::from(bucket_of(n)) < MOST_BUCKETS);
        }

        #[test]
        fn a_sum_is_what_was_recorded_in_one(all in prop::collection::vec(any::<u64>(), 0..50), at in 0_usize..50) {
            let (mut one, mut left, mut right) = <(Histogram, Histogram, Histogram)>::default();
            for (i, n) in all.iter().enumerate() {
                one.record(*n);
                if i < at { left.record(*n) } else { right.record(*n) }
            }
            left.add(&right);
            prop_assert_eq!(left, one);
        }
    }
}
