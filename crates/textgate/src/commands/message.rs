//! One message as commands show it, and waiting for what becomes of it.

use crate::cli::{Until, Waiting};
use crate::client::{Client, path_part};
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone, printable};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;
use textgate_sms::MessageState;
use tokio::time::{Instant, sleep};

/// Between two looks at a message: at first quick, as a passcode is delivered in a second, then patient.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A text member, fit for a terminal.
pub(super) fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => printable(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A status in its colour.
pub(super) fn status<W: Write>(output: &Output<W>, name: &str) -> String {
    let tone = match MessageState::from_name(name) {
        Some(MessageState::Sent | MessageState::Delivered) => Tone::Good,
        Some(MessageState::Accepted | MessageState::Scheduled) => Tone::Notice,
        _ => Tone::Bad,
    };
    output.tone(tone, name)
}

/// Says that it was accepted, and waits for it where asked to.
pub(super) async fn follow(
    client: &Client,
    taken: &Value,
    waiting: &Waiting,
    json: bool,
    output: &mut Output,
) -> Done {
    let id = text(taken, "id");
    if !json {
        let segments = taken["segments"].as_u64().unwrap_or(1);
        let plural = if segments == 1 { "segment" } else { "segments" };
        output.line(format_args!(
            "{id}  {}  {segments} {plural}, {}",
            status(output, &text(taken, "status")),
            text(taken, "encoding")
        ))?;
    }
    let Some(until) = waiting.wait else {
        if json {
            output.json(taken)?;
        }
        return Ok(());
    };
    let message = wait(client, &id, until, Duration::from_secs(waiting.timeout)).await?;
    let now = text(&message, "status");
    if json {
        output.json(&message)?;
    } else {
        output.line(format_args!("{id}  {}  {}", status(output, &now), last_reason(&message)))?;
    }
    if is_reached(&now, until) { Ok(()) } else { Err(missed(&now, until)) }
}

/// The message when it is where it should be, or can no longer get there, or the time is over.
async fn wait(client: &Client, id: &str, until: Until, within: Duration) -> Result<Value, Failure> {
    let end = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    loop {
        let message = client.get(&format!("/v1/messages/{}", path_part(id))).await?;
        let state = MessageState::from_name(message["status"].as_str().unwrap_or_default());
        let may_change = state.is_some_and(|state| state.is_unfinished() || state == MessageState::Sent);
        let is_there = state.is_some_and(|state| is_reached(state.name(), until));
        if is_there || !may_change || Instant::now() >= end {
            return Ok(message);
        }
        sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_reached(status: &str, until: Until) -> bool {
    status == "delivered" || (status == "sent" && until == Until::Sent)
}

fn missed(status: &str, until: Until) -> Failure {
    match (status, until) {
        ("sent", Until::Delivered) => Failure::failed(
            "it was sent, and no receipt came in time; not every provider sends receipts: --wait=sent does without",
        ),
        ("accepted" | "scheduled", _) => {
            Failure::failed("it was not sent in time; it goes on while its validity lasts")
        }
        (status, _) => Failure::failed(format_args!("it is {status}")),
    }
}

/// Why it is where it is.
fn last_reason(message: &Value) -> String {
    let last = message["history"].as_array().and_then(|history| history.last());
    last.map(|change| text(change, "reason")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn delivered_is_more_than_sent() {
        assert!(is_reached("delivered", Until::Sent) && is_reached("sent", Until::Sent));
        assert!(!is_reached("sent", Until::Delivered) && !is_reached("failed", Until::Sent));
        assert!(missed("sent", Until::Delivered).to_string().contains("--wait=sent"));
    }

    #[test]
    fn members_are_shown_as_people_read_them() {
        let message = json!({"n": 5, "nothing": null, "history": [{"reason": "a"}, {"reason": "b\u{7}"}]});
        assert_eq!((text(&message, "n"), text(&message, "nothing")), ("5".into(), String::new()));
        assert_eq!(last_reason(&message), "b\u{fffd}");
    }
}
