//! Reading everything but messages: the directory, credits, the ledger.

use super::{alerts, guard, users, webhooks};
use crate::changes::role_of;
use crate::{
    ApiKeyRecord, Credits, Directory, GatewayRecord, LedgerEntry, OtpTemplate, SmsSettings, VirtualServer,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use textgate_sms::{GatewayId, VsId};

/// Most entries of a log in one answer.
const MOST: usize = 10_000;

/// Everything but messages, as of one moment.
pub(super) fn directory(connection: &Connection) -> rusqlite::Result<Directory> {
    let transaction = connection.unchecked_transaction()?;
    let settings = |row: &Row<'_>| {
        let more: String = row.get(4)?;
        let settings = SmsSettings {
            is_custom: row.get(1)?,
            test_number: row.get::<_, Option<i64>>(2)?.map(|number| number as u64),
            failover_after_ms: row.get(3)?,
            more: serde_json::from_str(&more).unwrap_or_default(),
        };
        Ok((VsId(row.get(0)?), settings))
    };
    Ok(Directory {
        version: number(&transaction, "version")? as u64,
        next_vs: number(&transaction, "next_vs")? as u32,
        next_gateway: number(&transaction, "next_gateway")? as u32,
        next_user: number(&transaction, "next_user")? as u32,
        next_webhook: number(&transaction, "next_webhook")? as u32,
        users: users::all(&transaction)?,
        guard_rules: guard::rules(&transaction)?,
        alert_entries: alerts::entries(&transaction)?,
        webhooks: webhooks::all(&transaction)?,
        virtual_servers: all(
            &transaction,
            "SELECT id, parent, name, created_ms FROM virtual_server ORDER BY id",
            |row| {
                Ok(VirtualServer {
                    id: VsId(row.get(0)?),
                    parent: row.get::<_, Option<u32>>(1)?.map(VsId),
                    name: row.get(2)?,
                    created_ms: row.get(3)?,
                })
            },
        )?,
        sms_settings: all(
            &transaction,
            "SELECT vs, is_custom, test_number, failover_after_ms, more FROM sms_settings ORDER BY vs",
            settings,
        )?,
        gateways: all(
            &transaction,
            "SELECT id, vs, position, name, plugin, settings FROM gateway ORDER BY vs, position",
            |row| {
                Ok(GatewayRecord {
                    id: GatewayId(row.get(0)?),
                    vs: VsId(row.get(1)?),
                    position: row.get(2)?,
                    name: row.get(3)?,
                    plugin: row.get(4)?,
                    sealed_settings: row.get(5)?,
                })
            },
        )?,
        otp_settings: all(&transaction, "SELECT vs, settings FROM otp_settings ORDER BY vs", |row| {
            let settings: String = row.get(1)?;
            Ok((VsId(row.get(0)?), serde_json::from_str(&settings).unwrap_or_default()))
        })?,
        otp_templates: all(
            &transaction,
            "SELECT vs, purpose, locale, text FROM otp_template ORDER BY vs, purpose, locale",
            |row| {
                let (purpose, locale) = (row.get(1)?, row.get(2)?);
                Ok(OtpTemplate { vs: VsId(row.get(0)?), purpose, locale, text: row.get(3)? })
            },
        )?,
        api_keys: all(
            &transaction,
            "SELECT id, vs, name, hash, role, rate, created_ms FROM api_key ORDER BY vs, id",
            |row| {
                Ok(ApiKeyRecord {
                    id: row.get(0)?,
                    vs: VsId(row.get(1)?),
                    name: row.get(2)?,
                    hash: row.get(3)?,
                    role: role_of(row.get(4)?),
                    rate: row.get(5)?,
                    created_ms: row.get(6)?,
                })
            },
        )?,
    })
}

/// One of the counters.
pub(super) fn number(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?.query_row([name], |row| row.get(0))
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map([], read)?.collect()
}

/// Credits of one virtual server; none where it was never given any.
pub(super) fn credits(connection: &Connection, vs: VsId) -> rusqlite::Result<Credits> {
    let credits = connection
        .prepare_cached("SELECT vs, allocated, used FROM credits WHERE vs = ?1")?
        .query_row([vs.0], read_credits)
        .optional()?;
    Ok(credits.map(|(_, credits)| credits).unwrap_or_default())
}

/// Credits of all that were ever given any.
pub(super) fn all_credits(connection: &Connection) -> rusqlite::Result<Vec<(VsId, Credits)>> {
    all(connection, "SELECT vs, allocated, used FROM credits ORDER BY vs", read_credits)
}

fn read_credits(row: &Row<'_>) -> rusqlite::Result<(VsId, Credits)> {
    let (allocated, used) = (row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
    Ok((VsId(row.get(0)?), Credits { allocated: allocated as u64, used: used as u64 }))
}

/// Allocations given to a virtual server, the newest first.
pub(super) fn ledger(connection: &Connection, vs: VsId, limit: usize) -> rusqlite::Result<Vec<LedgerEntry>> {
    connection
        .prepare_cached(
            "SELECT at_ms, actor, change, allocated, note FROM ledger WHERE vs = ?1 ORDER BY id DESC LIMIT ?2",
        )?
        .query_map(params![vs.0, limit.min(MOST) as i64], |row| {
            Ok(LedgerEntry {
                at_ms: row.get(0)?,
                actor: row.get(1)?,
                change: row.get(2)?,
                allocated: row.get::<_, i64>(3)? as u64,
                note: row.get(4)?,
            })
        })?
        .collect()
}
