//! Changes of the directory, checked against what is there and written with a sentence for the audit log.

use super::command::Failure;
use super::entries::number;
use super::otp;
use super::session::Session;
use super::users::{self, ancestry};
use super::{alerts, audit, guard, webhooks};
use crate::changes::{self, called, from_to, role_code, role_of, shown_key};
use crate::{
    Allocation, AuditNote, Change, Difference, NewApiKey, NewGateway, Role, SmsSettings, StoreError,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};
use textgate_sms::VsId;

/// Who makes which changes when.
pub(super) struct Changes {
    pub(super) actor: String,
    pub(super) at_ms: i64,
    pub(super) changes: Vec<Change>,
}

/// Makes all changes or none.
pub(super) fn change(session: &mut Session<'_>, changes: &Changes) -> Result<(), Failure> {
    session.told_ms = changes.at_ms;
    session.in_savepoint(|session| {
        let connection = session.connection;
        for change in &changes.changes {
            // One that is to be removed has its place in the tree before, one that is to be made afterwards.
            let removed = match change {
                Change::RemoveVirtualServer { id } => Some(ancestry(connection, *id)?),
                _ => None,
            };
            let Made { vs, action, difference } = make(session, changes, change)?;
            let scope = removed.map_or_else(|| ancestry(connection, vs), Ok)?;
            let note = AuditNote { at_ms: changes.at_ms, actor: changes.actor.clone(), vs, action };
            audit::append(connection, &note, &scope, &difference)?;
        }
        if !changes.changes.is_empty() {
            set_number(connection, "version", number(connection, "version")? + 1)?;
        }
        Ok(())
    })
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

fn make(session: &mut Session<'_>, changes: &Changes, change: &Change) -> Result<Made, Failure> {
    let (connection, at_ms) = (session.connection, changes.at_ms);
    Ok(match change {
        Change::AddVirtualServer { id, parent, name } => {
            Made::new(*id, add_virtual_server(connection, at_ms, *id, *parent, name)?)
        }
        Change::RenameVirtualServer { id, name } => Made::new(*id, rename(connection, *id, name)?),
        Change::RemoveVirtualServer { id } => {
            let made = Made::new(*id, remove(connection, *id)?);
            webhooks::remove_all_of(session, *id)?;
            made
        }
        Change::PutWebhook(webhook) => {
            virtual_server(connection, webhook.vs)?;
            Made::new(webhook.vs, webhooks::put(session, webhook)?)
        }
        Change::RemoveWebhook { id } => {
            let (vs, told) = webhooks::remove(session, *id)?;
            Made::new(vs, told)
        }
        Change::PutSmsSettings { vs, settings, gateways, difference } => {
            let action = put_settings(connection, *vs, settings, gateways)?;
            Made::new(*vs, (action, difference.clone()))
        }
        Change::PutApiKey(key) => Made::new(key.vs, put_api_key(connection, at_ms, key)?),
        Change::RemoveApiKey { vs, name } => Made::new(*vs, remove_api_key(connection, *vs, name)?),
        Change::PutUser(user) => {
            virtual_server(connection, user.vs)?;
            Made::new(user.vs, users::put(connection, at_ms, user)?)
        }
        Change::RemoveUser { id } => match users::one(connection, *id)? {
            Some(user) => Made::new(user.vs, users::remove(connection, &user)?),
            None => return conflict(format!("there is no user {id}: it was removed, or never made")),
        },
        Change::PutOtpSettings { vs, settings } => {
            let (_, name) = virtual_server(connection, *vs)?;
            Made::new(*vs, otp::put_settings(connection, *vs, &name, settings)?)
        }
        Change::PutOtpTemplate(template) => {
            let (_, name) = virtual_server(connection, template.vs)?;
            Made::new(template.vs, otp::put_template(connection, &name, template)?)
        }
        Change::RemoveOtpTemplate { vs, purpose, locale } => {
            let (_, name) = virtual_server(connection, *vs)?;
            Made::new(*vs, otp::remove_template(connection, *vs, &name, purpose, locale)?)
        }
        Change::PutGuardRules { vs, rules, difference } => {
            let (_, name) = virtual_server(connection, *vs)?;
            guard::put_rules(connection, *vs, rules.as_ref())?;
            Made::new(*vs, (changes::guard_rules_were_put(&name, rules.is_some()), difference.clone()))
        }
        Change::PutAlertEntry { entry, difference } => {
            virtual_server(connection, entry.vs)?;
            Made::new(entry.vs, (alerts::put(connection, entry)?, difference.clone()))
        }
        Change::RemoveAlertEntry { vs, kind, name } => {
            Made::new(*vs, (alerts::remove(connection, *vs, *kind, name)?, Difference::default()))
        }
        Change::Allocate { vs, allocation, note } => {
            Made::new(*vs, allocate(connection, changes, *vs, *allocation, note)?)
        }
    })
}

fn conflict<T>(message: String) -> Result<T, Failure> {
    Err(Failure::Refused(StoreError::Conflict(message)))
}

fn set_number(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE meta SET value = ?2 WHERE name = ?1")?
        .execute(params![name, value])
        .map(drop)
}

/// Parent and name of a virtual server, or the conflict that it is not there.
fn virtual_server(connection: &Connection, id: VsId) -> Result<(Option<u32>, String), Failure> {
    let found = connection
        .prepare_cached("SELECT parent, name FROM virtual_server WHERE id = ?1")?
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some(found) => Ok(found),
        None => conflict(format!("there is no virtual server {id}: it was removed, or never made")),
    }
}

