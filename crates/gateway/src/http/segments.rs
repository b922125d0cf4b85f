//! How many segments a provider that takes plain text will send it in; the provider may still count differently.

use crate::{Plan, PlanError};
use textgate_sms::{Choices, Reference, choose, count};

/// GSM 7 bit where it carries the text, else UCS-2: what a provider does with plain text.
pub(crate) fn plan(text: &str) -> Result<Plan, PlanError> {
    let encoding = choose(text, Choices::default());
    match count(text, encoding, Reference::Bits8) {
        Ok(segments) => Ok(Plan { segments, encoding: encoding.name() }),
        Err(error) => Err(PlanError(error.to_string())),
    }
}
