//! A message's time line as one compact value, so that an attempt or a receipt costs no row of its own.
//!
//! Layout: a version octet, then entries, each a length (LEB128) and its octets; a length of 0 ends the line, and
//! what follows is room kept free for later entries. Times count from the message's acceptance.

use crate::Event;
use smallvec::SmallVec;
use std::borrow::Cow;
use textgate_sms::{GatewayId, MessageState, OutcomeClass, ReceiptState};

const VERSION: u8 = 1;
const STATE: u8 = 1;
const ATTEMPT: u8 = 2;
const RECEIPT: u8 = 3;
/// Longest reason or detail kept, in octets.
const MAX_TEXT: usize = 500;
/// Longest provider id or error code kept, in octets.
const MAX_ID: usize = 255;
/// Most provider ids kept of one attempt: a message has at most 255 segments.
const MAX_IDS: usize = 255;
/// Attempts and receipts are kept until the line is this long (octets); changes of state always are. A gateway that
/// floods one message with receipts gains nothing.
const MAX_LINE: usize = 32 * 1024;

/// The time line of one message, in its encoded form.
#[derive(Debug, Clone, Default)]
pub(crate) struct TimeLine {
    octets: Vec<u8>,
    used: usize,
}

impl TimeLine {
    /// The line as it was stored, with or without room at its end.
    pub(crate) fn from_stored(octets: Vec<u8>) -> Self {
        let mut used = usize::from(!octets.is_empty());
        while let Some((length, rest)) = octets.get(used..).and_then(read_varint) {
            let end = octets.len() - rest.len() + length as usize;
            if length == 0 || end > octets.len() {
                break;
            }
            used = end;
        }
        Self { octets, used }
    }

    /// How long the entries are.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// The stored form, with room (zeros) up to `size` octets where the entries are shorter.
    pub(crate) fn padded(&mut self, size: usize) -> &[u8] {
        self.octets.truncate(self.used);
        self.octets.resize(self.used.max(size), 0);
        if let Some(version) = self.octets.first_mut() {
            *version = VERSION;
        }
        &self.octets
    }

    /// Adds one entry. Answers whether it was kept.
    pub(crate) fn push(&mut self, accepted_ms: i64, event: &Event) -> bool {
        let is_state = matches!(event, Event::State { .. });
        if self.used >= MAX_LINE && !is_state {
            return false;
        }
        let entry = encode(accepted_ms, event);
        self.octets.truncate(self.used);
        if self.octets.is_empty() {
            self.octets.push(VERSION);
        }
        write_varint(&mut self.octets, entry.len() as u64);
        self.octets.extend_from_slice(&entry);
        self.used = self.octets.len();
        true
    }

    /// Whether this very receipt is in the line already, whenever it came.
    pub(crate) fn has_receipt(
        &self,
        gateway: GatewayId,
        segment: u8,
        state: ReceiptState,
        error: Option<&str>,
    ) -> bool {
        self.entries().filter(|entry| entry.first() == Some(&RECEIPT)).any(|entry| {
            matches!(decode(0, entry), Some(Event::Receipt { gateway: g, segment: n, state: s, error: e, .. })
                if g == gateway && n == segment && s == state && e.as_deref() == error.map(|e| cut(e, MAX_ID)))
        })
    }

    /// Whether there was an attempt at this gateway.
    pub(crate) fn has_attempt_at(&self, gateway: GatewayId) -> bool {
        self.entries().filter(|entry| entry.first() == Some(&ATTEMPT)).any(|entry| {
            // Behind tag and class: the time, how long it took, the gateway.
            let rest = &mut entry.get(2..).unwrap_or_default();
            take_varint(rest).and(take_varint(rest)).and(take_varint(rest)) == Some(u64::from(gateway.0))
        })
    }

    /// The gateway that the last receipt came from.
    pub(crate) fn last_receipt_from(&self) -> Option<GatewayId> {
        let receipts = self.entries().filter(|entry| entry.first() == Some(&RECEIPT));
        match decode(0, receipts.last()?)? {
            Event::Receipt { gateway, .. } => Some(gateway),
            _ => None,
        }
    }

    /// How many attempts the line has.
    pub(crate) fn attempts(&self) -> usize {
        self.entries().filter(|entry| entry.first() == Some(&ATTEMPT)).count()
    }

