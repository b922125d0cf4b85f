//! SMS-SUBMIT, what a terminal hands to its modem (3GPP TS 23.040 §9.2.2.2).

use std::fmt;

use super::{MAX_TPDU, TpAddress, coding, septets, smsc_digits};
use crate::text::{Alphabet, UserDataHeader, decode};

/// What cannot be read as SMS-SUBMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTpdu;

/// TP-Validity-Period in one of its forms (§9.2.3.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// None: the service centre's own.
    None,
    /// One octet (§9.2.3.12.1).
    Relative(u8),
    /// A time stamp of seven octets (§9.2.3.12.2).
    Absolute([u8; 7]),
    /// Seven octets of their own form (§9.2.3.12.3).
    Enhanced([u8; 7]),
}

impl Validity {
    /// Minutes of a relative period (§9.2.3.12.1); `None` for other forms.
    pub fn minutes(self) -> Option<u32> {
        let Self::Relative(value) = self else { return None };
        let value = u32::from(value);
        Some(match value {
            0..=143 => (value + 1) * 5,
            144..=167 => 12 * 60 + (value - 143) * 30,
            168..=196 => (value - 166) * 24 * 60,
            _ => (value - 192) * 7 * 24 * 60,
        })
    }
}

/// An SMS-SUBMIT as it was handed over. `Debug` shows neither address nor text.
#[derive(Clone, PartialEq, Eq)]
pub struct TpSubmit {
    /// The service centre in front of it, type of address and digits; empty means the modem's own.
    pub service_centre: String,
    /// TP-Reject-Duplicates (§9.2.3.25).
    pub rejects_duplicates: bool,
    /// TP-Status-Report-Request (§9.2.3.5).
    pub wants_report: bool,
    /// TP-Reply-Path (§9.2.3.17).
    pub reply_path: bool,
    /// TP-Message-Reference as the terminal wrote it (§9.2.3.6).
    pub reference: u8,
    /// TP-Destination-Address (§9.2.3.8).
    pub destination: TpAddress,
    /// TP-Protocol-Identifier (§9.2.3.9).
    pub protocol_id: u8,
    /// TP-Data-Coding-Scheme (§9.2.3.10).
    pub data_coding: u8,
    /// TP-Validity-Period (§9.2.3.12).
    pub validity: Validity,
    /// The user data's header with its length in front; empty where there is none (§9.2.3.24).
    pub header: Vec<u8>,
    /// The user data after the header: octets, or septets with one in each octet.
    pub content: Vec<u8>,
}

impl fmt::Debug for TpSubmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TpSubmit")
            .field("data_coding", &self.data_coding)
            .field("protocol_id", &self.protocol_id)
            .field("wants_report", &self.wants_report)
            .finish_non_exhaustive()
    }
}

impl TpSubmit {
    /// Reads what a terminal hands over: the service centre's address and, after it, a TPDU of `length` octets.
    ///
    /// # Errors
    /// It is no SMS-SUBMIT, has octets too many or too few, or a field says what the standard does not allow.
    pub fn read(octets: &[u8], length: usize) -> Result<Self, BadTpdu> {
        let (&address, rest) = octets.split_first().ok_or(BadTpdu)?;
        let (address, tpdu) = rest.split_at_checked(usize::from(address)).ok_or(BadTpdu)?;
        if tpdu.len() != length || length > MAX_TPDU || address.len() > 12 {
            return Err(BadTpdu);
        }
        let service_centre = smsc_digits(address).ok_or(BadTpdu)?;
        Self::read_tpdu(service_centre, tpdu).ok_or(BadTpdu)
    }

    fn read_tpdu(service_centre: String, tpdu: &[u8]) -> Option<Self> {
        let [first, reference, rest @ ..] = tpdu else { return None };
        // TP-Message-Type-Indicator 01, from terminal to service centre (§9.2.3.1).
        if first & 0x03 != 0x01 {
            return None;
        }
        let (destination, rest) = TpAddress::read(rest)?;
        if destination.number.is_empty() {
            return None;
        }
        let [protocol_id, data_coding, rest @ ..] = rest else { return None };
        // TP-Validity-Period-Format (§9.2.3.3).
        let (validity, rest) = match first >> 3 & 0x03 {
            0 => (Validity::None, rest),
            2 => rest.split_first().map(|(value, rest)| (Validity::Relative(*value), rest))?,
            format => {
                let (value, rest) = rest.split_first_chunk()?;
                let form = if format == 1 { Validity::Enhanced } else { Validity::Absolute };
                (form(*value), rest)
            }
        };
        let (&length, user_data) = rest.split_first()?;
        let length = usize::from(length);
        let is_packed = coding::alphabet(*data_coding) == Some(Alphabet::Gsm7);
        // TP-User-Data-Length counts septets or octets (§9.2.3.16), 160 or 140 at most.
        let octets = if is_packed { (length * 7).div_ceil(8) } else { length };
        if user_data.len() != octets || octets > 140 {
            return None;
        }
        // TP-User-Data-Header-Indicator (§9.2.3.23).
        let header = if first & 0x40 == 0 {
            &[][..]
        } else {
            let header = user_data.get(..usize::from(*user_data.first()?) + 1)?;
            UserDataHeader::split(header)?;
            header
        };
        let content = if is_packed {
            septets::unpack(user_data, septets::of_header(header.len()), length)?
        } else {
            user_data.get(header.len()..)?.to_vec()
        };
        Some(Self {
            service_centre,
            rejects_duplicates: first & 0x04 != 0,
            wants_report: first & 0x20 != 0,
            reply_path: first & 0x80 != 0,
            reference: *reference,
            destination,
            protocol_id: *protocol_id,
            data_coding: *data_coding,
            validity,
            header: header.to_vec(),
            content,
        })
    }

    /// What its header says.
    pub fn header(&self) -> UserDataHeader {
        UserDataHeader::split(&self.header).map(|(header, _)| header).unwrap_or_default()
    }

    /// Its alphabet; `None` for a compressed text.
    pub fn alphabet(&self) -> Option<Alphabet> {
        coding::alphabet(self.data_coding)
    }

    /// Its text. What no table knows is U+FFFD.
    pub fn text(&self) -> String {
        decode(self.alphabet(), self.header(), &self.content)
    }

    /// Shown at once and not kept: message class 0.
    pub fn is_flash(&self) -> bool {
        coding::class(self.data_coding) == Some(0)
    }
}
