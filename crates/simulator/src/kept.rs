//! Lists of what was seen, of which the newest are kept, for tests that look, wait, or take one after the other.

use std::collections::VecDeque;

/// The newest of a kind.
pub(crate) struct Kept<T> {
    items: VecDeque<T>,
    /// How many were ever put in, and given to `next`.
    ever: u64,
    taken: u64,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), ever: 0, taken: 0 }
    }
}

impl<T: Clone> Kept<T> {
    /// Adds one, and forgets the oldest beyond `keep`; with 0 nothing is kept.
    pub(crate) fn put(&mut self, new: T, keep: usize) {
        if keep == 0 {
            return;
        }
        while self.items.len() >= keep {
            self.items.pop_front();
        }
        self.items.push_back(new);
        self.ever += 1;
    }

    /// All, the oldest first.
    pub(crate) fn all(&self) -> Vec<T> {
        self.items.iter().cloned().collect()
    }

    /// All, the oldest first, if they are as asked.
    pub(crate) fn all_if(&mut self, are_there: &mut impl FnMut(&[T]) -> bool) -> Option<Vec<T>> {
        let items = self.items.make_contiguous();
        are_there(items).then(|| items.to_vec())
    }

    /// The first that this has not given yet and that is still kept.
    pub(crate) fn next(&mut self) -> Option<T> {
        let gone = self.ever - self.items.len() as u64;
        let next = self.taken.max(gone);
        let item = self.items.get(usize::try_from(next - gone).ok()?).cloned()?;
        self.taken = next + 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_each_is_given_once() {
        let mut kept = Kept::default();
        assert_eq!(kept.next(), None);
        for number in 1..=3 {
            kept.put(number, 2);
        }
        assert_eq!(kept.all(), [2, 3]);
        assert_eq!([kept.next(), kept.next(), kept.next()], [Some(2), Some(3), None]);
        kept.put(4, 2);
        assert_eq!(kept.next(), Some(4));
        assert_eq!(kept.all_if(&mut |all| all.len() == 3), None);
        kept.put(5, 0);
        assert_eq!(kept.all(), [3, 4]);
    }
}
