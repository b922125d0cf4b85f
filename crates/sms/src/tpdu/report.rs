//! SMS-STATUS-REPORT: what became of a message (TS 23.040 §9.2.2.3).

use super::{Address, Octets, Timestamp, mti};
use crate::ReceiptState;

/// A report on one SMS-SUBMIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// TP-MR: what the modem answered when the message was sent.
    pub reference: u8,
    /// TP-RA: the phone.
    pub to: Address,
    /// TP-SCTS: when the service centre got the message; `None` where it is no time.
    pub submitted: Option<Timestamp>,
    /// TP-DT: when this became of it.
    pub discharged: Option<Timestamp>,
    /// TP-ST (§9.2.3.15).
    pub status: u8,
}

impl StatusReport {
    /// Reads a TPDU; `None` where it is none, or ends too early. What may follow the status is passed over.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let mut octets = Octets(octets);
        if octets.next()? & mti::MASK != mti::STATUS_REPORT {
            return None;
        }
        Some(Self {
            reference: octets.next()?,
            to: Address::read(&mut octets)?,
            submitted: Timestamp::read(&mut octets)?,
            discharged: Timestamp::read(&mut octets)?,
            status: octets.next()?,
        })
    }

    /// The TPDU's octets, as a service centre writes them (TP-MMS set: no more messages wait).
    ///
    /// # Errors
    /// Where the address does not fit.
    pub fn to_octets(&self) -> Result<Vec<u8>, super::TpduError> {
        let mut out = vec![mti::STATUS_REPORT | 0x04, self.reference];
        self.to.write(&mut out)?;
        self.submitted.unwrap_or(Timestamp::utc(0)).write(&mut out);
        self.discharged.unwrap_or(Timestamp::utc(0)).write(&mut out);
        out.push(self.status);
        Ok(out)
    }

    /// What the status says (§9.2.3.15).
    pub fn state(&self) -> ReceiptState {
        match self.status {
            0x00 => ReceiptState::Delivered,
            // Handed on, but nobody can say whether it arrived.
            0x01 => ReceiptState::Pending,
            // Replaced by a later one: this one is on no phone.
            0x02 => ReceiptState::Undelivered,
            // Temporary errors, and the service centre still tries.
            0x20..=0x3F => ReceiptState::Pending,
            // Validity period expired.
            0x46 => ReceiptState::Expired,
            // Connection rejected by the phone.
            0x42 => ReceiptState::Rejected,
            // Permanent errors, and temporary ones after which it tries no more.
            0x40..=0x7F => ReceiptState::Undelivered,
            // Reserved, or the service centre's own.
            _ => ReceiptState::Pending,
        }
    }
}
