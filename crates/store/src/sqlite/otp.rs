//! The passcode service's settings and templates: changes of the directory, each with what it shows in the audit log.

use super::command::Failure;
use crate::{Difference, OtpTemplate, StoreError, changes};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use textgate_sms::VsId;

/// Puts the settings of a virtual server of this name.
pub(super) fn put_settings(
    connection: &Connection,
    vs: VsId,
    vs_name: &str,
    settings: &Value,
) -> Result<(String, Difference), Failure> {
    let before: Option<String> = connection
        .prepare_cached("SELECT settings FROM otp_settings WHERE vs = ?1")?
        .query_row([vs.0], |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO otp_settings VALUES (?1, ?2)")?
        .execute(params![vs.0, settings.to_string()])?;
    Ok(changes::otp_settings_were_put(vs_name, before.as_deref(), settings))
}

/// Adds a template, or replaces the one of its purpose and locale.
pub(super) fn put_template(
    connection: &Connection,
    vs_name: &str,
    template: &OtpTemplate,
) -> Result<(String, Difference), Failure> {
    let OtpTemplate { vs, purpose, locale, text } = template;
    let before = text_of(connection, *vs, purpose, locale)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO otp_template VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![vs.0, purpose, locale, text])?;
    Ok(changes::otp_template_was_put(vs_name, before.as_deref(), template))
}

/// Removes a template.
pub(super) fn remove_template(
    connection: &Connection,
    vs: VsId,
    vs_name: &str,
    purpose: &str,
    locale: &str,
) -> Result<(String, Difference), Failure> {
    let before = text_of(connection, vs, purpose, locale)?;
    connection
        .prepare_cached("DELETE FROM otp_template WHERE vs = ?1 AND purpose = ?2 AND locale = ?3")?
        .execute(params![vs.0, purpose, locale])?;
    changes::otp_template_was_removed(vs_name, purpose, locale, before.as_deref())
        .map_err(|message| Failure::Refused(StoreError::Conflict(message)))
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
