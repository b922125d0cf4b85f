//! What any provider of the catalogue may answer and call with: for the fuzzer, and for the property tests.

use super::exchange::CatalogueExchange;
use super::list::FILES;
use super::plugin::CataloguePlugin;
use crate::http::Exchange as _;
use crate::http::fuzzing::{answer, headers};
use crate::{Callback, FieldKind, Plugin as _, Settings, validate};
use serde_json::{Map, Value};
use std::sync::OnceLock;
use textgate_sms::MessageId;

/// Of each provider a gateway that checks no signature, as its settings are blank, and one that does where it can.
fn gateways() -> &'static [[CatalogueExchange; 2]] {
    static ALL: OnceLock<Vec<[CatalogueExchange; 2]>> = OnceLock::new();
    ALL.get_or_init(|| {
        let gateways = |(name, text): &(&str, &str)| {
            let plugin = CataloguePlugin::parse(&format!("{name}.toml"), text).ok()?;
            let secret = |kind: &FieldKind| matches!(kind, FieldKind::Text { .. } | FieldKind::Secret { .. });
            let filled = plugin.fields().iter().filter(|field| secret(&field.kind));
            let filled: Map<String, Value> =
                filled.map(|field| (field.name.to_string(), Value::from("secret"))).collect();
            let filled = validate(plugin.fields(), &Value::Object(filled)).unwrap_or_default();
            let address = Some("https://sms.example.com/receipts/1/key".to_owned());
            let gateway = |settings: &Settings| plugin.exchange(settings, address.clone()).ok();
            Some([
                gateway(&Settings::default())?,
                gateway(&filled).or_else(|| gateway(&Settings::default()))?,
            ])
        };
        FILES.iter().filter_map(gateways).collect()
    })
}

/// Reads one answer of the provider that the third octet chooses; all as [`http_answer`](crate::http::fuzzing::http_answer) reads it.
///
/// # Panics
/// Where the outcome is against its rules.
pub fn provider_answer(octets: &[u8]) {
    let (Some(answer), Some(turn)) = (answer(octets), octets.get(2)) else { return };
    let Some([gateway, _]) = gateways().get(usize::from(turn / 3) % gateways().len()) else { return };
    let outcome = gateway.outcome(&answer, MessageId::first_at(0), 3);
    assert!(outcome.detail.len() <= 300, "{}", outcome.detail);
    assert!(outcome.segments_sent <= 3 && outcome.provider_ids.len() <= 256);
    assert!(outcome.retry_after.is_none_or(|wait| wait.as_secs() <= 3600));
    assert!(gateway.balance(&answer).ok().is_none_or(|balance| balance.amount.is_finite()));
    let _ = gateway.token(&answer);
}

/// Reads one call: an octet that chooses the provider, one for how it calls, the query in a line, headers in lines up to an empty
/// one, and the body.
///
/// # Panics
/// Where more comes of it, or longer texts, than may be.
pub fn provider_call(octets: &[u8]) {
    let Some((&[turn, how], rest)) = octets.split_first_chunk() else { return };
    let Some(gateways) = gateways().get(usize::from(turn) % gateways().len()) else { return };
    // Mostly without signatures: no input that is only tried has a right one.
    let gateway = &gateways[usize::from(how % 8 == 7)];
    let Some(end) = rest.iter().position(|octet| *octet == b'\n') else { return };
    let (query, rest) = (String::from_utf8_lossy(&rest[..end]), &rest[end + 1..]);
    let (headers, body) = headers(rest);
    let method = if how & 8 == 0 { "POST" } else { "GET" };
    let callback = Callback { method, query: &query, headers: &headers, body };
    let _ = gateway.certificate_call(&callback);
    let _ = gateway.confirmation_call(&callback);
    let Ok(received) = gateway.receive(&callback, None) else { return };
    assert!(received.receipts.len().max(received.inbound.len()) <= 1_000);
    for receipt in &received.receipts {
        assert!(receipt.candidates.iter().all(|id| id.len() <= 1_024));
        assert!(receipt.error.as_ref().is_none_or(|error| error.len() <= 64));
    }
    for inbound in &received.inbound {
        assert!(inbound.from.len() <= 1_024 && inbound.to.len() <= 1_024 && inbound.text.len() <= 65_536);
        assert!(inbound.part.as_ref().is_none_or(|part| (1..=part.total).contains(&part.number)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_provider_is_among_them() {
        assert_eq!(gateways().len(), FILES.len());
    }

    /// What providers' answers and calls are made of.
    const BODY: &str = "([\\[\\]{}<>&=:,\"/]|\"?(id|status|to|from|text|message(s|Id)?|results|delivered|error|code|[0-9]{1,12})\"?){0,40}";

    proptest! {
        #[test]
        fn any_answer_has_an_outcome(status: u16, turn: u8, body in BODY) {
            provider_answer(&[&status.to_be_bytes()[..], &[turn], b"content-type: application/json\n\n", body.as_bytes()].concat());
        }

        #[test]
        fn any_call_is_taken_or_refused(turn: u8, how: u8, query in "([a-z]{1,9}=[^\n]{0,9}&?){0,5}", body in BODY, is_json: bool) {
            let kind = if is_json { "json" } else { "x-www-form-urlencoded" };
            let text = format!("{query}\ncontent-type: application/{kind}\n\n{body}");
            provider_call(&[&[turn, how], text.as_bytes()].concat());
        }
    }
}
