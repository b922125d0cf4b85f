//! Changes of the directory, checked against what is there and written with a sentence for the audit log.
//!
//! Nodes take turns: of two changes at the same time, the second is checked against what the first left. Every node hears of it by a
//! notification with the commit.

use super::command::Failure;
use super::connect::Conn;
use super::entries::number;
use super::users::{self, ancestry};
use super::{alerts, audit, guard, otp, webhooks};
use crate::changes::{self, called, from_to, role_code, role_of, shown_key};
use crate::{
    Allocation, AuditNote, Change, Difference, NewApiKey, NewGateway, Role, SmsSettings, StoreError,
};
use serde_json::{Value, json};
use textgate_sms::VsId;
use tokio_postgres::Error;

/// The channel on which nodes hear that the directory changed.
pub(super) const CHANNEL: &str = "textgate_directory";

/// Who makes which changes when.
pub(super) struct Changes {
    pub(super) actor: String,
    pub(super) at_ms: i64,
    pub(super) changes: Vec<Change>,
}

/// Makes all changes or none.
pub(super) async fn change(conn: &Conn, changes: &Changes) -> Result<(), Failure> {
    audit::take_turn(conn).await?;
    for change in &changes.changes {
        // One that is to be removed has its place in the tree before, one that is to be made afterwards.
        let removed = match change {
            Change::RemoveVirtualServer { id } => Some(ancestry(conn, *id).await?),
            _ => None,
        };
        let Made { vs, action, difference } = make(conn, changes, change).await?;
        let scope = match removed {
            Some(scope) => scope,
            None => ancestry(conn, vs).await?,
        };
        let note = AuditNote { at_ms: changes.at_ms, actor: changes.actor.clone(), vs, action };
        audit::append(conn, &note, &scope, &difference).await?;
    }
    if !changes.changes.is_empty() {
        raise_version(conn).await?;
    }
    Ok(())
}

/// Counts the directory's version, in a turn, and tells everybody.
pub(super) async fn raise_version(conn: &Conn) -> Result<(), Error> {
    set_number(conn, "version", number(conn, "version").await? + 1).await?;
    tell_nodes(conn).await
}

/// Every node hears, with the commit, that there is something to be read again.
pub(super) async fn tell_nodes(conn: &Conn) -> Result<(), Error> {
    conn.rows("SELECT pg_notify($1, '')", &[&CHANNEL]).await.map(drop)
}

/// What a change did, for the audit log.
struct Made {
    vs: VsId,
    action: String,
    difference: Difference,
}

impl Made {
    fn new(vs: VsId, (action, difference): (String, Difference)) -> Self {
        Self { vs, action, difference }
    }
}

