//! What a gateway would send, made by the code that sends: for people, and without a single secret.
//!
//! A gateway is built from settings in which placeholders stand for the secrets, and asked for a message's requests or
//! PDUs. So whatever it makes of a secret (percent-encoded, in Base64, signed) it makes of the placeholder; the secret is not there.

use crate::placeholders::Placeholders;
use crate::{Environment, Outcome, Plan, PlanError, Plugin, Settings, Submission};
use serde::Serialize;

/// What a gateway would send for one message, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Preview {
    /// Segments on the air.
    pub segments: u8,
    /// The encoding's name in the API: `gsm7`, `ucs2`, `latin1`, …
    pub encoding: &'static str,
    /// HTTP requests: first the one for a token where the provider wants one, then the message's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<HttpRequest>,
    /// PDUs of another protocol: each submit_sm of the message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pdus: Vec<Pdu>,
    /// What was computed from secrets, and what stands for it in the preview.
    #[serde(skip)]
    pub(crate) computed: Vec<(String, &'static str)>,
}

/// One HTTP request. Content-Length is left out, as what stands for a secret has another length than it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpRequest {
    /// What it is for: `token` or `message`.
    pub purpose: &'static str,
    /// `GET`, `POST`, `PUT`.
    pub method: String,
    /// Where to, with the query.
    pub url: String,
    /// Its headers.
    pub headers: Vec<Header>,
    /// Its body; empty where it has none.
    pub body: String,
}

/// One header of an [`HttpRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// One PDU, field by field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pdu {
    /// Its standard's name: `submit_sm`.
    pub name: &'static str,
    /// Its fields in the order in which they are written.
    pub fields: Vec<PduField>,
    /// All of it in hexadecimal.
    pub octets: String,
}

/// One field of a [`Pdu`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PduField {
    /// Its standard's name: `data_coding`.
    pub name: String,
    /// Its value as the standard writes it.
    pub value: String,
    /// What it means, in words; blank where the value says it.
    pub meaning: String,
}

/// Why there is no preview.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// The gateway cannot send this text.
    #[error(transparent)]
    Text(#[from] PlanError),
    /// The settings make no request of this message; the reason holds no secret.
    #[error("{0}")]
    Settings(String),
}

impl Preview {
    /// A preview of nothing yet.
    pub fn new(plan: Plan) -> Self {
        Self { segments: plan.segments, encoding: plan.encoding, ..Self::default() }
    }
}

impl PduField {
    /// A field with what it means.
    pub(crate) fn new(name: impl Into<String>, value: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), meaning: meaning.into() }
    }
}

impl From<Outcome> for PreviewError {
    fn from(outcome: Outcome) -> Self {
        Self::Settings(outcome.detail.into_owned())
    }
}

/// What a gateway of this plugin would send with these settings, which have passed validation. Sends nothing, and asks for no
/// token.
///
/// # Errors
/// [`PreviewError`].
pub fn preview(
    plugin: &dyn Plugin,
    settings: &Settings,
    environment: &Environment,
    submission: &Submission,
) -> Result<Preview, PreviewError> {
    let (placeholders, settings) = Placeholders::instead_of_secrets(plugin.fields(), settings);
    let gateway =
        plugin.build(&settings, environment).map_err(|error| PreviewError::Settings(error.to_string()))?;
    let mut preview = gateway.preview(submission)?;
    placeholders.name_in(&mut preview);
    Ok(preview)
}
