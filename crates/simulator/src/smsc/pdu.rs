//! The octets of a PDU, read and written by hand (SMPP 3.4 §3.2).

/// Octets of a PDU header (SMPP 3.4 §3.2).
pub(super) const HEADER: usize = 16;

/// The longest PDU taken: message_payload alone may have 65,535 octets (SMPP 3.4 §5.3.2.32).
pub(super) const MAX_PDU: usize = 70_000;

/// command_id values (SMPP 3.4 §5.1.2.1).
pub(super) mod command {
    pub(in crate::smsc) const GENERIC_NACK: u32 = 0x8000_0000;
    pub(in crate::smsc) const BIND_RECEIVER: u32 = 0x01;
    pub(in crate::smsc) const BIND_TRANSMITTER: u32 = 0x02;
    pub(in crate::smsc) const SUBMIT_SM: u32 = 0x04;
    pub(in crate::smsc) const DELIVER_SM: u32 = 0x05;
    pub(in crate::smsc) const UNBIND: u32 = 0x06;
    pub(in crate::smsc) const BIND_TRANSCEIVER: u32 = 0x09;
    pub(in crate::smsc) const ENQUIRE_LINK: u32 = 0x15;
    pub(in crate::smsc) const DATA_SM: u32 = 0x103;
    /// The bit that makes a request's id its response's.
    pub(in crate::smsc) const RESPONSE: u32 = 0x8000_0000;
}

/// Optional parameter tags (SMPP 3.4 §5.3.1).
pub(super) mod tag {
    pub(in crate::smsc) const DEST_ADDR_SUBUNIT: u16 = 0x0005;
    pub(in crate::smsc) const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    pub(in crate::smsc) const SC_INTERFACE_VERSION: u16 = 0x0210;
    pub(in crate::smsc) const SAR_MSG_REF_NUM: u16 = 0x020C;
    pub(in crate::smsc) const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
    pub(in crate::smsc) const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
    pub(in crate::smsc) const NETWORK_ERROR_CODE: u16 = 0x0423;
    pub(in crate::smsc) const MESSAGE_PAYLOAD: u16 = 0x0424;
    pub(in crate::smsc) const MESSAGE_STATE: u16 = 0x0427;
}

/// The head of a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) length: u32,
    pub(super) id: u32,
    pub(super) status: u32,
    pub(super) sequence: u32,
}

/// What stands at the beginning of a read buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A whole PDU, and its body.
    Whole(Header, &'a [u8]),
    /// Not all of it is here yet.
    Partial,
    /// A length that no PDU has: where the next one begins cannot be known any more.
    Lost(Header),
}

/// Looks at the first PDU in `octets`.
pub(super) fn frame(octets: &[u8]) -> Frame<'_> {
    let (words, _) = octets.as_chunks::<4>();
    let [length, id, status, sequence, ..] = words else {
        // A length alone that cannot be right is found out at once, not after waiting for more.
        if let [length, ..] = words {
            let length = u32::from_be_bytes(*length);
            if !is_possible(length) {
                return Frame::Lost(Header { length, id: 0, status: 0, sequence: 0 });
            }
        }
        return Frame::Partial;
    };
    let header = Header {
        length: u32::from_be_bytes(*length),
        id: u32::from_be_bytes(*id),
        status: u32::from_be_bytes(*status),
        sequence: u32::from_be_bytes(*sequence),
    };
    if !is_possible(header.length) {
        return Frame::Lost(header);
    }
    match octets.get(HEADER..header.length as usize) {
        Some(body) => Frame::Whole(header, body),
        None => Frame::Partial,
    }
}

fn is_possible(length: u32) -> bool {
    (HEADER..=MAX_PDU).contains(&(length as usize))
}

/// Reads a body from its front; every step may find that there is not enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn octet(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A C-octet string of at most `max` octets, the NUL among them, as the standard counts (SMPP 3.4 §3.1).
    pub(super) fn c_string(&mut self, max: usize) -> Option<&'a [u8]> {
        let end = self.0.iter().take(max).position(|octet| *octet == 0)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(text)
    }

    /// The next optional parameter (SMPP 3.4 §3.2.4.1): `None` at the end, an error where its length lies.
    pub(super) fn tlv(&mut self) -> Option<Result<(u16, &'a [u8]), ()>> {
        if self.0.is_empty() {
            return None;
        }
        let mut read = || {
            let tag = u16::from_be_bytes([self.octet()?, self.octet()?]);
            let length = u16::from_be_bytes([self.octet()?, self.octet()?]);
            Some((tag, self.take(usize::from(length))?))
        };
        Some(read().ok_or(()))
    }
}

