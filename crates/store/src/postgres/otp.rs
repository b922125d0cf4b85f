//! The passcode service's settings and templates: changes of the directory, each with what it shows in the audit log.

use super::command::Failure;
use super::connect::Conn;
use crate::{Difference, OtpTemplate, StoreError, changes};
use serde_json::Value;
use textgate_sms::VsId;
use tokio_postgres::Error;

/// Puts the settings of a virtual server of this name.
pub(super) async fn put_settings(
    conn: &Conn,
    vs: VsId,
    vs_name: &str,
    settings: &Value,
) -> Result<(String, Difference), Failure> {
    let vs = i64::from(vs.0);
    let before = conn.row("SELECT settings FROM otp_settings WHERE vs = $1", &[&vs]).await?;
    let before: Option<String> = before.map(|row| row.try_get(0)).transpose()?;
    let sql = "INSERT INTO otp_settings (vs, settings) VALUES ($1, $2) ON CONFLICT (vs) DO UPDATE SET settings = $2";
    conn.run(sql, &[&vs, &settings.to_string()]).await?;
    Ok(changes::otp_settings_were_put(vs_name, before.as_deref(), settings))
}

/// Adds a template, or replaces the one of its purpose and locale.
pub(super) async fn put_template(
    conn: &Conn,
    vs_name: &str,
    template: &OtpTemplate,
) -> Result<(String, Difference), Failure> {
    let OtpTemplate { vs, purpose, locale, text } = template;
    let before = text_of(conn, *vs, purpose, locale).await?;
    let sql = "INSERT INTO otp_template (vs, purpose, locale, text) VALUES ($1, $2, $3, $4)
               ON CONFLICT (vs, purpose, locale) DO UPDATE SET text = $4";
    conn.run(sql, &[&i64::from(vs.0), purpose, locale, text]).await?;
    Ok(changes::otp_template_was_put(vs_name, before.as_deref(), template))
}

/// Removes a template.
pub(super) async fn remove_template(
    conn: &Conn,
    vs: VsId,
    vs_name: &str,
    purpose: &str,
    locale: &str,
) -> Result<(String, Difference), Failure> {
    let before = text_of(conn, vs, purpose, locale).await?;
    let sql = "DELETE FROM otp_template WHERE vs = $1 AND purpose = $2 AND locale = $3";
    conn.run(sql, &[&i64::from(vs.0), &purpose, &locale]).await?;
    changes::otp_template_was_removed(vs_name, purpose, locale, before.as_deref())
        .map_err(|message| Failure::Refused(StoreError::Conflict(message)))
}

async fn text_of(conn: &Conn, vs: VsId, purpose: &str, locale: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT text FROM otp_template WHERE vs = $1 AND purpose = $2 AND locale = $3";
    let row = conn.row(sql, &[&i64::from(vs.0), &purpose, &locale]).await?;
    row.map(|row| row.try_get(0)).transpose()
}
