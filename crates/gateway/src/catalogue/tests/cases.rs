//! Golden cases as they are written: `catalogue/tests/NAME.toml`.

use crate::catalogue::exchange::CatalogueExchange;
use crate::catalogue::moment::Moment;
use crate::catalogue::plugin::CataloguePlugin;
use crate::{Overwrite, Plugin, Settings, Submission, validate};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use textgate_sms::{Kind, OutcomeClass, PhoneNumber, ReceiptState, ReplaceType};

/// 2026-11-24T12:00:00Z: the moment of all golden requests.
pub const UNIX: Duration = Duration::from_secs(1_795_521_600);
/// Where providers report in golden requests.
pub const CALLBACK: &str = "https://sms.example.com/receipts/7-0123456789abcdef0123456789abcdef";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// The settings of all cases.
    pub settings: Map<String, Value>,
    /// Requests of messages.
    pub request: Vec<RequestCase>,
    /// The request for a token.
    pub token: Option<Expected>,
    /// Answers to a message.
    pub answer: Vec<AnswerCase>,
    /// Requests of several messages, and their answers.
    #[serde(default)]
    pub batch: Vec<BatchCase>,
    /// Calls of the provider.
    #[serde(default)]
    pub receipt: Vec<ReceiptCase>,
    /// Calls with messages of phones.
    #[serde(default)]
    pub inbound: Vec<InboundCase>,
    /// The request for the balance, and answers to it.
    pub balance: Option<BalanceCase>,
    /// Settings that are refused, with the paths of their problems.
    #[serde(default)]
    pub refused: Vec<RefusedCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestCase {
    pub name: String,
    /// Over those of all cases.
    #[serde(default)]
    pub settings: Map<String, Value>,
    #[serde(default)]
    pub message: MessageCase,
    /// Whether there is a public address; there is one unless it says not.
    #[serde(default = "yes")]
    pub callback: bool,
    pub expect: Expected,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct MessageCase {
    pub to: Option<String>,
    pub text: Option<String>,
    pub kind: Option<Kind>,
    pub sender: Option<String>,
    pub flash: Option<bool>,
    pub overwrite: Option<u8>,
    pub validity_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub method: String,
    pub url: String,
    /// All of them, by their names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerCase {
    pub name: String,
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
    pub class: OutcomeClass,
    #[serde(default)]
    pub ids: Vec<String>,
    pub retry_after_s: Option<u64>,
    /// Something that its detail contains.
    pub detail: Option<String>,
    /// Segments of the message.
    pub segments: Option<u8>,
    /// Segments that count as sent.
    pub sent: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchCase {
    pub name: String,
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// The messages, of ids 1, 2, 3…
    pub message: Vec<MessageCase>,
    /// Their request; where it is left out, only the answer is looked at.
    pub expect: Option<Expected>,
    pub status: u16,
    #[serde(default)]
    pub body: String,
    /// The outcome of each: its class, with the id where it was sent; none where each is sent by itself.
    pub outcomes: Option<Vec<BatchOutcome>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchOutcome {
    pub class: OutcomeClass,
    pub id: Option<String>,
}

pub type ReceiptCase = CallCase<ReceiptExpected>;
pub type InboundCase = CallCase<InboundExpected>;

/// A call of the provider, and what it is to mean.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallCase<E> {
    pub name: String,
    #[serde(default)]
    pub settings: Map<String, Value>,
    #[serde(default = "post")]
    pub method: String,
    #[serde(default)]
    pub query: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
    /// What it says or brings.
    #[serde(default = "Vec::new")]
    pub expect: Vec<E>,
    /// `forbidden` or `malformed` where it is not taken.
    pub refused: Option<String>,
    /// The reply.
    pub reply_status: Option<u16>,
    pub reply_body: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundExpected {
    pub from: String,
    #[serde(default)]
    pub to: String,
    pub text: String,
    pub id: Option<String>,
    /// Reference, total, number.
    pub part: Option<(u16, u8, u8)>,
}

fn post() -> String {
    "POST".into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptExpected {
    /// The id as the provider wrote it in its answer.
    pub id: String,
    pub state: ReceiptState,
    pub error: Option<String>,
    pub to: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceCase {
    pub expect: Expected,
    pub answer: Vec<BalanceAnswer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceAnswer {
    pub status: u16,
    #[serde(default)]
    pub body: String,
    /// The balance; none where there is none.
    pub amount: Option<f64>,
    #[serde(default)]
    pub unit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedCase {
    pub settings: Map<String, Value>,
    pub paths: Vec<String>,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalogue")
}

/// Every provider of the catalogue with its cases.
pub fn all() -> &'static [(CataloguePlugin, Cases)] {
    static ALL: OnceLock<Vec<(CataloguePlugin, Cases)>> = OnceLock::new();
    ALL.get_or_init(load)
}

fn load() -> Vec<(CataloguePlugin, Cases)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    let load = |path: &PathBuf| {
        let plugin = CataloguePlugin::read(path).unwrap_or_else(|error| panic!("{error}"));
        let cases = folder().join("tests").join(path.file_name().unwrap());
        let text = std::fs::read_to_string(&cases)
            .unwrap_or_else(|error| panic!("{}: {error}; every provider has golden cases", cases.display()));
        let cases = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", cases.display()));
        (plugin, cases)
    };
    paths.iter().map(load).collect()
}

/// Validated settings: those of all cases, and `more` over them.
pub fn settings(plugin: &CataloguePlugin, cases: &Cases, more: &Map<String, Value>) -> Settings {
    let mut all = cases.settings.clone();
    all.extend(more.clone());
    let settings =
        validate(plugin.fields(), &Value::Object(all)).unwrap_or_else(|p| panic!("{}: {p:?}", plugin.name()));
    let problems = plugin.check(&settings);
    assert!(problems.is_empty(), "{}: {problems:?}", plugin.name());
    settings
}

pub fn exchange(plugin: &CataloguePlugin, settings: &Settings, has_callback: bool) -> CatalogueExchange {
    plugin.exchange(settings, has_callback.then(|| CALLBACK.to_owned())).unwrap()
}

/// Whether a provider's requests have the time or a nonce in them.
pub fn is_timed(plugin: &CataloguePlugin) -> bool {
    let text = std::fs::read_to_string(folder().join(format!("{}.toml", plugin.name()))).unwrap();
    ["{now_", "{nonce}", "{valid_until}", "sigv4"].iter().any(|word| text.contains(word))
}

pub fn moment() -> Moment {
    Moment { at: Instant::now(), unix: UNIX, nonce: "0123456789abcdef0123456789abcdef".into() }
}

/// The message of a case at this moment.
pub fn submission(case: &MessageCase, moment: &Moment) -> Submission {
    let mut message = crate::http::kit::message(case.text.as_deref().unwrap_or("Your code is 123456"));
    message.to = PhoneNumber::parse(case.to.as_deref().unwrap_or("15550100199")).unwrap();
    message.kind = case.kind.unwrap_or(Kind::Otp);
    message.sender = case.sender.as_deref().map(Into::into);
    message.flash = case.flash;
    message.overwrite = match case.overwrite {
        None => Overwrite::AsSet,
        Some(0) => Overwrite::Off,
        Some(n) => Overwrite::Type(ReplaceType::new(n).unwrap()),
    };
    message.valid_until = moment.at + Duration::from_secs(case.validity_s.unwrap_or(300));
    message
}