fn check_name(connection: &Connection, parent: u32, name: &str, but: VsId) -> Result<(), Failure> {
    let is_taken = connection
        .prepare_cached("SELECT 1 FROM virtual_server WHERE parent = ?1 AND name = ?2 AND id <> ?3")?
        .exists(params![parent, name, but.0])?;
    if is_taken {
        return conflict(format!(
            "the name \"{name}\" is taken by another virtual server there: choose another"
        ));
    }
    Ok(())
}

fn add_virtual_server(
    connection: &Connection,
    at_ms: i64,
    id: VsId,
    parent: VsId,
    name: &str,
) -> Result<(String, Difference), Failure> {
    let (_, parent_name) = virtual_server(connection, parent)?;
    check_name(connection, parent.0, name, id)?;
    if i64::from(id.0) < number(connection, "next_vs")? {
        return conflict(format!("the number {id} was given to another virtual server: try again"));
    }
    connection
        .prepare_cached("INSERT INTO virtual_server (id, parent, name, created_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id.0, parent.0, name, at_ms])?;
    set_number(connection, "next_vs", i64::from(id.0) + 1)?;
    let difference = from_to(Value::Null, json!({"name": name, "parent": parent.0}));
    Ok((format!("added virtual server \"{name}\" below {}", called(&parent_name)), difference))
}

fn rename(connection: &Connection, id: VsId, name: &str) -> Result<(String, Difference), Failure> {
    let (parent, old) = virtual_server(connection, id)?;
    let Some(parent) = parent else {
        return conflict("the root has no name: rename one below it".to_owned());
    };
    check_name(connection, parent, name, id)?;
    connection
        .prepare_cached("UPDATE virtual_server SET name = ?2 WHERE id = ?1")?
        .execute(params![id.0, name])?;
    let difference = from_to(json!({"name": old}), json!({"name": name}));
    Ok((format!("renamed virtual server \"{old}\" to \"{name}\""), difference))
}

fn remove(connection: &Connection, id: VsId) -> Result<(String, Difference), Failure> {
    let (parent, name) = virtual_server(connection, id)?;
    if parent.is_none() {
        return conflict("the root cannot be removed".to_owned());
    }
    let has_children =
        connection.prepare_cached("SELECT 1 FROM virtual_server WHERE parent = ?1")?.exists([id.0])?;
    if has_children {
        return conflict(format!("{} has virtual servers below it: remove those first", called(&name)));
    }
    for sql in [
        "DELETE FROM gateway WHERE vs = ?1",
        "DELETE FROM sms_settings WHERE vs = ?1",
        "DELETE FROM otp_settings WHERE vs = ?1",
        "DELETE FROM otp_template WHERE vs = ?1",
        "DELETE FROM api_key WHERE vs = ?1",
        "DELETE FROM credits WHERE vs = ?1",
        "DELETE FROM guard_rules WHERE vs = ?1",
        "DELETE FROM guard_block WHERE vs = ?1",
        "DELETE FROM session WHERE user IN (SELECT id FROM user WHERE vs = ?1)",
        "DELETE FROM user WHERE vs = ?1",
        "DELETE FROM alert_entry WHERE vs = ?1",
        "DELETE FROM virtual_server WHERE id = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([id.0])?;
    }
    let difference = from_to(json!({"name": name, "parent": parent}), Value::Null);
    Ok((format!("removed virtual server \"{name}\""), difference))
}

fn put_settings(
    connection: &Connection,
    vs: VsId,
    settings: &SmsSettings,
    gateways: &[NewGateway],
) -> Result<String, Failure> {
    let (_, vs_name) = virtual_server(connection, vs)?;
    let before: Vec<(u32, String)> = connection
        .prepare_cached("SELECT id, name FROM gateway WHERE vs = ?1")?
        .query_map([vs.0], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let next = changes::gateways(&before, number(connection, "next_gateway")?, gateways).or_else(conflict)?;
    connection.prepare_cached("DELETE FROM gateway WHERE vs = ?1")?.execute([vs.0])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO gateway (id, vs, position, name, plugin, settings) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (position, gateway) in (0u32..).zip(gateways) {
        let NewGateway { id, name, plugin, sealed_settings } = gateway;
        insert.execute(params![id.0, vs.0, position, name, plugin, sealed_settings])?;
    }
    set_number(connection, "next_gateway", next)?;
    connection.prepare_cached("INSERT OR REPLACE INTO sms_settings VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(
        params![
            vs.0,
            settings.is_custom,
            settings.test_number.map(|number| number as i64),
            settings.failover_after_ms,
            settings.more.to_string(),
        ],
    )?;
    Ok(changes::settings_were_put(&vs_name, settings, gateways))
}

fn put_api_key(
    connection: &Connection,
    at_ms: i64,
    key: &NewApiKey,
) -> Result<(String, Difference), Failure> {
    let (_, vs_name) = virtual_server(connection, key.vs)?;
    let before = api_key(connection, key.vs, &key.name)?;
    let own = before.as_ref().map_or(0, |before| before.id);
    let is_taken = connection
        .prepare_cached("SELECT 1 FROM api_key WHERE hash = ?1 AND id <> ?2")?
        .exists(params![key.hash, own])?;
    if is_taken {
        return conflict(format!(
            "another API key has the secret of \"{}\": each needs a secret of its own",
            key.name
        ));
    }
    // The same secret is the same key, whatever else changed.
    let is_same_secret = before.as_ref().is_some_and(|before| before.hash == key.hash);
    let (id, created_ms) = match &before {
        Some(before) => (i64::from(before.id), if is_same_secret { before.created_ms } else { at_ms }),
        None => {
            let id = number(connection, "next_api_key")?;
            set_number(connection, "next_api_key", id + 1)?;
            (id, at_ms)
        }
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO api_key VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![id, key.vs.0, key.name, key.hash, role_code(key.role), key.rate, created_ms])?;
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
    id: u32,
    hash: [u8; 32],
    role: Role,
    rate: Option<u32>,
    created_ms: i64,
}

fn api_key(connection: &Connection, vs: VsId, name: &str) -> rusqlite::Result<Option<StoredKey>> {
    connection
        .prepare_cached("SELECT id, hash, role, rate, created_ms FROM api_key WHERE vs = ?1 AND name = ?2")?
        .query_row(params![vs.0, name], |row| {
            let (id, hash, role) = (row.get(0)?, row.get(1)?, role_of(row.get(2)?));
            Ok(StoredKey { id, hash, role, rate: row.get(3)?, created_ms: row.get(4)? })
        })
        .optional()
}

fn remove_api_key(connection: &Connection, vs: VsId, name: &str) -> Result<(String, Difference), Failure> {
    let (_, vs_name) = virtual_server(connection, vs)?;
    let Some(before) = api_key(connection, vs, name)? else {
        return conflict(format!("{} has no API key \"{name}\"", called(&vs_name)));
    };
    connection.prepare_cached("DELETE FROM api_key WHERE id = ?1")?.execute([before.id])?;
    let difference = from_to(shown_key(before.role, before.rate), Value::Null);
    Ok((format!("removed API key \"{name}\" of {}", called(&vs_name)), difference))
}

fn allocate(
    connection: &Connection,
    changes: &Changes,
    vs: VsId,
    allocation: Allocation,
    note: &str,
) -> Result<(String, Difference), Failure> {
    let (_, vs_name) = virtual_server(connection, vs)?;
    let (before, used): (i64, i64) = connection
        .prepare_cached("SELECT allocated, used FROM credits WHERE vs = ?1")?
        .query_row([vs.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .unwrap_or((0, 0));
    let after = changes::allocated(&vs_name, before, used, allocation).or_else(conflict)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO credits VALUES (?1, ?2, ?3)")?
        .execute(params![vs.0, after, used])?;
    connection
        .prepare_cached(
            "INSERT INTO ledger (vs, at_ms, actor, change, allocated, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![vs.0, changes.at_ms, changes.actor, after - before, after, note])?;
    let action = format!("changed the allocation of {} by {:+} to {after}", called(&vs_name), after - before);
    Ok((action, from_to(json!({"allocated": before}), json!({"allocated": after}))))
}