async fn make(conn: &Conn, changes: &Changes, change: &Change) -> Result<Made, Failure> {
    let at_ms = changes.at_ms;
    Ok(match change {
        Change::AddVirtualServer { id, parent, name } => {
            Made::new(*id, add_virtual_server(conn, at_ms, *id, *parent, name).await?)
        }
        Change::RenameVirtualServer { id, name } => Made::new(*id, rename(conn, *id, name).await?),
        Change::RemoveVirtualServer { id } => Made::new(*id, remove(conn, *id).await?),
        Change::PutSmsSettings { vs, settings, gateways, difference } => {
            let action = put_settings(conn, *vs, settings, gateways).await?;
            Made::new(*vs, (action, difference.clone()))
        }
        Change::PutApiKey(key) => Made::new(key.vs, put_api_key(conn, at_ms, key).await?),
        Change::RemoveApiKey { vs, name } => Made::new(*vs, remove_api_key(conn, *vs, name).await?),
        Change::PutUser(user) => {
            virtual_server(conn, user.vs).await?;
            Made::new(user.vs, users::put(conn, at_ms, user).await?)
        }
        Change::RemoveUser { id } => match users::one(conn, *id).await? {
            Some(user) => Made::new(user.vs, users::remove(conn, &user).await?),
            None => return conflict(format!("there is no user {id}: it was removed, or never made")),
        },
        Change::PutWebhook(webhook) => {
            virtual_server(conn, webhook.vs).await?;
            Made::new(webhook.vs, webhooks::put(conn, webhook).await?)
        }
        Change::RemoveWebhook { id } => {
            let (vs, told) = webhooks::remove(conn, *id).await?;
            Made::new(vs, told)
        }
        Change::PutOtpSettings { vs, settings } => {
            let (_, name) = virtual_server(conn, *vs).await?;
            Made::new(*vs, otp::put_settings(conn, *vs, &name, settings).await?)
        }
        Change::PutOtpTemplate(template) => {
            let (_, name) = virtual_server(conn, template.vs).await?;
            Made::new(template.vs, otp::put_template(conn, &name, template).await?)
        }
        Change::RemoveOtpTemplate { vs, purpose, locale } => {
            let (_, name) = virtual_server(conn, *vs).await?;
            Made::new(*vs, otp::remove_template(conn, *vs, &name, purpose, locale).await?)
        }
        Change::PutGuardRules { vs, rules, difference } => {
            let (_, name) = virtual_server(conn, *vs).await?;
            guard::put_rules(conn, *vs, rules.as_ref()).await?;
            Made::new(*vs, (changes::guard_rules_were_put(&name, rules.is_some()), difference.clone()))
        }
        Change::PutAlertEntry { entry, difference } => {
            virtual_server(conn, entry.vs).await?;
            Made::new(entry.vs, (alerts::put(conn, entry).await?, difference.clone()))
        }
        Change::RemoveAlertEntry { vs, kind, name } => {
            Made::new(*vs, (alerts::remove(conn, *vs, *kind, name).await?, Difference::default()))
        }
        Change::Allocate { vs, allocation, note } => {
            Made::new(*vs, allocate(conn, changes, *vs, *allocation, note).await?)
        }
    })
}

fn conflict<T>(message: String) -> Result<T, Failure> {
    Err(Failure::Refused(StoreError::Conflict(message)))
}

async fn set_number(conn: &Conn, name: &str, value: i64) -> Result<(), Error> {
    conn.run("UPDATE meta SET value = $2 WHERE name = $1", &[&name, &value]).await.map(drop)
}

/// Parent and name of a virtual server, or the conflict that it is not there.
async fn virtual_server(conn: &Conn, id: VsId) -> Result<(Option<i64>, String), Failure> {
    let found =
        conn.row("SELECT parent, name FROM virtual_server WHERE id = $1", &[&i64::from(id.0)]).await?;
    match found {
        Some(row) => Ok((row.try_get(0)?, row.try_get(1)?)),
        None => conflict(format!("there is no virtual server {id}: it was removed, or never made")),
    }
}

async fn check_name(conn: &Conn, parent: i64, name: &str, but: VsId) -> Result<(), Failure> {
    let sql = "SELECT 1 FROM virtual_server WHERE parent = $1 AND name = $2 AND id <> $3";
    if conn.row(sql, &[&parent, &name, &i64::from(but.0)]).await?.is_some() {
        return conflict(format!(
            "the name \"{name}\" is taken by another virtual server there: choose another"
        ));
    }
    Ok(())
}

async fn add_virtual_server(
    conn: &Conn,
    at_ms: i64,
    id: VsId,
    parent: VsId,
    name: &str,
) -> Result<(String, Difference), Failure> {
    let (_, parent_name) = virtual_server(conn, parent).await?;
    check_name(conn, i64::from(parent.0), name, id).await?;
    if i64::from(id.0) < number(conn, "next_vs").await? {
        return conflict(format!("the number {id} was given to another virtual server: try again"));
    }
    let sql = "INSERT INTO virtual_server (id, parent, name, created_ms) VALUES ($1, $2, $3, $4)";
    conn.run(sql, &[&i64::from(id.0), &i64::from(parent.0), &name, &at_ms]).await?;
    set_number(conn, "next_vs", i64::from(id.0) + 1).await?;
    let difference = from_to(Value::Null, json!({"name": name, "parent": parent.0}));
    Ok((format!("added virtual server \"{name}\" below {}", called(&parent_name)), difference))
}

