//! What submit_sm and data_sm carry, read in place (SMPP 3.4 §4.4.1, §4.7.1).

use std::borrow::Cow;
use std::fmt;

use super::pdu::{Cursor, tag};
use super::status::Status;
use crate::text::{Alphabet, Concatenation, UserDataHeader, decode};

/// An address field with its type of number and numbering plan (SMPP 3.4 §5.2.5, §5.2.6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AddressField<'a> {
    /// Type of number.
    pub ton: u8,
    /// Numbering plan indicator.
    pub npi: u8,
    /// The address itself.
    pub octets: &'a [u8],
}

/// One submitted segment, borrowed from the read buffer.
#[derive(Clone, Copy)]
pub struct Submit<'a> {
    /// service_type (§5.2.11).
    pub service_type: &'a [u8],
    /// Who it is from.
    pub source: AddressField<'a>,
    /// Which phone it is for.
    pub destination: AddressField<'a>,
    /// esm_class (§5.2.12).
    pub esm_class: u8,
    /// protocol_id (§5.2.13).
    pub protocol_id: u8,
    /// priority_flag (§5.2.14).
    pub priority_flag: u8,
    /// schedule_delivery_time (§5.2.15).
    pub schedule_delivery_time: &'a [u8],
    /// validity_period (§5.2.16).
    pub validity_period: &'a [u8],
    /// registered_delivery (§5.2.17).
    pub registered_delivery: u8,
    /// replace_if_present_flag (§5.2.18).
    pub replace_if_present_flag: u8,
    /// data_coding (§5.2.19).
    pub data_coding: u8,
    /// User data from short_message or message_payload, its header still in front.
    pub user_data: &'a [u8],
    /// Whether `user_data` came in message_payload (§5.3.2.32).
    pub is_payload: bool,
    /// dest_addr_subunit (§5.3.2.1); 1 is the display, which makes it a flash.
    pub dest_addr_subunit: Option<u8>,
    /// SAR parameters (§5.3.2.22–24), where all three are there.
    pub sar: Option<Concatenation>,
    /// All optional parameters as they came.
    pub optional: &'a [u8],
}