    /// Whether a gateway certainly or possibly took a segment, as far as the attempts in the line tell.
    pub(crate) fn may_have_been_taken(&self) -> bool {
        self.entries().filter(|entry| entry.first() == Some(&ATTEMPT)).any(|entry| {
            matches!(decode(0, entry), Some(Event::Attempt { class, provider_ids, .. })
                if class == OutcomeClass::Uncertain || !provider_ids.is_empty())
        })
    }

    /// All entries, oldest first. One that cannot be read is left out.
    pub(crate) fn events(&self, accepted_ms: i64) -> Vec<Event> {
        self.entries().filter_map(|entry| decode(accepted_ms, entry)).collect()
    }

    fn entries(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.octets.get(1..self.used).unwrap_or_default();
        std::iter::from_fn(move || {
            let (length, after) = read_varint(rest)?;
            let (entry, after) = after.split_at_checked(length as usize)?;
            rest = after;
            (length > 0).then_some(entry)
        })
    }
}

fn encode(accepted_ms: i64, event: &Event) -> SmallVec<[u8; 96]> {
    let mut out = SmallVec::new();
    match event {
        Event::State { at_ms, to, reason } => {
            out.extend([STATE, to.code()]);
            write_time(&mut out, *at_ms, accepted_ms);
            write_text(&mut out, reason, MAX_TEXT);
        }
        Event::Attempt { at_ms, took_ms, gateway, class, detail, provider_ids } => {
            out.extend([ATTEMPT, class.code()]);
            write_time(&mut out, *at_ms, accepted_ms);
            write_varint(&mut out, u64::from(*took_ms));
            write_varint(&mut out, u64::from(gateway.0));
            write_text(&mut out, detail, MAX_TEXT);
            write_varint(&mut out, provider_ids.len().min(MAX_IDS) as u64);
            for id in provider_ids.iter().take(MAX_IDS) {
                write_text(&mut out, id, MAX_ID);
            }
        }
        Event::Receipt { at_ms, gateway, segment, state, error } => {
            out.extend([RECEIPT, state.code(), *segment]);
            write_time(&mut out, *at_ms, accepted_ms);
            write_varint(&mut out, u64::from(gateway.0));
            match error {
                None => out.push(0),
                Some(error) => {
                    out.push(1);
                    write_text(&mut out, error, MAX_ID);
                }
            }
        }
    }
    out
}

fn decode(accepted_ms: i64, entry: &[u8]) -> Option<Event> {
    let (&tag, mut rest) = entry.split_first()?;
    let rest = &mut rest;
    match tag {
        STATE => Some(Event::State {
            to: MessageState::from_code(read_octet(rest)?)?,
            at_ms: read_time(rest, accepted_ms)?,
            reason: Cow::Owned(read_text(rest)?),
        }),
        ATTEMPT => Some(Event::Attempt {
            class: OutcomeClass::from_code(read_octet(rest)?)?,
            at_ms: read_time(rest, accepted_ms)?,
            took_ms: take_varint(rest)?.try_into().ok()?,
            gateway: GatewayId(take_varint(rest)?.try_into().ok()?),
            detail: Cow::Owned(read_text(rest)?),
            provider_ids: {
                let count = (take_varint(rest)? as usize).min(MAX_IDS);
                (0..count).map(|_| read_text(rest).map(String::into_boxed_str)).collect::<Option<_>>()?
            },
        }),
        RECEIPT => Some(Event::Receipt {
            state: ReceiptState::from_code(read_octet(rest)?)?,
            segment: read_octet(rest)?,
            at_ms: read_time(rest, accepted_ms)?,
            gateway: GatewayId(take_varint(rest)?.try_into().ok()?),
            error: match read_octet(rest)? {
                0 => None,
                _ => Some(read_text(rest)?.into_boxed_str()),
            },
        }),
        _ => None,
    }
}

/// `text` without what is past `max` octets, cut between characters.
fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

pub(crate) fn write_varint(out: &mut impl Extend<u8>, mut n: u64) {
    while n >= 0x80 {
        out.extend([n as u8 | 0x80]);
        n >>= 7;
    }
    out.extend([n as u8]);
}

/// The number and what follows it.
pub(crate) fn read_varint(octets: &[u8]) -> Option<(u64, &[u8])> {
    let mut n = 0u64;
    for (i, octet) in octets.iter().enumerate().take(10) {
        n |= u64::from(octet & 0x7f).checked_shl(7 * i as u32)?;
        if octet & 0x80 == 0 {
            return Some((n, octets.get(i + 1..)?));
        }
    }
    None
}

