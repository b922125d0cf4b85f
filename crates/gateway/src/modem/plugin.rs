//! The plugin `modem`: its fields, and a gateway from their values.

use super::gateway::Modem;
use super::settings::{Choices, ENCODINGS, FLOW_CONTROLS, Modems, UNENCODABLE, VALIDITY_FORMATS};
use crate::{BuildError, Environment, Feature, Field, FieldKind, Gateway, Plugin, Problem, Settings};
use std::sync::Arc;

/// The plugin `modem`.
pub struct ModemPlugin {
    fields: Vec<Field>,
}

impl Default for ModemPlugin {
    fn default() -> Self {
        Self::new()
    }
}

impl ModemPlugin {
    /// The plugin.
    pub fn new() -> Self {
        let mut fields = line_fields();
        fields.extend(format_fields());
        Self { fields }
    }
}

impl Plugin for ModemPlugin {
    fn name(&self) -> &str {
        "modem"
    }

    fn label(&self) -> &str {
        "SMS modem"
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
        ]
    }

    fn check(&self, settings: &Settings) -> Vec<Problem> {
        Modems::read(settings).err().unwrap_or_default()
    }

    fn build(&self, settings: &Settings, environment: &Environment) -> Result<Arc<dyn Gateway>, BuildError> {
        let modems = Modems::read(settings).map_err(|problems| match problems.first() {
            Some(problem) => BuildError(format!("{}: {}", problem.path, problem.message)),
            None => BuildError("the settings cannot be used; save them again".to_owned()),
        })?;
        Ok(Arc::new(Modem::new(modems, environment)))
    }
}

fn choice<T>(choices: Choices<T>) -> FieldKind {
    let choices: Vec<_> = choices.iter().map(|(value, label, _)| (*value, *label)).collect();
    FieldKind::choice(&choices)
}

/// Where the modems are, and their SIMs.
fn line_fields() -> Vec<Field> {
    let number = |name, label, min, max, help| Field::new(name, label, FieldKind::Number { min, max }, help);
    vec![
        Field::new(
            "devices",
            "Devices",
            FieldKind::LongText { max: 8192 },
            "The modem's device, best under /dev/serial/by-id, or its serial server as tcp://host:port or rfc2217://host:port. \
             Several, each on its own line, share the messages. `textgate modem probe` finds them.",
        )
        .required(),
        number("baud", "Baud Rate", 300, 4_000_000, "The line's speed, bits a second. USB modems ignore it.")
            .with_default(115_200),
        Field::new(
            "flow_control",
            "Flow Control",
            choice(FLOW_CONTROLS),
            "Hardware needs a cable with RTS and CTS. USB modems ignore it.",
        )
        .with_default("none"),
        Field::new(
            "pin",
            "SIM PIN",
            FieldKind::Secret { max: 8 },
            "Where the SIM asks for it. A PIN that the SIM refused is not sent to it again.",
        ),
        Field::new(
            "service_centre",
            "Service Centre",
            FieldKind::Text { max: 21 },
            "The number of the operator's service centre (SMSC), with + and country code. Blank: as the SIM says.",
        ),
        number(
            "rate",
            "Messages a Minute",
            0,
            600,
            "Most messages a minute for each modem, as the operator's fair use allows; each segment counts. 0: no limit.",
        )
        .with_default(30),
        number(
            "response_timeout_s",
            "Response Timeout (seconds)",
            5,
            300,
            "How long the network may take to answer a message.",
        )
        .with_default(60),
    ]
}

/// What a message looks like.
fn format_fields() -> Vec<Field> {
    vec![
        Field::new(
            "encoding",
            "Encoding",
            choice(ENCODINGS),
            "gsm7 has 160 characters in a segment; ucs2 has every character, 70 in a segment; auto takes the smaller of the two.",
        )
        .with_default("auto"),
        Field::new(
            "unencodable",
            "Characters the Encoding Lacks",
            choice(UNENCODABLE),
            "What to do with a text that does not fit the encoding.",
        )
        .with_default("ucs2"),
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
            "Each message replaces the one before it on the phone. Messages of several segments replace nothing, as their \
             segments would replace each other.",
        )
        .with_default(false),
        Field::new(
            "receipts",
            "Delivery Receipts",
            FieldKind::Flag,
            "Asks the service centre to report what became of messages. Some contracts pay for each report.",
        )
        .with_default(true),
        Field::new(
            "validity",
            "Validity Period",
            choice(VALIDITY_FORMATS),
            "How the service centre is told until when a message is of use. Every one knows the relative form.",
        )
        .with_default("relative"),
    ]
}
