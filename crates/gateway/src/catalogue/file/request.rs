//! A request, and what authorizes it, as its file writes them.

use crate::catalogue::digest::{Algorithm, Encoding};
use crate::catalogue::extract::{Place, Places};
use crate::catalogue::node::{Entries, Node};
use crate::catalogue::template::Template;
use serde::Deserialize;

/// One request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// `GET`, `POST` or `PUT`.
    pub method: Method,
    /// Where to. Values in it are percent-encoded, but for `{host}` and settings of kind `url` or `host` in front.
    pub url: Template,
    /// The URL's query.
    #[serde(default)]
    pub query: Entries,
    /// Headers.
    #[serde(default)]
    pub headers: Entries,
    /// A body of application/x-www-form-urlencoded.
    #[serde(default)]
    pub form: Option<Entries>,
    /// A body of application/json.
    #[serde(default)]
    pub json: Option<Node>,
    /// A body of application/xml, of one element.
    #[serde(default)]
    pub xml: Option<Node>,
}

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
}

/// How requests are authorized. An API key in a header or the query is just a header or a query parameter of the request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Auth {
    /// User name and password (RFC 7617).
    Basic {
        /// The user name.
        username: Node,
        /// The password.
        password: Node,
    },
    /// A token (RFC 6750).
    Bearer {
        /// The token.
        token: Node,
    },
    /// A token that is asked for with an id and a secret (RFC 6749 §4.4), kept until it ends, and sent as a bearer token.
    Oauth2(Box<Oauth2>),
    /// A signature over parts of the request.
    Signature(Box<SignatureRule>),
    /// AWS Signature Version 4.
    Sigv4(Box<Sigv4>),
}

/// OAuth 2 client credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oauth2 {
    /// The token endpoint.
    pub url: Template,
    /// The id.
    pub client_id: Node,
    /// The secret.
    pub client_secret: Node,
    /// The scope, where one is wanted.
    #[serde(default)]
    pub scope: Option<Node>,
    /// Whether id and secret go in the form instead of as user name and password.
    #[serde(default)]
    pub in_form: bool,
    /// Where the answer has the token.
    #[serde(default = "access_token")]
    pub token: Places,
    /// Where it has how long the token lasts (seconds).
    #[serde(default = "expires_in")]
    pub expires_in: Places,
}

fn access_token() -> Places {
    Place::Pointer("/access_token".into()).into()
}

fn expires_in() -> Places {
    Place::Pointer("/expires_in".into()).into()
}

/// A signature over parts of a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureRule {
    /// How it is made.
    pub algorithm: Algorithm,
    /// The key; a digest has none.
    #[serde(default)]
    pub key: Option<Node>,
    /// How the key is written.
    #[serde(default)]
    pub key_encoding: Encoding,
    /// What is signed.
    pub sign: Template,
    /// How the signature is written.
    pub encoding: Encoding,
    /// Headers that carry it.
    #[serde(default)]
    pub headers: Entries,
    /// Query parameters that carry it.
    #[serde(default)]
    pub query: Entries,
}

/// AWS Signature Version 4.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sigv4 {
    /// The service's signing name: `sns`.
    pub service: String,
    /// The region.
    pub region: Node,
    /// The access key's id.
    pub access_key_id: Node,
    /// The access key's secret.
    pub secret_access_key: Node,
    /// The session token of temporary credentials.
    #[serde(default)]
    pub session_token: Option<Node>,
}

/// How the balance is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Balance {
    /// The request.
    pub request: Request,
    /// Where the answer has the amount.
    pub amount: Places,
    /// Where it has the unit.
    #[serde(default)]
    pub unit_at: Option<Places>,
    /// The unit, where the answer does not say: `EUR`, `credits`.
    #[serde(default)]
    pub unit: Option<String>,
}
