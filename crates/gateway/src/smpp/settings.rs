//! One SMPP account as its settings say, in types.

use super::pdu::encode::Plan;
use crate::{Problem, Settings, trust};
use rustls::pki_types::CertificateDer;
use std::time::Duration;
use textgate_sms::Encoding;
use zeroize::Zeroizing;

/// How an account connects and what its messages look like. Has no `Debug`, because of the password.
#[derive(Clone)]
pub(super) struct Account {
    pub system_id: String,
    pub password: Zeroizing<String>,
    pub host: String,
    pub port: u16,
    /// Empty where the SMSC wants none.
    pub system_type: String,
    pub is_tls: bool,
    pub own_ca: Vec<CertificateDer<'static>>,
    pub bind: BindMode,
    /// Sending binds.
    pub binds: usize,
    /// Unanswered submit_sm on each bind.
    pub window: usize,
    /// Segments a second over all binds; `None`: as many as the SMSC takes.
    pub throughput: Option<u32>,
    pub format: Format,
    /// What the rendered line of an answer contains where the SMSC took the message; empty: ESME_ROK is enough.
    pub success_contains: String,
    pub receipt_id_base: ReceiptIdBase,
    /// Silence after which the link is asked for.
    pub enquire_link: Duration,
    /// How long any answer may take.
    pub response_timeout: Duration,
    /// How long connecting to one address may take, TLS included.
    pub connect_timeout: Duration,
}

/// What messages of this account look like.
#[derive(Clone)]
pub(super) struct Format {
    /// `None`: the smallest that carries the text.
    pub encoding: Option<Encoding>,
    pub unencodable: Unencodable,
    pub long_messages: LongMessages,
    pub service_type: String,
    /// TON and NPI of the phone's number.
    pub destination_plan: Plan,
    /// Empty: the SMSC's own.
    pub sender: String,
    pub sender_ton: Option<u8>,
    pub sender_npi: Option<u8>,
    pub is_flash: bool,
    pub is_overwrite: bool,
    pub wants_receipts: bool,
    pub tells_validity: bool,
}

/// How an account binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BindMode {
    /// Each bind sends and receives.
    Transceiver,
    /// The binds send, and one more receives.
    TransmitterAndReceiver,
}

/// What becomes of a text that the encoding lacks a character of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unencodable {
    Ucs2,
    Transliterate,
    Refuse,
}

/// How a text of several segments goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LongMessages {
    /// A user data header with an 8-bit reference in each segment.
    Udh,
    /// The same with a 16-bit reference.
    Udh16,
    /// sar TLVs; the SMSC makes the headers.
    Sar,
    /// In one message_payload; the SMSC cuts it.
    Payload,
}

/// In which base a receipt writes the id that submit_sm_resp gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceiptIdBase {
    Auto,
    AsIs,
    Decimal,
    Hexadecimal,
}

/// A choice's value, its label, and what it means.
pub(super) type Choices<T> = &'static [(&'static str, &'static str, T)];

/// The page's encodings in the field's spelling (the page writes "smcdefaut" and "asci"), and `auto`.
pub(super) const ENCODINGS: Choices<Option<Encoding>> = &[
    ("smcdefault", "smcdefault", Some(Encoding::GSM7)),
    ("utf16be", "utf16be", Some(Encoding::Utf16Be)),
    ("ucs2", "ucs2", Some(Encoding::Ucs2)),
    ("ascii", "ascii", Some(Encoding::Ascii)),
    ("latin1", "latin1", Some(Encoding::Latin1)),
    ("auto", "auto: the smallest that carries the text", None),
];

/// service_type (SMPP 3.4 §5.2.11).
pub(super) const SERVICE_TYPES: Choices<&str> = &[
    ("default", "Default", ""),
    ("CMT", "Cellular Messaging", "CMT"),
    ("CPT", "Cellular Paging", "CPT"),
    ("VMN", "Voice Mail Notification", "VMN"),
    ("VMA", "Voice Mail Alerting", "VMA"),
    ("WAP", "Wireless Application Protocol", "WAP"),
    ("USSD", "Unstructured Supplementary Services Data", "USSD"),
];

/// Type of number (§5.2.5).
pub(super) const TONS: Choices<u8> = &[
    ("unknown", "Unknown", 0),
    ("international", "International", 1),
    ("national", "National", 2),
    ("network_specific", "NetworkSpecific", 3),
    ("subscriber_number", "SubscriberNumber", 4),
    ("alphanumeric", "Alphanumeric", 5),
    ("abbreviated", "Abbreviated", 6),
];

/// Numbering plan (§5.2.6).
pub(super) const NPIS: Choices<u8> = &[
    ("unknown", "Unknown", 0),
    ("isdn", "ISDN", 1),
    ("data", "Data", 3),
    ("telex", "Telex", 4),
    ("land_mobile", "LandMobile", 6),
    ("national", "National", 8),
    ("private", "Private", 9),
    ("ermes", "ERMES", 10),
    ("internet", "Internet", 14),
    ("wap_client", "WapClient", 18),
];

pub(super) const BINDS: Choices<BindMode> = &[
    ("transceiver", "Transceiver", BindMode::Transceiver),
    ("transmitter_receiver", "Transmitter and receiver", BindMode::TransmitterAndReceiver),
];

