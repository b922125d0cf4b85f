//! The passcode service's settings and templates: changes of the directory, each with what it shows in the audit log.

use super::command::Failure;
use crate::{Difference, OtpTemplate, StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};
use textgate_sms::VsId;

/// Puts a virtual server's settings; `of` is what it is called.
pub(super) fn put_settings(
    connection: &Connection,
    vs: VsId,
    of: &str,
    settings: &Value,
) -> Result<(String, Difference), Failure> {
    let before: Option<String> = connection
        .prepare_cached("SELECT settings FROM otp_settings WHERE vs = ?1")?
        .query_row([vs.0], |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO otp_settings VALUES (?1, ?2)")?
        .execute(params![vs.0, settings.to_string()])?;
    let before = before.and_then(|before| serde_json::from_str(&before).ok()).unwrap_or_default();
    Ok((format!("put the passcode settings of {of}"), difference(&before, settings)))
}

/// What is other, by its name.
fn difference(before: &Value, after: &Value) -> Difference {
    let empty = Map::new();
    let (old, new) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let (mut from, mut to) = (Map::new(), Map::new());
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        let (was, is) = (old.get(name), new.get(name));
        if was != is {
            from.insert(name.clone(), was.cloned().unwrap_or_default());
            to.insert(name.clone(), is.cloned().unwrap_or_default());
        }
    }
    Difference { before: from.into(), after: to.into() }
}

/// Adds a template, or replaces the one of its purpose and locale.
pub(super) fn put_template(
    connection: &Connection,
    of: &str,
    template: &OtpTemplate,
) -> Result<(String, Difference), Failure> {
    let OtpTemplate { vs, purpose, locale, text } = template;
    let before = text_of(connection, *vs, purpose, locale)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO otp_template VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![vs.0, purpose, locale, text])?;
    let verb = if before.is_some() { "changed" } else { "added" };
    let before = before.map_or(Value::Null, |before| json!({"text": before}));
    let action = format!("{verb} passcode template \"{purpose}\" ({locale}) of {of}");
    Ok((action, Difference { before, after: json!({"text": text}) }))
}

/// Removes a template.
pub(super) fn remove_template(
    connection: &Connection,
    vs: VsId,
    of: &str,
    purpose: &str,
    locale: &str,
) -> Result<(String, Difference), Failure> {
    let Some(before) = text_of(connection, vs, purpose, locale)? else {
        let message = format!("{of} has no passcode template \"{purpose}\" ({locale})");
        return Err(Failure::Refused(StoreError::Conflict(message)));
    };
    connection
        .prepare_cached("DELETE FROM otp_template WHERE vs = ?1 AND purpose = ?2 AND locale = ?3")?
        .execute(params![vs.0, purpose, locale])?;
    let action = format!("removed passcode template \"{purpose}\" ({locale}) of {of}");
    Ok((action, Difference { before: json!({"text": before}), after: Value::Null }))
}

fn text_of(
    connection: &Connection,
    vs: VsId,
    purpose: &str,
    locale: &str,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT text FROM otp_template WHERE vs = ?1 AND purpose = ?2 AND locale = ?3")?
        .query_row(params![vs.0, purpose, locale], |row| row.get(0))
        .optional()
}