/// Writes one PDU at the end of a buffer; its length is filled in by [`finish`](Self::finish).
#[derive(Debug)]
pub(super) struct PduWriter<'a> {
    pub(super) out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> PduWriter<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>, id: u32, status: u32, sequence: u32) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&status.to_be_bytes());
        out.extend_from_slice(&sequence.to_be_bytes());
        Self { out, start }
    }

    pub(super) fn octet(&mut self, octet: u8) -> &mut Self {
        self.out.push(octet);
        self
    }

    pub(super) fn octets(&mut self, octets: &[u8]) -> &mut Self {
        self.out.extend_from_slice(octets);
        self
    }

    pub(super) fn c_string(&mut self, text: &[u8]) -> &mut Self {
        self.octets(text).octet(0)
    }

    /// An optional parameter; a value beyond 65,535 octets is cut there.
    pub(super) fn tlv(&mut self, tag: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.octets(&tag.to_be_bytes()).octets(&length.to_be_bytes());
        self.octets(value.get(..usize::from(length)).unwrap_or(value))
    }

    pub(super) fn finish(self) {
        let length = u32::try_from(self.out.len() - self.start).unwrap_or(u32::MAX);
        if let Some(place) = self.out.get_mut(self.start..self.start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
}

/// Puts a sequence number into a PDU that was written with another.
pub(super) fn renumber(pdu: &mut [u8], sequence: u32) {
    if let Some(place) = pdu.get_mut(12..HEADER) {
        place.copy_from_slice(&sequence.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_example_of_a_header_is_read() {
        // SMPP 3.4 §3.2.1, the worked bind_transmitter: length 0x2F, id 2, status 0, sequence 1.
        let octets = [
            0x00, 0x00, 0x00, 0x2F, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
            0x53, 0x4D, 0x50, 0x50, 0x33, 0x54, 0x45, 0x53, 0x54, 0x00, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74,
            0x30, 0x38, 0x00, 0x53, 0x55, 0x42, 0x4D, 0x49, 0x54, 0x31, 0x00, 0x00, 0x01, 0x01, 0x00,
        ];
        let Frame::Whole(header, body) = frame(&octets) else { panic!("not whole") };
        assert_eq!(header, Header { length: 47, id: command::BIND_TRANSMITTER, status: 0, sequence: 1 });
        let mut body = Cursor(body);
        assert_eq!(body.c_string(16), Some(&b"SMPP3TEST"[..]));
        assert_eq!(body.c_string(9), Some(&b"secret08"[..]));
        assert_eq!(body.c_string(13), Some(&b"SUBMIT1"[..]));
        assert_eq!([body.octet(), body.octet(), body.octet()], [Some(0), Some(1), Some(1)]);
        assert_eq!(body.c_string(41), Some(&b""[..]));
        for end in 0..octets.len() {
            assert_eq!(frame(&octets[..end]), Frame::Partial, "{end} octets");
        }
    }

    #[test]
    fn impossible_lengths_are_found_at_once() {
        assert!(matches!(frame(&[0, 0, 0, 15]), Frame::Lost(_)));
        assert!(matches!(frame(&[0xFF, 0xFF, 0xFF, 0xFF, 1]), Frame::Lost(_)));
        assert_eq!(frame(&[0, 0, 0]), Frame::Partial);
    }

    #[test]
    fn strings_and_parameters_that_do_not_end_are_refused() {
        assert_eq!(Cursor(b"abc").c_string(9), None);
        assert_eq!(Cursor(b"abc\0").c_string(3), None, "longer than the field may be");
        assert_eq!(Cursor(&[0x04, 0x24, 0, 5, 1]).tlv(), Some(Err(())));
        assert_eq!(Cursor(&[0x04]).tlv(), Some(Err(())));
        assert_eq!(Cursor(&[0x04, 0x24, 0, 1, 7]).tlv(), Some(Ok((0x0424, &[7][..]))));
        assert_eq!(Cursor(&[]).tlv(), None);
    }
}
