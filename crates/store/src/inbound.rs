//! Messages that phones sent, as a store keeps them; how their parts come together; and the rules that say whose they are.

use textgate_sms::{GatewayId, MessageId, VsId};

/// How long a part that came is known after its message was put together (ms): the same again in that time is no new message.
pub(crate) const SAME_FOR_MS: i64 = 10 * 60_000;
/// Most parts of one gateway that wait for others; beyond, what is there of a message is passed on.
pub(crate) const MOST_WAITING: usize = 10_000;

/// A whole message that a phone sent.
#[derive(Clone)]
pub struct InboundRecord {
    /// Its id, new; of one that was put together, the one of its [`InboundParts`].
    pub id: MessageId,
    /// Whose it is.
    pub vs: VsId,
    /// The gateway it came by.
    pub gateway: GatewayId,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Keyed hash of the phone's number, by which its messages are found.
    pub phone: [u8; 16],
    /// Keyed hash of what the provider calls it: the same again is the same message.
    pub key: Option<[u8; 16]>,
    /// From, to, text and how complete it is; sealed for the gateway.
    pub sealed: Vec<u8>,
}

/// A message that a phone sent, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredInbound {
    /// Its id.
    pub id: MessageId,
    /// Whose it is.
    pub vs: VsId,
    /// The gateway it came by.
    pub gateway: GatewayId,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// From, to, text and how complete it is; sealed for the gateway.
    pub sealed: Vec<u8>,
}

/// One part of a message that a phone sent in several.
#[derive(Clone)]
pub struct InboundPartRecord {
    /// Its id, new, of the same sequence as messages'.
    pub id: MessageId,
    /// The gateway it came by.
    pub gateway: GatewayId,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Keyed hash of what all parts of one message share: gateway, phone, number, reference, total.
    pub group: [u8; 16],
    /// Which part it is, from 1.
    pub number: u8,
    /// Of how many.
    pub total: u8,
    /// Keyed hash of what it says: tells the same part again from another message's under a reference that was used again.
    pub digest: [u8; 16],
    /// What it says; sealed for the gateway.
    pub sealed: Vec<u8>,
}

/// Parts that are to be put together now: all of a message, or as many as came in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundParts {
    /// The id of the message that they make, whoever puts them together.
    pub id: MessageId,
    /// The gateway they came by.
    pub gateway: GatewayId,
    /// When the last of them came (Unix time, ms).
    pub at_ms: i64,
    /// How many there should be.
    pub total: u8,
    /// Number and sealed content of each that is there, in order.
    pub parts: Vec<(u8, Vec<u8>)>,
}

/// What a look at waiting parts found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RipeInbound {
    /// What is to be put together.
    pub ripe: Vec<InboundParts>,
    /// When the oldest of those came that still wait (Unix time, ms).
    pub oldest_ms: Option<i64>,
}

/// Which messages of phones a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct InboundFilter {
    /// Only from this phone.
    pub phone: Option<[u8; 16]>,
}

// === how parts come together ===

/// A part of the same group that is there.
pub(crate) struct PartThere {
    pub(crate) number: u8,
    pub(crate) digest: [u8; 16],
    pub(crate) at_ms: i64,
    /// Whether it waits for others; not so where its message was put together, or is about to be.
    pub(crate) is_waiting: bool,
}

/// What becomes of a part that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placing {
    /// Whether it is kept: not the same again.
    pub(crate) is_kept: bool,
    /// Whether those that wait are another message's, which used the same reference: they are passed on first.
    pub(crate) closes_before: bool,
    /// Whether with this one nothing is left to wait for.
    pub(crate) is_ripe: bool,
}

/// What becomes of a part, where these of its group are there and so many of its gateway wait.
pub(crate) fn place(part: &InboundPartRecord, there: &[PartThere], waiting: usize) -> Placing {
    let is_same = |one: &&PartThere| one.number == part.number && one.digest == part.digest;
    let is_again = there
        .iter()
        .filter(is_same)
        .any(|one| one.is_waiting || part.at_ms.saturating_sub(one.at_ms) < SAME_FOR_MS);
    if is_again {
        return Placing { is_kept: false, closes_before: false, is_ripe: false };
    }
    let closes_before = there.iter().any(|one| one.is_waiting && one.number == part.number);
    let others = if closes_before { 0 } else { there.iter().filter(|one| one.is_waiting).count() };
    let is_ripe = others + 1 >= usize::from(part.total) || waiting >= MOST_WAITING;
    Placing { is_kept: true, closes_before, is_ripe }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u8, says: u8) -> InboundPartRecord {
        InboundPartRecord {
            id: MessageId::from_u64(9),
            gateway: GatewayId(1),
            at_ms: 1_000,
            group: [1; 16],
            number,
            total: 3,
            digest: [says; 16],
            sealed: Vec::new(),
        }
    }

    fn there(number: u8, says: u8, is_waiting: bool) -> PartThere {
        PartThere { number, digest: [says; 16], at_ms: 900, is_waiting }
    }

    fn placed(part: &InboundPartRecord, there: &[PartThere]) -> (bool, bool, bool) {
        let Placing { is_kept, closes_before, is_ripe } = place(part, there, there.len());
        (is_kept, closes_before, is_ripe)
    }

    #[test]
    fn a_message_is_ripe_with_its_last_part_in_whatever_order() {
        assert_eq!(placed(&part(3, 3), &[]), (true, false, false));
        assert_eq!(placed(&part(1, 1), &[there(3, 3, true)]), (true, false, false));
        assert_eq!(placed(&part(2, 2), &[there(3, 3, true), there(1, 1, true)]), (true, false, true));
    }

    #[test]
    fn the_same_part_again_is_not_kept_while_it_waits_or_for_a_while_afterwards() {
        assert_eq!(placed(&part(1, 1), &[there(1, 1, true)]), (false, false, false));
        assert_eq!(placed(&part(1, 1), &[there(1, 1, false)]), (false, false, false));
        let late = InboundPartRecord { at_ms: 900 + SAME_FOR_MS, ..part(1, 1) };
        assert_eq!(placed(&late, &[there(1, 1, false)]), (true, false, false));
        assert_eq!(placed(&late, &[there(1, 1, true)]), (false, false, false));
    }

    #[test]
    fn another_text_under_a_used_reference_begins_another_message() {
        let waiting = [there(1, 1, true), there(2, 2, true)];
        assert_eq!(placed(&part(1, 7), &waiting), (true, true, false));
        assert_eq!(placed(&part(1, 7), &[there(1, 1, false)]), (true, false, false));
    }

    #[test]
    fn where_too_many_wait_nothing_more_is_waited_for() {
        assert!(place(&part(1, 1), &[], MOST_WAITING).is_ripe);
        assert!(!place(&part(1, 1), &[], MOST_WAITING - 1).is_ripe);
    }
}
