//! What the phones show, bounded: few phones, each with its newest messages.

use std::collections::VecDeque;
use std::time::SystemTime;

use crate::handset::{HandsetEvent, Via, Written};
use crate::text::Alphabet;

/// Most phones; the one that got nothing for longest makes room.
const MOST_PHONES: usize = 50;
/// Most messages of a phone, and flash messages that lie on each other.
const MOST_MESSAGES: usize = 200;
const MOST_FLASHES: usize = 20;
/// Most characters of a text, and of a number or sender: a text has at most 255 segments.
const MOST_TEXT: usize = 10_000;
const MOST_NAME: usize = 40;

/// A message on a phone.
#[derive(Clone)]
pub(super) struct Shown {
    /// Counted over all phones, from 1.
    pub(super) id: u64,
    pub(super) sender: String,
    pub(super) text: String,
    pub(super) at: SystemTime,
    pub(super) via: Via,
    pub(super) segments: usize,
    pub(super) alphabet: Option<Alphabet>,
    /// The replace type, and how many messages it has replaced.
    replaces: Option<u8>,
    pub(super) replaced: u32,
    /// The phone's owner wrote it, to whom stands as the sender.
    pub(super) is_own: bool,
}

/// One phone.
pub(super) struct Phone {
    pub(super) number: String,
    /// The newest first.
    pub(super) messages: VecDeque<Shown>,
    /// The newest last; that one is seen.
    pub(super) flashes: Vec<Shown>,
    /// The message that came last, stored or not.
    pub(super) latest: u64,
}

/// All phones.
#[derive(Default)]
pub(super) struct Book {
    /// In the order in which they got their first message.
    pub(super) phones: Vec<Phone>,
    messages: u64,
}

impl Book {
    /// A phone gets a message.
    pub(super) fn show(&mut self, event: &HandsetEvent, at: SystemTime) {
        self.messages += 1;
        let shown = Shown {
            id: self.messages,
            sender: cut(&event.sender, MOST_NAME),
            text: cut(&event.text, MOST_TEXT),
            at,
            via: event.via,
            segments: event.segments,
            alphabet: event.alphabet,
            replaces: event.replaces,
            replaced: 0,
            is_own: false,
        };
        // One number, one phone: with a plus sign or without.
        let number = cut(event.number.trim_start_matches('+'), MOST_NAME);
        let phone = self.phone_mut(number);
        phone.latest = shown.id;
        if event.flash {
            if phone.flashes.len() >= MOST_FLASHES {
                phone.flashes.remove(0);
            }
            phone.flashes.push(shown);
        } else {
            phone.keep(shown);
        }
    }

    /// A phone's owner writes.
    pub(super) fn wrote(&mut self, written: &Written, at: SystemTime) {
        self.messages += 1;
        let shown = Shown {
            id: self.messages,
            sender: cut(&written.to, MOST_NAME),
            text: cut(&written.text, MOST_TEXT),
            at,
            via: written.via,
            segments: 1,
            alphabet: None,
            replaces: None,
            replaced: 0,
            is_own: true,
        };
        let phone = self.phone_mut(cut(&written.number, MOST_NAME));
        phone.latest = shown.id;
        phone.keep(shown);
    }

    fn phone_mut(&mut self, number: String) -> &mut Phone {
        let place = match self.phones.iter().position(|phone| phone.number == number) {
            Some(place) => place,
            None => {
                if self.phones.len() >= MOST_PHONES
                    && let Some((oldest, _)) =
                        self.phones.iter().enumerate().min_by_key(|(_, phone)| phone.latest)
                {
                    self.phones.remove(oldest);
                }
                self.phones.push(Phone { number, messages: VecDeque::new(), flashes: Vec::new(), latest: 0 });
                self.phones.len() - 1
            }
        };
        &mut self.phones[place]
    }

    /// The phone with this number; without one, the phone that got something last.
    pub(super) fn phone(&self, number: Option<&str>) -> Option<&Phone> {
        match number {
            Some(number) => self.phones.iter().find(|phone| phone.number == number),
            None => self.phones.iter().max_by_key(|phone| phone.latest),
        }
    }

    /// Takes a flash message away.
    pub(super) fn dismiss(&mut self, id: u64) {
        for phone in &mut self.phones {
            phone.flashes.retain(|flash| flash.id != id);
        }
    }
}

impl Phone {
    /// What came last from somebody: whom an answer goes to, and which way.
    pub(super) fn partner(&self) -> Option<(&str, Via)> {
        let came = self
            .messages
            .iter()
            .chain(&self.flashes)
            .filter(|shown| !shown.is_own && !shown.sender.is_empty());
        came.max_by_key(|shown| shown.id).map(|shown| (shown.sender.as_str(), shown.via))
    }

