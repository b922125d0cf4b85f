//! TPDUs: what a short message is between a modem and the service centre (TS 23.040 §9.2.2).
//!
//! Writes SMS-SUBMIT, reads SMS-DELIVER and SMS-STATUS-REPORT, and for the other side's sake also the reverse of the first two.
//! Without the service centre's address that stands before a TPDU on a modem's line ([`split_service_centre`] takes it off).
//! Reading is total: whatever octets arrive make a TPDU or `None`.

mod address;
mod deliver;
mod octets;
mod report;
mod submit;
mod time;
mod user_data;

pub use address::Address;
pub use deliver::Deliver;
pub use report::StatusReport;
pub use submit::{Submit, Validity};
pub use time::Timestamp;
pub use user_data::UserData;

use octets::Octets;

/// TP-MTI: the lowest two bits of a TPDU's first octet (TS 23.040 §9.2.3.1).
mod mti {
    pub const MASK: u8 = 0x03;
    /// SMS-DELIVER, and SMS-SUBMIT in the other direction is 1.
    pub const DELIVER: u8 = 0x00;
    pub const SUBMIT: u8 = 0x01;
    pub const STATUS_REPORT: u8 = 0x02;
}

/// TP-UDHI (TS 23.040 §9.2.3.23).
const UDHI: u8 = 0x40;

/// Why a TPDU cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TpduError {
    /// More than 140 octets of user data, the header included.
    #[error("the user data has more than 140 octets")]
    TooLong,
    /// A number with something else than digits, `*`, `#`, `a`, `b`, `c`, or more than 20 of them; a name of more than 11
    /// characters, or of others than the GSM alphabet has.
    #[error("the address fits no TP-address")]
    Address,
}

/// A TPDU that came from the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tpdu {
    /// A message that a phone sent (§9.2.2.1).
    Deliver(Deliver),
    /// What became of a message (§9.2.2.3).
    StatusReport(StatusReport),
}

impl Tpdu {
    /// The TPDU in these octets; `None` where they are none that the network sends.
    pub fn read(octets: &[u8]) -> Option<Self> {
        match octets.first()? & mti::MASK {
            mti::DELIVER => Deliver::read(octets).map(Self::Deliver),
            mti::STATUS_REPORT => StatusReport::read(octets).map(Self::StatusReport),
            _ => None,
        }
    }
}

/// The TPDU behind the service centre's address, which a modem writes before it in PDU mode (TS 27.005 §3.1, `<pdu>`).
pub fn split_service_centre(octets: &[u8]) -> Option<&[u8]> {
    let (length, rest) = octets.split_first()?;
    rest.get(usize::from(*length)..)
}
