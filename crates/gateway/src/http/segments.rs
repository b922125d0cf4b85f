//! How many segments a provider that takes plain text will send it in. Stands in for `sms::choose` and `sms::count`
//! until that room has them; the provider may still count differently.

use crate::{Plan, PlanError};

/// GSM 03.38 where it carries the text, else UCS-2: what a provider does with plain text.
pub(crate) fn plan(text: &str) -> Result<Plan, PlanError> {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
    let septets = |c: char| match c {
        c if c.is_ascii_alphanumeric() || BASIC.contains(c) => Some(1),
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => Some(2),
        _ => None,
    };
    let (encoding, units, alone, part) = match text.chars().map(septets).sum::<Option<usize>>() {
        Some(units) => ("gsm7", units, 160, 153),
        None => ("ucs2", text.encode_utf16().count(), 70, 67),
    };
    let segments = if units <= alone { 1 } else { units.div_ceil(part) };
    match u8::try_from(segments) {
        Ok(segments) => Ok(Plan { segments, encoding }),
        Err(_) => Err(PlanError(format!("shorten the text: it makes {segments} segments, of at most 255"))),
    }
}
