//! What was written on one bind and not answered: a fixed ring of slots, found by sequence number.

use super::message::Key;
use super::pdu::MOST_SEQUENCE;
use std::time::Instant;

/// One submit_sm without an answer.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub sequence: u32,
    /// Whose part it is. The message may have been handed back since; its answer then only frees the slot.
    pub message: Key,
    /// Which part, from 0.
    pub part: u8,
    /// Where the PDU begins in all that this bind writes, in octets.
    pub start: u64,
    /// Octets of the PDU.
    pub length: usize,
    /// When the slot is free again even without an answer.
    pub release_at: Instant,
}

impl Slot {
    /// Where the PDU ends.
    pub fn end(&self) -> u64 {
        self.start + self.length as u64
    }
}

/// The unanswered submit_sm of a bind.
pub(super) struct Window {
    slots: Box<[Option<Slot>]>,
    used: usize,
    size: usize,
    last_sequence: u32,
}

impl Window {
    /// A window for this many.
    pub fn new(size: usize) -> Self {
        // At least half of the places are free, so a free one is soon found however the answers come.
        let places = (2 * size).next_power_of_two();
        Self { slots: vec![None; places].into(), used: 0, size, last_sequence: 0 }
    }

    /// How many more may be written.
    pub fn room(&self) -> usize {
        self.size.saturating_sub(self.used)
    }

    /// A sequence number for a PDU that takes no slot (SMPP 3.4 §5.1.4: rising, from 1 to 0x7FFFFFFF).
    pub fn next_sequence(&mut self) -> u32 {
        self.last_sequence = if self.last_sequence >= MOST_SEQUENCE { 1 } else { self.last_sequence + 1 };
        self.last_sequence
    }

    /// The sequence number for the next submit_sm. Passes over numbers whose place an unanswered one still holds.
    pub fn next_free(&mut self) -> u32 {
        for _ in 0..self.slots.len() {
            let sequence = self.next_sequence();
            if self.slots.get(self.place(sequence)).is_some_and(Option::is_none) {
                return sequence;
            }
        }
        self.next_sequence() // not reached while there is room
    }

    /// Notes a submit_sm under its sequence number.
    pub fn put(&mut self, slot: Slot) {
        let place = self.place(slot.sequence);
        if let Some(found) = self.slots.get_mut(place)
            && found.replace(slot).is_none()
        {
            self.used += 1;
        }
    }

    /// The slot of an answer, which frees it; `None` where nothing of that number is awaited.
    pub fn take(&mut self, sequence: u32) -> Option<Slot> {
        let place = self.place(sequence);
        let taken = self.slots.get_mut(place)?.take_if(|slot| slot.sequence == sequence)?;
        self.used -= 1;
        Some(taken)
    }

    /// All slots, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten()
    }

    /// Octets were taken out of what is still to be written: what stood behind them moves up.
    pub fn moved_up(&mut self, behind: u64, by: usize) {
        for slot in self.slots.iter_mut().flatten().filter(|slot| slot.start > behind) {
            slot.start -= by as u64;
        }
    }

    fn place(&self, sequence: u32) -> usize {
        sequence as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(window: &mut Window) -> u32 {
        let sequence = window.next_free();
        window.put(Slot {
            sequence,
            message: Key::default(),
            part: 0,
            start: 0,
            length: 1,
            release_at: Instant::now(),
        });
        sequence
    }

    #[test]
    fn answers_are_found_in_any_order_and_once() {
        let mut window = Window::new(3);
        let sequences = [put(&mut window), put(&mut window), put(&mut window)];
        assert_eq!((sequences, window.room()), ([1, 2, 3], 0));
        for sequence in [2, 3, 1] {
            assert_eq!(window.take(sequence).map(|slot| slot.sequence), Some(sequence));
            assert!(window.take(sequence).is_none());
        }
        assert_eq!(window.room(), 3);
    }

    #[test]
    fn an_unanswered_one_keeps_its_place_while_a_thousand_others_pass() {
        let mut window = Window::new(2);
        let old = put(&mut window);
        for _ in 0..1000 {
            let sequence = put(&mut window);
            assert_ne!(sequence, old);
            assert!(window.take(sequence).is_some());
        }
        assert_eq!(window.take(old).map(|slot| slot.sequence), Some(old));
        assert!(window.take(old + 4).is_none(), "another number of the same place is not it");
    }

    #[test]
    fn sequence_numbers_begin_again_at_one() {
        let mut window = Window::new(1);
        window.last_sequence = MOST_SEQUENCE - 1;
        assert_eq!((window.next_sequence(), window.next_sequence()), (MOST_SEQUENCE, 1));
    }
}
