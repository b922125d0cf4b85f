//! Which segments' receipts a message still waits for, in a few octets of its row.

use smallvec::{SmallVec, smallvec};

/// The receipts awaited from the attempt that was `sent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Awaiting {
    /// The attempt, its flag, then one bit for each segment whose receipt has not come.
    octets: SmallVec<[u8; 8]>,
}

/// What all receipts together say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Some have not come.
    Open,
    /// Every segment is on the phone.
    Delivered,
    /// One will not reach it.
    Undelivered,
}

impl Awaiting {
    /// Waits for these segments of this attempt; `None` where there are none to wait for.
    pub(crate) fn new(attempt: u8, segments: impl Iterator<Item = u8>) -> Option<Self> {
        let mut octets: SmallVec<[u8; 8]> = smallvec![attempt, 0];
        for segment in segments {
            let at = 2 + usize::from(segment / 8);
            if octets.len() <= at {
                octets.resize(at + 1, 0);
            }
            octets[at] |= 1 << (segment % 8);
        }
        (octets.len() > 2).then_some(Self { octets })
    }

    /// As it was stored; `None` if it is not one.
    pub(crate) fn from_stored(octets: &[u8]) -> Option<Self> {
        (octets.len() > 2).then(|| Self { octets: octets.into() })
    }

    /// The stored form.
    pub(crate) fn stored(&self) -> &[u8] {
        &self.octets
    }

    /// A final receipt came. One for another attempt says nothing about this one.
    pub(crate) fn receipt(&mut self, attempt: u8, segment: u8, is_delivered: bool) {
        match self.octets.as_mut_slice() {
            [own, undelivered, bits @ ..] if *own == attempt => {
                if !is_delivered {
                    *undelivered = 1;
                } else if let Some(bits) = bits.get_mut(usize::from(segment / 8)) {
                    *bits &= !(1 << (segment % 8));
                }
            }
            _ => {}
        }
    }

    /// What follows for the message.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.octets.as_slice() {
            [_, 0, bits @ ..] if bits.iter().all(|bits| *bits == 0) => Verdict::Delivered,
            [_, 0, ..] => Verdict::Open,
            _ => Verdict::Undelivered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_segments_make_it_delivered() {
        let mut awaiting = Awaiting::new(3, [0, 9, 254].into_iter()).unwrap();
        for segment in [0, 254, 0, 100] {
            awaiting.receipt(3, segment, true);
            assert_eq!(awaiting.verdict(), Verdict::Open);
        }
        awaiting.receipt(2, 9, true);
        awaiting.receipt(2, 9, false);
        assert_eq!(awaiting.verdict(), Verdict::Open, "another attempt says nothing");
        let mut stored = Awaiting::from_stored(awaiting.stored()).unwrap();
        stored.receipt(3, 9, true);
        assert_eq!(stored.verdict(), Verdict::Delivered);
    }

    #[test]
    fn one_failed_segment_makes_it_undelivered() {
        let mut awaiting = Awaiting::new(1, 0..2).unwrap();
        awaiting.receipt(1, 1, false);
        awaiting.receipt(1, 0, true);
        assert_eq!(awaiting.verdict(), Verdict::Undelivered);
        assert!(Awaiting::new(1, std::iter::empty()).is_none());
    }
}
