//! What a provider's own words come in, where somebody else carries them: whose it is, and what is inside.

use super::file::{EnvelopeRule, EnvelopeScheme};
use super::node::Values;
use super::sns::{Envelope, Kind};
use crate::{Callback, CallbackError};
use reqwest::Url;

/// Where the certificate is that the call is signed with. Only of calls of the right topic, and only where the carrier keeps it.
pub(super) fn certificate_url(
    rule: &EnvelopeRule,
    settings: &dyn Values,
    callback: &Callback<'_>,
) -> Result<Url, CallbackError> {
    read(rule, settings, callback)?.certificate_url().ok_or(CallbackError::Forbidden)
}

/// The certificate (DER) in what was fetched for this call; none where it is not its carrier's.
pub(super) fn certificate(callback: &Callback<'_>, pem: &[u8]) -> Option<Vec<u8>> {
    Envelope::read(callback.body)?.certificate(pem)
}

/// What is in it; `None` where it is about the envelopes themselves.
pub(super) fn open(
    rule: &EnvelopeRule,
    settings: &dyn Values,
    callback: &Callback<'_>,
    certificate: Option<&[u8]>,
) -> Result<Option<String>, CallbackError> {
    let envelope = read(rule, settings, callback)?;
    if !certificate.is_some_and(|certificate| envelope.is_signed_with(certificate)) {
        return Err(CallbackError::Forbidden);
    }
    match envelope.kind {
        Kind::Notification => Ok(Some(envelope.message)),
        Kind::SubscriptionConfirmation if envelope.confirmation_url().is_none() => {
            Err(CallbackError::Forbidden)
        }
        Kind::SubscriptionConfirmation | Kind::UnsubscribeConfirmation => Ok(None),
    }
}

/// The address whose visit confirms what the call, which was [opened](open), asks to be confirmed.
pub(super) fn confirmation_url(callback: &Callback<'_>) -> Option<Url> {
    Envelope::read(callback.body)?.confirmation_url()
}

fn read(
    rule: &EnvelopeRule,
    settings: &dyn Values,
    callback: &Callback<'_>,
) -> Result<Envelope, CallbackError> {
    let envelope = match rule.scheme {
        EnvelopeScheme::Sns => Envelope::read(callback.body).ok_or(CallbackError::Malformed)?,
    };
    let topic = rule.topic.as_ref().and_then(|topic| topic.text(settings)).filter(|topic| !topic.is_empty());
    if topic.is_some_and(|topic| topic.trim() != envelope.topic_arn) {
        return Err(CallbackError::Forbidden);
    }
    Ok(envelope)
}
