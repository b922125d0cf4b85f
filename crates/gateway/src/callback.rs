//! What a provider tells over HTTP by itself, and what it wants to hear.

use crate::{Inbound, Receipt};
use reqwest::header::HeaderMap;

/// A provider's call to the gateway's receipt address. Everything in it is hostile until it is checked.
#[derive(Clone, Copy)]
pub struct Callback<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The query, as it came.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, which whoever listens has bounded.
    pub body: &'a [u8],
}

/// What a call says. What is in it is kept before the reply is given.
#[derive(Clone)]
pub struct Received {
    /// The receipts in it; there may be none.
    pub receipts: Vec<Receipt>,
    /// The messages of phones in it; there may be none.
    pub inbound: Vec<Inbound>,
    /// What the provider wants to hear.
    pub reply: CallbackReply,
}

/// An answer to a provider's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackReply {
    /// The HTTP status.
    pub status: u16,
    /// The body's media type.
    pub media_type: String,
    /// The body.
    pub body: String,
}

/// Why a call was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// This gateway's provider does not call.
    #[error("this gateway takes no calls")]
    NotTaken,
    /// The signature is missing or wrong.
    #[error("the call does not prove that it comes from the provider")]
    Forbidden,
    /// It is not in the form the provider documents.
    #[error("the call is not in the provider's form")]
    Malformed,
    /// Whether it is the provider's cannot be known now, or what it asks for cannot be done now: the provider should call again.
    #[error("the call cannot be taken now: {0}")]
    NotNow(String),
}

/// What is left at a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    /// How much.
    pub amount: f64,
    /// Of what: `EUR`, `credits`; empty where the provider does not say.
    pub unit: String,
}