pub(super) const UNENCODABLE: Choices<Unencodable> = &[
    ("ucs2", "Send it as UCS-2", Unencodable::Ucs2),
    ("transliterate", "Replace by near characters", Unencodable::Transliterate),
    ("refuse", "Refuse", Unencodable::Refuse),
];

pub(super) const LONG_MESSAGES: Choices<LongMessages> = &[
    ("udh", "User data header, 8-bit reference", LongMessages::Udh),
    ("udh16", "User data header, 16-bit reference", LongMessages::Udh16),
    ("sar", "SAR parameters", LongMessages::Sar),
    ("payload", "message_payload", LongMessages::Payload),
];

pub(super) const RECEIPT_ID_BASES: Choices<ReceiptIdBase> = &[
    ("auto", "Automatic", ReceiptIdBase::Auto),
    ("as_is", "As in the answer", ReceiptIdBase::AsIs),
    ("decimal", "Decimal, where the answer's is hexadecimal", ReceiptIdBase::Decimal),
    ("hexadecimal", "Hexadecimal, where the answer's is decimal", ReceiptIdBase::Hexadecimal),
];

/// What a value means; the first choice where the list has no such value.
pub(super) fn meaning<T: Copy>(choices: Choices<T>, value: &str) -> Option<T> {
    choices.iter().find(|(name, _, _)| *name == value).map(|(_, _, meaning)| *meaning)
}

impl Account {
    /// The account in these settings, or everything that is wrong with them.
    pub fn read(settings: &Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        // What a C-octet string is made of (SMPP 3.4 §3.1); validation has no control characters in it already.
        for (name, label) in
            [("system_id", "System ID"), ("password", "Password"), ("system_type", "System Type")]
        {
            if !settings.text(name).is_ascii() {
                problems.push(Problem::new(name, format!("{label} has only ASCII characters in SMPP")));
            }
        }
        let service_type = settings.text("service_type");
        if service_type.eq_ignore_ascii_case("other") {
            let message = "for Other, enter the service type's own value, at most 5 characters";
            problems.push(Problem::new("service_type", message));
        }
        let sender = settings.text("sender").trim();
        if let Some(message) = sender_problem(sender) {
            problems.push(Problem::new("sender", message));
        }
        let host = settings.text("host").trim();
        if host.contains(['/', ' ', '@']) || host.contains("://") {
            problems
                .push(Problem::new("host", "enter only the host's name or address, without scheme and port"));
        }
        let own_ca = trust::read_certificates("ca_certificate", settings.text("ca_certificate"));
        let own_ca = own_ca.unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        let number = |name, default| settings.number(name).map_or(default, i64::unsigned_abs);
        let seconds = |name, default| Duration::from_secs(number(name, default));
        let count =
            |name, default: usize| usize::try_from(number(name, default as u64)).unwrap_or(default).max(1);
        let system_type = settings.text("system_type").trim();
        Ok(Self {
            system_id: settings.text("system_id").to_owned(),
            password: Zeroizing::new(settings.text("password").to_owned()),
            host: host.to_owned(),
            port: u16::try_from(number("port", 2775)).unwrap_or(2775),
            // The page: "if the SMSC doesn't require this setting, set it to NULL".
            system_type: if system_type.eq_ignore_ascii_case("null") { "" } else { system_type }.to_owned(),
            is_tls: settings.flag("tls"),
            own_ca,
            bind: meaning(BINDS, settings.text("bind")).unwrap_or(BindMode::Transceiver),
            binds: count("binds", 1),
            window: count("window", 10),
            throughput: u32::try_from(number("throughput", 0)).ok().filter(|limit| *limit > 0),
            format: Format {
                encoding: meaning(ENCODINGS, settings.text("encoding")).unwrap_or(Some(Encoding::GSM7)),
                unencodable: meaning(UNENCODABLE, settings.text("unencodable")).unwrap_or(Unencodable::Ucs2),
                long_messages: meaning(LONG_MESSAGES, settings.text("long_messages"))
                    .unwrap_or(LongMessages::Udh),
                service_type: meaning(SERVICE_TYPES, service_type).unwrap_or(service_type).to_owned(),
                destination_plan: Plan {
                    ton: meaning(TONS, settings.text("ton")).unwrap_or(1),
                    npi: meaning(NPIS, settings.text("npi")).unwrap_or(1),
                },
                sender: sender.to_owned(),
                sender_ton: meaning(TONS, settings.text("sender_ton")),
                sender_npi: meaning(NPIS, settings.text("sender_npi")),
                is_flash: settings.flag("flash"),
                is_overwrite: settings.flag("overwrite"),
                wants_receipts: settings.flag("receipts"),
                tells_validity: settings.flag("validity_period"),
            },
            success_contains: settings.text("success_contains").to_owned(),
            receipt_id_base: meaning(RECEIPT_ID_BASES, settings.text("receipt_id_base"))
                .unwrap_or(ReceiptIdBase::Auto),
            enquire_link: seconds("enquire_link_s", 30),
            response_timeout: seconds("response_timeout_s", 30),
            connect_timeout: seconds("connect_timeout_s", 10),
        })
    }
}

/// What is wrong with a sender, if anything. source_addr holds 20 octets and a NUL (SMPP 3.4 §5.2.8).
pub(super) fn sender_problem(sender: &str) -> Option<&'static str> {
    if !sender.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()) {
        Some("a sender has only ASCII characters")
    } else if sender.len() > 20 {
        Some("a sender has at most 20 characters")
    } else {
        None
    }
}
