//! Reading everything but messages: the directory, credits, the ledger.

use super::alerts;
use super::connect::{Conn, in_order, values};
use super::load::all;
use super::users;
use super::webhooks;
use crate::changes::role_of;
use crate::{
    ApiKeyRecord, Credits, Directory, GatewayRecord, LedgerEntry, OtpTemplate, SmsSettings, VirtualServer,
};
use textgate_sms::{GatewayId, VsId};
use tokio_postgres::{Error, Row};

/// Most entries of a log in one answer.
const MOST: usize = 10_000;

const NUMBERS: &str = "SELECT name, value FROM meta";
const VIRTUAL_SERVERS: &str = "SELECT id, parent, name, created_ms FROM virtual_server ORDER BY id";
const SETTINGS: &str =
    "SELECT vs, is_custom, test_number, failover_after_ms, more FROM sms_settings ORDER BY vs";
const GATEWAYS: &str = "SELECT id, vs, position, name, plugin, settings FROM gateway ORDER BY vs, position";
const API_KEYS: &str = "SELECT id, vs, name, hash, role, rate, created_ms FROM api_key ORDER BY vs, id";
const OTP_SETTINGS: &str = "SELECT vs, settings FROM otp_settings ORDER BY vs";
// In the order of octets, as in SQLite, whatever the database's locale says.
const OTP_TEMPLATES: &str = "SELECT vs, purpose, locale, text FROM otp_template
    ORDER BY vs, purpose COLLATE \"C\", locale COLLATE \"C\"";
const GUARD_RULES: &str = "SELECT vs, rules FROM guard_rules ORDER BY vs";

/// A number that no part of a directory is ever higher than.
pub(super) fn small(row: &Row, at: usize) -> Result<u32, Error> {
    Ok(row.try_get::<_, i64>(at)? as u32)
}

/// 32 octets.
pub(super) fn digest(row: &Row, at: usize) -> Result<[u8; 32], Error> {
    Ok(row.try_get::<_, &[u8]>(at)?.try_into().unwrap_or_default())
}

