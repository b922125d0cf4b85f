//! From a status report to the message that it is about.
//!
//! A modem answers a message with a reference of 8 bits (TP-MR), which comes round after 256 messages. So the id under which a
//! segment is known holds the SIM, the phone, the reference, and when it was: in periods of two minutes. A report says when the
//! service centre got the message, which is the same period or one beside it. That works over a start, too; until then, what was
//! sent is remembered, and needs no clocks that agree.

use super::startup::short_digest;
use crate::{Receipt, canonical_id};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};
use textgate_sms::tpdu::StatusReport;

/// Segments that are remembered: each reference four times over.
const MOST: usize = 1024;
/// Seconds of a period: shorter than 256 messages take on any modem.
const PERIOD_S: i64 = 120;
/// A phone is told by the end of its number, as an operator may write the beginning in its own way.
const PHONE_DIGITS: usize = 7;

/// What one line sent.
#[derive(Default)]
pub(super) struct Ledger {
    sent: VecDeque<Sent>,
}

struct Sent {
    reference: u8,
    phone: String,
    id: Box<str>,
}

impl Ledger {
    /// Remembers a segment that was taken under this reference; answers its id.
    pub fn sent(&mut self, identity: &str, number: &str, reference: u8, unix_s: i64) -> Box<str> {
        let phone = phone_of(number);
        let id = id(identity, &phone, reference, unix_s.div_euclid(PERIOD_S));
        if self.sent.len() >= MOST {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { reference, phone, id: id.clone() });
        id
    }

    /// The receipt in a report.
    pub fn receipt(&self, identity: &str, report: &StatusReport) -> Receipt {
        let phone = phone_of(&report.to.text);
        let mut candidates = SmallVec::new();
        let is_meant = |sent: &&Sent| {
            sent.reference == report.reference && sent.phone == phone && sent.id.starts_with(identity)
        };
        // The newest: the one before it is 256 messages old.
        if let Some(sent) = self.sent.iter().rev().find(is_meant) {
            candidates.push(canonical_id(&sent.id));
        } else {
            let at = report.submitted.map_or_else(unix_s, |time| time.unix_s).div_euclid(PERIOD_S);
            for period in [at, at - 1, at + 1] {
                candidates.push(canonical_id(&id(identity, &phone, report.reference, period)));
            }
        }
        let error = (report.status != 0).then(|| format!("0x{:02X}", report.status).into_boxed_str());
        // The phone is in the id already, in a form that does not depend on how the operator writes it.
        Receipt { candidates, number: None, state: report.state(), error }
    }
}

fn id(identity: &str, phone: &str, reference: u8, period: i64) -> Box<str> {
    format!("{identity}-{phone}-{reference}-{period:x}").into_boxed_str()
}

fn phone_of(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    short_digest(digits.get(digits.len().saturating_sub(PHONE_DIGITS)..).unwrap_or_default())
}

/// Now, in seconds of Unix time.
pub(super) fn unix_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_sms::tpdu::{Address, Timestamp};

    const PHONE: &str = "15550100199";

    fn report(number: &str, reference: u8, submitted: i64) -> StatusReport {
        StatusReport {
            reference,
            to: Address { ton: 1, npi: 1, text: number.into() },
            submitted: Some(Timestamp { unix_s: submitted, quarters: 8 }),
            discharged: None,
            status: 0,
        }
    }

    #[test]
    fn a_report_means_the_newest_message_of_its_reference_and_phone() {
        let mut ledger = Ledger::default();
        let old = ledger.sent("a1b2c3", PHONE, 7, 1_000_000);
        let other = ledger.sent("a1b2c3", "15550100100", 7, 1_000_300);
        let new = ledger.sent("a1b2c3", PHONE, 7, 1_000_600);
        let of = |number: &str| ledger.receipt("a1b2c3", &report(number, 7, 1_000_601)).candidates;
        assert_eq!(&*of(PHONE)[0], canonical_id(&new).as_ref());
        assert_eq!(&*of("15550100100")[0], canonical_id(&other).as_ref());
        // As an operator may write the number.
        assert_eq!(of("0100199"), of(PHONE));
        assert_ne!(old, new);
    }

    #[test]
    fn after_a_start_a_report_still_names_its_message_and_none_that_is_older() {
        let sent = |at| canonical_id(&Ledger::default().sent("a1b2c3", PHONE, 7, at));
        let named = |at| Ledger::default().receipt("a1b2c3", &report(PHONE, 7, at)).candidates;
        for (sent_at, reported) in [(1_000_000, 1_000_000), (1_000_079, 1_000_081), (1_000_081, 1_000_079)] {
            assert!(named(reported).contains(&sent(sent_at)), "{sent_at}, {reported}");
        }
        assert!(!named(1_000_000).contains(&sent(1_000_000 - 3 * PERIOD_S)));
        let elsewhere = Ledger::default().receipt("ffffff", &report(PHONE, 7, 1_000_000)).candidates;
        assert!(!elsewhere.contains(&sent(1_000_000)), "another SIM counts by itself");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut ledger = Ledger::default();
        for n in 0..5000 {
            ledger.sent("a1b2c3", PHONE, n as u8, i64::from(n));
        }
        assert_eq!(ledger.sent.len(), MOST);
    }
}
