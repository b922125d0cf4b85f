//! The plugin `smpp`: its fields, and a gateway from their values.

use super::gateway::Smpp;
use super::settings::{
    Account, BINDS, Choices, ENCODINGS, LONG_MESSAGES, NPIS, RECEIPT_ID_BASES, SERVICE_TYPES, TONS,
    UNENCODABLE,
};
use crate::{BuildError, Environment, Feature, Field, FieldKind, Gateway, Plugin, Problem, Settings};
use std::sync::Arc;

/// The plugin `smpp`.
pub struct SmppPlugin {
    fields: Vec<Field>,
}

impl Default for SmppPlugin {
    fn default() -> Self {
        Self::new()
    }
}

impl SmppPlugin {
    /// The plugin.
    pub fn new() -> Self {
        let mut fields = account_fields();
        fields.extend(format_fields());
        fields.extend(traffic_fields());
        Self { fields }
    }
}

impl Plugin for SmppPlugin {
    fn name(&self) -> &str {
        "smpp"
    }

    fn label(&self) -> &str {
        "SMPP"
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn features(&self) -> &[Feature] {
        &[
            Feature::Flash,
            Feature::Overwrite,
            Feature::Receipts,
            Feature::Inbound,
            Feature::Unicode,
            Feature::Validity,
            Feature::Sender,
        ]
    }

    fn check(&self, settings: &Settings) -> Vec<Problem> {
        Account::read(settings).err().unwrap_or_default()
    }

    fn build(&self, settings: &Settings, environment: &Environment) -> Result<Arc<dyn Gateway>, BuildError> {
        let account = Account::read(settings).map_err(|problems| match problems.first() {
            Some(problem) => BuildError(format!("{}: {}", problem.path, problem.message)),
            None => BuildError("the settings cannot be used; save them again".to_owned()),
        })?;
        Ok(Arc::new(Smpp::new(account, environment.network.clone())))
    }
}

fn choice<T>(choices: Choices<T>) -> FieldKind {
    let choices: Vec<_> = choices.iter().map(|(value, label, _)| (*value, *label)).collect();
    FieldKind::choice(&choices)
}

/// The same with a first choice that leaves it to this program.
fn choice_or_automatic(choices: Choices<u8>) -> FieldKind {
    let automatic = std::iter::once(("auto", "Automatic"));
    let choices: Vec<_> = automatic.chain(choices.iter().map(|(value, label, _)| (*value, *label))).collect();
    FieldKind::choice(&choices)
}

/// Who we are, and where the SMSC is: the page's fields in the page's order, then what the page lacks.
fn account_fields() -> Vec<Field> {
    vec![
        // SMPP 3.4 §5.2.1 to §5.2.3: at most 15, 8 and 12 characters; many SMSCs take longer ids and passwords.
        Field::new(
            "system_id",
            "System ID",
            FieldKind::Text { max: 64 },
            "The system ID of your account at the provider's SMSC.",
        )
        .required(),
        Field::new("host", "Host", FieldKind::Text { max: 255 }, "The SMSC's host name or address.").required(),
        Field::new(
            "port",
            "Port",
            FieldKind::Number { min: 1, max: 65535 },
            "The SMSC's port. Usual are 2775, and 3550 with TLS.",
        )
        .with_default(2775)
        .required(),
        Field::new(
            "system_type",
            "System Type",
            FieldKind::Text { max: 12 },
            "What kind of system binds, if the SMSC wants to know. Blank or NULL: none.",
        ),
        Field::new(
            "success_contains",
            "Success Message Contains String",
            FieldKind::Text { max: 256 },
            "What the answer contains when the SMSC took the message. The answer reads ESME_ROK message_id=…, followed \
             by additional_status_info_text=… if the SMSC sends it. Blank: ESME_ROK is a success.",
        ),
        Field::new(
            "encoding",
            "Encoding",
            choice(ENCODINGS),
            "smcdefault is the SMSC's default alphabet (GSM 03.38), 160 characters in a segment; ucs2 and utf16be have \
             every character, 70 in a segment; auto takes the smaller of the two.",
        )
        .with_default("smcdefault"),
        Field::new(
            "service_type",
            "Service Type",
            FieldKind::choice_or_other(&SERVICE_TYPES.iter().map(|s| (s.0, s.1)).collect::<Vec<_>>(), 5),
            "The SMS application service. Other: enter its own value, at most 5 characters.",
        )
        .with_default("default"),
        Field::new(
            "ton",
            "Type of Number (TON)",
            choice(TONS),
            "The type of the phone numbers that messages go to. Numbers begin with a country code, so International is \
             right unless the provider says otherwise.",
        )
        .with_default("international"),
        Field::new(
            "npi",
            "Number Plan Indicator (NPI)",
            choice(NPIS),
            "The numbering plan of the phone numbers that messages go to.",
        )
        .with_default("isdn"),
        Field::new("password", "Password", FieldKind::Secret { max: 64 }, "The account's password at the SMSC."),
        Field::new("tls", "Use TLS", FieldKind::Flag, "Yes, if the SMSC's port speaks TLS.").with_default(false),
        Field::new(
            "ca_certificate",
            "CA Certificate",
            FieldKind::LongText { max: 65_536 },
            "If the SMSC's certificate comes from a CA that this machine does not know: that CA's certificate in PEM.",
        )
        .shown_when("tls", true),
    ]
}

/// What a message looks like.
fn format_fields() -> Vec<Field> {
    vec![
        Field::new(
            "sender",
            "Sender",
            FieldKind::Text { max: 20 },
            "The number or name that messages come from, unless a message asks for another. Blank: the SMSC's own.",
        ),
        Field::new(
            "sender_ton",
            "Sender TON",
            choice_or_automatic(TONS),
            "Automatic: Alphanumeric for names, International for numbers, NetworkSpecific for short codes.",
        )
        .with_default("auto"),
        Field::new(
            "sender_npi",
            "Sender NPI",
            choice_or_automatic(NPIS),
            "Automatic: ISDN for numbers, Unknown for names and short codes.",
        )
        .with_default("auto"),
        Field::new(
            "flash",
            "Use Flash SMS",
            FieldKind::Flag,
            "Shows messages at once, and the phone does not store them.",
        )
        .with_default(false),
        Field::new(
            "overwrite",
            "Use Overwrite SMS",
            FieldKind::Flag,
            "Each message replaces the one before it, on the phone and while it waits at the SMSC. Messages of \
             several segments replace nothing, as their segments would replace each other.",
        )
        .with_default(false),
        Field::new(
            "unencodable",
            "Characters the Encoding Lacks",
            choice(UNENCODABLE),
            "What to do with a text that does not fit the encoding.",
        )
        .with_default("ucs2"),
        Field::new(
            "long_messages",
            "Long Messages",
            choice(LONG_MESSAGES),
            "How a text of several segments is sent. Every phone and nearly every SMSC knows the 8-bit header.",
        )
        .with_default("udh"),
        Field::new(
            "validity_period",
            "Validity Period",
            FieldKind::Flag,
            "Tells the SMSC how long the message is still of use. No, if the SMSC refuses it (ESME_RINVEXPIRY).",
        )
        .with_default(true),
    ]
}

/// How the messages go, and what comes back.
fn traffic_fields() -> Vec<Field> {
    let number = |name, label, min, max, help| Field::new(name, label, FieldKind::Number { min, max }, help);
    vec![
        Field::new(
            "bind",
            "Bind",
            choice(BINDS),
            "Transceiver sends and receives on each connection. Transmitter and receiver: one more connection receives.",
        )
        .with_default("transceiver"),
        number("binds", "Binds", 1, 16, "How many connections send at once; the provider says how many it allows.")
            .with_default(1),
        number("window", "Window", 1, 2000, "How many messages may be unanswered on each connection.").with_default(10),
        number(
            "throughput",
            "Throughput",
            0,
            100_000,
            "Most segments a second over all connections. 0: as many as the SMSC takes.",
        )
        .with_default(0),
        Field::new("receipts", "Delivery Receipts", FieldKind::Flag, "Asks the SMSC to report what became of messages.")
            .with_default(true),
        Field::new(
            "receipt_id_base",
            "Message ID in Receipts",
            choice(RECEIPT_ID_BASES),
            "Some SMSCs answer with a hexadecimal id and send receipts with the same id in decimal, or the reverse. \
             Automatic tries all; choose the one if receipts reach the wrong message.",
        )
        .with_default("auto"),
        number("enquire_link_s", "Enquire Link (seconds)", 5, 3600, "After how much silence the link is tested.")
            .with_default(30),
        number("response_timeout_s", "Response Timeout (seconds)", 1, 300, "How long the SMSC may take to answer.")
            .with_default(30),
        number("connect_timeout_s", "Connect Timeout (seconds)", 1, 120, "How long connecting may take, TLS included.")
            .with_default(10),
    ]
}
