//! What an event tells: its type, its time, and the message or alert it happened to, without the text of any message that was sent.

use crate::engine::Engine;
use jiff::Timestamp;
use serde_json::{Value, json};
use textgate_sms::MessageId;
use textgate_store::{AlertRecord, Event, OwedEvent, StoreError, StoredMessage, WebhookKind, WebhookRecord};

/// The event's id as its endpoint is told it: the same at each attempt, and no other event's.
pub(crate) fn event_id(endpoint: u32, id: u64) -> String {
    format!("evt_{endpoint:x}_{id:016x}")
}

/// The reverse of [`event_id`] for this endpoint.
pub(crate) fn event_of_id(endpoint: u32, text: &str) -> Option<u64> {
    let (of, id) = text.strip_prefix("evt_")?.split_once('_')?;
    let (of, id) = (u32::from_str_radix(of, 16).ok()?, u64::from_str_radix(id, 16).ok()?);
    (of == endpoint && event_id(endpoint, id) == text).then_some(id)
}

fn rfc_3339(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| at.to_string())
}

impl Engine {
    /// The body of an event. Of a message that is no more, only what the event itself knows.
    pub(super) async fn event_body(
        &self,
        webhook: &WebhookRecord,
        event: &OwedEvent,
    ) -> Result<String, StoreError> {
        let data = match event.kind.state() {
            Some(state) => {
                let id = MessageId::from_u64(event.subject);
                let message = self.store.message(webhook.vs, id).await?;
                let mut data = json!({ "id": id.to_string(), "status": state.name() });
                if let Some(message) = message {
                    tell(&mut data, &message, event);
                }
                data
            }
            None if event.kind.is_of_alert() => {
                let id = MessageId::from_u64(event.subject);
                let mut data = json!({ "id": id.to_string() });
                if let Some(alert) = self.store.alert(id).await?.filter(|alert| alert.vs == webhook.vs) {
                    self.tell_alert(&mut data, &alert, webhook, event.kind);
                }
                data
            }
            None => json!({ "id": event.subject.to_string() }),
        };
        let body = json!({ "type": event.kind.name(), "timestamp": rfc_3339(event.at_ms), "data": data });
        Ok(body.to_string())
    }

    /// What is told of an alert, which its virtual server itself has raised or is warned by; again nothing that changes later.
    fn tell_alert(&self, data: &mut Value, alert: &AlertRecord, webhook: &WebhookRecord, kind: WebhookKind) {
        data["severity"] = json!(alert.severity.name());
        data["origin"] = json!(alert.origin);
        if webhook.has_texts {
            data["text"] = json!(self.alert_text(alert));
        }
        data["dedup_key"] = json!(alert.dedup_key);
        data["raised_at"] = json!(rfc_3339(alert.id.accepted_ms()));
        let by = match kind {
            WebhookKind::AlertAcknowledged => &alert.acknowledged,
            WebhookKind::AlertClosed => &alert.closed,
            _ => &None,
        };
        data["by"] = json!(by.as_ref().map(|(_, by)| by));
    }
}

/// What is told of a message: nothing that changes later, so that each attempt has the same body.
fn tell(data: &mut Value, message: &StoredMessage, event: &OwedEvent) {
    data["to"] = json!(message.to.to_string());
    data["kind"] = json!(message.kind.name());
    data["sender"] = json!(message.sender);
    data["reference"] = json!(message.reference);
    data["segments"] = json!(message.segments);
    data["accepted_at"] = json!(rfc_3339(message.id.accepted_ms()));
    let reason = message.events.iter().find_map(|entry| match entry {
        Event::State { at_ms, to, reason } if Some(*to) == event.kind.state() && *at_ms == event.at_ms => {
            Some(reason)
        }
        _ => None,
    });
    data["reason"] = json!(reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_id_is_one_endpoints_and_reads_back() {
        let id = event_id(300, u64::MAX >> 1);
        assert_eq!(event_of_id(300, &id), Some(u64::MAX >> 1));
        assert_eq!(event_of_id(301, &id), None);
        for wrong in ["", "evt_12c_", "evt_12c_1", "evt_12C_0000000000000001", "x"] {
            assert_eq!(event_of_id(300, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_is_told_in_rfc_3339() {
        assert_eq!(rfc_3339(1_800_000_000_123), "2027-01-15T08:00:00.123Z");
    }
}
