//! What SQLite adds to the [rules](crate::rules): messages that phones sent, and the messages that were released.

use super::command::Failure;
use super::session::Session;
use crate::{InboundRecord, StoredMessage, rules};
use rusqlite::params;
use textgate_sms::MessageId;

/// Moves scheduled messages to `accepted`. Answers those it moved.
pub(super) fn release(
    session: &mut Session<'_>,
    (ids, at_ms): &(Vec<MessageId>, i64),
) -> Result<Vec<StoredMessage>, Failure> {
    let mut released = Vec::new();
    for id in rules::release(session, ids, *at_ms)? {
        released.extend(super::list::message(session.connection, id)?);
    }
    Ok(released)
}

/// Keeps messages that phones sent.
pub(super) fn record_inbound(session: &mut Session<'_>, inbound: &[InboundRecord]) -> Result<(), Failure> {
    let mut insert = session
        .connection
        .prepare_cached("INSERT INTO inbound (gateway, at_ms, sealed) VALUES (?1, ?2, ?3)")?;
    for message in inbound {
        insert.execute(params![message.gateway.0, message.at_ms, message.sealed])?;
        session.told_ms = message.at_ms;
    }
    Ok(())
}
