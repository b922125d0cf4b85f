//! From a submission to its submit_sm: encoding, segments, and what each PDU says.

use super::pdu::encode::{self, Body, Plan as NumberPlan, Submit};
use super::settings::{Format, LongMessages, Unencodable, sender_problem};
use crate::{Outcome, Overwrite, Plan, PlanError, Submission};
use bytes::BytesMut;
use smallvec::smallvec;
use std::time::Instant;
use textgate_sms::OutcomeClass::Refused;
use textgate_sms::{
    Choices, EncodeError, Encoding, Reference, Segment, Segments, choose, count, encode_whole, header,
    segment, smpp_data_coding, transliterate,
};

/// A text ready to be written.
pub(super) struct Prepared {
    encoding: Encoding,
    /// One for each submit_sm.
    parts: Segments,
    /// Segments on the air.
    segments: u8,
    way: Way,
}

/// Which submit_sm of a message is written.
pub(super) struct Part {
    /// From 0.
    pub number: u8,
    /// What the message's parts share.
    pub reference: u16,
    pub sequence: u32,
}

/// How the parts say that they belong together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Alone,
    Header(Reference),
    Sar,
    Payload,
}

/// How this format sends the text.
pub(super) fn plan(format: &Format, text: &str) -> Result<Plan, PlanError> {
    let counted = |encoding, text: &str| {
        count(text, encoding, reference(format)).map(|segments| Plan { segments, encoding: encoding.name() })
    };
    encoded(format, text, counted).map_err(|error| PlanError(error.to_string()))
}

/// The text in this format's encoding, or the outcome of a message that cannot go this way.
pub(super) fn prepare(format: &Format, text: &str) -> Result<Prepared, Outcome> {
    let prepared = encoded(format, text, |encoding, text| {
        let bits = reference(format);
        if format.long_messages == LongMessages::Payload {
            let segments = count(text, encoding, bits)?;
            let parts = smallvec![Segment { units: encode_whole(text, encoding)? }];
            let way = if segments == 1 { Way::Alone } else { Way::Payload };
            return Ok(Prepared { encoding, parts, segments, way });
        }
        let parts = segment(text, encoding, bits)?;
        let way = match format.long_messages {
            _ if parts.len() == 1 => Way::Alone,
            LongMessages::Sar => Way::Sar,
            _ => Way::Header(bits),
        };
        let segments = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        Ok(Prepared { encoding, parts, segments, way })
    });
    // The error itself names a character of the text; an outcome must not.
    prepared.map_err(|error| match error {
        EncodeError::Unencodable { .. } => {
            Outcome::failed(Refused, "the encoding lacks a character of the text")
        }
        EncodeError::TooLong { segments } => {
            Outcome::failed(Refused, format!("the text makes {segments} segments, of at most 255"))
        }
    })
}

fn wanted(format: &Format, text: &str) -> Encoding {
    format.encoding.unwrap_or_else(|| choose(text, Choices::default()))
}

/// Encodes by `with` in the encoding that the format wants, or in what it wants instead.
fn encoded<T>(
    format: &Format,
    text: &str,
    with: impl Fn(Encoding, &str) -> Result<T, EncodeError>,
) -> Result<T, EncodeError> {
    let encoding = wanted(format, text);
    match (with(encoding, text), format.unencodable) {
        (Err(EncodeError::Unencodable { .. }), Unencodable::Ucs2) => with(Encoding::Ucs2, text),
        (Err(EncodeError::Unencodable { .. }), Unencodable::Transliterate) => {
            with(encoding, &transliterate(text, encoding))
        }
        (done, _) => done,
    }
}

/// How long the reference is that segments are cut for. With sar TLVs the SMSC chooses, and sar_msg_ref_num has
/// 16 bits (SMPP 3.4 §5.3.2.22): cut for those, a segment fits either way.
fn reference(format: &Format) -> Reference {
    match format.long_messages {
        LongMessages::Udh | LongMessages::Payload => Reference::Bits8,
        LongMessages::Udh16 | LongMessages::Sar => Reference::Bits16,
    }
}

impl Prepared {
    /// How many submit_sm it takes.
    pub fn pdus(&self) -> u8 {
        u8::try_from(self.parts.len()).unwrap_or(u8::MAX)
    }

    /// How many segments it makes on the air.
    pub fn segments(&self) -> u8 {
        self.segments
    }

