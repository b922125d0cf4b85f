//! SMS-SUBMIT: a message on its way to the service centre (TS 23.040 §9.2.2.2).

use super::{Address, Octets, Timestamp, TpduError, UDHI, UserData, mti};
use std::time::Duration;

/// TP-RD, TP-SRR, TP-RP (§9.2.3.25, §9.2.3.5, §9.2.3.17).
const REJECT_DUPLICATES: u8 = 0x04;
const STATUS_REPORT_REQUEST: u8 = 0x20;
const REPLY_PATH: u8 = 0x80;
/// TP-VPF: none, enhanced, relative, absolute (§9.2.3.3).
const VPF_MASK: u8 = 0x18;
const VPF_ENHANCED: u8 = 0x08;
const VPF_RELATIVE: u8 = 0x10;
const VPF_ABSOLUTE: u8 = 0x18;

/// A message for the service centre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submit {
    /// TP-MR; a modem puts its own in place of it.
    pub reference: u8,
    /// TP-DA.
    pub to: Address,
    /// TP-PID: 0, or 0x41 to 0x47 to replace an earlier message (§9.2.3.9).
    pub protocol_id: u8,
    /// TP-DCS (TS 23.038 §4): alphabet and class; [`tp_dcs`](crate::tp_dcs) makes it.
    pub data_coding: u8,
    /// TP-VP; `None` leaves it to the service centre.
    pub validity: Option<Validity>,
    /// TP-SRR: whether the service centre reports what became of it.
    pub wants_report: bool,
    /// TP-RD: whether it refuses a message of the same reference and address that it still has.
    pub rejects_duplicates: bool,
    /// TP-RP: whether the answer may take the same way.
    pub has_reply_path: bool,
    /// TP-UD.
    pub user_data: UserData,
}

/// How long the service centre keeps a message that it cannot deliver (§9.2.3.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// In the steps of one octet, from five minutes to 63 weeks.
    Relative(u8),
    /// Until a time.
    Absolute(Timestamp),
}

impl Validity {
    /// The longest relative period that is not longer than this; five minutes, the shortest there is, for less (§9.2.3.12.1).
    pub fn relative(period: Duration) -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        const WEEK: u64 = 7 * DAY;
        let s = period.as_secs();
        let value = match s {
            _ if s >= 5 * WEEK => 192 + (s / WEEK).min(63),
            _ if s >= 2 * DAY => 166 + (s / DAY).min(30),
            _ if s >= 12 * HOUR + 30 * MINUTE => 143 + ((s - 12 * HOUR) / (30 * MINUTE)).min(24),
            _ => (s / (5 * MINUTE)).saturating_sub(1).min(143),
        };
        Self::Relative(value as u8)
    }

    /// How long a relative period is.
    pub fn period(relative: u8) -> Duration {
        let n = u64::from(relative);
        let minutes = match n {
            0..=143 => (n + 1) * 5,
            144..=167 => 12 * 60 + (n - 143) * 30,
            168..=196 => (n - 166) * 24 * 60,
            _ => (n - 192) * 7 * 24 * 60,
        };
        Duration::from_secs(minutes * 60)
    }
}

impl Submit {
    /// A message with nothing but address, coding and data.
    pub fn new(to: Address, data_coding: u8, user_data: UserData) -> Self {
        Self {
            reference: 0,
            to,
            protocol_id: 0,
            data_coding,
            validity: None,
            wants_report: false,
            rejects_duplicates: false,
            has_reply_path: false,
            user_data,
        }
    }

    /// The TPDU's octets.
    ///
    /// # Errors
    /// Where the address or the data do not fit.
    pub fn to_octets(&self) -> Result<Vec<u8>, TpduError> {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let first = mti::SUBMIT
            | flag(self.rejects_duplicates, REJECT_DUPLICATES)
            | match self.validity {
                None => 0,
                Some(Validity::Relative(_)) => VPF_RELATIVE,
                Some(Validity::Absolute(_)) => VPF_ABSOLUTE,
            }
            | flag(self.wants_report, STATUS_REPORT_REQUEST)
            | flag(!self.user_data.header.is_empty(), UDHI)
            | flag(self.has_reply_path, REPLY_PATH);
        let mut out = Vec::with_capacity(170);
        out.extend([first, self.reference]);
        self.to.write(&mut out)?;
        out.extend([self.protocol_id, self.data_coding]);
        match self.validity {
            None => {}
            Some(Validity::Relative(period)) => out.push(period),
            Some(Validity::Absolute(until)) => until.write(&mut out),
        }
        self.user_data.write(self.data_coding, &mut out)?;
        Ok(out)
    }

    /// Reads what [`to_octets`](Self::to_octets) wrote; an enhanced validity (§9.2.3.12.3) is passed over.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let mut octets = Octets(octets);
        let first = octets.next()?;
        if first & mti::MASK != mti::SUBMIT {
            return None;
        }
        let reference = octets.next()?;
        let to = Address::read(&mut octets)?;
        let (protocol_id, data_coding) = (octets.next()?, octets.next()?);
        let validity = match first & VPF_MASK {
            VPF_RELATIVE => Some(Validity::Relative(octets.next()?)),
            VPF_ABSOLUTE => Timestamp::read(&mut octets)?.map(Validity::Absolute),
            VPF_ENHANCED => {
                octets.take(7)?;
                None
            }
            _ => None,
        };
        Some(Self {
            reference,
            to,
            protocol_id,
            data_coding,
            validity,
            wants_report: first & STATUS_REPORT_REQUEST != 0,
            rejects_duplicates: first & REJECT_DUPLICATES != 0,
            has_reply_path: first & REPLY_PATH != 0,
            user_data: UserData::read(data_coding, first & UDHI != 0, &mut octets)?,
        })
    }
}
