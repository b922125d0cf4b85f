//! One gateway of modems as its settings say, in types.

use super::device::Place;
use crate::{Problem, Settings};
use std::time::Duration;
use textgate_sms::Encoding;
use zeroize::Zeroizing;

/// Most lines of one gateway.
const MOST_LINES: usize = 32;

/// How the modems are reached, and what their messages look like. Has no `Debug`, because of the PIN.
#[derive(Clone)]
pub(super) struct Modems {
    /// At least one.
    pub places: Vec<Place>,
    pub baud: u32,
    pub flow: FlowControl,
    /// Empty where the SIM asks for none.
    pub pin: Zeroizing<String>,
    /// Empty: as the SIM says.
    pub service_centre: String,
    /// Segments a minute on each line; 0: as many as the network takes.
    pub rate: usize,
    pub format: Format,
    pub timing: Timing,
}

/// What the messages look like.
#[derive(Clone)]
pub(super) struct Format {
    /// `None`: the smallest that carries the text.
    pub encoding: Option<Encoding>,
    pub unencodable: Unencodable,
    pub is_flash: bool,
    pub is_overwrite: bool,
    pub wants_reports: bool,
    pub validity: ValidityFormat,
}

/// Who holds whom back when the other side is too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlowControl {
    None,
    /// RTS and CTS.
    Hardware,
    /// XON and XOFF.
    Software,
}

/// What becomes of a text that the encoding lacks a character of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unencodable {
    Ucs2,
    Transliterate,
    Refuse,
}

/// How the service centre is told how long a message is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValidityFormat {
    Relative,
    Absolute,
    None,
}

/// How long things may take; only tests change it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// An answer to `AT`.
    pub sync: Duration,
    /// An answer to an ordinary command.
    pub command: Duration,
    /// An answer to one for which the modem asks the network or the SIM.
    pub slow: Duration,
    /// The prompt for a message.
    pub prompt: Duration,
    /// The network's answer to a message.
    pub network: Duration,
    /// What follows the reference of a message that was taken.
    pub settle: Duration,
    /// Between looks at signal, SIM and registration; and while it is not registered.
    pub look: Duration,
    pub look_unregistered: Duration,
    /// How long it may be without a network before it has to search anew, and before it is reset.
    pub search_after: Duration,
    pub reset_after: Duration,
    /// How long a modem starts.
    pub boot: Duration,
    /// The pause before a message is tried again for which the network had no room; it doubles each time.
    pub retry: Duration,
}

impl Timing {
    pub fn new(network: Duration) -> Self {
        let s = Duration::from_secs;
        Self {
            sync: s(1),
            command: s(5),
            slow: s(30),
            prompt: s(5),
            network,
            settle: s(3),
            look: s(30),
            look_unregistered: s(2),
            search_after: s(60),
            reset_after: s(600),
            boot: s(10),
            retry: s(1),
        }
    }
}

/// A choice's value, its label, and what it means.
pub(super) type Choices<T> = &'static [(&'static str, &'static str, T)];

pub(super) const FLOW_CONTROLS: Choices<FlowControl> = &[
    ("none", "None", FlowControl::None),
    ("hardware", "Hardware (RTS/CTS)", FlowControl::Hardware),
    ("software", "Software (XON/XOFF)", FlowControl::Software),
];

pub(super) const ENCODINGS: Choices<Option<Encoding>> = &[
    ("auto", "auto: the smallest that carries the text", None),
    ("gsm7", "gsm7", Some(Encoding::GSM7)),
    ("ucs2", "ucs2", Some(Encoding::Ucs2)),
    ("binary", "binary: UTF-8 as 8-bit data, for devices", Some(Encoding::Binary)),
];

pub(super) const UNENCODABLE: Choices<Unencodable> = &[
    ("ucs2", "Send it as UCS-2", Unencodable::Ucs2),
    ("transliterate", "Replace by near characters", Unencodable::Transliterate),
    ("refuse", "Refuse", Unencodable::Refuse),
];

pub(super) const VALIDITY_FORMATS: Choices<ValidityFormat> = &[
    ("relative", "Relative, in steps of 5 minutes at least", ValidityFormat::Relative),
    ("absolute", "Absolute, to the second", ValidityFormat::Absolute),
    ("none", "The service centre's own", ValidityFormat::None),
];

fn meaning<T: Copy>(choices: Choices<T>, value: &str, otherwise: T) -> T {
    choices.iter().find(|(name, _, _)| *name == value).map_or(otherwise, |(_, _, meaning)| *meaning)
}

impl Modems {
    /// The modems in these settings, or everything that is wrong with them.
    pub fn read(settings: &Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut places = Vec::new();
        for text in
            settings.text("devices").split([',', '\n', '\r']).map(str::trim).filter(|text| !text.is_empty())
        {
            match Place::read(text) {
                Ok(place) if places.contains(&place) => {
                    problems.push(Problem::new("devices", format!("{place} is there twice")));
                }
                Ok(place) => places.push(place),
                Err(message) => problems.push(Problem::new("devices", message)),
            }
        }
        if places.len() > MOST_LINES {
            problems.push(Problem::new("devices", format!("use at most {MOST_LINES} devices")));
        } else if places.is_empty() && problems.is_empty() {
            problems.push(Problem::new("devices", "enter a device, or several, each on its own line"));
        }
        let pin = settings.text("pin").trim();
        // TS 31.101 §9.5.1: 4 to 8 digits.
        let is_pin = pin.bytes().all(|octet| octet.is_ascii_digit()) && (4..=8).contains(&pin.len());
        if !pin.is_empty() && !is_pin {
            problems.push(Problem::new("pin", "a SIM's PIN has 4 to 8 digits"));
        }
        let service_centre = settings.text("service_centre").trim();
        let digits = service_centre.strip_prefix('+').unwrap_or(service_centre);
        let is_number =
            digits.bytes().all(|octet| octet.is_ascii_digit()) && (3..=20).contains(&digits.len());
        if !service_centre.is_empty() && !is_number {
            let message =
                "enter the service centre's number, with + and the country code, for example +15550100000";
            problems.push(Problem::new("service_centre", message));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let number = |name, default: u64| settings.number(name).map_or(default, i64::unsigned_abs);
        Ok(Self {
            places,
            baud: u32::try_from(number("baud", 115_200)).unwrap_or(115_200),
            flow: meaning(FLOW_CONTROLS, settings.text("flow_control"), FlowControl::None),
            pin: Zeroizing::new(pin.to_owned()),
            service_centre: service_centre.to_owned(),
            rate: usize::try_from(number("rate", 30)).unwrap_or(30),
            format: Format {
                encoding: meaning(ENCODINGS, settings.text("encoding"), None),
                unencodable: meaning(UNENCODABLE, settings.text("unencodable"), Unencodable::Ucs2),
                is_flash: settings.flag("flash"),
                is_overwrite: settings.flag("overwrite"),
                wants_reports: settings.flag("receipts"),
                validity: meaning(VALIDITY_FORMATS, settings.text("validity"), ValidityFormat::Relative),
            },
            timing: Timing::new(Duration::from_secs(number("response_timeout_s", 60))),
        })
    }
}