    /// Stores a message; one with a replace type takes the place of the last of that type from the same sender
    /// (3GPP TS 23.040 §9.2.3.9).
    fn keep(&mut self, mut shown: Shown) {
        if shown.replaces.is_some() {
            let is_old = |old: &Shown| old.replaces == shown.replaces && old.sender == shown.sender;
            if let Some(place) = self.messages.iter().position(is_old)
                && let Some(old) = self.messages.remove(place)
            {
                shown.replaced = old.replaced.saturating_add(1);
            }
        }
        self.messages.truncate(MOST_MESSAGES - 1);
        self.messages.push_front(shown);
    }
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Instant, UNIX_EPOCH};

    use super::*;

    pub(in crate::phones) fn event(number: &str, sender: &str, text: &str) -> HandsetEvent {
        HandsetEvent {
            number: number.into(),
            sender: sender.into(),
            text: text.into(),
            via: Via::Smsc,
            flash: false,
            replaces: None,
            alphabet: Some(Alphabet::Gsm7),
            segments: 1,
            at: Instant::now(),
        }
    }

    fn texts(phone: &Phone) -> Vec<&str> {
        phone.messages.iter().map(|shown| shown.text.as_str()).collect()
    }

    #[test]
    fn each_number_has_its_phone_and_the_newest_message_is_first() {
        let mut book = Book::default();
        for (number, text) in [("1", "a"), ("2", "b"), ("+1", "c")] {
            book.show(&event(number, "Acme", text), UNIX_EPOCH);
        }
        assert_eq!(texts(book.phone(Some("1")).unwrap()), ["c", "a"]);
        assert_eq!(book.phone(None).unwrap().number, "1", "the one that got something last");
        assert!(book.phone(Some("3")).is_none());
    }

    #[test]
    fn a_replace_type_replaces_the_same_senders_last_of_that_type() {
        let mut book = Book::default();
        let typed = |sender, text, replaces| HandsetEvent { replaces, ..event("1", sender, text) };
        for (sender, text, replaces) in [
            ("Acme", "first", Some(1)),
            ("Acme", "plain", None),
            ("Other", "theirs", Some(1)),
            ("Acme", "type 2", Some(2)),
            ("Acme", "second", Some(1)),
            ("Acme", "third", Some(1)),
        ] {
            book.show(&typed(sender, text, replaces), UNIX_EPOCH);
        }
        let phone = book.phone(None).unwrap();
        assert_eq!(texts(phone), ["third", "type 2", "theirs", "plain"]);
        assert_eq!(phone.messages[0].replaced, 2);
    }

    #[test]
    fn flash_messages_are_not_stored_and_go_when_they_are_dismissed() {
        let mut book = Book::default();
        for text in ["one", "two"] {
            book.show(&HandsetEvent { flash: true, ..event("1", "Acme", text) }, UNIX_EPOCH);
        }
        let phone = book.phone(None).unwrap();
        assert_eq!((phone.messages.len(), phone.flashes.len()), (0, 2));
        let seen = phone.flashes[1].id;
        book.dismiss(seen);
        assert_eq!(book.phone(None).unwrap().flashes[0].text, "one");
    }

    #[test]
    fn what_the_owner_writes_stands_among_the_messages() {
        let mut book = Book::default();
        book.show(&event("1", "Acme", "hello"), UNIX_EPOCH);
        let (to, via) = book.phone(Some("1")).unwrap().partner().unwrap();
        let written = Written { number: "1".into(), to: to.into(), text: "yes".into(), via };
        book.wrote(&written, UNIX_EPOCH);
        let phone = book.phone(Some("1")).unwrap();
        assert_eq!((texts(phone), phone.messages[0].is_own), (vec!["yes", "hello"], true));
        assert_eq!(phone.partner(), Some(("Acme", Via::Smsc)));
    }

    #[test]
    fn phones_messages_and_texts_do_not_grow_without_end() {
        let mut book = Book::default();
        for number in 0..MOST_PHONES + 5 {
            book.show(&event(&number.to_string(), "Acme", &"x".repeat(MOST_TEXT * 2)), UNIX_EPOCH);
        }
        assert_eq!(book.phones.len(), MOST_PHONES);
        assert!(book.phone(Some("4")).is_none() && book.phone(Some("5")).is_some());
        for _ in 0..MOST_MESSAGES + 5 {
            book.show(&event("5", "Acme", "y"), UNIX_EPOCH);
            book.show(&HandsetEvent { flash: true, ..event("5", "Acme", "z") }, UNIX_EPOCH);
        }
        let phone = book.phone(Some("5")).unwrap();
        assert_eq!((phone.messages.len(), phone.flashes.len()), (MOST_MESSAGES, MOST_FLASHES));
        assert_eq!(book.phones[1].messages[0].text.chars().count(), MOST_TEXT);
    }
}
