//! What SQLite adds to the [rules](crate::rules): the messages that were released.

use super::command::Failure;
use super::session::Session;
use crate::{StoredMessage, rules};
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
