//! From a submission to its TPDUs.

use super::settings::{Format, Unencodable, ValidityFormat};
use crate::{Outcome, Overwrite, Plan, PlanError, Submission};
use std::time::{Duration, Instant};
use textgate_sms::OutcomeClass::Refused;
use textgate_sms::tpdu::{Address, Submit, Timestamp, TpduError, UserData, Validity};
use textgate_sms::{
    Choices, EncodeError, Encoding, Part, Reference, Segments, choose, count, header, segment, tp_dcs,
    transliterate,
};

/// A text ready to be sent.
pub(super) struct Prepared {
    encoding: Encoding,
    parts: Segments,
}

/// How this format sends the text.
pub(super) fn plan(format: &Format, text: &str) -> Result<Plan, PlanError> {
    let counted = |encoding, text: &str| {
        count(text, encoding, Reference::Bits8).map(|segments| Plan { segments, encoding: encoding.name() })
    };
    encoded(format, text, counted).map_err(|error| PlanError(error.to_string()))
}

/// The text in this format's encoding, or the outcome of a message that cannot go this way.
pub(super) fn prepare(format: &Format, text: &str) -> Result<Prepared, Outcome> {
    let cut = |encoding, text: &str| {
        segment(text, encoding, Reference::Bits8).map(|parts| Prepared { encoding, parts })
    };
    // The error itself names a character of the text; an outcome must not.
    encoded(format, text, cut).map_err(|error| match error {
        EncodeError::Unencodable { .. } => {
            Outcome::failed(Refused, "the encoding lacks a character of the text")
        }
        EncodeError::TooLong { segments } => {
            Outcome::failed(Refused, format!("the text makes {segments} segments, of at most 255"))
        }
    })
}

/// Encodes by `with` in the encoding that the format wants, or in what it wants instead.
fn encoded<T>(
    format: &Format,
    text: &str,
    with: impl Fn(Encoding, &str) -> Result<T, EncodeError>,
) -> Result<T, EncodeError> {
    let encoding = format.encoding.unwrap_or_else(|| choose(text, Choices::default()));
    match (with(encoding, text), format.unencodable) {
        (Err(EncodeError::Unencodable { .. }), Unencodable::Ucs2) => with(Encoding::Ucs2, text),
        (Err(EncodeError::Unencodable { .. }), Unencodable::Transliterate) => {
            with(encoding, &transliterate(text, encoding))
        }
        (done, _) => done,
    }
}

impl Prepared {
    /// How many segments it makes.
    pub fn segments(&self) -> u8 {
        u8::try_from(self.parts.len()).unwrap_or(u8::MAX)
    }

    /// The TPDU of one segment, counted from 0. `unix_s` is the wall clock's time.
    ///
    /// # Errors
    /// Never for what [`prepare`] made; the codec checks all the same.
    pub fn tpdu(
        &self,
        format: &Format,
        submission: &Submission,
        number: u8,
        reference: u8,
        now: Instant,
        unix_s: i64,
    ) -> Result<Vec<u8>, TpduError> {
        let total = self.segments();
        let place = Part {
            reference: reference.into(),
            bits: Reference::Bits8,
            total,
            number: number.saturating_add(1),
        };
        let units = self.parts.get(usize::from(number)).map(|part| part.units.clone()).unwrap_or_default();
        let user_data =
            UserData { header: header(self.encoding, (total > 1).then_some(place)).to_vec(), units };
        let is_flash = submission.flash.unwrap_or(format.is_flash);
        let submit = Submit {
            protocol_id: self.protocol_id(format, submission),
            validity: validity(format, submission.valid_until.saturating_duration_since(now), unix_s),
            wants_report: format.wants_reports,
            ..Submit::new(Address::international(submission.to), tp_dcs(self.encoding, is_flash), user_data)
        };
        submit.to_octets()
    }

    /// TP-PID (TS 23.040 §9.2.3.9). Several segments replace nothing, or each would replace the one before it.
    fn protocol_id(&self, format: &Format, submission: &Submission) -> u8 {
        const TYPE_1: u8 = 0x41;
        match submission.overwrite {
            _ if self.segments() > 1 => 0,
            Overwrite::AsSet if format.is_overwrite => TYPE_1,
            Overwrite::AsSet | Overwrite::Off => 0,
            Overwrite::Type(replace) => replace.protocol_id(),
        }
    }
}

fn validity(format: &Format, remaining: Duration, unix_s: i64) -> Option<Validity> {
    match format.validity {
        ValidityFormat::None => None,
        ValidityFormat::Relative => Some(Validity::relative(remaining)),
        ValidityFormat::Absolute => {
            let seconds = i64::try_from(remaining.as_secs()).unwrap_or(i64::MAX);
            Some(Validity::Absolute(Timestamp::utc(unix_s.saturating_add(seconds))))
        }
    }
}