    /// What it is encoded in.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Writes the submit_sm of one part.
    pub fn write(
        &self,
        out: &mut BytesMut,
        format: &Format,
        submission: &Submission,
        part: Part,
        now: Instant,
    ) {
        let (protocol_id, replaces) = self.overwrite(format, submission);
        let is_flash = submission.flash.unwrap_or(format.is_flash);
        let sender = submission.sender.as_deref().unwrap_or(&format.sender);
        let (source_plan, source) = sender_of(format, sender);
        let validity = submission.valid_until.saturating_duration_since(now).as_secs();
        let submit = Submit {
            service_type: &format.service_type,
            source_plan,
            source,
            destination_plan: format.destination_plan,
            destination: submission.to.as_u64(),
            protocol_id,
            validity_s: format.tells_validity.then(|| u32::try_from(validity).unwrap_or(u32::MAX)),
            wants_receipt: format.wants_receipts,
            replaces,
            data_coding: smpp_data_coding(self.encoding, is_flash),
            // data_coding has a class for the other encodings; some SMSCs refuse what is said twice.
            is_for_display: is_flash && matches!(self.encoding, Encoding::Ascii | Encoding::Latin1),
        };
        let Part { number, reference, sequence } = part;
        let units = self.parts.get(usize::from(number)).map(|part| &*part.units).unwrap_or_default();
        // On the air, parts are counted from 1.
        let (number, total) = (number.saturating_add(1), self.pdus());
        match self.way {
            Way::Alone => {
                let header = header(self.encoding, None);
                encode::submit(out, &submit, Body::Short { header: &header, units }, sequence);
            }
            Way::Header(bits) => {
                let header =
                    header(self.encoding, Some(textgate_sms::Part { reference, bits, total, number }));
                encode::submit(out, &submit, Body::Short { header: &header, units }, sequence);
            }
            Way::Sar => {
                let body = Body::Sar { units, reference, total, number };
                encode::submit(out, &submit, body, sequence);
            }
            Way::Payload => encode::submit(out, &submit, Body::Payload { units }, sequence),
        }
    }

    /// protocol_id and replace_if_present_flag.
    ///
    /// The TP-PID (TS 23.040 §9.2.3.9) replaces on the phone, the flag (SMPP 3.4 §5.2.18) what still waits at the SMSC
    /// for the same phone from the same sender. The setting wants only the newest message to remain, so it sets both.
    /// A message's own type does not set the flag, which knows no types and would also replace those of another one.
    /// Several segments set neither, or each would replace the one before it.
    fn overwrite(&self, format: &Format, submission: &Submission) -> (u8, bool) {
        const TYPE_1: u8 = 0x41;
        match submission.overwrite {
            _ if self.segments > 1 => (0, false),
            Overwrite::AsSet if format.is_overwrite => (TYPE_1, true),
            Overwrite::AsSet | Overwrite::Off => (0, false),
            Overwrite::Type(replace) => (replace.protocol_id(), false),
        }
    }
}

/// The outcome of a message that asks for a sender that no source_addr can hold.
pub(super) fn check_sender(submission: &Submission) -> Result<(), Outcome> {
    match submission.sender.as_deref().and_then(sender_problem) {
        None => Ok(()),
        Some(_) => {
            Err(Outcome::failed(Refused, "the sender has more than 20 characters, or others than ASCII"))
        }
    }
}

/// A sender's TON and NPI, set or by its looks, and the address as it is written.
fn sender_of<'a>(format: &Format, sender: &'a str) -> (NumberPlan, &'a str) {
    const UNKNOWN: NumberPlan = NumberPlan { ton: 0, npi: 0 };
    const INTERNATIONAL: NumberPlan = NumberPlan { ton: 1, npi: 1 };
    // Short codes are the network's own: "network specific", in no international plan.
    const SHORT_CODE: NumberPlan = NumberPlan { ton: 3, npi: 0 };
    const NAME: NumberPlan = NumberPlan { ton: 5, npi: 0 };
    let digits = sender.strip_prefix('+').unwrap_or(sender);
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    let (automatic, address) = match digits.len() {
        0 => (UNKNOWN, digits),
        _ if !is_number => (NAME, sender),
        // E.164 numbers with their country code have at least 7 digits.
        1..=6 => (SHORT_CODE, digits),
        _ => (INTERNATIONAL, digits),
    };
    let plan = NumberPlan {
        ton: format.sender_ton.unwrap_or(automatic.ton),
        npi: format.sender_npi.unwrap_or(automatic.npi),
    };
    (plan, address)
}
