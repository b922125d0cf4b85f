//! SMS-DELIVER: a message that the service centre brings (TS 23.040 §9.2.2.1).

use super::{Address, Octets, Timestamp, TpduError, UDHI, UserData, mti};
use crate::Encoding;

/// TP-MMS (§9.2.3.2) is 0 where more messages wait.
const NO_MORE_MESSAGES: u8 = 0x04;
const REPLY_PATH: u8 = 0x80;

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliver {
    /// TP-OA.
    pub from: Address,
    /// TP-PID.
    pub protocol_id: u8,
    /// TP-DCS.
    pub data_coding: u8,
    /// TP-SCTS; `None` where it is no time.
    pub time: Option<Timestamp>,
    /// TP-MMS: whether more messages wait at the service centre.
    pub has_more: bool,
    /// TP-RP.
    pub has_reply_path: bool,
    /// TP-UD.
    pub user_data: UserData,
}

impl Deliver {
    /// Reads a TPDU; `None` where it is none, or ends too early.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let mut octets = Octets(octets);
        let first = octets.next()?;
        if first & mti::MASK != mti::DELIVER {
            return None;
        }
        let from = Address::read(&mut octets)?;
        let (protocol_id, data_coding) = (octets.next()?, octets.next()?);
        Some(Self {
            from,
            protocol_id,
            data_coding,
            time: Timestamp::read(&mut octets)?,
            has_more: first & NO_MORE_MESSAGES == 0,
            has_reply_path: first & REPLY_PATH != 0,
            user_data: UserData::read(data_coding, first & UDHI != 0, &mut octets)?,
        })
    }

    /// The TPDU's octets; a time that is none is written as 1 January 1970.
    ///
    /// # Errors
    /// Where the address or the data do not fit.
    pub fn to_octets(&self) -> Result<Vec<u8>, TpduError> {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let mut out = Vec::with_capacity(176);
        out.push(
            mti::DELIVER
                | flag(!self.has_more, NO_MORE_MESSAGES)
                | flag(!self.user_data.header.is_empty(), UDHI)
                | flag(self.has_reply_path, REPLY_PATH),
        );
        self.from.write(&mut out)?;
        out.extend([self.protocol_id, self.data_coding]);
        self.time.unwrap_or(Timestamp::utc(0)).write(&mut out);
        self.user_data.write(self.data_coding, &mut out)?;
        Ok(out)
    }

    /// The text.
    pub fn text(&self) -> String {
        self.user_data.text(self.data_coding)
    }

    /// What its units are read in: what no alphabet is known for as Latin-1, rather than lost.
    pub fn encoding(&self) -> Encoding {
        self.user_data.encoding(self.data_coding)
    }
}
