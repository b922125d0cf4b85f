//! A table with room for a fixed number of keys, in which what is worth little makes room for what comes.
//!
//! Keys are hashes under a secret of the process, so that nobody outside can choose which of them meet. A key has its place in one bucket
//! of eight. Where all eight are taken, the one that is worth least at that moment goes: a flood of keys that each come once only drives
//! out its own kind, and never what was counted often.

/// Places of one bucket.
const WAYS: usize = 8;
/// Buckets that a table begins with.
const FIRST_BUCKETS: usize = 32;

/// What a table keeps under a key.
pub(crate) trait Kept: Copy + Default {
    /// What it is worth now; the least goes first.
    fn worth(&self, now_s: u32) -> f32;
}

/// The table. It grows with what is in it, up to its bound.
pub(crate) struct Table<T> {
    buckets: Vec<[(u64, T); WAYS]>,
    len: usize,
    most_buckets: usize,
}

impl<T: Kept> Table<T> {
    /// A table for at most so many keys, rounded up to a power of two.
    pub(crate) fn new(most: usize) -> Self {
        let most_buckets = most.div_ceil(WAYS).next_power_of_two();
        Self { buckets: Vec::new(), len: 0, most_buckets }
    }

    /// What is kept under this key.
    pub(crate) fn get(&mut self, key: u64) -> Option<&mut T> {
        let key = key.max(1);
        let at = self.bucket_of(key)?;
        self.buckets.get_mut(at)?.iter_mut().find(|(kept, _)| *kept == key).map(|(_, value)| value)
    }

    /// What is kept under this key, new where nothing was.
    pub(crate) fn entry(&mut self, key: u64, now_s: u32) -> &mut T {
        // 0 marks a place that is free.
        let key = key.max(1);
        let (at, way) = self.place(key, now_s);
        let place = &mut self.buckets[at][way];
        if place.0 != key {
            self.len += usize::from(place.0 == 0);
            *place = (key, T::default());
        }
        &mut place.1
    }

    /// How many keys there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn bucket_of(&self, key: u64) -> Option<usize> {
        // A power of two, or none at all.
        let mask = self.buckets.len().checked_sub(1)?;
        Some((key >> 32) as usize & mask)
    }

    /// The place of this key: its own, a free one, or that of what is worth least.
    fn place(&mut self, key: u64, now_s: u32) -> (usize, usize) {
        loop {
            let Some(at) = self.bucket_of(key) else {
                self.grow();
                continue;
            };
            let bucket = &self.buckets[at];
            if let Some(way) = bucket.iter().position(|(kept, _)| *kept == key) {
                return (at, way);
            }
            if let Some(way) = bucket.iter().position(|(kept, _)| *kept == 0) {
                return (at, way);
            }
            // A bucket that is full by chance is no reason to grow.
            if self.buckets.len() < self.most_buckets && self.len * 2 > self.buckets.len() * WAYS {
                self.grow();
                continue;
            }
            let worths = bucket.iter().map(|(_, value)| value.worth(now_s)).enumerate();
            let least = worths.min_by(|(_, a), (_, b)| a.total_cmp(b));
            return (at, least.map_or(0, |(way, _)| way));
        }
    }

    fn grow(&mut self) {
        let buckets = (self.buckets.len() * 2).max(FIRST_BUCKETS).min(self.most_buckets);
        let before = std::mem::replace(&mut self.buckets, vec![[(0, T::default()); WAYS]; buckets]);
        for (key, value) in before.into_iter().flatten().filter(|(key, _)| *key != 0) {
            // Each bucket's keys go into two: there is room for all of them.
            if let Some(at) = self.bucket_of(key)
                && let Some(place) = self.buckets[at].iter_mut().find(|(kept, _)| *kept == 0)
            {
                *place = (key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Default)]
    struct Count(u32);

    impl Kept for Count {
        fn worth(&self, _: u32) -> f32 {
            self.0 as f32
        }
    }

    /// Keys as hashes are: scattered.
    fn key(n: u64) -> u64 {
        n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (n << 40)
    }

    #[test]
    fn what_is_kept_is_found_while_the_table_grows() {
        let mut table = Table::<Count>::new(4_096);
        for n in 1..=1_500 {
            table.entry(key(n), 0).0 = n as u32;
        }
        let found =
            (1..=1_500).filter(|n| table.get(key(*n)).is_some_and(|count| count.0 == *n as u32)).count();
        assert!(found > 1_490, "{found}");
        assert!(table.get(key(9_999)).is_none());
    }

    #[test]
    fn a_flood_of_keys_drives_out_only_its_own_kind() {
        let mut table = Table::<Count>::new(1_024);
        for n in 1..=200 {
            table.entry(key(n), 0).0 = 5;
        }
        for n in 1_000..101_000 {
            table.entry(key(n), 0).0 += 1;
        }
        assert!((1..=200).all(|n| table.get(key(n)).is_some_and(|count| count.0 == 5)));
        assert!(table.len() <= 1_024);
        assert_eq!(table.buckets.len() * WAYS, 1_024, "it never grows past its bound");
    }
}