async fn rename(conn: &Conn, id: VsId, name: &str) -> Result<(String, Difference), Failure> {
    let (parent, old) = virtual_server(conn, id).await?;
    let Some(parent) = parent else {
        return conflict("the root has no name: rename one below it".to_owned());
    };
    check_name(conn, parent, name, id).await?;
    conn.run("UPDATE virtual_server SET name = $2 WHERE id = $1", &[&i64::from(id.0), &name]).await?;
    let difference = from_to(json!({"name": old}), json!({"name": name}));
    Ok((format!("renamed virtual server \"{old}\" to \"{name}\""), difference))
}

async fn remove(conn: &Conn, id: VsId) -> Result<(String, Difference), Failure> {
    let (parent, name) = virtual_server(conn, id).await?;
    if parent.is_none() {
        return conflict("the root cannot be removed".to_owned());
    }
    let number = i64::from(id.0);
    if conn.row("SELECT 1 FROM virtual_server WHERE parent = $1 LIMIT 1", &[&number]).await?.is_some() {
        return conflict(format!("{} has virtual servers below it: remove those first", called(&name)));
    }
    for sql in [
        "DELETE FROM gateway WHERE vs = $1",
        "DELETE FROM sms_settings WHERE vs = $1",
        "DELETE FROM otp_settings WHERE vs = $1",
        "DELETE FROM otp_template WHERE vs = $1",
        "DELETE FROM api_key WHERE vs = $1",
        "DELETE FROM credits WHERE vs = $1",
        "DELETE FROM guard_rules WHERE vs = $1",
        "DELETE FROM guard_block WHERE vs = $1",
        "DELETE FROM session WHERE person IN (SELECT id FROM person WHERE vs = $1)",
        "DELETE FROM person WHERE vs = $1",
        "DELETE FROM alert_entry WHERE vs = $1",
        "DELETE FROM webhook WHERE vs = $1",
        "DELETE FROM virtual_server WHERE id = $1",
    ] {
        conn.run(sql, &[&number]).await?;
    }
    let difference = from_to(json!({"name": name, "parent": parent}), Value::Null);
    Ok((format!("removed virtual server \"{name}\""), difference))
}

async fn put_settings(
    conn: &Conn,
    vs: VsId,
    settings: &SmsSettings,
    gateways: &[NewGateway],
) -> Result<String, Failure> {
    let (_, vs_name) = virtual_server(conn, vs).await?;
    let own = i64::from(vs.0);
    let mut before = Vec::new();
    for row in conn.rows("SELECT id, name FROM gateway WHERE vs = $1", &[&own]).await? {
        before.push((row.try_get::<_, i64>(0)? as u32, row.try_get(1)?));
    }
    let next = changes::gateways(&before, number(conn, "next_gateway").await?, gateways).or_else(conflict)?;
    conn.run("DELETE FROM gateway WHERE vs = $1", &[&own]).await?;
    for (position, gateway) in (0_i64..).zip(gateways) {
        let NewGateway { id, name, plugin, sealed_settings } = gateway;
        let sql =
            "INSERT INTO gateway (id, vs, position, name, plugin, settings) VALUES ($1, $2, $3, $4, $5, $6)";
        conn.run(sql, &[&i64::from(id.0), &own, &position, name, plugin, sealed_settings]).await?;
    }
    set_number(conn, "next_gateway", next).await?;
    conn.run(
        "INSERT INTO sms_settings (vs, is_custom, test_number, failover_after_ms, more) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (vs) DO UPDATE SET is_custom = $2, test_number = $3, failover_after_ms = $4, more = $5",
        &[
            &own,
            &settings.is_custom,
            &settings.test_number.map(|number| number as i64),
            &i64::from(settings.failover_after_ms),
            &settings.more.to_string(),
        ],
    )
    .await?;
    Ok(changes::settings_were_put(&vs_name, settings, gateways))
}