pub(crate) fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let (n, after) = read_varint(rest)?;
    *rest = after;
    Some(n)
}

/// A time as its distance from acceptance, zigzag-encoded: mostly two octets instead of eight.
fn write_time(out: &mut impl Extend<u8>, at_ms: i64, accepted_ms: i64) {
    let delta = at_ms.wrapping_sub(accepted_ms);
    write_varint(out, (delta << 1 ^ delta >> 63) as u64);
}

fn read_time(rest: &mut &[u8], accepted_ms: i64) -> Option<i64> {
    let n = take_varint(rest)?;
    Some(accepted_ms.wrapping_add((n >> 1) as i64 ^ -((n & 1) as i64)))
}

fn write_text(out: &mut SmallVec<[u8; 96]>, text: &str, max: usize) {
    let text = cut(text, max);
    write_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn read_text(rest: &mut &[u8]) -> Option<String> {
    let length = take_varint(rest)? as usize;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

fn read_octet(rest: &mut &[u8]) -> Option<u8> {
    let (&octet, after) = rest.split_first()?;
    *rest = after;
    Some(octet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use smallvec::smallvec;

    const T: i64 = 1_800_000_000_000;

    fn three() -> Vec<Event> {
        vec![
            Event::Attempt {
                at_ms: T + 3,
                took_ms: 70_000,
                gateway: GatewayId(9),
                class: OutcomeClass::Sent,
                detail: "ESME_ROK".into(),
                provider_ids: smallvec!["1A2b".into(), "".into()],
            },
            Event::State { at_ms: T - 5, to: MessageState::Sent, reason: "taken".into() },
            Event::Receipt {
                at_ms: T + 86_400_000,
                gateway: GatewayId(u32::MAX),
                segment: 254,
                state: ReceiptState::Delivered,
                error: Some("000".into()),
            },
        ]
    }

    #[test]
    fn events_read_back_with_and_without_room() {
        let mut line = TimeLine::default();
        for event in three() {
            assert!(line.push(T, &event));
        }
        for size in [0, line.used(), line.used() + 1, 500] {
            let mut stored = TimeLine::from_stored(line.clone().padded(size).to_vec());
            assert_eq!(stored.used(), line.used());
            assert_eq!(stored.events(T), three());
            assert!(stored.push(T, &three()[1]));
            assert_eq!(stored.events(T).len(), 4);
        }
    }

    #[test]
    fn an_empty_line_with_room_stays_empty_and_takes_events() {
        let mut line = TimeLine::from_stored(TimeLine::default().padded(40).to_vec());
        assert!(line.events(T).is_empty());
        line.push(T, &three()[0]);
        assert!(line.used() <= 40, "the first attempt fits the room");
        assert_eq!(TimeLine::from_stored(line.padded(40).to_vec()).events(T), three()[..1]);
    }

    #[test]
    fn a_repeated_receipt_is_recognised_whenever_it_comes() {
        let mut line = TimeLine::default();
        line.push(T, &three()[2]);
        let gateway = GatewayId(u32::MAX);
        assert!(line.has_receipt(gateway, 254, ReceiptState::Delivered, Some("000")));
        assert!(!line.has_receipt(gateway, 253, ReceiptState::Delivered, Some("000")));
        assert!(!line.has_receipt(gateway, 254, ReceiptState::Delivered, None));
    }

    #[test]
    fn an_attempt_is_found_by_its_gateway() {
        let mut line = TimeLine::default();
        for event in three() {
            line.push(T, &event);
        }
        assert!(line.has_attempt_at(GatewayId(9)));
        assert!(!line.has_attempt_at(GatewayId(u32::MAX)), "only a receipt came from it");
    }

    #[test]
    fn a_flood_of_receipts_ends_but_changes_of_state_are_kept() {
        let mut line = TimeLine::default();
        let mut kept = 0;
        for n in 0..10_000 {
            let event = Event::Receipt {
                at_ms: T,
                gateway: GatewayId(1),
                segment: 0,
                state: ReceiptState::Pending,
                error: Some(format!("{n}").into()),
            };
            kept += usize::from(line.push(T, &event));
        }
        assert!(kept < 10_000 && line.used() < MAX_LINE + 100);
        assert!(line.push(T, &three()[1]));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut line = TimeLine::from_stored(octets);
            let before = line.events(T);
            line.push(T, &three()[1]);
            let stored = TimeLine::from_stored(line.padded(0).to_vec());
            prop_assert!(stored.events(T).len() >= before.len());
        }
    }
}
