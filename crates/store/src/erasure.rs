//! What is erased of one phone number, so that afterwards nothing in the store tells that it was ever there.

use crate::{AuditNote, PhoneKey};
use textgate_sms::{MessageId, PhoneNumber, VsId};

/// What is to be erased of one number. Has no `Debug`.
#[derive(Clone)]
pub struct Erasure {
    /// The number.
    pub number: PhoneNumber,
    /// Messages to it that are finished: each goes whole, with its receipt ids and Idempotency-Key. One that is not finished, or
    /// not to this number, stays.
    pub messages: Vec<MessageId>,
    /// Passcodes for it.
    pub passcodes: Vec<MessageId>,
    /// Messages that it sent, by the store's own numbers for them.
    pub inbound: Vec<u64>,
    /// What stands for it in the opt-outs of virtual servers: the numbers beside it go, and remarks; what stands for it stays.
    pub phones: Vec<(VsId, PhoneKey)>,
    /// Virtual servers whose SMS Mobile Number it may be.
    pub servers: Vec<VsId>,
    /// Whether receipts without a message go too that name it: they are of no virtual server.
    pub with_early_receipts: bool,
    /// What the audit log is told: in sentences without the number.
    pub notes: Vec<AuditNote>,
}

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Messages to it.
    pub messages: usize,
    /// Passcodes.
    pub passcodes: usize,
    /// Messages that it sent.
    pub inbound: usize,
    /// Opt-outs and entries of consent logs whose number went.
    pub consents: usize,
    /// Virtual servers whose SMS Mobile Number it was.
    pub test_numbers: usize,
    /// Receipts without a message.
    pub early_receipts: usize,
}

impl Erased {
    /// What two steps erased together.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            passcodes: self.passcodes + other.passcodes,
            inbound: self.inbound + other.inbound,
            consents: self.consents + other.consents,
            test_numbers: self.test_numbers + other.test_numbers,
            early_receipts: self.early_receipts + other.early_receipts,
        }
    }
}

/// What came of clearing the files of what is not in the store any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scrubbed {
    /// Whether the files were searched for the number; otherwise nobody knows what is left in them.
    pub was_searched: bool,
    /// Whether the whole store was written anew.
    pub was_rebuilt: bool,
    /// How often the number is still found.
    pub left: u64,
}

/// The forms in which a number may stand in the files of a store: its digits, and the integer as SQLite's record format has it (6 or
/// 8 octets, the highest first; <https://sqlite.org/fileformat2.html#record_format>). Shorter integers would be found by chance.
pub(crate) fn forms(number: PhoneNumber) -> Vec<Vec<u8>> {
    let whole = number.as_u64().to_be_bytes();
    let mut forms = vec![number.to_string().into_bytes()];
    if is_long(number) {
        // As 6 octets it is found in 8 as well, where they begin with zeros.
        let from = if number.as_u64() < 1 << 47 { 2 } else { 0 };
        forms.extend(whole.get(from..).map(<[u8]>::to_vec));
    }
    forms
}

/// Whether its integer is long enough to be searched for.
pub(crate) fn is_long(number: PhoneNumber) -> bool {
    number.as_u64() >= 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_searched_for_as_digits_and_as_the_integer_that_sqlite_writes() {
        let forms_of = |digits: &str| forms(PhoneNumber::parse(digits).unwrap());
        assert_eq!(forms_of("15550100100")[1], [0, 3, 0x9E, 0xDB, 0xB2, 0x84]);
        assert_eq!(forms_of("999999999999999")[1].len(), 8);
        assert_eq!(forms_of("1234567"), [b"1234567".to_vec()]);
    }
}
