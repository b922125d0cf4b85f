//! SMS-DELIVER and SMS-STATUS-REPORT, what a modem hands to its terminal (3GPP TS 23.040 §9.2.2.1, §9.2.2.3).

use std::time::SystemTime;

use super::{TpAddress, coding, septets};
use crate::calendar::utc;
use crate::text::{Alphabet, UserDataHeader, decode};

/// A time stamp in UTC (§9.2.3.11): year, month, day, hour, minute, second and zone, each with its digits swapped.
pub(in crate::modem) fn timestamp(time: SystemTime) -> [u8; 7] {
    let mut stamp = [0; 7];
    for (octet, value) in stamp.iter_mut().zip(utc(time)) {
        let value = u8::try_from(value % 100).unwrap_or_default();
        *octet = ((value % 10) << 4) | (value / 10);
    }
    stamp
}

/// One SMS-DELIVER.
pub(in crate::modem) struct Deliver {
    pub(in crate::modem) sender: TpAddress,
    pub(in crate::modem) protocol_id: u8,
    pub(in crate::modem) data_coding: u8,
    pub(in crate::modem) stamp: [u8; 7],
    /// The header with its length in front, where there is one.
    pub(in crate::modem) header: Vec<u8>,
    /// What follows it, septets with one in each octet.
    pub(in crate::modem) content: Vec<u8>,
}

impl Deliver {
    pub(in crate::modem) fn tpdu(&self) -> Vec<u8> {
        // TP-Message-Type-Indicator 00, no more messages to send (§9.2.3.1, §9.2.3.2), and whether there is a header.
        let mut out = vec![if self.header.is_empty() { 0x04 } else { 0x44 }];
        self.sender.write(&mut out);
        out.extend([self.protocol_id, self.data_coding]);
        out.extend(self.stamp);
        let (length, user_data) = if coding::alphabet(self.data_coding) == Some(Alphabet::Gsm7) {
            septets::pack(&self.header, &self.content)
        } else {
            let user_data = [self.header.as_slice(), self.content.as_slice()].concat();
            (user_data.len(), user_data)
        };
        out.push(u8::try_from(length).unwrap_or(u8::MAX));
        out.extend(user_data);
        out
    }

    /// Reads what [`tpdu`](Self::tpdu) wrote, for commands in text mode; `None` for anything else.
    pub(in crate::modem) fn read(tpdu: &[u8]) -> Option<Self> {
        let (first, rest) = tpdu.split_first()?;
        if first & 0x03 != 0 {
            return None;
        }
        let (sender, rest) = TpAddress::read(rest)?;
        let [protocol_id, data_coding, rest @ ..] = rest else { return None };
        let (stamp, rest) = rest.split_first_chunk()?;
        let (&length, user_data) = rest.split_first()?;
        let header = if first & 0x40 == 0 {
            &[][..]
        } else {
            user_data.get(..usize::from(*user_data.first()?) + 1)?
        };
        let content = if coding::alphabet(*data_coding) == Some(Alphabet::Gsm7) {
            septets::unpack(user_data, septets::of_header(header.len()), usize::from(length))?
        } else {
            user_data.get(header.len()..usize::from(length))?.to_vec()
        };
        let (protocol_id, data_coding, stamp) = (*protocol_id, *data_coding, *stamp);
        Some(Self { sender, protocol_id, data_coding, stamp, header: header.to_vec(), content })
    }

    pub(in crate::modem) fn text(&self) -> String {
        let header = UserDataHeader::split(&self.header).map(|(header, _)| header).unwrap_or_default();
        decode(coding::alphabet(self.data_coding), header, &self.content)
    }

    /// The message class, where there is one.
    pub(in crate::modem) fn class(tpdu: &[u8]) -> Option<u8> {
        coding::class(Self::read(tpdu)?.data_coding)
    }
}

/// One SMS-STATUS-REPORT.
pub(in crate::modem) struct StatusReport {
    pub(in crate::modem) reference: u8,
    pub(in crate::modem) recipient: TpAddress,
    pub(in crate::modem) submitted: [u8; 7],
    pub(in crate::modem) done: [u8; 7],
    pub(in crate::modem) status: u8,
}

impl StatusReport {
    pub(in crate::modem) fn tpdu(&self) -> Vec<u8> {
        // TP-Message-Type-Indicator 10, no more messages to send; about an SMS-SUBMIT (§9.2.3.26).
        let mut out = vec![0x06, self.reference];
        self.recipient.write(&mut out);
        out.extend(self.submitted);
        out.extend(self.done);
        out.push(self.status);
        out
    }

    /// Reads what [`tpdu`](Self::tpdu) wrote, for commands in text mode.
    pub(in crate::modem) fn read(tpdu: &[u8]) -> Option<Self> {
        let [_, reference, rest @ ..] = tpdu else { return None };
        let (recipient, rest) = TpAddress::read(rest)?;
        let (submitted, rest) = rest.split_first_chunk()?;
        let (done, rest) = rest.split_first_chunk()?;
        let (submitted, done) = (*submitted, *done);
        Some(Self { reference: *reference, recipient, submitted, done, status: *rest.first()? })
    }
}