impl fmt::Debug for Submit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submit")
            .field("data_coding", &self.data_coding)
            .field("esm_class", &self.esm_class)
            .field("octets", &self.user_data.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Submit<'a> {
    /// Reads a submit_sm body (§4.4.1).
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Status> {
        let mut body = Cursor(body);
        let cut = Status::RINVCMDLEN;
        let service_type = body.c_string(6).ok_or(Status::RINVSERTYP)?;
        let source = address(&mut body).ok_or(Status::RINVSRCADR)?;
        let destination = address(&mut body).ok_or(Status::RINVDSTADR)?;
        let esm_class = body.octet().ok_or(cut)?;
        let protocol_id = body.octet().ok_or(cut)?;
        let priority_flag = body.octet().ok_or(cut)?;
        let schedule_delivery_time = body.c_string(17).ok_or(Status::RINVSCHED)?;
        let validity_period = body.c_string(17).ok_or(Status::RINVEXPIRY)?;
        let registered_delivery = body.octet().ok_or(cut)?;
        let replace_if_present_flag = body.octet().ok_or(cut)?;
        let data_coding = body.octet().ok_or(cut)?;
        let _sm_default_msg_id = body.octet().ok_or(cut)?;
        let sm_length = body.octet().ok_or(cut)?;
        // §5.2.21: 0 to 254.
        if sm_length == 255 {
            return Err(Status::RINVMSGLEN);
        }
        let short_message = body.take(usize::from(sm_length)).ok_or(Status::RINVMSGLEN)?;
        let mut submit = Self {
            service_type,
            source,
            destination,
            esm_class,
            protocol_id,
            priority_flag,
            schedule_delivery_time,
            validity_period,
            registered_delivery,
            replace_if_present_flag,
            data_coding,
            user_data: short_message,
            is_payload: false,
            dest_addr_subunit: None,
            sar: None,
            optional: body.0,
        };
        submit.read_optional(body)?;
        submit.check()?;
        Ok(submit)
    }

    /// Reads a data_sm body (§4.7.1).
    pub(super) fn parse_data(body: &'a [u8]) -> Result<Self, Status> {
        let mut body = Cursor(body);
        let cut = Status::RINVCMDLEN;
        let mut submit = Self {
            service_type: body.c_string(6).ok_or(Status::RINVSERTYP)?,
            source: address(&mut body).ok_or(Status::RINVSRCADR)?,
            destination: address(&mut body).ok_or(Status::RINVDSTADR)?,
            esm_class: body.octet().ok_or(cut)?,
            registered_delivery: body.octet().ok_or(cut)?,
            data_coding: body.octet().ok_or(cut)?,
            protocol_id: 0,
            priority_flag: 0,
            schedule_delivery_time: &[],
            validity_period: &[],
            replace_if_present_flag: 0,
            user_data: &[],
            is_payload: false,
            dest_addr_subunit: None,
            sar: None,
            optional: body.0,
        };
        submit.read_optional(body)?;
        submit.check()?;
        Ok(submit)
    }

    fn read_optional(&mut self, mut body: Cursor<'a>) -> Result<(), Status> {
        let (mut reference, mut total, mut number) = (None, None, None);
        while let Some(parameter) = body.tlv() {
            let (tag, value) = parameter.map_err(|()| Status::RINVOPTPARSTREAM)?;
            match (tag, value) {
                (tag::MESSAGE_PAYLOAD, value) => {
                    // §4.4.1, note to short_message: either this or that.
                    if !self.user_data.is_empty() || self.is_payload {
                        return Err(Status::ROPTPARNOTALLWD);
                    }
                    self.user_data = value;
                    self.is_payload = true;
                }
                (tag::SAR_MSG_REF_NUM, &[high, low]) => reference = Some(u16::from_be_bytes([high, low])),
                (tag::SAR_TOTAL_SEGMENTS, &[value]) => total = Some(value),
                (tag::SAR_SEGMENT_SEQNUM, &[value]) => number = Some(value),
                (tag::DEST_ADDR_SUBUNIT, &[value]) => self.dest_addr_subunit = Some(value),
                (
                    tag::SAR_MSG_REF_NUM
                    | tag::SAR_TOTAL_SEGMENTS
                    | tag::SAR_SEGMENT_SEQNUM
                    | tag::DEST_ADDR_SUBUNIT,
                    _,
                ) => return Err(Status::RINVPARLEN),
                _ => {}
            }
        }
        // §5.3.2.22: without all three, or with a part that cannot be, they are ignored.
        if let (Some(reference), Some(total), Some(number)) = (reference, total, number)
            && (1..=total).contains(&number)
        {
            self.sar = Some(Concatenation { reference, is_16_bit: true, total, number });
        }
        Ok(())
    }

    /// What an SMSC refuses before it looks at anything else.
    fn check(&self) -> Result<(), Status> {
        if self.destination.octets.is_empty() {
            return Err(Status::RINVDSTADR);
        }
        // §7.1.1: sixteen characters, or none.
        if !matches!(self.schedule_delivery_time.len(), 0 | 16) {
            return Err(Status::RINVSCHED);
        }
        if !matches!(self.validity_period.len(), 0 | 16) {
            return Err(Status::RINVEXPIRY);
        }
        if self.has_header() && UserDataHeader::split(self.user_data).is_none() {
            return Err(Status::RINVMSGLEN);
        }
        Ok(())
    }

    /// Whether user data begins with a header: the UDHI bit of esm_class (§5.2.12).
    pub fn has_header(&self) -> bool {
        self.esm_class & 0x40 != 0
    }

    /// The header, and the content after it.
    pub fn split(&self) -> (UserDataHeader, &'a [u8]) {
        let split = if self.has_header() { UserDataHeader::split(self.user_data) } else { None };
        split.unwrap_or((UserDataHeader::default(), self.user_data))
    }

    /// The destination as text.
    pub fn destination_text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.destination.octets)
    }

    /// This segment's text, where data_coding 0 means `default`.
    pub fn text(&self, default: Alphabet) -> String {
        let (header, content) = self.split();
        decode(Alphabet::of(self.data_coding, default), header, content)
    }

    /// Shown at once and not kept: message class 0, or the display as subunit (§5.3.2.1).
    pub fn is_flash(&self) -> bool {
        Alphabet::is_class_0(self.data_coding) || self.dest_addr_subunit == Some(1)
    }
}