/// Everything but messages, as of one moment.
pub(super) async fn directory(conn: &Conn) -> Result<Directory, Error> {
    let mut steps = vec![conn.plain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")];
    let all_of_it = [
        NUMBERS,
        VIRTUAL_SERVERS,
        SETTINGS,
        GATEWAYS,
        API_KEYS,
        users::ALL,
        OTP_SETTINGS,
        OTP_TEMPLATES,
        GUARD_RULES,
        alerts::ENTRIES,
        webhooks::ALL,
    ];
    for sql in all_of_it {
        steps.push(conn.step(conn.statement(sql).await?, values![]));
    }
    steps.push(conn.plain("COMMIT"));
    let mut answers = all(in_order(steps).await)?.into_iter().skip(1);
    let mut next = || answers.next().unwrap_or_default();
    let mut directory = Directory::default();
    for row in next() {
        let value: i64 = row.try_get(1)?;
        match row.try_get::<_, &str>(0)? {
            "version" => directory.version = value as u64,
            "next_vs" => directory.next_vs = value as u32,
            "next_gateway" => directory.next_gateway = value as u32,
            "next_user" => directory.next_user = value as u32,
            "next_webhook" => directory.next_webhook = value as u32,
            _ => {}
        }
    }
    for row in next() {
        directory.virtual_servers.push(VirtualServer {
            id: VsId(small(&row, 0)?),
            parent: row.try_get::<_, Option<i64>>(1)?.map(|parent| VsId(parent as u32)),
            name: row.try_get(2)?,
            created_ms: row.try_get(3)?,
        });
    }
    for row in next() {
        let settings = SmsSettings {
            is_custom: row.try_get(1)?,
            test_number: row.try_get::<_, Option<i64>>(2)?.map(|number| number as u64),
            failover_after_ms: small(&row, 3)?,
            more: serde_json::from_str(row.try_get(4)?).unwrap_or_default(),
        };
        directory.sms_settings.push((VsId(small(&row, 0)?), settings));
    }
    for row in next() {
        directory.gateways.push(GatewayRecord {
            id: GatewayId(small(&row, 0)?),
            vs: VsId(small(&row, 1)?),
            position: small(&row, 2)?,
            name: row.try_get(3)?,
            plugin: row.try_get(4)?,
            sealed_settings: row.try_get(5)?,
        });
    }
    for row in next() {
        directory.api_keys.push(ApiKeyRecord {
            id: small(&row, 0)?,
            vs: VsId(small(&row, 1)?),
            name: row.try_get(2)?,
            hash: digest(&row, 3)?,
            role: role_of(row.try_get::<_, i16>(4)? as u8),
            rate: row.try_get::<_, Option<i64>>(5)?.map(|rate| rate as u32),
            created_ms: row.try_get(6)?,
        });
    }
    for row in next() {
        directory.users.extend(users::read(&row)?);
    }
    for row in next() {
        directory.otp_settings.push(json_of(&row)?);
    }
    for row in next() {
        directory.otp_templates.push(OtpTemplate {
            vs: VsId(small(&row, 0)?),
            purpose: row.try_get(1)?,
            locale: row.try_get(2)?,
            text: row.try_get(3)?,
        });
    }
    for row in next() {
        directory.guard_rules.push(json_of(&row)?);
    }
    for row in next() {
        directory.alert_entries.extend(alerts::read_entry(&row)?);
    }
    for row in next() {
        directory.webhooks.push(webhooks::read(&row)?);
    }
    Ok(directory)
}

/// A virtual server and what is kept for it as JSON.
fn json_of(row: &Row) -> Result<(VsId, serde_json::Value), Error> {
    Ok((VsId(small(row, 0)?), serde_json::from_str(row.try_get(1)?).unwrap_or_default()))
}

/// One of the counters.
pub(super) async fn number(conn: &Conn, name: &str) -> Result<i64, Error> {
    let row = conn.row("SELECT value FROM meta WHERE name = $1", &[&name]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
}

/// Credits of one virtual server; none where it was never given any.
pub(super) async fn credits(conn: &Conn, vs: VsId) -> Result<Credits, Error> {
    let sql = "SELECT vs, allocated, used FROM credits WHERE vs = $1";
    let row = conn.row(sql, &[&i64::from(vs.0)]).await?;
    Ok(row.as_ref().map(read_credits).transpose()?.map(|(_, credits)| credits).unwrap_or_default())
}

/// Credits of all that were ever given any.
pub(super) async fn all_credits(conn: &Conn) -> Result<Vec<(VsId, Credits)>, Error> {
    let rows = conn.rows("SELECT vs, allocated, used FROM credits ORDER BY vs", &[]).await?;
    rows.iter().map(read_credits).collect()
}

fn read_credits(row: &Row) -> Result<(VsId, Credits), Error> {
    let (allocated, used) = (row.try_get::<_, i64>(1)? as u64, row.try_get::<_, i64>(2)? as u64);
    Ok((VsId(small(row, 0)?), Credits { allocated, used }))
}

/// Allocations given to a virtual server, the newest first.
pub(super) async fn ledger(conn: &Conn, vs: VsId, limit: usize) -> Result<Vec<LedgerEntry>, Error> {
    let sql =
        "SELECT at_ms, actor, change, allocated, note FROM ledger WHERE vs = $1 ORDER BY id DESC LIMIT $2";
    let rows = conn.rows(sql, &[&i64::from(vs.0), &(limit.min(MOST) as i64)]).await?;
    rows.iter()
        .map(|row| {
            Ok(LedgerEntry {
                at_ms: row.try_get(0)?,
                actor: row.try_get(1)?,
                change: row.try_get(2)?,
                allocated: row.try_get::<_, i64>(3)? as u64,
                note: row.try_get(4)?,
            })
        })
        .collect()
}
