//! Delivery receipts in the forms that SMSCs send them (SMPP 3.4 appendix B, §5.3.2).

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use super::deliver::DeliverSm;
use super::ids::IdStyle;
use super::pdu::tag;
use super::submit::AddressField;
use crate::calendar::utc;

/// What became of a message (SMPP 3.4 §5.2.28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[allow(missing_docs, reason = "the standard's own names")]
pub enum FinalState {
    Enroute = 1,
    #[default]
    Delivered = 2,
    Expired = 3,
    Deleted = 4,
    Undeliverable = 5,
    Accepted = 6,
    Unknown = 7,
    Rejected = 8,
}

impl FinalState {
    /// The word in a receipt's text (appendix B, table B-2).
    pub fn word(self) -> &'static str {
        match self {
            Self::Enroute => "ENROUTE",
            Self::Delivered => "DELIVRD",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIV",
            Self::Accepted => "ACCEPTD",
            Self::Unknown => "UNKNOWN",
            Self::Rejected => "REJECTD",
        }
    }

    /// Whether the phone shows the message.
    pub fn reaches_phone(self) -> bool {
        matches!(self, Self::Delivered | Self::Accepted)
    }
}

/// Which messages get a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReceiptWhen {
    /// None.
    Never,
    /// Those whose registered_delivery asks for one that fits their state (§5.2.17).
    #[default]
    AsRequested,
    /// All that were accepted.
    Always,
}

/// Where a receipt says what it has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReceiptFormat {
    /// In short_message alone.
    Text,
    /// In optional parameters alone; short_message is empty.
    Tlvs,
    /// In both.
    #[default]
    Both,
}

/// How a receipt's text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReceiptWording {
    /// As appendix B shows it.
    #[default]
    Standard,
    /// Names and state in lower case.
    LowerCase,
    /// State and error first, the id late.
    Reordered,
    /// id and stat, nothing else.
    Sparse,
    /// Dates with seconds.
    Seconds,
    /// A space after each colon, and names in upper case.
    Spaced,
}

/// What is reported about messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipts {
    /// Which messages get one.
    pub when: ReceiptWhen,
    /// How long after the submit.
    pub delay: Duration,
    /// What it says.
    pub state: FinalState,
    /// What it says for destinations that end so; the first that fits counts.
    pub state_by_suffix: Vec<(String, FinalState)>,
    /// An ENROUTE or ACCEPTD in between, sent ahead of the final one at the same delay.
    pub intermediate: Option<FinalState>,
    /// Where it says it.
    pub format: ReceiptFormat,
    /// How its text is written.
    pub wording: ReceiptWording,
    /// How ids look in receipts; `None` is as in submit_sm_resp.
    pub ids: Option<IdStyle>,
    /// Sent ahead of the submit_sm_resp it is about. Where the submit came by a transmitter, the answer waits another 100 ms for it.
    pub before_answer: bool,
    /// The `err:` value, and the network_error_code with GSM as its network (§5.3.2.31).
    pub error: u16,
    /// Sent this many times over, besides the first.
    pub duplicates: u32,
}

impl Receipts {
    /// No receipts at all.
    pub fn never() -> Self {
        Self { when: ReceiptWhen::Never, ..Self::default() }
    }

    /// Whether a message that ends so gets a receipt (§5.2.17: bits 1 and 0; 1 always, 2 on failure).
    pub(super) fn wanted(&self, registered_delivery: u8, state: FinalState) -> bool {
        match self.when {
            ReceiptWhen::Never => false,
            ReceiptWhen::Always => true,
            ReceiptWhen::AsRequested => match registered_delivery & 0x03 {
                1 => true,
                2 => !state.reaches_phone(),
                _ => false,
            },
        }
    }
}

/// One receipt before it is a PDU.
pub(super) struct Receipt<'a> {
    pub(super) service_type: &'a [u8],
    /// The message's own source and destination; the receipt's are the other way around.
    pub(super) source: AddressField<'a>,
    pub(super) destination: AddressField<'a>,
    pub(super) message_id: &'a str,
    pub(super) state: FinalState,
    pub(super) error: u16,
    pub(super) submitted: SystemTime,
    pub(super) done: SystemTime,
    /// The message's first characters; only printable ASCII is repeated.
    pub(super) text: &'a [u8],
}