fn address<'a>(body: &mut Cursor<'a>) -> Option<AddressField<'a>> {
    Some(AddressField { ton: body.octet()?, npi: body.octet()?, octets: body.c_string(21)? })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A submit_sm body, octet by octet in the order of SMPP 3.4 §4.4.1.
    pub(in crate::smsc) fn body(
        esm_class: u8,
        data_coding: u8,
        short_message: &[u8],
        tlvs: &[u8],
    ) -> Vec<u8> {
        let mut body = b"CMT\0\x05\x00Acme\0\x01\x0115550100100\0".to_vec();
        body.push(esm_class);
        body.extend([0x41, 1, 0]); // protocol_id, priority_flag, schedule_delivery_time
        body.extend_from_slice(b"000000001000000R\0"); // validity_period: ten minutes from now, §7.1.1.2
        body.extend([1, 1, data_coding, 0]); // registered_delivery, replace_if_present_flag, …, sm_default_msg_id
        body.push(u8::try_from(short_message.len()).unwrap());
        body.extend_from_slice(short_message);
        body.extend_from_slice(tlvs);
        body
    }

    #[test]
    fn every_field_of_a_submit_sm_is_read() {
        let body = body(0, 0x10, b"hi", &[0x00, 0x05, 0, 1, 1]);
        let submit = Submit::parse(&body).unwrap();
        assert_eq!(submit.service_type, b"CMT");
        assert_eq!((submit.source.ton, submit.source.npi, submit.source.octets), (5, 0, &b"Acme"[..]));
        assert_eq!((submit.destination.ton, submit.destination.npi), (1, 1));
        assert_eq!(submit.destination_text(), "15550100100");
        assert_eq!((submit.protocol_id, submit.priority_flag), (0x41, 1));
        assert_eq!(submit.validity_period, b"000000001000000R");
        assert_eq!((submit.registered_delivery, submit.replace_if_present_flag), (1, 1));
        assert_eq!((submit.text(Alphabet::Gsm7), submit.is_flash()), ("hi".to_owned(), true));
        assert_eq!(submit.dest_addr_subunit, Some(1));
    }

    #[test]
    fn sar_parameters_and_a_payload_are_read() {
        let sar = [0x02, 0x0C, 0, 2, 0x12, 0x34, 0x02, 0x0E, 0, 1, 3, 0x02, 0x0F, 0, 1, 2];
        let whole = body(0, 0, b"part", &sar);
        let part = Submit::parse(&whole).unwrap().sar.unwrap();
        assert_eq!((part.reference, part.total, part.number), (0x1234, 3, 2));
        let whole = body(0, 0, b"", &[0x04, 0x24, 0, 3, b'a', b'b', b'c']);
        let submit = Submit::parse(&whole).unwrap();
        assert_eq!((submit.user_data, submit.is_payload), (&b"abc"[..], true));
    }

    #[test]
    fn wrong_fields_are_refused_with_their_status() {
        let both = body(0, 0, b"x", &[0x04, 0x24, 0, 1, b'y']);
        assert_eq!(Submit::parse(&both).unwrap_err(), Status::ROPTPARNOTALLWD);
        assert_eq!(Submit::parse(&body(0x40, 0, &[9, 1], &[])).unwrap_err(), Status::RINVMSGLEN);
        assert_eq!(Submit::parse(&body(0, 0, b"x", &[1, 2, 3])).unwrap_err(), Status::RINVOPTPARSTREAM);
        let sar = [0x02, 0x0C, 0, 1, 0x12];
        assert_eq!(Submit::parse(&body(0, 0, b"x", &sar)).unwrap_err(), Status::RINVPARLEN);
        assert_eq!(Submit::parse(b"CMTCMT\0").unwrap_err(), Status::RINVSERTYP);
        assert_eq!(
            Submit::parse(b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap_err(),
            Status::RINVDSTADR,
            "no destination"
        );
    }

    #[test]
    fn a_submit_cut_anywhere_is_refused() {
        let whole = body(0, 0, b"hello", &[0x02, 0x0C, 0, 2, 0, 1]);
        let tlvs_begin = whole.len() - 6;
        for end in (0..whole.len()).filter(|end| *end != tlvs_begin) {
            assert!(Submit::parse(&whole[..end]).is_err(), "{end} octets");
        }
    }
}