async fn put_api_key(conn: &Conn, at_ms: i64, key: &NewApiKey) -> Result<(String, Difference), Failure> {
    let (_, vs_name) = virtual_server(conn, key.vs).await?;
    let before = api_key(conn, key.vs, &key.name).await?;
    let own = before.as_ref().map_or(0, |before| before.id);
    let hash = key.hash.as_slice();
    if conn.row("SELECT 1 FROM api_key WHERE hash = $1 AND id <> $2", &[&hash, &own]).await?.is_some() {
        return conflict(format!(
            "another API key has the secret of \"{}\": each needs a secret of its own",
            key.name
        ));
    }
    // The same secret is the same key, whatever else changed.
    let is_same_secret = before.as_ref().is_some_and(|before| before.hash == hash);
    let (id, created_ms) = match &before {
        Some(before) => (before.id, if is_same_secret { before.created_ms } else { at_ms }),
        None => {
            let id = number(conn, "next_api_key").await?;
            set_number(conn, "next_api_key", id + 1).await?;
            (id, at_ms)
        }
    };
    conn.run(
        "INSERT INTO api_key (id, vs, name, hash, role, rate, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (id) DO UPDATE SET hash = $4, role = $5, rate = $6, created_ms = $7",
        &[
            &id,
            &i64::from(key.vs.0),
            &key.name,
            &hash,
            &i16::from(role_code(key.role)),
            &key.rate.map(i64::from),
            &created_ms,
        ],
    )
    .await?;
    let verb = if before.is_some() { "replaced" } else { "added" };
    let mut after = shown_key(key.role, key.rate);
    if before.is_some() && !is_same_secret {
        after["secret"] = json!("changed");
    }
    let difference = from_to(before.map_or(Value::Null, |before| shown_key(before.role, before.rate)), after);
    Ok((format!("{verb} API key \"{}\" of {}", key.name, called(&vs_name)), difference))
}

/// An API key as it is stored.
struct StoredKey {
    id: i64,
    hash: Vec<u8>,
    role: Role,
    rate: Option<u32>,
    created_ms: i64,
}

async fn api_key(conn: &Conn, vs: VsId, name: &str) -> Result<Option<StoredKey>, Error> {
    let sql = "SELECT id, hash, role, rate, created_ms FROM api_key WHERE vs = $1 AND name = $2";
    let Some(row) = conn.row(sql, &[&i64::from(vs.0), &name]).await? else { return Ok(None) };
    Ok(Some(StoredKey {
        id: row.try_get(0)?,
        hash: row.try_get(1)?,
        role: role_of(row.try_get::<_, i16>(2)? as u8),
        rate: row.try_get::<_, Option<i64>>(3)?.map(|rate| rate as u32),
        created_ms: row.try_get(4)?,
    }))
}

async fn remove_api_key(conn: &Conn, vs: VsId, name: &str) -> Result<(String, Difference), Failure> {
    let (_, vs_name) = virtual_server(conn, vs).await?;
    let Some(before) = api_key(conn, vs, name).await? else {
        return conflict(format!("{} has no API key \"{name}\"", called(&vs_name)));
    };
    conn.run("DELETE FROM api_key WHERE id = $1", &[&before.id]).await?;
    let difference = from_to(shown_key(before.role, before.rate), Value::Null);
    Ok((format!("removed API key \"{name}\" of {}", called(&vs_name)), difference))
}

async fn allocate(
    conn: &Conn,
    changes: &Changes,
    vs: VsId,
    allocation: Allocation,
    note: &str,
) -> Result<(String, Difference), Failure> {
    let (_, vs_name) = virtual_server(conn, vs).await?;
    let own = i64::from(vs.0);
    let sql = "SELECT allocated, used FROM credits WHERE vs = $1 FOR UPDATE";
    let (before, used): (i64, i64) = match conn.row(sql, &[&own]).await? {
        Some(row) => (row.try_get(0)?, row.try_get(1)?),
        None => (0, 0),
    };
    let after = changes::allocated(&vs_name, before, used, allocation).or_else(conflict)?;
    let sql = "INSERT INTO credits (vs, allocated, used) VALUES ($1, $2, 0) ON CONFLICT (vs) DO UPDATE SET allocated = $2";
    conn.run(sql, &[&own, &after]).await?;
    conn.run(
        "INSERT INTO ledger (vs, at_ms, actor, change, allocated, note) VALUES ($1, $2, $3, $4, $5, $6)",
        &[&own, &changes.at_ms, &changes.actor, &(after - before), &after, &note],
    )
    .await?;
    let action = format!("changed the allocation of {} by {:+} to {after}", called(&vs_name), after - before);
    Ok((action, from_to(json!({"allocated": before}), json!({"allocated": after}))))
}
