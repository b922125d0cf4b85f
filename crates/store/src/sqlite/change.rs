//! Changes of the directory, checked against what is there and written with a sentence for the audit log.

use super::command::Failure;
use super::entries::{number, role_code};
use super::session::Session;
use crate::{Allocation, Change, NewApiKey, NewGateway, SmsSettings, StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use textgate_sms::VsId;

/// Who makes which changes when.
pub(super) struct Changes {
    pub(super) actor: String,
    pub(super) at_ms: i64,
    pub(super) changes: Vec<Change>,
}

/// Makes all changes or none.
pub(super) fn change(session: &mut Session<'_>, changes: &Changes) -> Result<(), Failure> {
    session.told(changes.at_ms);
    session.in_savepoint(|session| {
        let connection = session.connection;
        for change in &changes.changes {
            let (vs, action) = make(connection, changes, change)?;
            connection
                .prepare_cached("INSERT INTO audit (at_ms, actor, vs, action) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![changes.at_ms, changes.actor, vs.0, action])?;
        }
        if !changes.changes.is_empty() {
            set_number(connection, "version", number(connection, "version")? + 1)?;
        }
        Ok(())
    })
}

fn make(connection: &Connection, changes: &Changes, change: &Change) -> Result<(VsId, String), Failure> {
    match change {
        Change::AddVirtualServer { id, parent, name } => {
            add_virtual_server(connection, changes.at_ms, *id, *parent, name).map(|action| (*id, action))
        }
        Change::RenameVirtualServer { id, name } => rename(connection, *id, name).map(|action| (*id, action)),
        Change::RemoveVirtualServer { id } => remove(connection, *id).map(|action| (*id, action)),
        Change::PutSmsSettings { vs, settings, gateways } => {
            put_settings(connection, *vs, settings, gateways).map(|action| (*vs, action))
        }
        Change::PutApiKey(key) => put_api_key(connection, changes.at_ms, key).map(|action| (key.vs, action)),
        Change::RemoveApiKey { vs, name } => {
            remove_api_key(connection, *vs, name).map(|action| (*vs, action))
        }
        Change::Allocate { vs, allocation, note } => {
            allocate(connection, changes, *vs, *allocation, note).map(|action| (*vs, action))
        }
    }
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

/// The name as a person knows it.
fn called(name: &str) -> String {
    if name.is_empty() { "the root".to_owned() } else { format!("virtual server \"{name}\"") }
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
) -> Result<String, Failure> {
    let (_, parent_name) = virtual_server(connection, parent)?;
    check_name(connection, parent.0, name, id)?;
    if i64::from(id.0) < number(connection, "next_vs")? {
        return conflict(format!("the number {id} was given to another virtual server: try again"));
    }
    connection
        .prepare_cached("INSERT INTO virtual_server (id, parent, name, created_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id.0, parent.0, name, at_ms])?;
    set_number(connection, "next_vs", i64::from(id.0) + 1)?;
    Ok(format!("added virtual server \"{name}\" below {}", called(&parent_name)))
}

fn rename(connection: &Connection, id: VsId, name: &str) -> Result<String, Failure> {
    let (parent, old) = virtual_server(connection, id)?;
    let Some(parent) = parent else {
        return conflict("the root has no name: rename one below it".to_owned());
    };
    check_name(connection, parent, name, id)?;
    connection
        .prepare_cached("UPDATE virtual_server SET name = ?2 WHERE id = ?1")?
        .execute(params![id.0, name])?;
    Ok(format!("renamed virtual server \"{old}\" to \"{name}\""))
}

fn remove(connection: &Connection, id: VsId) -> Result<String, Failure> {
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
        "DELETE FROM api_key WHERE vs = ?1",
        "DELETE FROM credits WHERE vs = ?1",
        "DELETE FROM virtual_server WHERE id = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([id.0])?;
    }
    Ok(format!("removed virtual server \"{name}\""))
}

fn put_settings(
    connection: &Connection,
    vs: VsId,
    settings: &SmsSettings,
    gateways: &[NewGateway],
) -> Result<String, Failure> {
    let (_, vs_name) = virtual_server(connection, vs)?;
    let mut next = number(connection, "next_gateway")?;
    let before: Vec<(u32, String)> = connection
        .prepare_cached("SELECT id, name FROM gateway WHERE vs = ?1")?
        .query_map([vs.0], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    connection.prepare_cached("DELETE FROM gateway WHERE vs = ?1")?.execute([vs.0])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO gateway (id, vs, position, name, plugin, settings) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let first_new = next;
    for (position, gateway) in (0u32..).zip(gateways) {
        let name = &gateway.name;
        if gateways.iter().take(position as usize).any(|other| other.name == *name) {
            return conflict(format!("two gateways are called \"{name}\": give each a name of its own"));
        }
        let is_right = match before.iter().find(|(_, old)| old == name) {
            Some((id, _)) => *id == gateway.id.0,
            None => {
                i64::from(gateway.id.0) >= first_new
                    && !gateways.iter().take(position as usize).any(|other| other.id == gateway.id)
            }
        };
        if !is_right {
            return conflict(format!(
                "the number of gateway \"{name}\" belongs to another gateway: try again"
            ));
        }
        insert.execute(params![
            gateway.id.0,
            vs.0,
            position,
            name,
            gateway.plugin,
            gateway.sealed_settings
        ])?;
        next = next.max(i64::from(gateway.id.0) + 1);
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
    let mode = if settings.is_custom { "Custom" } else { "Default" };
    let names: Vec<&str> = gateways.iter().map(|gateway| gateway.name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Ok(format!("put the SMS settings of {}: mode {mode}, gateways {names}", called(&vs_name)))
}

fn put_api_key(connection: &Connection, at_ms: i64, key: &NewApiKey) -> Result<String, Failure> {
    let (_, vs_name) = virtual_server(connection, key.vs)?;
    let before: Option<(u32, [u8; 32], i64)> = connection
        .prepare_cached("SELECT id, hash, created_ms FROM api_key WHERE vs = ?1 AND name = ?2")?
        .query_row(params![key.vs.0, key.name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let own = before.map_or(0, |(id, ..)| id);
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
    let (id, created_ms) = match before {
        Some((id, hash, created_ms)) => (i64::from(id), if hash == key.hash { created_ms } else { at_ms }),
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
    Ok(format!("{verb} API key \"{}\" of {}", key.name, called(&vs_name)))
}

fn remove_api_key(connection: &Connection, vs: VsId, name: &str) -> Result<String, Failure> {
    let (_, vs_name) = virtual_server(connection, vs)?;
    let gone = connection
        .prepare_cached("DELETE FROM api_key WHERE vs = ?1 AND name = ?2")?
        .execute(params![vs.0, name])?;
    if gone == 0 {
        return conflict(format!("{} has no API key \"{name}\"", called(&vs_name)));
    }
    Ok(format!("removed API key \"{name}\" of {}", called(&vs_name)))
}

fn allocate(
    connection: &Connection,
    changes: &Changes,
    vs: VsId,
    allocation: Allocation,
    note: &str,
) -> Result<String, Failure> {
    let (_, vs_name) = virtual_server(connection, vs)?;
    let (before, used): (i64, i64) = connection
        .prepare_cached("SELECT allocated, used FROM credits WHERE vs = ?1")?
        .query_row([vs.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .unwrap_or((0, 0));
    let after = match allocation {
        Allocation::Total(total) => i64::try_from(total).ok(),
        Allocation::Add(change) => before.checked_add(change),
    };
    let Some(after) = after else {
        return conflict("that is more credits than can be counted".to_owned());
    };
    if after < used {
        return conflict(format!(
            "{} has used {used} of its {before} credits, so no fewer than {used} can stay allocated",
            called(&vs_name)
        ));
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO credits VALUES (?1, ?2, ?3)")?
        .execute(params![vs.0, after, used])?;
    connection
        .prepare_cached(
            "INSERT INTO ledger (vs, at_ms, actor, change, allocated, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![vs.0, changes.at_ms, changes.actor, after - before, after, note])?;
    Ok(format!("changed the allocation of {} by {:+} to {after}", called(&vs_name), after - before))
}