impl Receipt<'_> {
    pub(super) fn pdu(&self, format: ReceiptFormat, wording: ReceiptWording) -> Vec<u8> {
        let text = match format {
            ReceiptFormat::Tlvs => String::new(),
            ReceiptFormat::Text | ReceiptFormat::Both => self.words(wording),
        };
        let mut message_id = self.message_id.as_bytes().to_vec();
        message_id.push(0);
        let [high, low] = self.error.to_be_bytes();
        let (state, error) = ([self.state as u8], [3, high, low]);
        let mut parameters: Vec<(u16, &[u8])> = Vec::new();
        if format != ReceiptFormat::Text {
            parameters.push((tag::RECEIPTED_MESSAGE_ID, &message_id));
            parameters.push((tag::MESSAGE_STATE, &state));
            if self.error != 0 {
                parameters.push((tag::NETWORK_ERROR_CODE, &error));
            }
        }
        // §5.2.12: message type "SMSC Delivery Receipt", or an intermediate notification while under way.
        let esm_class = if self.state == FinalState::Enroute { 0x20 } else { 0x04 };
        DeliverSm {
            service_type: self.service_type,
            source: self.destination,
            destination: self.source,
            esm_class,
            data_coding: 0,
            short_message: text.as_bytes(),
            parameters: &parameters,
        }
        .pdu()
    }

    fn words(&self, wording: ReceiptWording) -> String {
        let id = self.message_id;
        let (stat, err) = (self.state.word(), self.error);
        let delivered = if self.state.reaches_phone() { "001" } else { "000" };
        let seconds = wording == ReceiptWording::Seconds;
        let (submitted, done) = (date(self.submitted, seconds), date(self.done, seconds));
        let text: String =
            self.text.iter().take(20).filter(|o| matches!(o, 0x20..=0x7E)).map(|o| char::from(*o)).collect();
        match wording {
            ReceiptWording::Standard | ReceiptWording::Seconds => format!(
                "id:{id} sub:001 dlvrd:{delivered} submit date:{submitted} done date:{done} stat:{stat} err:{err:03} text:{text}"
            ),
            ReceiptWording::LowerCase => format!(
                "id:{id} sub:001 dlvrd:{delivered} submit date:{submitted} done date:{done} stat:{} err:{err:03} text:{text}",
                stat.to_lowercase()
            ),
            ReceiptWording::Reordered => format!(
                "stat:{stat} err:{err:03} done date:{done} submit date:{submitted} id:{id} dlvrd:{delivered} sub:001"
            ),
            ReceiptWording::Sparse => format!("id:{id} stat:{stat}"),
            ReceiptWording::Spaced => format!(
                "ID: {id} SUB: 001 DLVRD: {delivered} SUBMIT DATE: {submitted} DONE DATE: {done} STAT: {stat} ERR: {err:03} TEXT: {text}"
            ),
        }
    }
}

/// YYMMDDhhmm with or without ss (appendix B), in UTC.
fn date(time: SystemTime, seconds: bool) -> String {
    let [year, month, day, hour, minute, second] = utc(time);
    let mut text = format!("{:02}{month:02}{day:02}{hour:02}{minute:02}", year % 100);
    if seconds {
        let _ = write!(text, "{second:02}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn receipt(message_id: &str, state: FinalState) -> Receipt<'_> {
        let at = UNIX_EPOCH + Duration::from_secs(1_709_209_445); // 2024-02-29 12:24:05 UTC
        Receipt {
            service_type: b"",
            source: AddressField { ton: 5, npi: 0, octets: b"Acme" },
            destination: AddressField { ton: 1, npi: 1, octets: b"15550100100" },
            message_id,
            state,
            error: 0,
            submitted: at,
            done: at,
            text: b"your code",
        }
    }

    #[test]
    fn the_text_has_the_standards_form() {
        assert_eq!(
            receipt("42", FinalState::Delivered).words(ReceiptWording::Standard),
            "id:42 sub:001 dlvrd:001 submit date:2402291224 done date:2402291224 stat:DELIVRD err:000 text:your code"
        );
        assert_eq!(receipt("2a", FinalState::Expired).words(ReceiptWording::Sparse), "id:2a stat:EXPIRED");
        assert!(
            receipt("2a", FinalState::Rejected)
                .words(ReceiptWording::Seconds)
                .contains("done date:240229122405 ")
        );
    }

    #[test]
    fn a_deliver_sm_has_its_fields_in_the_standards_order() {
        let pdu = receipt("7", FinalState::Undeliverable).pdu(ReceiptFormat::Tlvs, ReceiptWording::Standard);
        // §4.6.1: from the phone, to the sender; esm_class 4; receipted_message_id, message_state.
        let expected: &[u8] = &[
            0, 0, 0, 67, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, // header, sequence filled in when sent
            0, 1, 1, b'1', b'5', b'5', b'5', b'0', b'1', b'0', b'0', b'1', b'0', b'0', 0, // source
            5, 0, b'A', b'c', b'm', b'e', 0, // destination
            4, 0, 0, 0, 0, 0, 0, 0, 0, 0, // esm_class … sm_length
            0x00, 0x1E, 0, 2, b'7', 0, 0x04, 0x27, 0, 1, 5,
        ];
        let mut expected = expected.to_vec();
        expected[3] = u8::try_from(expected.len()).unwrap();
        assert_eq!(pdu, expected);
    }

    #[test]
    fn registered_delivery_decides_what_is_reported() {
        let asked = Receipts::default();
        assert!(asked.wanted(1, FinalState::Delivered) && asked.wanted(0x11, FinalState::Expired));
        assert!(!asked.wanted(2, FinalState::Delivered) && asked.wanted(2, FinalState::Expired));
        assert!(!asked.wanted(0, FinalState::Expired));
        assert!(!Receipts::never().wanted(1, FinalState::Delivered));
    }
}
